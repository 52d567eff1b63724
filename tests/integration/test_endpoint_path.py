"""From a write in the table to objects in Kubernetes and a status in the table, over real HTTP on both sides."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gco_stream_reconciler.app.application import Application
from gco_stream_reconciler.sandbox.table import Writer
from tests.grounds.cluster import Cluster
from tests.integration import running
from tests.integration.running import NAMESPACE, REGION, purged, reported, until
from tests.samples import malformed_items, sample_items

pytestmark = pytest.mark.every_ground

SPEC: dict[str, Any] = {"image": "vllm/vllm-openai:v1", "replicas": 2, "env": {"A": "1", "B": "2"}}
WHOLE = {("Deployment", "llama"), ("Service", "llama"), ("Ingress", "inference-llama")}


@asynccontextmanager
async def controller(writer: Writer, api: Cluster) -> AsyncIterator[Application]:
    async with running.controller(writer, api.kubeconfig, namespace=api.namespace) as application:
        yield application


def deploy(writer: Writer, api: Cluster) -> None:
    writer.deploy("llama", SPEC, [REGION], api.namespace)


def placed(item: dict[str, Any], api: Cluster) -> dict[str, Any]:
    """An item, moved from the samples' namespace into the test's."""
    there = item.get("namespace") == {"S": NAMESPACE}
    return {**item, "namespace": {"S": api.namespace}} if there else item


async def replicas(api: Cluster) -> int | None:
    found = await api.get("Deployment", "llama")
    return found["spec"]["replicas"] if found else None


async def containers(api: Cluster) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get("Deployment", "llama"))["spec"]["template"]["spec"][
        "containers"
    ]
    return found


async def test_an_endpoint_lives_from_deploy_to_delete(writer: Writer, api: Cluster) -> None:
    writer.create_table()
    async with controller(writer, api):
        deploy(writer, api)
        status = await reported(writer, "llama", "running")
        assert (status.replicas_ready, status.exposure) == (2, "exposed")
        assert await api.objects() == WHOLE
        writer.scale("llama", 3)
        await until("scaled", lambda: replicas(api), lambda found: found == 3)
        writer.set_spec("llama", {**SPEC, "image": "vllm/vllm-openai:v2", "env": {"A": "1"}})
        (found,) = await until(
            "image", lambda: containers(api), lambda found: found[0]["image"].endswith(":v2")
        )
        assert found["env"] == [{"name": "A", "value": "1"}]
        await reported(writer, "llama", "running")
        writer.set_state("llama", "stopped")
        await reported(writer, "llama", "stopped")
        assert await api.objects() == WHOLE - {("Ingress", "inference-llama")}
        assert await replicas(api) == 0
        writer.set_state("llama", "running")
        await reported(writer, "llama", "running")
        assert await api.objects() == WHOLE
        writer.set_state("llama", "deleted")
        await purged(writer, "llama")
        assert await api.objects() == set()


def weight_applied(writer: Writer) -> str | None:
    item = writer.get("canary-llama3") or {}
    status = item.get("region_status", {}).get("M", {}).get(REGION, {}).get("M", {})
    weight: str | None = status.get("canary", {}).get("M", {}).get("weight_applied", {}).get("N")
    return weight


async def test_all_samples_become_what_is_prescribed_and_then_nothing_is_written(
    writer: Writer, api: Cluster
) -> None:
    writer.create_table()
    for item in sample_items():
        writer.put(placed(item, api))
    async with controller(writer, api) as application:
        for item in sample_items():
            name = item["endpoint_name"]["S"]
            if name == "elsewhere-only":
                continue
            if name == "going-away":
                await purged(writer, name)  # eu-west-1 had reported it deleted before
                continue
            await reported(writer, name, "stopped" if name == "stopped-demo" else "running")
        await until("canary exposed", lambda: weight_applied(writer), lambda weight: weight == "10")
        running_ones = [
            item["endpoint_name"]["S"]
            for item in sample_items()
            if item["desired_state"]["S"] in ("deploying", "running")
        ]
        running_ones.remove("elsewhere-only")
        expected = {(kind, name) for name in running_ones for kind in ("Deployment", "Service")}
        expected |= {("Ingress", f"inference-{name}") for name in running_ones}
        expected |= {("HorizontalPodAutoscaler", "cpu-embedder")}
        expected |= {(kind, "canary-llama3-canary") for kind in ("Deployment", "Service")}
        assert await api.objects() == expected
        assert "us-east-1" not in (writer.get("elsewhere-only") or {})["region_status"]["M"]
        before = await api.all()
        api.forget_requests()
        assert application.term is not None
        for name in running_ones:
            application.term.queue.add(name)
        application.term.request_resync("test")
        await asyncio.sleep(3)
        assert api.requests_seen() == []
        assert await api.all() == before


async def test_malformed_items_are_errors_with_their_reason_and_disturb_nobody(
    writer: Writer, api: Cluster
) -> None:
    writer.create_table()
    for _, item in malformed_items():
        writer.put(placed(item, api))
    async with controller(writer, api):
        deploy(writer, api)
        await reported(writer, "llama", "running")
        for why, item in malformed_items():
            status = await reported(writer, item["endpoint_name"]["S"], "error")
            assert status.error, why
        assert await api.objects() == WHOLE


async def test_drift_is_put_right_and_what_others_own_stays(writer: Writer, api: Cluster) -> None:
    writer.create_table()
    async with controller(writer, api):
        deploy(writer, api)
        await reported(writer, "llama", "running")
        sidecar = {"name": "sidecar", "image": "proxy:1"}
        config = {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "llama"},
            "spec": {"template": {"spec": {"containers": [sidecar]}}},
        }  # fmt: skip
        await api.apply("Deployment", "llama", config, manager="injector")
        await api.merge("Deployment", "llama", {"spec": {"replicas": 9}})
        await until("replicas back", lambda: replicas(api), lambda found: found == 2)
        names = [each["name"] for each in await containers(api)]
        assert sorted(names) == ["inference", "sidecar"]
        await api.delete("Service", "llama")
        await until("service back", api.objects, lambda found: found == WHOLE)


async def test_a_strangers_object_is_not_touched(writer: Writer, api: Cluster) -> None:
    writer.create_table()
    stranger = {"metadata": {"name": "llama"}, "spec": {"ports": [{"port": 1}]}}
    made = await api.create("Service", stranger, manager="someone")
    async with controller(writer, api):
        deploy(writer, api)
        status = await reported(writer, "llama", "error")
        assert f"Service {api.namespace}/llama" in (status.error or "")
        assert await api.objects() == {("Service", "llama")}
        writer.set_state("llama", "deleted")
        await purged(writer, "llama")
        assert await api.get("Service", "llama") == made


async def test_what_was_missed_while_nobody_ran_is_caught_up_at_the_start(
    writer: Writer, api: Cluster
) -> None:
    writer.create_table()
    async with controller(writer, api):
        deploy(writer, api)
        await reported(writer, "llama", "running")
    writer.scale("llama", 4)
    await api.delete("Service", "llama")
    async with controller(writer, api):
        await until("scaled", lambda: replicas(api), lambda found: found == 4)
        await until("service back", api.objects, lambda found: found == WHOLE)


async def test_the_follower_takes_over_when_the_leader_stops(writer: Writer, api: Cluster) -> None:
    writer.create_table()
    async with controller(writer, api) as first:
        await until("first leads", lambda: first.term, lambda term: term is not None)
        async with controller(writer, api) as second:
            deploy(writer, api)
            await reported(writer, "llama", "running")
            assert second.term is None
            first.stop()
            await until("second leads", lambda: second.term, lambda term: term is not None)
            writer.scale("llama", 3)
            await until("scaled", lambda: replicas(api), lambda found: found == 3)
