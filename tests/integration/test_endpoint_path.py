"""From a write in the table to objects in Kubernetes and a status in the table, over real HTTP on both sides."""

import asyncio
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer
from tests.integration.running import NAMESPACE, REGION, controller, objects, reported, until
from tests.samples import malformed_items, sample_items

SPEC: dict[str, Any] = {"image": "vllm/vllm-openai:v1", "replicas": 2, "env": {"A": "1", "B": "2"}}
WHOLE = {("Deployment", "llama"), ("Service", "llama"), ("Ingress", "inference-llama")}


def deployment(cluster: KubernetesServer, name: str = "llama") -> dict[str, Any]:
    found: dict[str, Any] = cluster.store.objects.get(("Deployment", NAMESPACE, name), {})
    return found


def container(cluster: KubernetesServer) -> dict[str, Any]:
    found: dict[str, Any] = deployment(cluster)["spec"]["template"]["spec"]["containers"][0]
    return found


async def test_an_endpoint_lives_from_deploy_to_delete(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    async with controller(writer, kubeconfig):
        writer.deploy("llama", SPEC, [REGION])
        status = await reported(writer, "llama", "running")
        assert (status.replicas_ready, status.exposure) == (2, "exposed")
        assert objects(cluster) == WHOLE
        writer.scale("llama", 3)
        await until("scaled", lambda: deployment(cluster)["spec"]["replicas"], lambda replicas: replicas == 3)
        writer.set_spec("llama", {**SPEC, "image": "vllm/vllm-openai:v2", "env": {"A": "1"}})
        await until("image", lambda: container(cluster)["image"], lambda image: image.endswith(":v2"))
        assert container(cluster)["env"] == [{"name": "A", "value": "1"}]
        await reported(writer, "llama", "running")
        writer.set_state("llama", "stopped")
        await reported(writer, "llama", "stopped")
        assert objects(cluster) == WHOLE - {("Ingress", "inference-llama")}
        assert deployment(cluster)["spec"]["replicas"] == 0
        writer.set_state("llama", "running")
        await reported(writer, "llama", "running")
        assert objects(cluster) == WHOLE
        writer.set_state("llama", "deleted")
        await reported(writer, "llama", "deleted")
        assert objects(cluster) == set()


async def test_all_samples_become_what_is_prescribed_and_then_nothing_is_written(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    for item in sample_items():
        writer.put(item)
    async with controller(writer, kubeconfig) as application:
        for item in sample_items():
            name = item["endpoint_name"]["S"]
            if name == "elsewhere-only":
                continue
            state = {"stopped-demo": "stopped", "going-away": "deleted"}.get(name, "running")
            await reported(writer, name, state)
        running = [
            item["endpoint_name"]["S"]
            for item in sample_items()
            if item["desired_state"]["S"] in ("deploying", "running")
        ]
        running.remove("elsewhere-only")
        expected = {(kind, name) for name in running for kind in ("Deployment", "Service")}
        expected |= {("Ingress", f"inference-{name}") for name in running}
        expected.add(("HorizontalPodAutoscaler", "cpu-embedder"))
        assert objects(cluster) == expected
        assert "us-east-1" not in (writer.get("elsewhere-only") or {})["region_status"]["M"]
        cluster.requests.clear()
        assert application.term is not None
        for name in running:
            application.term.queue.add(name)
        application.term.request_resync("test")
        await asyncio.sleep(3)
        assert cluster.requests.writes() == []
        assert [
            request
            for request in cluster.requests.requests
            if request.verb == "get" and request.kind != "Lease"
        ] == []


async def test_malformed_items_are_errors_with_their_reason_and_disturb_nobody(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    for _, item in malformed_items():
        writer.put(item)
    async with controller(writer, kubeconfig):
        writer.deploy("llama", SPEC, [REGION])
        await reported(writer, "llama", "running")
        for why, item in malformed_items():
            status = await reported(writer, item["endpoint_name"]["S"], "error")
            assert status.error, why
        assert objects(cluster) == WHOLE


async def test_drift_is_put_right_and_what_others_own_stays(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    kind = BY_NAME["Deployment"]
    async with controller(writer, kubeconfig):
        writer.deploy("llama", SPEC, [REGION])
        await reported(writer, "llama", "running")
        sidecar = {"name": "sidecar", "image": "proxy:1"}
        config = {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "llama"},
            "spec": {"template": {"spec": {"containers": [sidecar]}}},
        }  # fmt: skip
        cluster.store.apply(kind, NAMESPACE, config, manager="injector", force=False)
        edited = {**deployment(cluster)}
        spec = {**edited["spec"], "replicas": 9}
        cluster.store.replace(kind, NAMESPACE, "llama", {**edited, "spec": spec}, manager="kubectl-edit")
        await until(
            "replicas back", lambda: deployment(cluster)["spec"]["replicas"], lambda replicas: replicas == 2
        )
        names = [each["name"] for each in deployment(cluster)["spec"]["template"]["spec"]["containers"]]
        assert sorted(names) == ["inference", "sidecar"]
        cluster.store.delete(BY_NAME["Service"], NAMESPACE, "llama", uid=None, version=None, foreground=False)
        await until("service back", lambda: objects(cluster), lambda found: found == WHOLE)


async def test_a_strangers_object_is_not_touched(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    stranger = {"metadata": {"name": "llama"}, "spec": {"ports": [{"port": 1}]}}
    made = cluster.store.create(BY_NAME["Service"], NAMESPACE, stranger, manager="someone")
    async with controller(writer, kubeconfig):
        writer.deploy("llama", SPEC, [REGION])
        status = await reported(writer, "llama", "error")
        assert "Service gco-inference/llama" in (status.error or "")
        assert objects(cluster) == {("Service", "llama")}
        writer.set_state("llama", "deleted")
        await reported(writer, "llama", "deleted")
        assert cluster.store.objects["Service", NAMESPACE, "llama"] == made


async def test_what_was_missed_while_nobody_ran_is_caught_up_at_the_start(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    async with controller(writer, kubeconfig):
        writer.deploy("llama", SPEC, [REGION])
        await reported(writer, "llama", "running")
    writer.scale("llama", 4)
    cluster.store.delete(BY_NAME["Service"], NAMESPACE, "llama", uid=None, version=None, foreground=False)
    async with controller(writer, kubeconfig):
        await until("scaled", lambda: deployment(cluster)["spec"]["replicas"], lambda replicas: replicas == 4)
        await until("service back", lambda: objects(cluster), lambda found: found == WHOLE)


async def test_the_follower_takes_over_when_the_leader_stops(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    writer.create_table()
    async with controller(writer, kubeconfig) as first:
        await until("first leads", lambda: first.term, lambda term: term is not None)
        async with controller(writer, kubeconfig) as second:
            writer.deploy("llama", SPEC, [REGION])
            await reported(writer, "llama", "running")
            assert second.term is None
            first.stop()
            await until("second leads", lambda: second.term, lambda term: term is not None)
            writer.scale("llama", 3)
            await until(
                "scaled", lambda: deployment(cluster)["spec"]["replicas"], lambda replicas: replicas == 3
            )
