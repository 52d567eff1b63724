"""From a write in the table to objects in Kubernetes and a status in the table, over real HTTP on both sides."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gco_stream_reconciler.app.application import Application
from gco_stream_reconciler.errors import TableReplacedError
from gco_stream_reconciler.sandbox.table import Writer
from tests.grounds.cluster import Cluster
from tests.integration import running
from tests.integration.running import NAMESPACE, REGION, purged, reported, until
from tests.samples import malformed_items, sample_items

pytestmark = pytest.mark.every_ground

SPEC: dict[str, Any] = {"image": "vllm/vllm-openai:v1", "replicas": 2, "env": {"A": "1", "B": "2"}}
# What the silence after the last look must outlast: a status is written at once where nothing else waits.
SILENCE_SECONDS = 1.5
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


def measured(application: Application, metric: str, **labels: str) -> float:
    """A metric's sum over all series that have these labels."""
    return sum(
        sample.value
        for family in application.registry.collect()
        for sample in family.samples
        if sample.name == metric and labels.items() <= sample.labels.items()
    )


def table_writes(application: Application) -> float:
    """Every write that was sent to the table, whatever became of it."""
    return sum(
        measured(application, "gco_aws_call_duration_seconds_count", operation=operation)
        for operation in ("UpdateItem", "PutItem", "DeleteItem")
    )


def waiting(application: Application) -> int:
    """Keys and statuses that wait or are being worked on."""
    assert application.term is not None
    queues = (application.term.queue, application.term.status_queue)
    return sum(queue.depth() + len(queue.snapshot().processing) for queue in queues)


async def full_resyncs(application: Application, times: int) -> None:
    """Have so many, one after the other: asked for, since the interval between those that come by themselves is a minute."""
    assert application.term is not None

    def done() -> float:
        return measured(application, "gco_resync_duration_seconds_count", result="success")

    for _ in range(times):
        begun = done()
        application.term.request_resync("test")
        await until("resynced", done, lambda found, begun=begun: found > begun)  # type: ignore[misc]


def items(writer: Writer) -> list[dict[str, Any]]:
    """The whole table, with every status and when it was reported."""
    found: list[dict[str, Any]] = writer.client.scan(TableName=writer.table, ConsistentRead=True)["Items"]
    return sorted(found, key=lambda item: str(item["endpoint_name"]["S"]))


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
        await until("at rest", lambda: waiting(application), lambda keys: keys == 0)
        before = await api.all(), items(writer)
        written, queued = table_writes(application), measured(application, "gco_resync_queued_total")
        assert written > 0, "they are counted"
        api.forget_requests()
        await full_resyncs(application, 3)
        assert measured(application, "gco_resync_queued_total") == queued
        for name in running_ones:
            application.term.queue.add(name)
        await until("looked at", lambda: waiting(application), lambda keys: keys == 0)
        await asyncio.sleep(SILENCE_SECONDS)
        assert api.requests_seen() == []
        assert table_writes(application) == written
        assert (await api.all(), items(writer)) == before


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


async def test_a_table_that_is_restored_under_the_same_name_ends_leader_and_follower_and_deletes_nothing(
    writer: Writer, api: Cluster
) -> None:
    writer.create_table()
    replicas = [
        running.prepared(writer, api.kubeconfig, namespace=api.namespace) for _ in ("leader", "follower")
    ]
    tasks = [asyncio.create_task(replica.run()) for replica in replicas]
    await until("one leads", lambda: [each.term for each in replicas], any)
    for name in ("llama", "newest"):
        writer.deploy(name, SPEC, [REGION], api.namespace)
        await reported(writer, name, "running")
    backup = [item for item in items(writer) if item["endpoint_name"]["S"] != "newest"]
    before = await api.objects()
    writer.client.delete_table(TableName=writer.table)
    writer.client.get_waiter("table_not_exists").wait(TableName=writer.table, WaiterConfig={"Delay": 1})
    writer.create_table()
    for item in backup:
        writer.put(item)
    for task in tasks:
        with pytest.raises(TableReplacedError, match="start the process again"):
            await asyncio.wait_for(task, running.WAIT_SECONDS)
    assert await api.objects() == before
    async with controller(writer, api) as again:
        await until("told", lambda: measured(again, "gco_orphans_left", made_by="another_table"), bool)
        await reported(writer, "llama", "running")
        assert measured(again, "gco_orphans") == 0
        assert await api.objects() == before
