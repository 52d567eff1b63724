"""How Deployments roll out: the decision, and the controller on fake time."""

import asyncio
from typing import Any

import pytest

from gco_stream_reconciler.sandbox.kubernetes.controllers import ClusterSimulation
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.rollouts import Replica, is_broken, step
from gco_stream_reconciler.sandbox.kubernetes.store import Store

DEPLOYMENT = BY_NAME["Deployment"]
POD = BY_NAME["Pod"]
NS = "models"
Object = dict[str, Any]


def replicas(text: str) -> list[Replica]:
    """`o`: old, `n`: new; a capital one is ready."""
    return [
        Replica(f"{letter}{index}", letter.lower(), broken=False, ready=letter.isupper())
        for index, letter in enumerate(text)
    ]


@pytest.mark.parametrize(
    ("have", "wanted", "surge", "unavailable", "make", "end"),
    [
        ("", 3, 1, 0, 3, ""),
        ("NNN", 3, 1, 0, 0, ""),
        ("NNN", 1, 1, 0, 0, "NN"),
        ("NnN", 2, 1, 0, 0, "n"),
        ("OOO", 3, 1, 0, 1, ""),
        ("OOOn", 3, 1, 0, 0, ""),
        ("OOON", 3, 1, 0, 0, "O"),
        ("OOO", 3, 0, 1, 0, "O"),
        ("OOO", 3, "25%", "25%", 1, ""),
        ("OOOO", 4, "25%", "25%", 1, "O"),
        ("OOO", 3, 0, 0, 0, "O"),
        ("oOO", 3, 1, 0, 1, "o"),
        ("ooo", 3, 1, 0, 1, "ooo"),
        ("OONN", 2, 1, 1, 0, "OO"),
        ("O", 0, 1, 0, 0, "O"),
        ("OO", 2, "100%", 0, 2, ""),
        ("OO", 2, 0, "100%", 0, "OO"),
    ],
)
def test_a_rolling_update_keeps_to_its_surge_and_unavailability(
    have: str, wanted: int, surge: Any, unavailable: Any, make: int, end: str
) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    made, ended = step(replicas(have), {"replicas": wanted, "strategy": strategy}, "n")
    assert (made, sorted(replica.name[0] for replica in ended)) == (make, sorted(end))


@pytest.mark.parametrize(
    ("have", "wanted", "make", "end"), [("OO", 2, 0, "OO"), ("", 2, 2, ""), ("N", 2, 1, ""), ("NNN", 2, 0, "N")]
)  # fmt: skip
def test_recreate_ends_all_the_old_before_it_makes_any_new(
    have: str, wanted: int, make: int, end: str
) -> None:
    made, ended = step(replicas(have), {"replicas": wanted, "strategy": {"type": "Recreate"}}, "n")
    assert (made, sorted(replica.name[0] for replica in ended)) == (make, sorted(end))


@pytest.mark.parametrize(
    ("image", "broken"),
    [("vllm:broken", True), ("vllm:v1-broken", True), ("broken:v1", False), ("reg:5000/broken", True)],
)
def test_a_tag_tells_what_can_never_be_pulled(image: str, broken: bool) -> None:
    assert is_broken({"spec": {"containers": [{"image": image}]}}) == broken


class Cluster:
    """One Deployment, looked at every moment."""

    def __init__(self) -> None:
        self.store = Store()
        self.store.add_namespace(NS)
        self.simulation = ClusterSimulation(
            self.store, ready_delay_seconds=10.0, ingress_delete_seconds=1.0, programming_seconds=1.0
        )
        self.fewest_ready = 10**6
        self.most_pods = 0

    def apply(self, image: str, count: int = 4, *, deadline: int = 600, **strategy: Any) -> None:
        template = {
            "metadata": {"labels": {"app": "a"}},
            "spec": {"containers": [{"name": "c", "image": image}]},
        }
        spec = {
            "replicas": count, "selector": {"matchLabels": {"app": "a"}}, "template": template,
            "progressDeadlineSeconds": deadline, "strategy": strategy or {"type": "RollingUpdate"},
        }  # fmt: skip
        config = {"metadata": {"name": "a"}, "spec": spec}
        self.store.apply(DEPLOYMENT, NS, config, manager="test", force=True)

    async def wait(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            await asyncio.sleep(1)
            pods = self.store.of_kind(POD, NS)
            ready = [pod for pod in pods if pod["status"]["conditions"][0]["status"] == "True"]
            self.fewest_ready = min(self.fewest_ready, len(ready))
            self.most_pods = max(self.most_pods, len(pods))

    def watch_from_now(self) -> None:
        self.fewest_ready, self.most_pods = 10**6, 0

    @property
    def status(self) -> Object:
        found: Object = self.store.get(DEPLOYMENT, NS, "a")["status"]
        return found

    def images(self) -> set[str]:
        return {pod["spec"]["containers"][0]["image"] for pod in self.store.of_kind(POD, NS)}

    def condition(self, kind: str) -> tuple[str, str]:
        found = next(each for each in self.status["conditions"] if each["type"] == kind)
        return found["status"], found["reason"]


@pytest.mark.looptime
async def test_replicas_become_ready_after_the_delay_and_are_reported() -> None:
    cluster = Cluster()
    async with cluster.simulation:
        cluster.apply("v1")
        await cluster.wait(9)
        assert cluster.status["unavailableReplicas"] == 4
        assert cluster.condition("Available") == ("False", "MinimumReplicasUnavailable")
        await cluster.wait(2)
        assert (cluster.status["readyReplicas"], cluster.status["observedGeneration"]) == (4, 1)
        assert cluster.condition("Progressing") == ("True", "NewReplicaSetAvailable")


@pytest.mark.looptime
async def test_a_rolling_update_ends_with_the_new_image_and_never_leaves_its_bounds() -> None:
    cluster = Cluster()
    async with cluster.simulation:
        cluster.apply("v1")
        await cluster.wait(12)
        cluster.watch_from_now()
        cluster.apply("v2")
        await cluster.wait(120)
        assert cluster.images() == {"v2"}
        assert cluster.fewest_ready == 3
        assert cluster.most_pods <= 5
        revision = cluster.store.get(DEPLOYMENT, NS, "a")["metadata"]["annotations"]
        assert revision["deployment.kubernetes.io/revision"] == "2"


@pytest.mark.looptime
async def test_recreate_has_a_time_with_nothing() -> None:
    cluster = Cluster()
    async with cluster.simulation:
        cluster.apply("v1", type="Recreate")
        await cluster.wait(12)
        cluster.watch_from_now()
        cluster.apply("v2", type="Recreate")
        await cluster.wait(30)
        assert cluster.images() == {"v2"}
        assert (cluster.fewest_ready, cluster.most_pods) == (0, 4)


@pytest.mark.looptime
async def test_a_stalled_rollout_exceeds_its_deadline_once_it_is_over_and_recovers() -> None:
    cluster = Cluster()
    async with cluster.simulation:
        cluster.apply("v1", deadline=60)
        await cluster.wait(12)
        cluster.apply("repo:broken", deadline=60)
        await cluster.wait(58)
        assert cluster.condition("Progressing") == ("True", "ReplicaSetUpdated")
        await cluster.wait(4)
        assert cluster.condition("Progressing") == ("False", "ProgressDeadlineExceeded")
        assert cluster.status["readyReplicas"] >= 3
        cluster.apply("v3", deadline=60)
        await cluster.wait(100)
        assert cluster.condition("Progressing") == ("True", "NewReplicaSetAvailable")
        assert cluster.images() == {"v3"}


@pytest.mark.looptime
async def test_a_pod_that_is_deleted_is_replaced() -> None:
    cluster = Cluster()
    async with cluster.simulation:
        cluster.apply("v1", 2)
        await cluster.wait(12)
        first = cluster.store.of_kind(POD, NS)[0]["metadata"]["name"]
        cluster.store.delete(POD, NS, first)
        await cluster.wait(1)
        assert cluster.status["readyReplicas"] == 1
        await cluster.wait(12)
        assert cluster.status["readyReplicas"] == 2
        assert first not in {pod["metadata"]["name"] for pod in cluster.store.of_kind(POD, NS)}


@pytest.mark.looptime
@pytest.mark.parametrize("foreground", [True, False])
async def test_pods_go_with_their_deployment_in_the_foreground_before_it(foreground: bool) -> None:
    cluster = Cluster()
    async with cluster.simulation:
        cluster.apply("v1", 2)
        await cluster.wait(12)
        cluster.store.delete(DEPLOYMENT, NS, "a", foreground=foreground)
        assert (("Deployment", NS, "a") in cluster.store.objects) == foreground
        await cluster.wait(5)
        assert ("Deployment", NS, "a") not in cluster.store.objects
        assert cluster.store.of_kind(POD, NS) == []


@pytest.mark.looptime
async def test_a_deployment_that_asks_for_far_too_much_harms_nobody() -> None:
    cluster = Cluster()
    simulation = ClusterSimulation(
        cluster.store, ready_delay_seconds=1.0, ingress_delete_seconds=1.0, pods=False
    )
    async with simulation:
        cluster.apply("v1", 2_000_000_000, type="Recreate")
        await asyncio.sleep(2)
        assert cluster.status["replicas"] == 1000
