"""SIGTERM in every phase of a real process: it ends in order, in time, and leaves no lease behind."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gco_stream_reconciler.sandbox.kubernetes.faults import Fault
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer
from tests.chaos.processes import Process
from tests.chaos.world import start_controller
from tests.doubles.line import Line, line_to
from tests.grounds.aws import AwsGround
from tests.integration.running import NAMESPACE, REGION, objects, reported, until

LEASE = "inference-monitor-leader"
ANOTHER = "gco-stream-reconciler/another/replica"
GRACE_SECONDS = 25.0
_AT_ONCE_SECONDS = 5.0
_SECOND_SIGNAL = 130


class Phase:
    """A controller as a process, its servers, and lines to them that can be cut."""

    def __init__(self, cluster: KubernetesServer, writer: Writer, aws: Line, api: Line, folder: Path) -> None:
        self.cluster = cluster
        self.writer = writer
        self.aws = aws
        self.api = api
        self._folder = folder
        self.process: Process | None = None

    def start(self) -> None:
        kubeconfig = self.cluster.kubeconfig()
        kubeconfig["clusters"][0]["cluster"]["server"] = self.api.url
        file = self._folder / "kubeconfig"
        file.write_text(json.dumps(kubeconfig), "utf-8")
        environment = AwsGround("line", self.aws.url).environment()
        self.process = start_controller(
            "controller",
            self._folder / "controller.log",
            kubeconfig=file,
            environment={**environment, "INFERENCE_ENDPOINTS_TABLE_NAME": self.writer.table},
        )

    async def logged(self, text: str) -> None:
        await self._running(f"{text} is logged", lambda: text in self.log())

    async def leads(self) -> None:
        await self._running("it leads", lambda: self.holder() not in ("", ANOTHER))

    async def follows(self) -> None:
        """Its caches are there: it has begun to watch every kind."""

        def watches() -> bool:
            return sum(1 for request in self.cluster.requests if request.verb == "watch") >= 4

        await self._running("it watches", watches)

    async def hits(self, fault: Fault, times: int = 1) -> None:
        await self._running("calls are held up", lambda: fault.hits >= times)

    async def _running(self, what: str, holds: Callable[[], bool]) -> None:
        assert self.process is not None
        await until(what, lambda: (holds(), self.process.code(), self.log()[-500:]), lambda found: found[0])  # type: ignore[union-attr]

    def holder(self) -> str:
        found = self.cluster.store.objects.get(("Lease", NAMESPACE, LEASE))
        return str(found["spec"].get("holderIdentity") or "") if found else ""

    def give_lease_to(self, holder: str) -> None:
        """For an hour, as far as anybody can see."""
        spec = {"holderIdentity": holder, "leaseDurationSeconds": 3600, "leaseTransitions": 0}
        kind = BY_NAME["Lease"]
        meta = {"name": LEASE}
        found = self.cluster.store.objects.get(("Lease", NAMESPACE, LEASE))
        if found is None:
            self.cluster.store.create(kind, NAMESPACE, {"metadata": meta, "spec": spec}, manager="test")
        else:
            meta["resourceVersion"] = found["metadata"]["resourceVersion"]
            self.cluster.store.replace(
                kind, NAMESPACE, LEASE, {"metadata": meta, "spec": spec}, manager="test"
            )

    def log(self) -> str:
        assert self.process is not None
        return self.process.log.read_text("utf-8")

    async def terminated(self) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.signal(signal.SIGTERM)
        return await self.process.ended(GRACE_SECONDS)


@pytest.fixture
async def phase(
    cluster: KubernetesServer, aws: AwsGround, writer: Writer, tmp_path: Path
) -> AsyncIterator[Phase]:
    await asyncio.to_thread(writer.create_table)
    async with line_to(aws.url) as aws_line, line_to(cluster.url) as api_line:
        phase = Phase(cluster, writer, aws_line, api_line, tmp_path)
        try:
            yield phase
        finally:
            if phase.process is not None:
                await phase.process.end()


@asynccontextmanager
async def hung(cluster: KubernetesServer, **matching: str) -> AsyncIterator[Fault]:
    fault = cluster.faults.add(Fault(hang=True, times=None, **matching))  # type: ignore[arg-type]
    try:
        yield fault
    finally:
        cluster.faults.remove(fault)


@pytest.mark.parametrize("outage", ["resets", "silence"])
async def test_while_it_waits_for_the_table(phase: Phase, outage: str) -> None:
    phase.aws.cut(outage)  # type: ignore[arg-type]
    phase.start()
    await phase.logged("waiting_at_start")
    assert await phase.terminated() == 0
    assert phase.holder() == ""


@pytest.mark.parametrize("outage", ["resets", "silence"])
async def test_while_it_waits_for_the_cluster(phase: Phase, outage: str) -> None:
    phase.api.cut(outage)  # type: ignore[arg-type]
    phase.start()
    await phase.logged("waiting_at_start")
    assert await phase.terminated() == 0
    assert phase.holder() == ""


async def test_while_it_follows(phase: Phase) -> None:
    phase.give_lease_to(ANOTHER)
    phase.start()
    await phase.follows()
    assert await phase.terminated() == 0
    assert phase.holder() == ANOTHER


async def test_while_it_leads_and_has_nothing_to_do(phase: Phase) -> None:
    phase.start()
    await phase.leads()
    phase.writer.deploy("llama", {"image": "vllm/vllm-openai:v1"}, [REGION])
    await reported(phase.writer, "llama", "running")
    assert await phase.terminated() == 0
    assert phase.holder() == ""


async def test_while_it_takes_stock_of_a_table_that_has_fallen_silent(phase: Phase) -> None:
    phase.give_lease_to(ANOTHER)
    phase.start()
    await phase.follows()
    phase.aws.cut("silence")
    phase.give_lease_to("")
    await phase.leads()
    assert await phase.terminated() == 0
    assert phase.holder() == ""


async def test_while_a_call_to_the_cluster_hangs_in_the_middle_of_work(phase: Phase) -> None:
    async with hung(phase.cluster, verb="patch", kind="Service") as fault:
        phase.start()
        await phase.leads()
        phase.writer.deploy("llama", {"image": "vllm/vllm-openai:v1"}, [REGION])
        await phase.hits(fault)
        assert await phase.terminated() == 0
    assert phase.holder() == ""
    assert ("Deployment", NAMESPACE, "llama") in phase.cluster.store.objects


async def test_what_it_has_begun_is_finished_first(phase: Phase) -> None:
    names = [f"llama-{number}" for number in range(8)]
    slow = phase.cluster.faults.add(Fault(verb="patch", kind="Deployment", delay=2.0, times=None))
    phase.start()
    await phase.leads()
    for name in names:
        phase.writer.deploy(name, {"image": "vllm/vllm-openai:v1"}, [REGION])
    await phase.hits(slow, times=len(names))
    assert await phase.terminated() == 0
    assert phase.holder() == ""
    assert {(kind, name) for name in names for kind in ("Deployment", "Service")} <= objects(phase.cluster)


async def test_a_second_signal_ends_it_at_once(phase: Phase) -> None:
    async with hung(phase.cluster, verb="patch", kind="Service") as fault:
        phase.start()
        await phase.leads()
        phase.writer.deploy("llama", {"image": "vllm/vllm-openai:v1"}, [REGION])
        await phase.hits(fault)
        assert phase.process is not None
        phase.process.signal(signal.SIGTERM)
        await phase.logged("draining")
        phase.process.signal(signal.SIGTERM)
        assert await phase.process.ended(_AT_ONCE_SECONDS) == _SECOND_SIGNAL
