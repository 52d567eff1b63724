"""The operator's page and the debug documents of a controller at work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gco_stream_reconciler.app.application import Application
from gco_stream_reconciler.sandbox.kubernetes.faults import Fault
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer
from tests.integration.running import NAMESPACE, REGION, controller, reported, until

SECRET = "hunter2-in-the-environment"
SPEC: dict[str, Any] = {"image": "vllm/vllm-openai:v1", "replicas": 2, "env": {"HF_TOKEN": SECRET}}
CANARY = {**SPEC, "canary": {"image": "vllm/vllm-openai:v2", "weight": 10, "replicas": 1}}
DEPLOYMENT = f"Deployment {NAMESPACE}/llama"


class Page:
    """The listeners of one controller."""

    def __init__(self, application: Application, session: aiohttp.ClientSession) -> None:
        self._application = application
        self._session = session

    async def text(self, path: str, *, status: int = 200) -> str:
        return await self._get(self._application.debug_port, path, status)

    async def document(self, path: str, *, status: int = 200) -> Any:
        async with self._session.get(f"http://127.0.0.1:{self._application.debug_port}{path}") as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()

    async def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        text = await self._get(self._application.http_port, "/metrics", 200)
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def tasks(self) -> set[str]:
        return {task.get_name() for task in self._application._tasks._watched.values()}

    async def alive(self) -> Any:
        async with self._session.get(f"http://127.0.0.1:{self._application.http_port}/healthz") as answer:
            return await answer.json()

    async def _get(self, port: int | None, path: str, status: int) -> str:
        async with self._session.get(f"http://127.0.0.1:{port}{path}") as answer:
            assert answer.status == status, await answer.text()
            return await answer.text()


@asynccontextmanager
async def watched(writer: Writer, kubeconfig: str, **flags: Any) -> AsyncIterator[Page]:
    async with (
        controller(writer, kubeconfig, **flags) as application,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session,
    ):
        await until("listens", lambda: application.debug_port, bool)
        yield Page(application, session)


@pytest.fixture
async def page(writer: Writer, kubeconfig: str) -> AsyncIterator[Page]:
    await asyncio.to_thread(writer.create_table)
    async with watched(writer, kubeconfig) as found:
        yield found


async def test_the_page_shows_the_endpoints_and_the_leader(writer: Writer, page: Page) -> None:
    writer.deploy("llama", SPEC, [REGION])
    await reported(writer, "llama", "running")
    shown = await page.text("/")
    assert '<a href="/endpoints/llama"' in shown
    assert "running" in shown
    rows = await page.document("/debug/endpoints")
    (row,) = rows["endpoints"]
    assert (row["name"], row["namespace"], row["state"]) == ("llama", NAMESPACE, "running")
    assert (row["replicas_ready"], row["replicas_desired"], row["exposure"]) == (2, 2, "exposed")
    assert row["desired_state"] in ("deploying", "running")
    leader = (await page.document("/debug/shards"))["leadership"]
    assert leader["leads"] is True
    assert leader["holder"] == leader["identity"] != ""


async def test_an_endpoint_is_shown_with_desired_observed_plan_and_last_actions_and_no_secret(
    writer: Writer, page: Page
) -> None:
    writer.deploy("llama", SPEC, [REGION])
    await reported(writer, "llama", "running")
    found = await page.document("/debug/endpoints/llama")
    assert found["desired"]["spec"]["env"] == {"HF_TOKEN": "[redacted]"}
    (container,) = found["observed"][DEPLOYMENT]["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "HF_TOKEN", "value": "[redacted]"}]
    assert set(found["observed"]) == {
        DEPLOYMENT,
        f"Service {NAMESPACE}/llama",
        f"Ingress {NAMESPACE}/inference-llama",
    }
    assert found["plan"]["stages"] == []
    first = found["actions"][-1]
    assert (first["action"], first["reason"], first["result"]) == ("apply", "absent", "done")
    assert {each["target"] for each in found["actions"]} >= set(found["observed"])
    for path in ("/endpoints/llama", "/debug/endpoints/llama", "/debug/endpoints", "/"):
        assert SECRET not in await page.text(path)


async def test_what_is_refused_is_shown_with_its_errors_and_in_the_queue(writer: Writer, page: Page) -> None:
    writer.deploy("broken", {**SPEC, "image": ""}, [REGION])
    await reported(writer, "broken", "error")
    found = await page.document("/debug/endpoints/broken")
    assert any("rule 14: spec.image" in sentence for sentence in found["why"])
    queue = await page.document("/debug/queue")
    assert queue["counts"].keys() == {"waiting", "in_process", "delayed", "failing"}


async def test_a_reconcile_that_fails_is_shown_with_its_error_and_the_next_try(
    writer: Writer, page: Page, cluster: KubernetesServer
) -> None:
    cluster.faults.add(
        Fault(verb="patch", kind="Deployment", status=403, message="no quota left", times=None)
    )
    writer.deploy("llama", SPEC, [REGION])

    async def failing() -> Any:
        return (await page.document("/debug/queue"))["failing"]

    (key,) = await until("fails", failing, bool)
    assert key["key"] == "llama"
    assert key["terminal"] is True
    assert key["next_try_in_seconds"] > 0
    assert key["failing_for_seconds"] >= 0
    found = await page.document("/debug/endpoints/llama")
    assert "no quota left" in found["errors"][0]["error"]
    refused = [each for each in found["actions"] if each["result"] == "failed"]
    assert {each["target"] for each in refused} == {DEPLOYMENT}
    assert [action["target"] for action in found["plan"]["stages"][0]] == [DEPLOYMENT]
    assert "no quota left" in await page.text("/")
    retries = ("gco_reconcile_retries_total", frozenset({("error", "PermissionDeniedError")}))
    refusals = ("gco_kubernetes_call_duration_seconds_count", frozenset({("verb", "patch"), ("code", "403")}))
    shown = await page.metrics()
    assert shown[retries] >= 1
    assert shown[refusals] >= 1


async def test_the_stream_is_shown_with_its_shards(writer: Writer, page: Page) -> None:
    writer.deploy("llama", SPEC, [REGION])
    await reported(writer, "llama", "running")
    found = await page.document("/debug/shards")
    assert found["arn"].startswith("arn:aws:dynamodb:")
    reading = [shard for shard in found["shards"] if shard["phase"] == "READING"]
    assert reading
    assert all(shard["polled_age_seconds"] is not None for shard in reading)


async def test_an_unknown_endpoint_is_not_found(writer: Writer, page: Page) -> None:
    await until("ready", lambda: page.document("/debug/shards"), lambda found: bool(found["shards"]))
    found = await page.document("/debug/endpoints/nobody", status=404)
    assert "error" in found


async def test_a_follower_shows_who_leads_and_the_endpoints_that_its_cache_knows(
    writer: Writer, page: Page, kubeconfig: str
) -> None:
    writer.deploy("llama", SPEC, [REGION])
    await reported(writer, "llama", "running")
    holder = (await page.document("/debug/shards"))["leadership"]["holder"]
    async with watched(writer, kubeconfig) as follower:

        async def seen() -> Any:
            return (await follower.document("/debug/shards"))["leadership"]

        leader = await until("the holder is known", seen, lambda found: bool(found["holder"]))
        assert leader["leads"] is False
        assert leader["holder"] == holder != leader["identity"]
        assert holder in await follower.text("/")
        queue = await follower.document("/debug/queue")
        assert queue["counts"] == {"waiting": 0, "in_process": 0, "delayed": 0, "failing": 0}

        async def rows() -> Any:
            return (await follower.document("/debug/endpoints"))["endpoints"]

        (row,) = await until("the cache is warm", rows, bool)
        assert (row["name"], row["replicas_desired"]) == ("llama", 2)
        assert row["message"] == "seen in the cluster only: this replica does not lead and reads no items"
        found = await follower.document("/debug/endpoints/llama")
        assert found["row"]["state"] == "running"
        assert found["desired"]["name"] == "llama"


async def test_objects_without_an_item_are_shown_as_what_they_are(writer: Writer, kubeconfig: str) -> None:
    await asyncio.to_thread(writer.create_table)
    async with watched(writer, kubeconfig, orphans="report") as page:
        writer.deploy("llama", SPEC, [REGION])
        await reported(writer, "llama", "running")
        writer.remove("llama")

        async def rows() -> Any:
            return (await page.document("/debug/endpoints"))["endpoints"]

        alone = "seen in the cluster only: no item of it was read"
        await until("known to have none", rows, lambda found: [row["message"] for row in found] == [alone])
        found = await page.document("/debug/endpoints/llama")
        assert found["row"]["message"] == "seen in the cluster only: the table has no item of it"
        (why,) = found["why"]
        assert "ORPHANS" in why


async def test_a_deleted_endpoint_leaves_the_page_and_the_metrics(writer: Writer, page: Page) -> None:
    writer.deploy("llama", CANARY, [REGION])
    await reported(writer, "llama", "running")
    exposed = ("gco_endpoint_exposure", frozenset({("endpoint", "llama"), ("exposure", "exposed")}))
    wanted = ("gco_endpoint_canary_weight_wanted", frozenset({("endpoint", "llama")}))
    shown = await until("the gauges", page.metrics, lambda found: found.get(exposed) == 1 and wanted in found)
    assert shown[wanted] == 10
    writer.delete("llama")

    async def rows() -> Any:
        return (await page.document("/debug/endpoints"))["endpoints"]

    await until("off the page", rows, lambda found: found == [])
    found = await page.metrics()
    assert not [labels for _, labels in found if ("endpoint", "llama") in labels]


async def test_calls_cache_and_drift_are_measured(
    writer: Writer, page: Page, cluster: KubernetesServer
) -> None:
    writer.deploy("llama", SPEC, [REGION])
    await reported(writer, "llama", "running")
    key = ("Service", NAMESPACE, "llama")
    live = cluster.store.objects[key]
    edited = {**live, "spec": {**live["spec"], "ports": [{**live["spec"]["ports"][0], "port": 81}]}}
    url = f"{cluster.url}/api/v1/namespaces/{NAMESPACE}/services/llama"
    async with aiohttp.ClientSession() as session, session.put(url, json=edited) as answer:
        assert answer.status == 200, await answer.text()
    drift = ("gco_drift_corrections_total", frozenset({("kind", "Service"), ("fields", "spec.ports")}))
    found = await until("put right", page.metrics, lambda found: found.get(drift, 0) >= 1)
    assert found["gco_cache_objects", frozenset({("kind", "Deployment")})] == 1
    assert found["gco_stream_last_poll_age_seconds", frozenset()] < 30

    def calls(name: str, *labels: tuple[str, str]) -> float:
        return found.get((f"{name}_duration_seconds_count", frozenset(labels)), 0)

    for verb, code in (("list", "200"), ("watch", "200"), ("patch", "201")):
        assert calls("gco_kubernetes_call", ("verb", verb), ("code", code)) >= 1, verb
    for operation in ("GetItem", "Scan", "GetRecords", "DescribeStream", "UpdateItem"):
        assert calls("gco_aws_call", ("operation", operation), ("code", "success")) >= 1, operation
    assert calls("gco_kubernetes_call", ("verb", "get"), ("code", "404")) >= 1


async def test_a_leader_that_works_is_alive_with_every_task_of_it(writer: Writer, page: Page) -> None:
    writer.deploy("llama", SPEC, [REGION])
    await reported(writer, "llama", "running")
    assert await page.alive() == {"ok": True, "reasons": []}
    eternal = {"heartbeat", "console-sampler", "informers", "stream-consumer", "resync", "events", "worker-0"}
    assert page.tasks() >= {*eternal, "status-writer-0"}
