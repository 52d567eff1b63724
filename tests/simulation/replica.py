"""One process of the controller: the product's application, joined to the world in memory."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any, cast

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.app.application import Application
from gco_stream_reconciler.aws.session import Clients as ProductClients
from gco_stream_reconciler.errors import ReconcilerError, first_error
from gco_stream_reconciler.kube.client import KubeClient
from gco_stream_reconciler.settings import Settings
from tests.simulation.api_server import ApiServer, SimulatedKubeClient
from tests.simulation.faults import Faults, Link
from tests.simulation.story import Story
from tests.simulation.table import Clients, Table


class _SimulatedApplication(Application):
    """The product's application with other connections."""

    def __init__(
        self, settings: Settings, *, identity: str, connect: Callable[[], tuple[Any, Any]], **options: Any
    ) -> None:
        super().__init__(settings, **options)
        self._identity = identity
        self._connect = connect

    async def live(self) -> None:
        """`run` without listeners, heartbeat and console."""
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self._work(), name="work")
            stopping = group.create_task(self._stopping.wait(), name="stopping")
            idle = group.create_task(self._nothing_to_drain.wait(), name="nothing-to-drain")
            await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
            if self.readiness.term is None:
                self._nothing_to_drain.set()
            await asyncio.wait((work, idle), return_when=asyncio.FIRST_COMPLETED)
            for task in (work, stopping, idle):
                task.cancel()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[KubeClient, ProductClients]]:
        kube, aws = self._connect()
        yield cast("KubeClient", kube), cast("ProductClients", aws)


@dataclasses.dataclass
class Surroundings:
    """What every process of one world shares. interrupt: told of each write around its effect (`before`, `after`)."""

    settings: Settings
    server: ApiServer
    table: Table
    faults: Faults
    story: Story
    epoch: float
    seed: str
    log: Callable[[str], FilteringBoundLogger]
    interrupt: Callable[["Replica", str, str], None]
    crashed: Callable[["Replica", BaseException], None]


class Replica:
    """A process from its start to its end. skew: seconds by which its wall clock is wrong."""

    def __init__(self, name: str, around: Surroundings, *, skew: float = 0.0, slowest: float = 0.05) -> None:
        self.name = name
        self.identity = f"gco-stream-reconciler/{name}"
        self.skew = skew
        self.link = Link(Random(f"{around.seed}/link/{name}"), slowest=slowest)
        self._around = around
        self._loop = asyncio.get_running_loop()
        self.application = _SimulatedApplication(
            around.settings,
            identity=self.identity,
            connect=self._connect,
            log=around.log(name),
            clock=self._loop.time,
            now=lambda: around.epoch + self._loop.time() + self.skew,
            chance=Random(f"{around.seed}/process/{name}"),
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to run."""
        self._around.story.tell(self.name, "starts")
        self._task = self._loop.create_task(self._run(), name=self.name)

    @property
    def leads(self) -> bool:
        """Whether it does a leader's work."""
        return self.alive and self.application.term is not None

    @property
    def alive(self) -> bool:
        """Whether it runs and can be heard."""
        return not self.link.dead and self._task is not None and not self._task.done()

    def kill(self, why: str) -> None:
        """SIGKILL: nothing that it does from now on reaches anybody."""
        if self.alive:
            self._around.story.tell(self.name, f"killed {why}")
        self.link.dead = True
        if self._task is not None:
            self._task.cancel()

    def stop(self) -> None:
        """SIGTERM."""
        self._around.story.tell(self.name, "asked to stop")
        self.application.stop()

    async def ended(self) -> None:
        """Return once it has ended."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            await self.application.live()
            self._around.story.tell(self.name, "ends")
        except ReconcilerError as error:
            self._around.story.tell(self.name, f"ends with {type(error).__name__}: {error}")
        except asyncio.CancelledError:
            raise
        except BaseExceptionGroup as errors:
            self._crashed(first_error(errors))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            self._crashed(error)

    def _crashed(self, error: BaseException) -> None:
        if not self.link.dead:
            self._around.story.tell(self.name, f"crashes: {type(error).__name__}: {error}")
            self._around.crashed(self, error)

    def _connect(self) -> tuple[SimulatedKubeClient, Clients]:
        around = self._around
        common: dict[str, Any] = {
            "actor": self.name,
            "link": self.link,
            "faults": around.faults,
            "about_to_write": lambda what: around.interrupt(self, "before", what),
            "has_written": lambda what: around.interrupt(self, "after", what),
        }
        kube = SimulatedKubeClient(around.server, random=Random(f"{around.seed}/kube/{self.name}"), **common)
        aws = Clients(around.table, random=Random(f"{around.seed}/aws/{self.name}"), **common)
        return kube, aws


async def quietly(replica: Replica) -> None:
    """Wait for a process that may have been cancelled."""
    with contextlib.suppress(asyncio.CancelledError):
        await replica.ended()
