"""A table, a cluster and the controller between them, with so many endpoints standing."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.cluster import Cluster, until
from tests.benchmarks.controller import Controller, total
from tests.benchmarks.servers import ApiServer, Aws, api_server
from tests.benchmarks.table import Table

_QUIET_SECONDS = 3.0
_QUIET_LIMIT_SECONDS = 300.0
_LAST_CHANGES_SECONDS = 180.0
_STEP = 7919


@dataclass(frozen=True, slots=True)
class Options:
    """How large a run is. seconds: of writing at each rate; steady_seconds: of watching nothing happen."""

    folder: Path
    standing: int
    large: int
    seconds: float
    steady_seconds: float
    drifts: int
    quick: bool


@dataclass(slots=True)
class Scene:
    """Everything that a case needs. `marks` counts the changes made so far; a change carries its number."""

    options: Options
    aws: Aws
    server: ApiServer
    table: Table
    cluster: Cluster
    names: list[str] = field(default_factory=list)
    marks: int = 0

    def controller(self, **changes: Any) -> Controller:
        """A controller for this scene, not started yet."""
        arguments: dict[str, Any] = {
            "environment": self.aws.environment,
            "kubeconfig": self.server.kubeconfig,
            "table": self.table.name,
            "namespace": self.cluster.namespace,
            "folder": self.options.folder,
        }
        return Controller(**{**arguments, **changes})

    async def deploy(self, count: int) -> None:
        """Write so many new endpoints."""
        new = [f"bench-{number:05d}" for number in range(len(self.names), len(self.names) + count)]
        self.names += new
        await self.table.deploy(new, self.cluster.namespace)

    async def applied(self, kinds: Iterable[str], controller: Controller, seconds: float = 900) -> float:
        """Wait until every endpoint has an object of these kinds; when (monotonic)."""
        wanted = len(self.names)
        stand = [self.cluster.names[kind] for kind in kinds]
        return await until(
            f"{wanted} of {'/'.join(kinds)}",
            lambda: all(len(each) >= wanted for each in stand),
            seconds,
            controller.check,
        )

    async def quiet(self, controller: Controller) -> None:
        """Wait until the controller has had nothing to do for some seconds."""
        deadline = time.monotonic() + _QUIET_LIMIT_SECONDS
        before, since = -1.0, time.monotonic()
        while time.monotonic() - since < _QUIET_SECONDS:
            metrics = await controller.metrics()
            now = total(metrics, "gco_reconcile_duration_seconds_count") + total(
                metrics, "gco_status_writes_total"
            )
            busy = total(metrics, "workqueue_depth") > 0
            if now != before or busy:
                before, since = now, time.monotonic()
            if time.monotonic() > deadline:
                raise RuntimeError("the controller does not come to rest")
            await asyncio.sleep(0.5)


@asynccontextmanager
async def scene(options: Options, aws: Aws, label: str) -> AsyncIterator[Scene]:
    """A fresh table and a fresh cluster (a fresh namespace of somebody else's), empty."""
    mark = f"bench-{label}-{int(time.time())}"
    with api_server(options.folder) as server:
        async with Table(aws.url, mark) as table, Cluster(server, mark) as cluster:
            yield Scene(options, aws, server, table, cluster)


class Reactions:
    """Times from a write in the table to the moment its effect is seen on a watch.

    A write that a later one to the same endpoint overtakes counts until the later one is seen: its effect is in it.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        # Endpoint → its unanswered writes: mark, and when it was begun.
        self._waiting: dict[str, list[tuple[int, float]]] = {}
        self.seconds: list[float] = []
        self.began: list[float] = []

    async def run(self, rate: float, seconds: float, check: Callable[[], None]) -> None:
        """Write to one endpoint after the other at this rate, then wait for the last effects."""
        self._scene.cluster.listeners.append(self._seen)
        try:
            await self._write(rate, seconds)
            await until("the last changes", lambda: not self._waiting, _LAST_CHANGES_SECONDS, check)
        finally:
            self._scene.cluster.listeners.remove(self._seen)

    async def _write(self, rate: float, seconds: float) -> None:
        start, chance = time.monotonic(), random.Random(2)
        async with asyncio.TaskGroup() as group:
            for number in range(max(1, int(rate * seconds))):
                # Anywhere in its turn: at whole seconds every write would meet the poll in the same phase.
                due = start + (number + chance.random()) / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                self._scene.marks += 1
                # A prime step visits every endpoint before the first comes again.
                name = self._scene.names[self._scene.marks * _STEP % len(self._scene.names)]
                self._waiting.setdefault(name, []).append((self._scene.marks, time.monotonic()))
                group.create_task(self._scene.table.mark(name, str(self._scene.marks)))

    def _seen(self, event: str, kind: str, obj: dict[str, Any]) -> None:
        if kind != "Deployment" or event == "DELETED" or obj["metadata"]["name"] not in self._waiting:
            return
        container = obj["spec"]["template"]["spec"]["containers"][0]
        mark = next((int(each["value"]) for each in container.get("env", ()) if each["name"] == "MARK"), 0)
        name, now = obj["metadata"]["name"], time.monotonic()
        left = []
        for number, began in self._waiting[name]:
            if number <= mark:
                self.seconds.append(now - began)
                self.began.append(began)
            else:
                left.append((number, began))
        if left:
            self._waiting[name] = left
        else:
            del self._waiting[name]
