"""The table or the API server goes away after the start and comes back: nothing is lost, nothing spins, no restart."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest
from prometheus_client import generate_latest

from gco_stream_reconciler.app.application import Application
from gco_stream_reconciler.controller.trouble import KEEPS_FAILING
from gco_stream_reconciler.endpoints.model import RegionStatus
from gco_stream_reconciler.sandbox.kubernetes.faults import Fault
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer
from tests.doubles.line import Line, line_to
from tests.grounds.aws import AwsGround
from tests.integration import running
from tests.integration.running import NAMESPACE, REGION, reported, until

Outage = Literal["resets", "silence"]
SPEC = {"image": "vllm/vllm-openai:v1", "replicas": 2}
_OUTAGE_SECONDS = 8.0
# First, everything that is under way tries a few times quickly; then each watch, the lease, the stream, the resync, each
# key and each status backs off by itself. What spins makes thousands.
_BURST, _CALLS_A_SECOND = 120, 15.0


@pytest.fixture
async def table_line(aws: AwsGround) -> AsyncIterator[Line]:
    """The way of the controller to the table; the writer has another."""
    async with line_to(aws.url) as line:
        with AwsGround("line", line.url).in_use():
            yield line


@pytest.fixture
async def api_line(cluster: KubernetesServer) -> AsyncIterator[Line]:
    async with line_to(cluster.url) as line:
        yield line


@asynccontextmanager
async def standing(writer: Writer, kubeconfig: Path, **flags: Any) -> AsyncIterator[Application]:
    """A controller with one endpoint that runs. It is the same one in the end."""
    await asyncio.to_thread(writer.create_table)
    async with running.controller(writer, str(kubeconfig), **flags) as application:
        await asyncio.to_thread(writer.deploy, "llama", SPEC, [REGION])
        await reported(writer, "llama", "running")
        yield application


def line_kubeconfig(cluster: KubernetesServer, line: Line, folder: Path) -> Path:
    configuration = cluster.kubeconfig()
    configuration["clusters"][0]["cluster"]["server"] = line.url
    file = folder / "kubeconfig-of-the-line"
    file.write_text(json.dumps(configuration), "utf-8")
    return file


async def ready(application: Application) -> dict[str, Any]:
    """What the probe says."""
    url = f"http://127.0.0.1:{application.http_port}/readyz"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        answer: dict[str, Any] = await response.json()
        assert (response.status == 200) == answer["ok"]
        return answer


def replicas(cluster: KubernetesServer, name: str = "llama") -> int | None:
    found = cluster.store.objects.get(("Deployment", NAMESPACE, name))
    return found["spec"]["replicas"] if found else None


async def caught_up(cluster: KubernetesServer, writer: Writer) -> None:
    """What was written during the outage has arrived."""
    await until("scaled", lambda: replicas(cluster), lambda found: found == 5)
    await reported(writer, "llama", "running")
    await reported(writer, "qwen", "running")


async def change(writer: Writer) -> None:
    await asyncio.to_thread(writer.scale, "llama", 5)
    await asyncio.to_thread(writer.deploy, "qwen", SPEC, [REGION])


async def assert_patient(line: Line, began: float) -> None:
    # In a silence the first try ends by its own deadline.
    tried = await until("tried again", lambda: sum(at >= began for at in line.attempts), bool)
    seconds = asyncio.get_running_loop().time() - began
    assert tried <= _BURST + _CALLS_A_SECOND * seconds, f"{tried} connections in {seconds:.1f} s"


@pytest.mark.parametrize("outage", ["resets", "silence"])
async def test_a_table_that_goes_away_is_waited_for(
    cluster: KubernetesServer, kubeconfig: str, table_line: Line, writer: Writer, outage: Outage
) -> None:
    async with standing(writer, Path(kubeconfig)) as application:
        term, before = application.term, dict(cluster.store.objects)
        began = asyncio.get_running_loop().time()
        table_line.cut(outage)
        await change(writer)
        await asyncio.sleep(_OUTAGE_SECONDS)
        await assert_patient(table_line, began)
        assert {key for key in before if key[0] == "Deployment"} <= set(cluster.store.objects)
        table_line.mend()
        await caught_up(cluster, writer)
        assert application.term is term


async def test_a_leader_that_cannot_read_the_stream_says_so_until_it_can(
    cluster: KubernetesServer, kubeconfig: str, table_line: Line, writer: Writer
) -> None:
    async with standing(writer, Path(kubeconfig)) as application:
        assert (await ready(application))["ok"]
        began = asyncio.get_running_loop().time()
        table_line.cut("resets")
        answer = await until_not_ready(application)
        assert [reason["part"] for reason in answer["reasons"]] == ["stream"]
        await assert_patient(table_line, began)
        await change(writer)
        table_line.mend()
        await caught_up(cluster, writer)
        await until("ready again", lambda: ready(application), lambda found: found["ok"])


async def until_not_ready(application: Application) -> dict[str, Any]:
    # The limit is 30 s, and so is the patience of `until`.
    async with asyncio.timeout(60):
        while (answer := await ready(application))["ok"]:
            await asyncio.sleep(0.5)
    return answer


async def test_a_change_whose_record_is_lost_is_found_by_the_resync_that_the_loss_asks_for(
    kubeconfig: str, cluster: KubernetesServer, aws: AwsGround, writer: Writer
) -> None:
    async with standing(writer, Path(kubeconfig)) as application:
        term = application.term
        assert term is not None
        # As when a shard is trimmed before it was read: the item has just been read and no record tells of its change.
        lost = asyncio.Event()
        term.changed = lambda *_: lost.set()
        await asyncio.to_thread(writer.scale, "llama", 5)
        await until("its record is lost", lost.is_set, bool)
        term.request_resync("trimmed data")
        await until("scaled", lambda: replicas(cluster), lambda found: found == 5)


@pytest.mark.parametrize("outage", ["resets", "silence"])
async def test_an_api_server_that_goes_away_is_waited_for(
    cluster: KubernetesServer, api_line: Line, aws: AwsGround, writer: Writer, tmp_path: Path, outage: Outage
) -> None:
    async with standing(writer, line_kubeconfig(cluster, api_line, tmp_path)) as application:
        term = application.term
        began = asyncio.get_running_loop().time()
        api_line.cut(outage)
        await change(writer)
        # Shorter than the renew deadline: the same term goes on.
        await asyncio.sleep(_OUTAGE_SECONDS / 2)
        await assert_patient(api_line, began)
        assert replicas(cluster) == 2
        api_line.mend()
        await caught_up(cluster, writer)
        assert application.term is term


async def test_a_leader_that_loses_its_lease_in_an_outage_stands_again_without_a_restart(
    cluster: KubernetesServer, api_line: Line, aws: AwsGround, writer: Writer, tmp_path: Path
) -> None:
    async with standing(writer, line_kubeconfig(cluster, api_line, tmp_path)) as application:
        term = application.term
        began = asyncio.get_running_loop().time()
        api_line.cut("resets")
        await until("the lease is lost", lambda: application.term, lambda found: found is None)
        # What a former leader has left waiting is nobody's work, and would age on its gauges for ever.
        assert b"workqueue_depth{" not in generate_latest(application.registry)
        await assert_patient(api_line, began)
        await change(writer)
        api_line.mend()
        await caught_up(cluster, writer)
        assert application.term not in (None, term)


async def test_a_cluster_that_is_not_reached_at_the_start_is_named_by_the_probe(
    cluster: KubernetesServer, api_line: Line, aws: AwsGround, writer: Writer, tmp_path: Path
) -> None:
    await asyncio.to_thread(writer.create_table)
    await asyncio.to_thread(writer.deploy, "llama", SPEC, [REGION])
    api_line.cut("resets")
    began = asyncio.get_running_loop().time()
    async with running.controller(writer, str(line_kubeconfig(cluster, api_line, tmp_path))) as application:
        await until("it has started", lambda: application.http_port, lambda port: port is not None)
        answer = await until(
            "tried",
            lambda: ready(application),
            lambda found: "reset" in json.dumps(found) or bool(api_line.attempts),
        )
        assert "cluster" in [reason["part"] for reason in answer["reasons"]]
        await asyncio.sleep(2)
        await assert_patient(api_line, began)
        api_line.mend()
        await reported(writer, "llama", "running")
        assert (await ready(application))["ok"]


async def test_writes_that_are_refused_for_a_while_come_to_pass(
    cluster: KubernetesServer, kubeconfig: str, aws: AwsGround, writer: Writer
) -> None:
    async with standing(writer, Path(kubeconfig)):
        overloaded = cluster.faults.add(Fault(verb="patch", status=503, times=None))
        await change(writer)
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(_OUTAGE_SECONDS / 2)
        seconds = asyncio.get_running_loop().time() - began
        assert 0 < overloaded.hits <= _BURST + _CALLS_A_SECOND * seconds
        cluster.faults.remove(overloaded)
        await caught_up(cluster, writer)


async def test_what_keeps_failing_at_one_endpoint_stands_in_its_status_until_it_passes(
    cluster: KubernetesServer, kubeconfig: str, aws: AwsGround, writer: Writer
) -> None:
    async def status() -> RegionStatus:
        return await reported(writer, "llama", "running")

    async with standing(writer, Path(kubeconfig), backoff_initial_seconds=0.1, backoff_maximum_seconds=0.2):
        broken = Fault(verb="patch", name="llama", status=500, message="failed calling webhook", times=None)
        cluster.faults.add(broken)
        await change(writer)
        said = await until("it is said", status, lambda found: found.message is not None)
        assert (said.message or "").startswith(KEEPS_FAILING)
        assert "answered 500: failed calling webhook" in (said.message or "")
        assert (said.replicas_ready, said.replicas_desired) == (2, 2)
        assert (await reported(writer, "qwen", "running")).message is None
        tried = broken.hits
        await until("it is tried on", lambda: broken.hits, lambda hits: hits > tried + 8)
        assert await status() == said
        cluster.faults.remove(broken)
        await until(
            "it has passed", status, lambda found: found.message is None and found.replicas_ready == 5
        )
