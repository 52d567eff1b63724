"""A table, a cluster and some processes, on one virtual clock."""

import asyncio
import contextvars
import logging
import sys
import traceback
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import structlog
from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.sandbox.kubernetes.controllers import ClusterSimulation
from gco_stream_reconciler.settings import Settings, load_settings
from tests.simulation.api_server import ApiServer
from tests.simulation.faults import Faults
from tests.simulation.replica import Replica, Surroundings
from tests.simulation.story import Story
from tests.simulation.stream import Stream
from tests.simulation.table import Table

EPOCH = 1_793_000_000.0
REGION = "us-east-1"
OTHER_REGION = "eu-west-1"
NAMESPACE = "gco-inference"
# A process that is cancelled may bring what it has begun to its end; nothing of that takes so long.
_LONGEST_END_SECONDS = 600.0
_BUGS = frozenset({"reconcile_failed_by_a_bug", "shard_reader_failed_by_a_bug"})
_WHO: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="?")


def simulated_settings(**changes: Any) -> Settings:
    """Settings with short waits where the product's are long for the sake of quotas."""
    given: dict[str, Any] = {
        "region": REGION,
        "namespace": NAMESPACE,
        "workers": 4,
        "resync_seconds": 120,
        "idle_poll_seconds": 1.0,
        "http_port": 0,
        **changes,
    }
    return load_settings(**given)


class World:
    """Everything of one run. Findings of any kind go to `findings`; the first one ends the run."""

    def __init__(
        self,
        seed: str,
        settings: Settings,
        *,
        ready_seconds: float = 20.0,
        ingress_seconds: float = 5.0,
        aloud: bool = False,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.seed = seed
        self.settings = settings
        self.clock = loop.time
        self.findings: list[str] = []
        self.failed = asyncio.Event()
        self.story = Story(self.clock, aloud=aloud)
        self.server = ApiServer(self.clock, EPOCH, self.story)
        self.server.store.add_namespace(NAMESPACE)
        self.stream = Stream(self.clock, EPOCH, Random(f"{seed}/stream"))
        self.table = Table(self.clock, self.stream, self.story)
        self.faults = Faults(Random(f"{seed}/faults"))
        self.cluster = ClusterSimulation(
            self.server.store,
            ready_delay_seconds=ready_seconds,
            ingress_delete_seconds=ingress_seconds,
            programming_seconds=1.0,
            pods=False,
        )
        self.replicas: list[Replica] = []
        self.interrupts: list[Any] = []
        self._started = 0
        self._around = Surroundings(
            settings=settings,
            server=self.server,
            table=self.table,
            faults=self.faults,
            story=self.story,
            epoch=EPOCH,
            seed=seed,
            log=self._log,
            interrupt=self._interrupt,
            crashed=lambda replica, error: self.found(
                f"{replica.name} crashed: {type(error).__name__}: {error}"
            ),
        )

    def now(self) -> float:
        """The true time of day, epoch seconds."""
        return EPOCH + self.clock()

    def found(self, what: str) -> None:
        """Something that must not be."""
        self.story.tell("FINDING", what)
        self.findings.append(f"{self.story.elapsed:.3f} {what}")
        self.failed.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        """The cluster's own controllers run; at the end every process is killed."""
        structlog.configure(
            processors=[self._logged],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=structlog.ReturnLoggerFactory(),
            cache_logger_on_first_use=False,
        )
        try:
            async with self.cluster:
                yield self
        finally:
            for replica in self.replicas:
                replica.kill("at the end")
            for replica in self.replicas:
                await self._until_ended(replica)
            structlog.reset_defaults()

    async def _until_ended(self, replica: Replica) -> None:
        try:
            async with asyncio.timeout(_LONGEST_END_SECONDS):
                await replica.ended()
        except TimeoutError:
            self.found(f"{replica.name} was cancelled and has not ended after {_LONGEST_END_SECONDS:g} s")

    # --- Processes --------------------------------------------------------------------------------------------

    def start(self, *, skew: float = 0.0, slowest: float = 0.05) -> Replica:
        """A new process, which remembers nothing."""
        self._started += 1
        name = f"p{self._started}"
        replica = Replica(name, self._around, skew=skew, slowest=slowest)
        self.replicas = [each for each in self.replicas if each.alive] + [replica]
        context = contextvars.copy_context()
        context.run(_WHO.set, name)
        context.run(replica.start)
        return replica

    def leader(self) -> Replica | None:
        """The process that leads."""
        return next((replica for replica in self.replicas if replica.leads), None)

    def _interrupt(self, replica: Replica, when: str, what: str) -> None:
        for interrupt in self.interrupts:
            interrupt(replica, when, what)

    # --- Waiting ----------------------------------------------------------------------------------------------

    async def pause(self, seconds: float) -> bool:
        """Let time pass; False as soon as something was found."""
        try:
            async with asyncio.timeout(seconds):
                await self.failed.wait()
        except TimeoutError:
            return True
        return False

    # --- Logs -------------------------------------------------------------------------------------------------

    def _log(self, name: str) -> FilteringBoundLogger:
        log: FilteringBoundLogger = structlog.get_logger()
        return log

    def _logged(self, _: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        name = event.get("event", "")
        details = " ".join(
            f"{key}={value}" for key, value in event.items() if key not in ("event", "exc_info")
        )
        self.story.tell(_WHO.get(), f"[{method}] {name} {details}")
        if name in _BUGS:
            self.found(f"{_WHO.get()}: {name} {details} {_cause(event)}")
        raise structlog.DropEvent


def _cause(event: MutableMapping[str, Any]) -> str:
    error = sys.exc_info()[1]
    return "" if error is None else "".join(traceback.format_exception(error))[-3000:]
