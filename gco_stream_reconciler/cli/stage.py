"""What the demo's story is told on: a table, one cluster a Region, and how long they took to follow a write."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gco_stream_reconciler.endpoints.model import RegionStatus
from gco_stream_reconciler.endpoints.status import decode_region_status
from gco_stream_reconciler.errors import FatalError
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer

HOME = "us-east-1"
SECOND = "eu-west-1"
REGIONS = (HOME, SECOND)
NAMESPACE = "gco-inference"
_PATIENCE_SECONDS = 15.0
_LOOK_SECONDS = 0.002


class StoryBrokenError(FatalError):
    """The cluster did not follow."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was done, what followed, and after how many seconds. waits: a rule's own waiting time is among them."""

    done: str
    followed: str
    seconds: float
    waits: bool = False


@dataclass(slots=True)
class Stage:
    """`clusters` has one API server a Region; `tell` gets every step when it has come true."""

    clusters: Mapping[str, KubernetesServer]
    writer: Writer
    tell: Callable[[Step], None]
    steps: list[Step] = field(default_factory=list)

    # --- Doing --------------------------------------------------------------------------------------------------

    async def step(
        self,
        done: str,
        act: Callable[[], None],
        followed: str,
        holds: Callable[[], bool],
    ) -> None:
        """Do something in the table and measure until the clusters follow."""
        began = time.perf_counter()
        acting = asyncio.get_running_loop().run_in_executor(None, act)
        await self.until(f"{done}: {followed}", holds)
        seconds = time.perf_counter() - began
        await acting
        self._came_true(Step(done, followed, seconds))

    async def happens(
        self, done: str, act: Callable[[], None], followed: str, holds: Callable[[], bool]
    ) -> None:
        """Let something happen in the cluster, and measure until the controller has answered; a rule's time counts."""
        began = time.perf_counter()
        act()
        await self.until(f"{done}: {followed}", holds)
        self._came_true(Step(done, followed, time.perf_counter() - began, waits=True))

    def _came_true(self, step: Step) -> None:
        self.steps.append(step)
        self.tell(step)

    async def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait. Raises StoryBrokenError after a while."""
        async with _patience(what):
            while not holds():
                await asyncio.sleep(_LOOK_SECONDS)

    async def reported(self, name: str, state: str, region: str = HOME) -> None:
        """Wait for a Region's report."""
        async with _patience(f"{name}: report of {state} in {region}"):
            while (await asyncio.to_thread(self.status, name, region)).state != state:
                await asyncio.sleep(0.05)

    async def wanted(self, name: str, state: str | None) -> None:
        """Wait for the item's desired_state; None: for the item to be gone."""
        async with _patience(f"{name}: desired_state {state}"):
            while (await asyncio.to_thread(self.desired_state, name)) != state:
                await asyncio.sleep(0.05)

    # --- Looking: at the table, so not from the event loop's own thread -----------------------------------------

    def status(self, name: str, region: str = HOME) -> RegionStatus:
        """What a Region reports of an endpoint."""
        item = self.writer.get(name) or {}
        entries = item.get("region_status", {}).get("M", {})
        return decode_region_status(entries.get(region)) or RegionStatus(state="-")

    def desired_state(self, name: str) -> str | None:
        """What the item wants, None where there is no item."""
        item = self.writer.get(name)
        return None if item is None else str(item["desired_state"]["S"])

    # --- Looking: at a cluster ----------------------------------------------------------------------------------

    def stands(self, kind: str, name: str, region: str = HOME) -> bool:
        """Whether an object exists."""
        return (kind, NAMESPACE, name) in self.clusters[region].store.objects

    def deployment(self, name: str, region: str = HOME) -> dict[str, Any] | None:
        """A Deployment."""
        return self.clusters[region].store.objects.get(("Deployment", NAMESPACE, name))

    def replicas(self, name: str) -> int | None:
        """Replicas that a Deployment is to have."""
        found = self.deployment(name)
        return None if found is None else int(found["spec"]["replicas"])

    def image(self, name: str) -> str:
        """The image that a Deployment is to run."""
        found = self.deployment(name)
        return "" if found is None else str(found["spec"]["template"]["spec"]["containers"][0]["image"])

    def served(self, name: str) -> dict[str, int]:
        """Service → percent of the requests under the endpoint's path, as the load balancer is programmed."""
        routes = self.clusters[HOME].simulation.load_balancer.routes()
        return {target.service: target.weight for target in routes.get(f"/inference/{name}", ())}


@asynccontextmanager
async def _patience(what: str) -> AsyncIterator[None]:
    """A time-out that says what it waited for."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            yield
    except TimeoutError as error:
        raise StoryBrokenError(f"{what} did not come true within {_PATIENCE_SECONDS:g} s") from error
