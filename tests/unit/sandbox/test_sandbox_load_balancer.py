"""The simulated load balancer and its controller, on fake time."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gco_stream_reconciler.sandbox.kubernetes.controllers import ClusterSimulation
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.load_balancer import LoadBalancer
from gco_stream_reconciler.sandbox.kubernetes.routing import is_unhealthy
from gco_stream_reconciler.sandbox.kubernetes.store import Store

pytestmark = pytest.mark.looptime

NS = "models"
Object = dict[str, Any]


class Cluster:
    """Objects of endpoints, put as a controller would."""

    def __init__(self, *, pods: bool = True) -> None:
        self.store = Store()
        self.store.add_namespace(NS)
        self.simulation = ClusterSimulation(
            self.store,
            ready_delay_seconds=1.0,
            ingress_delete_seconds=3.0,
            programming_seconds=0.5,
            pods=pods,
        )

    @property
    def balancer(self) -> LoadBalancer:
        return self.simulation.load_balancer

    def apply(self, kind: str, obj: Object) -> None:
        self.store.apply(BY_NAME[kind], NS, obj, manager="test", force=True)

    def delete(self, kind: str, name: str, *, foreground: bool = False) -> None:
        self.store.delete(BY_NAME[kind], NS, name, foreground=foreground)

    def deployment(
        self, name: str, replicas: int = 1, image: str = "vllm:v1", port: int = 0, probed: str = ""
    ) -> None:
        container: Object = {"name": "c", "image": image}
        if port:
            container["ports"] = [{"containerPort": port, "name": "http", "protocol": "TCP"}]
        if probed:
            container["readinessProbe"] = {"httpGet": {"path": probed, "port": "http"}}
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
        spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
        self.apply("Deployment", {"metadata": {"name": name}, "spec": spec})

    def service(self, name: str, app: str = "", target: int | str = 80) -> None:
        ports = [{"port": 80, "targetPort": target, "protocol": "TCP"}]
        spec = {"selector": {"app": app or name}, "ports": ports}
        self.apply("Service", {"metadata": {"name": name}, "spec": spec})

    def ingress(
        self, name: str, canary: int | None = None, of_class: str = "alb", checked: str = "/"
    ) -> None:
        service: Object = {"name": name, "port": {"number": 80}}
        annotations = {"alb.ingress.kubernetes.io/healthcheck-path": checked}
        if canary is not None:
            service = {"name": "weighted-routing", "port": {"name": "use-annotation"}}
            groups = [
                {"serviceName": name, "servicePort": 80, "weight": 100 - canary},
                {"serviceName": f"{name}-canary", "servicePort": 80, "weight": canary},
            ]
            annotations["alb.ingress.kubernetes.io/actions.weighted-routing"] = json.dumps(
                {"type": "forward", "forwardConfig": {"targetGroups": groups}}
            )
        path = {"path": f"/inference/{name}", "pathType": "Prefix", "backend": {"service": service}}
        spec = {"ingressClassName": of_class, "rules": [{"http": {"paths": [path]}}]}
        self.apply("Ingress", {"metadata": {"name": name, "annotations": annotations}, "spec": spec})

    def endpoint(self, name: str, replicas: int = 1) -> None:
        self.deployment(name, replicas)
        self.service(name)

    def object(self, kind: str, name: str) -> Object:
        return self.store.objects.get((kind, NS, name), {})

    def error(self) -> str | None:
        return self.balancer.group_error

    def events(self) -> list[tuple[str, str]]:
        found = self.store.of_kind(BY_NAME["Event"], NS)
        return sorted((event["regarding"]["name"], event["reason"]) for event in found)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    found = Cluster()
    async with found.simulation:
        yield found


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_route_comes_with_its_address_after_the_programming_delay(cluster: Cluster) -> None:
    cluster.endpoint("llama", 2)
    await asyncio.sleep(2)
    start = now()
    cluster.ingress("llama")
    await asyncio.sleep(0.4)
    assert cluster.balancer.routes() == {}
    await asyncio.sleep(0.2)
    assert cluster.balancer.routes() == {"/inference/llama": [("llama", 100, 2)]}
    assert [change.at - start for change in cluster.balancer.history("route")] == [pytest.approx(0.5)]
    assert cluster.object("Ingress", "llama")["status"]["loadBalancer"]["ingress"]
    assert cluster.object("Ingress", "llama")["metadata"]["finalizers"] == ["ingress.k8s.aws/resources"]


async def test_an_ingress_of_another_class_is_left_alone(cluster: Cluster) -> None:
    cluster.endpoint("llama")
    cluster.ingress("llama", of_class="nginx")
    await asyncio.sleep(5)
    assert not cluster.balancer.changes
    assert "finalizers" not in cluster.object("Ingress", "llama")["metadata"]


async def test_ready_pods_are_counted_as_they_come_and_go(cluster: Cluster) -> None:
    cluster.endpoint("llama", 1)
    await asyncio.sleep(2)
    cluster.ingress("llama")
    await asyncio.sleep(1)
    cluster.deployment("llama", 3)
    await asyncio.sleep(2)
    cluster.deployment("llama", 2)
    await asyncio.sleep(2)
    counts = [
        change.targets[0].ready for change in cluster.balancer.history("route") if change.targets is not None
    ]
    assert counts == [1, 2, 3, 2]
    assert cluster.balancer.history("health") == []


@pytest.mark.parametrize("pods", [True, False])
async def test_pods_are_counted_whether_or_not_there_are_objects_of_them(pods: bool) -> None:
    cluster = Cluster(pods=pods)
    async with cluster.simulation:
        cluster.endpoint("llama", 3)
        cluster.ingress("llama")
        await asyncio.sleep(3)
        assert cluster.balancer.routes() == {"/inference/llama": [("llama", 100, 3)]}


@pytest.mark.parametrize(
    ("target", "checked", "healthy"),
    [
        (8000, "/health", 2),
        ("http", "/health", 2),
        (9000, "/health", 0),
        ("grpc", "/health", 0),
        (8000, "/ok", 0),
    ],
)
async def test_a_pod_is_healthy_only_where_it_listens_and_on_the_path_that_it_answers(
    cluster: Cluster, target: int | str, checked: str, healthy: int
) -> None:
    cluster.deployment("llama", 2, port=8000, probed="/health")
    cluster.service("llama", target=target)
    cluster.ingress("llama", checked=checked)
    await asyncio.sleep(2)
    assert cluster.balancer.routes() == {"/inference/llama": [("llama", 100, healthy)]}
    assert cluster.balancer.unhealthy_region() is (healthy == 0)


async def test_a_service_that_leaves_its_pods_port_before_they_do_takes_the_region_away(
    cluster: Cluster,
) -> None:
    cluster.deployment("llama", 2, port=8000)
    cluster.service("llama", target=8000)
    cluster.ingress("llama")
    await asyncio.sleep(2)
    assert cluster.balancer.unhealthy_region() is False
    cluster.deployment("llama", 2, port=9000)
    cluster.service("llama", target=9000)
    await asyncio.sleep(0.8)
    assert cluster.balancer.unhealthy_region() is True, "the new Pods are not ready yet"
    await asyncio.sleep(5)
    assert cluster.balancer.routes() == {"/inference/llama": [("llama", 100, 2)]}
    assert cluster.balancer.unhealthy_region() is False


async def test_an_endpoint_exposed_before_it_is_ready_takes_the_region_away(cluster: Cluster) -> None:
    cluster.endpoint("llama")
    await asyncio.sleep(2)
    cluster.ingress("llama")
    await asyncio.sleep(2)
    assert cluster.balancer.unhealthy_region() is False
    cluster.deployment("broken", image="vllm:broken")
    cluster.service("broken")
    cluster.ingress("broken")
    await asyncio.sleep(2)
    assert cluster.balancer.unhealthy_region() is True
    cluster.delete("Ingress", "broken")
    await asyncio.sleep(1)
    assert cluster.balancer.unhealthy_region() is False
    assert [change.text for change in cluster.balancer.history("health")] == ["unhealthy", "healthy"]


async def test_a_crash_and_a_recovery_show_in_the_history(cluster: Cluster) -> None:
    cluster.endpoint("llama")
    cluster.ingress("llama")
    await asyncio.sleep(3)
    before = len(cluster.balancer.history("health"))
    cluster.simulation.fail(NS, "llama")
    assert cluster.balancer.unhealthy_region()
    cluster.simulation.heal(NS, "llama")
    await asyncio.sleep(2)
    assert [change.text for change in cluster.balancer.history("health")][before:] == ["unhealthy", "healthy"]


async def test_a_single_missing_service_answers_503_and_harms_nobody(cluster: Cluster) -> None:
    cluster.ingress("llama")
    await asyncio.sleep(1)
    assert cluster.balancer.routes() == {"/inference/llama": []}
    assert cluster.error() is None
    cluster.endpoint("llama")
    await asyncio.sleep(2)
    assert cluster.balancer.routes() == {"/inference/llama": [("llama", 100, 1)]}


@pytest.mark.parametrize("weight", [0, 10])
async def test_a_weighted_forward_to_a_missing_service_stops_the_whole_group(
    cluster: Cluster, weight: int
) -> None:
    for name in ("llama", "qwen"):
        cluster.endpoint(name)
    cluster.ingress("llama")
    await asyncio.sleep(3)
    cluster.ingress("llama", canary=weight)
    await asyncio.sleep(1)
    problem = 'ingress: models/llama: Service "llama-canary" not found'
    assert cluster.error() == problem
    cluster.ingress("qwen")
    await asyncio.sleep(1)
    assert cluster.balancer.routes() == {"/inference/llama": [("llama", 100, 1)]}
    assert "ingress" not in cluster.object("Ingress", "qwen")["status"]["loadBalancer"]
    assert cluster.events() == [("llama", "FailedBuildModel"), ("qwen", "FailedBuildModel")]
    cluster.endpoint("llama-canary")
    await asyncio.sleep(3)
    assert cluster.error() is None
    assert cluster.balancer.routes() == {
        "/inference/llama": [("llama", 100 - weight, 1), ("llama-canary", weight, 1)],
        "/inference/qwen": [("qwen", 100, 1)],
    }
    assert [change.text for change in cluster.balancer.history("error")] == [problem, ""]
    assert "ingress" in cluster.object("Ingress", "qwen")["status"]["loadBalancer"]


async def test_taking_a_canarys_service_before_its_weight_empties_a_target_group(cluster: Cluster) -> None:
    for name in ("llama", "llama-canary"):
        cluster.endpoint(name)
    await asyncio.sleep(2)
    cluster.ingress("llama", canary=10)
    await asyncio.sleep(1)
    assert not cluster.balancer.unhealthy_region()
    cluster.delete("Service", "llama-canary")
    await asyncio.sleep(1)
    assert cluster.error() is not None
    assert cluster.balancer.unhealthy_region()
    assert cluster.balancer.routes() == {"/inference/llama": [("llama", 90, 1), ("llama-canary", 10, 0)]}
    cluster.ingress("llama")
    await asyncio.sleep(1)
    assert cluster.error() is None
    assert not cluster.balancer.unhealthy_region()


async def test_an_ingress_in_deletion_stays_until_it_is_deregistered(cluster: Cluster) -> None:
    cluster.endpoint("llama")
    cluster.ingress("llama")
    await asyncio.sleep(3)
    cluster.delete("Ingress", "llama")
    await asyncio.sleep(1)
    assert cluster.balancer.routes() == {}
    assert "deletionTimestamp" in cluster.object("Ingress", "llama")["metadata"]
    await asyncio.sleep(1.9)
    assert cluster.object("Ingress", "llama")
    await asyncio.sleep(0.2)
    assert not cluster.object("Ingress", "llama")


async def test_no_ingress_leaves_while_the_group_is_in_error(cluster: Cluster) -> None:
    for name in ("llama", "qwen"):
        cluster.endpoint(name)
        cluster.ingress(name)
    await asyncio.sleep(3)
    cluster.ingress("llama", canary=0)
    cluster.delete("Ingress", "qwen")
    await asyncio.sleep(60)
    assert "deletionTimestamp" in cluster.object("Ingress", "qwen")["metadata"]
    assert "/inference/qwen" in cluster.balancer.routes()
    cluster.ingress("llama")
    await asyncio.sleep(1)
    assert not cluster.object("Ingress", "qwen")
    assert list(cluster.balancer.routes()) == ["/inference/llama"]


async def test_deleting_the_broken_ingress_itself_mends_the_group(cluster: Cluster) -> None:
    cluster.endpoint("llama")
    cluster.ingress("llama", canary=5)
    await asyncio.sleep(1)
    assert cluster.error() is not None
    cluster.delete("Ingress", "llama")
    await asyncio.sleep(4)
    assert cluster.error() is None
    assert not cluster.object("Ingress", "llama")


async def test_the_load_balancer_goes_with_its_last_ingress_and_returns_under_another_name(
    cluster: Cluster,
) -> None:
    cluster.endpoint("llama")
    for _ in range(2):
        cluster.ingress("llama")
        await asyncio.sleep(4)
        assert cluster.balancer.exists
        host = cluster.object("Ingress", "llama")["status"]["loadBalancer"]["ingress"][0]["hostname"]
        cluster.delete("Ingress", "llama")
        await asyncio.sleep(4)
        assert not cluster.balancer.exists
    assert [change.text for change in cluster.balancer.history("load balancer")] == ["created", "deleted"] * 2
    assert host == "sandbox-2.elb.amazonaws.com"


async def test_an_ingress_made_again_under_its_name_is_another_one(cluster: Cluster) -> None:
    cluster.endpoint("llama")
    cluster.ingress("llama")
    await asyncio.sleep(3)
    first = cluster.object("Ingress", "llama")["metadata"]["uid"]
    cluster.delete("Ingress", "llama")
    await asyncio.sleep(3.1)
    cluster.ingress("llama")
    await asyncio.sleep(10)
    assert cluster.object("Ingress", "llama")["metadata"]["uid"] != first
    assert cluster.balancer.routes() == {"/inference/llama": [("llama", 100, 1)]}


async def test_an_ingress_that_changes_class_is_let_go(cluster: Cluster) -> None:
    cluster.endpoint("llama")
    cluster.ingress("llama")
    await asyncio.sleep(3)
    cluster.ingress("llama", of_class="nginx")
    await asyncio.sleep(10)
    assert cluster.balancer.routes() == {}
    assert "finalizers" not in cluster.object("Ingress", "llama")["metadata"]


async def test_what_is_there_before_the_simulation_starts_is_routed_too() -> None:
    cluster = Cluster()
    cluster.endpoint("llama", 2)
    cluster.ingress("llama")
    async with cluster.simulation:
        await asyncio.sleep(3)
        assert cluster.balancer.routes() == {"/inference/llama": [("llama", 100, 2)]}


async def test_the_health_told_is_the_definition_at_every_moment(cluster: Cluster) -> None:
    for step in range(12):
        name = f"e{step % 4}"
        cluster.endpoint(name, 1 + step % 2)
        cluster.ingress(name, canary=None)
        if step % 3 == 2:
            cluster.simulation.fail(NS, name)
        if step % 5 == 4:
            cluster.delete("Service", f"e{(step + 1) % 4}")
        await asyncio.sleep(0.7)
        assert cluster.balancer.unhealthy_region() == is_unhealthy(cluster.balancer.routes())
    noted = {change.path: change.targets for change in cluster.balancer.history("route")}
    assert {path: list(found or ()) for path, found in noted.items()} == cluster.balancer.routes()
    assert cluster.balancer.history("health")
