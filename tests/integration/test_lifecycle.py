"""The lifecycle rules with the real controller against the sandbox: what traffic reaches, and what people are told."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.manifests.context import ManifestContext
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer
from gco_stream_reconciler.settings import LifecycleSettings
from tests.doubles.predecessor import predecessors_manifests
from tests.integration.running import NAMESPACE, REGION, controller, objects, purged, reported, until

OTHER = "eu-west-1"
SPEC: dict[str, Any] = {"image": "vllm/vllm-openai:v1", "replicas": 2, "env": {"A": "1", "B": "2"}}
PATH = "/inference/llama"
QUICK = {"unhealthy_threshold_seconds": 1.5, "canary_settle_seconds": 0.5}
WHOLE = {("Deployment", "llama"), ("Service", "llama"), ("Ingress", "inference-llama")}
Served = dict[str, int]


def canary(image: str, weight: int = 10) -> dict[str, Any]:
    return {**SPEC, "canary": {"image": image, "weight": weight, "replicas": 1}}


def served(cluster: KubernetesServer) -> Served:
    """Service → percent of the requests under the endpoint's path; {} for no route."""
    targets = cluster.simulation.load_balancer.routes().get(PATH, [])
    return {target.service: target.weight for target in targets}


class Reached(NamedTuple):
    """port: where the Service sends requests. healthy: Pods that the load balancer finds well. new: updated Pods."""

    port: int
    healthy: int
    new: int


def reached(cluster: KubernetesServer) -> Reached:
    """How the Pods of the endpoint are reached."""
    service, deployment = (
        cluster.store.objects[kind, NAMESPACE, "llama"] for kind in ("Service", "Deployment")
    )
    targets = cluster.simulation.load_balancer.routes().get(PATH, [])
    return Reached(
        service["spec"]["ports"][0]["targetPort"],
        sum(target.ready for target in targets),
        deployment["status"].get("updatedReplicas", 0),
    )


async def canary_report(writer: Writer) -> str | None:
    """What this Region says of the canary."""
    item = await asyncio.to_thread(writer.get, "llama")
    found = decode_endpoint(item or {}).region_status.get(REGION)
    return None if found is None or found.canary is None else found.canary.state


def standing(writer: Writer) -> tuple[str, int, str | None] | None:
    """State, ready replicas and exposure that this Region reports."""
    found = decode_endpoint(writer.get("llama") or {}).region_status.get(REGION)
    return None if found is None else (found.state, found.replicas_ready, found.exposure)


def reasons(cluster: KubernetesServer) -> set[str]:
    """Reasons of the Events that the controller has written."""
    return {
        obj["reason"]
        for (kind, _, _), obj in cluster.store.objects.items()
        if kind == "Event" and obj.get("reportingController") == "gco.io/stream-reconciler"
    }


def assert_group_never_failed(cluster: KubernetesServer) -> None:
    assert cluster.simulation.load_balancer.history("error") == []


async def test_a_canary_takes_its_share_is_promoted_and_goes(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    async with controller(writer, kubeconfig, **QUICK):
        writer.deploy("llama", SPEC, [REGION])
        await until("exposed", lambda: served(cluster), lambda found: found == {"llama": 100})
        writer.set_spec("llama", canary("vllm/vllm-openai:v2"))
        await until("10 %", lambda: served(cluster), lambda found: found == {"llama": 90, "llama-canary": 10})
        writer.set_spec("llama", canary("vllm/vllm-openai:v2", 25))
        await until("25 %", lambda: served(cluster), lambda found: found == {"llama": 75, "llama-canary": 25})
        writer.set_spec("llama", {**SPEC, "image": "vllm/vllm-openai:v2"})
        await until("promoted", lambda: served(cluster), lambda found: found == {"llama": 100})
        await until("canary gone", lambda: objects(cluster), lambda found: found == WHOLE)
        await until("said", lambda: canary_report(writer), lambda found: found is None)
    assert_group_never_failed(cluster)
    health = [change.text for change in cluster.simulation.load_balancer.history("health")]
    assert "unhealthy" not in health, "no target group of the Region was ever empty"
    assert {"Created", "Exposed", "CanaryWeightChanged", "Deleted"} <= reasons(cluster)


@pytest.mark.parametrize(
    "change",
    [
        {"port": 9000, "image": "vllm/vllm-openai:broken"},
        {"health_check_path": "/v2/ok", "image": "vllm/vllm-openai:broken"},
        {"image": "ghcr.io/huggingface/text-generation-inference:broken"},
    ],
    ids=["port", "health path", "image family"],
)
async def test_old_pods_are_reached_on_their_port_and_health_path_until_new_ones_are_ready(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str, change: dict[str, Any]
) -> None:
    writer.create_table()
    async with controller(writer, kubeconfig, **QUICK):
        writer.deploy("llama", SPEC, [REGION])
        await until("exposed", lambda: served(cluster), lambda found: found == {"llama": 100})
        await reported(writer, "llama", "running")
        writer.set_spec("llama", {**SPEC, **change})  # of this rollout no Pod ever gets ready
        status = await reported(writer, "llama", "updating")
        assert "port 8000, health path /inference/llama/health" in (status.message or "")
        await until("rolling out", lambda: reached(cluster), lambda found: found.new > 0)
        health = [change.text for change in cluster.simulation.load_balancer.history("health")]
        assert ("unhealthy" not in health, reached(cluster).healthy) == (True, 2)
        writer.set_spec("llama", {**SPEC, **change, "image": str(change["image"]).replace("broken", "v2")})
        whole = Reached(port=change.get("port", 8000), healthy=2, new=2)
        await until("followed", lambda: reached(cluster), lambda found: found == whole)
        status = await reported(writer, "llama", "running")
        assert status.message is None
    assert_group_never_failed(cluster)


def push_image(cluster: KubernetesServer, image: str) -> None:
    """Somebody changes the Deployment's image by hand."""
    live = copy.deepcopy(cluster.store.objects["Deployment", NAMESPACE, "llama"])
    live["spec"]["template"]["spec"]["containers"][0]["image"] = image
    cluster.store.replace(BY_NAME["Deployment"], NAMESPACE, "llama", live, manager="kubectl-edit")


async def test_of_a_rollout_that_ends_while_the_item_is_refused_the_new_pods_are_reached(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    change = {"port": 9000, "health_check_path": "/v2/ok"}
    writer.create_table()
    async with controller(writer, kubeconfig, **QUICK):
        writer.deploy("llama", SPEC, [REGION])
        await until("exposed", lambda: served(cluster), lambda found: found == {"llama": 100})
        await reported(writer, "llama", "running")
        writer.set_spec("llama", {**SPEC, **change, "image": "vllm/vllm-openai:broken"})
        await until("rolling out", lambda: reached(cluster), lambda found: found.new == 1)
        writer.set_spec("llama", {**SPEC, **change, "replicas": "two"})
        await reported(writer, "llama", "error")
        assert reached(cluster)[:2] == (8000, 2), "what runs stays as it is"
        push_image(cluster, "vllm/vllm-openai:v2")
        whole = Reached(port=9000, healthy=2, new=2)
        await until("followed", lambda: reached(cluster), lambda found: found == whole)
        await reported(writer, "llama", "error")
        writer.set_spec("llama", {**SPEC, **change, "image": "vllm/vllm-openai:v2"})
        await reported(writer, "llama", "running")
        assert reached(cluster) == whole
    assert_group_never_failed(cluster)


async def test_a_broken_canary_loses_its_traffic_and_the_primary_goes_on(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    async with controller(writer, kubeconfig, **QUICK):
        writer.deploy("llama", canary("vllm/vllm-openai:v2"), [REGION])
        await until("10 %", lambda: served(cluster), lambda found: len(found) == 2)
        cluster.simulation.fail(NAMESPACE, "llama-canary")
        await until("back to the primary", lambda: served(cluster), lambda found: found == {"llama": 100})
        status = await reported(writer, "llama", "running")
        cluster.simulation.heal(NAMESPACE, "llama-canary")
        await until("10 % again", lambda: served(cluster), lambda found: len(found) == 2)
        assert status.replicas_ready == 2
    assert_group_never_failed(cluster)


def marks(cluster: KubernetesServer) -> dict[str, str]:
    """Labels and annotations of the endpoint's Ingress."""
    meta = cluster.store.objects["Ingress", NAMESPACE, "inference-llama"]["metadata"]
    return {**meta["labels"], **meta["annotations"]}


async def test_a_canary_that_dies_while_the_item_is_refused_loses_its_traffic(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    async with controller(writer, kubeconfig, **QUICK):
        writer.deploy("llama", canary("vllm/vllm-openai:v2"), [REGION])
        await until("10 %", lambda: served(cluster), lambda found: found == {"llama": 90, "llama-canary": 10})
        writer.set_spec("llama", canary("vllm/vllm-openai:v2", 100))
        await reported(writer, "llama", "error")
        assert served(cluster) == {"llama": 90, "llama-canary": 10}, "what runs stays as it is"
        before = marks(cluster)
        cluster.simulation.fail(NAMESPACE, "llama-canary")
        await until("all on the primary", lambda: served(cluster), lambda found: found == {"llama": 100})
        gone = {"gco.io/canary", "gco.io/applied", "alb.ingress.kubernetes.io/actions.weighted-routing"}
        assert marks(cluster) == {name: text for name, text in before.items() if name not in gone}
        writer.set_spec("llama", SPEC)
        await until("the canary gone", lambda: objects(cluster), lambda found: len(found) == 3)
        await reported(writer, "llama", "running")
    assert_group_never_failed(cluster)


async def test_the_watchdog_takes_a_dead_endpoint_off_and_brings_it_back(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    async with controller(writer, kubeconfig, **QUICK):
        writer.deploy("llama", SPEC, [REGION])
        await until("exposed", lambda: served(cluster), lambda found: found == {"llama": 100})
        cluster.simulation.fail(NAMESPACE, "llama")
        await until(
            "taken off", lambda: objects(cluster), lambda found: ("Ingress", "inference-llama") not in found
        )
        await until("said", lambda: reasons(cluster), lambda found: "RemovedByWatchdog" in found)
        gone = ("running", 0, "removed-by-watchdog")
        await until("reported", lambda: asyncio.to_thread(standing, writer), lambda found: found == gone)
        cluster.simulation.heal(NAMESPACE, "llama")
        await until("back", lambda: served(cluster), lambda found: found == {"llama": 100})


@asynccontextmanager
async def second_cluster(folder: Path) -> AsyncIterator[tuple[KubernetesServer, str]]:
    async with KubernetesServer(ready_delay_seconds=0.1) as server:
        server.store.add_namespace(NAMESPACE)
        file = folder / "second-kubeconfig"
        file.write_text(json.dumps(server.kubeconfig()), "utf-8")
        yield server, str(file)


def desired_state(writer: Writer) -> str:
    item = writer.get("llama") or {}
    return str(item.get("desired_state", {}).get("S"))


@pytest.mark.every_ground
async def test_two_regions_promote_together_and_purge_together(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str, tmp_path: Path
) -> None:
    writer.create_table()
    async with second_cluster(tmp_path) as (other, other_kubeconfig), controller(writer, kubeconfig):
        writer.deploy("llama", SPEC, [REGION, OTHER])
        awaited = f"awaited: {OTHER} (no report yet)"  # said by the look after the one that wrote the Ingress
        await until(
            "said", lambda: reported(writer, "llama", "running"), lambda found: found.message == awaited
        )
        assert desired_state(writer) == "deploying"
        async with controller(writer, other_kubeconfig, region=OTHER, dynamodb_region=REGION):
            await until(
                "promoted", lambda: asyncio.to_thread(desired_state, writer), lambda found: found == "running"
            )
            await until("both", lambda: objects(other), lambda found: found == objects(cluster))
            writer.set_state("llama", "deleted")
            await purged(writer, "llama")
            assert objects(cluster) == objects(other) == set()


@pytest.mark.every_ground
async def test_a_region_that_is_removed_cleans_up_and_the_other_goes_on(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    async with controller(writer, kubeconfig):
        for name in ("llama", "mistral"):
            writer.deploy(name, SPEC, [REGION])
            await reported(writer, name, "running")
        writer.set_regions("llama", [OTHER])
        await reported(writer, "llama", "deleted")
        assert {name for _, name in objects(cluster)} == {"mistral", "inference-mistral"}


def uids(cluster: KubernetesServer) -> dict[tuple[str, str], str]:
    """Kind and name of an endpoint's objects → UID: another one is another incarnation."""
    return {
        (kind, name): obj["metadata"]["uid"]
        for (kind, _, name), obj in cluster.store.objects.items()
        if (kind, name) in WHOLE
    }


@pytest.mark.every_ground
async def test_a_region_that_is_removed_and_added_again_runs_again_and_the_other_notices_nothing(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str, tmp_path: Path
) -> None:
    writer.create_table()
    async with (
        second_cluster(tmp_path) as (other, other_kubeconfig),
        controller(writer, kubeconfig),
        controller(writer, other_kubeconfig, region=OTHER, dynamodb_region=REGION),
    ):
        writer.deploy("llama", SPEC, [REGION, OTHER])
        await until(
            "promoted", lambda: asyncio.to_thread(desired_state, writer), lambda found: found == "running"
        )
        first, there = uids(cluster), uids(other)
        writer.set_regions("llama", [OTHER])
        await reported(writer, "llama", "deleted")
        assert objects(cluster) == set()
        writer.set_regions("llama", [OTHER, REGION])
        status = await reported(writer, "llama", "running")
        assert (status.replicas_ready, status.exposure, status.error) == (2, "exposed", None)
        assert objects(cluster) == WHOLE
        assert set(uids(cluster).values()).isdisjoint(first.values())
        await until("served again", lambda: served(cluster), lambda found: found == {"llama": 100})
        assert uids(other) == there
        assert served(other) == {"llama": 100}
        assert (await reported(writer, "llama", "running", OTHER)).replicas_ready == 2


def predecessors(writer: Writer, cluster: KubernetesServer, *, env: Sequence[str] = ("A", "B")) -> None:
    """Make what inference_monitor would have made for the item, as its client did. env: the order of its names."""
    endpoint = decode_endpoint(writer.get("llama") or {})
    context = ManifestContext(region=REGION, table_id="-", settings=LifecycleSettings())
    for manifest in predecessors_manifests(endpoint, context):
        meta = manifest["metadata"]
        del meta["annotations"]
        if manifest["kind"] == "Deployment":
            container = manifest["spec"]["template"]["spec"]["containers"][0]
            container["env"].sort(key=lambda entry: env.index(entry["name"]))
        kind = BY_NAME[manifest["kind"]]
        cluster.store.create(kind, NAMESPACE, manifest, manager="OpenAPI-Generator")


def pods(cluster: KubernetesServer) -> set[str]:
    return {obj["metadata"]["uid"] for (kind, _, _), obj in cluster.store.objects.items() if kind == "Pod"}


async def test_what_inference_monitor_made_is_taken_over_without_restarting_a_pod(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    writer.deploy("llama", SPEC, [REGION])
    predecessors(writer, cluster)
    await until("ready", lambda: served(cluster), lambda found: found == {"llama": 100})
    before = pods(cluster)
    async with controller(writer, kubeconfig):
        await reported(writer, "llama", "running")
        assert pods(cluster) == before
        for kind in ("Deployment", "Service", "Ingress"):
            name = "inference-llama" if kind == "Ingress" else "llama"
            live = cluster.store.objects[kind, NAMESPACE, name]
            managers = {entry["manager"] for entry in live["metadata"]["managedFields"]}
            assert "OpenAPI-Generator" not in managers, kind
            assert live["metadata"]["labels"]["gco.io/endpoint"] == "llama"
        assert "Adopted" in reasons(cluster)
        writer.set_spec("llama", {**SPEC, "env": {"A": "1"}})
        await until("env", lambda: environment(cluster), lambda found: found == ["A"])
    assert_group_never_failed(cluster)


def environment(cluster: KubernetesServer) -> list[str]:
    live = cluster.store.objects["Deployment", NAMESPACE, "llama"]
    return [entry["name"] for entry in live["spec"]["template"]["spec"]["containers"][0]["env"]]


async def test_taking_over_keeps_the_order_of_the_environment_so_that_no_pod_restarts(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    writer.deploy("llama", SPEC, [REGION])
    predecessors(writer, cluster, env=("B", "A"))
    await until("ready", lambda: served(cluster), lambda found: found == {"llama": 100})
    before = pods(cluster)
    async with controller(writer, kubeconfig):
        await reported(writer, "llama", "running")
        await until("adopted", lambda: adopted(cluster), lambda found: found)
        assert environment(cluster) == ["B", "A"]
        assert pods(cluster) == before
    assert_group_never_failed(cluster)


def adopted(cluster: KubernetesServer) -> bool:
    """Whether the Deployment carries our mark."""
    live = cluster.store.objects["Deployment", NAMESPACE, "llama"]
    return bool(live["metadata"]["labels"].get("gco.io/endpoint") == "llama")


async def test_an_item_whose_created_at_is_no_text_is_reported_on_without_a_circle_of_lost_conditions(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    writer.deploy("llama", SPEC, [REGION])
    writer.put({**(writer.get("llama") or {}), "created_at": {"N": "1760000000"}})
    async with controller(writer, kubeconfig) as application:
        status = await reported(writer, "llama", "running")
        conflicts = application.registry.get_sample_value("gco_status_writes_total", {"result": "conflict"})
    assert status.replicas_ready == 2
    assert (conflicts or 0) < 8


async def test_an_endpoint_and_another_one_with_its_canarys_name_live_side_by_side(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    async with controller(writer, kubeconfig):
        for name in ("llama", "llama-canary"):
            writer.deploy(name, SPEC, [REGION])
            await reported(writer, name, "running")
        writer.set_spec("llama", canary("vllm/vllm-openai:v2"))
        await until("refused", lambda: canary_report(writer), lambda found: found == "error")
        status = await reported(writer, "llama", "running")
        assert "llama-canary" in (status.message or "")
        writer.set_state("llama", "deleted")
        await purged(writer, "llama")
        assert objects(cluster) == {
            ("Deployment", "llama-canary"), ("Service", "llama-canary"), ("Ingress", "inference-llama-canary"),
        }  # fmt: skip


async def test_of_two_endpoints_on_one_path_the_older_keeps_it_until_it_goes(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    async with controller(writer, kubeconfig):
        writer.deploy("llama", SPEC, [REGION])
        await reported(writer, "llama", "running")
        writer.deploy("second", SPEC, [REGION])
        item = writer.get("second") or {}
        writer.put({**item, "ingress_path": {"S": f"{PATH}/v2"}})
        status = await reported(writer, "second", "error")
        assert "which is older" in (status.error or "")
        writer.set_state("llama", "deleted")
        await purged(writer, "llama")
        await reported(writer, "second", "running")
        assert f"{PATH}/v2" in cluster.simulation.load_balancer.routes()
