"""An in-memory API server for one kind in one namespace, as far as list and watch go.

It keeps a history with resource versions, pages its listings from a snapshot, expires old versions, filters by the
type label, and misbehaves on request.
"""

import asyncio
import copy
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from gco_stream_reconciler.errors import ResourceExpiredError

TYPE = {"gco.io/type": "inference"}


@dataclass(frozen=True)
class Page:
    items: list[dict[str, Any]]
    resource_version: str
    continue_token: str | None


@dataclass(frozen=True)
class Event:
    type: str
    object: Any


Fault = Exception | Callable[[], Any]
"""What a call does instead of its work: raise, or await what the callable gives."""


@dataclass
class FakeKind:
    clock: Callable[[], float]
    kind: str = "Deployment"
    namespace: str = "ns"
    bookmark_seconds: float | None = 60.0
    version: int = 100
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    oldest: int = 0
    snapshots: dict[str, tuple[int, list[dict[str, Any]]]] = field(default_factory=dict)
    list_faults: deque[Fault | None] = field(default_factory=deque)
    watch_faults: deque[Fault | None] = field(default_factory=deque)
    list_calls: list[float] = field(default_factory=list)
    watch_calls: list[tuple[float, str]] = field(default_factory=list)
    open_watches: int = 0
    # Connections made before this time are dead: nothing comes through them any more.
    dead_before: float = -1.0
    injected: deque[Event | Exception | None] = field(default_factory=deque)
    page_size: int = 500
    uids: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    # --- The server's own life --------------------------------------------------------------------------------

    def put(self, name: str, *, labels: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
        """Create or change an object; the server's answer."""
        self.version += 1
        old = self.objects.get(name)
        if old is None:
            self.uids += 1
        obj = {
            "apiVersion": "apps/v1",
            "kind": self.kind,
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "uid": old["metadata"]["uid"] if old else f"uid-{self.kind}-{self.namespace}-{self.uids}",
                "resourceVersion": str(self.version),
                "labels": {**TYPE, "app": name} if labels is None else labels,
            },
            **fields,
        }
        self.objects[name] = obj
        before = old is not None and _matches(old)
        if _matches(obj):
            self._happened("MODIFIED" if before else "ADDED", obj)
        elif before:
            self._happened("DELETED", obj)
        return copy.deepcopy(obj)

    def delete(self, name: str) -> dict[str, Any]:
        """Delete an object; its last state."""
        self.version += 1
        obj = copy.deepcopy(self.objects.pop(name))
        obj["metadata"]["resourceVersion"] = str(self.version)
        if _matches(obj):
            self._happened("DELETED", obj)
        return obj

    def _happened(self, event_type: str, obj: dict[str, Any]) -> None:
        self.history.append((self.version, event_type, copy.deepcopy(obj)))
        self.changed.set()

    def expire_history(self) -> None:
        """Forget what happened: earlier versions are too old from now on."""
        self.oldest = self.version
        self.snapshots.clear()

    def cut_connections(self) -> None:
        """Every open watch goes dead without a word."""
        self.dead_before = self.clock()

    def inject(self, event: Event | Exception | None) -> None:
        """Send this on the open watch; None ends it in order."""
        self.injected.append(event)
        self.changed.set()

    def held(self) -> dict[str, str]:
        """Name → version of what a client should see."""
        return {n: o["metadata"]["resourceVersion"] for n, o in self.objects.items() if _matches(o)}

    # --- What clients call ------------------------------------------------------------------------------------

    async def list_page(self, *, limit: int, continue_token: str | None) -> Page:
        self.list_calls.append(self.clock())
        await _misbehave(self.list_faults)
        limit = min(limit, self.page_size)
        if continue_token is None:
            items = [copy.deepcopy(obj) for _, obj in sorted(self.objects.items()) if _matches(obj)]
            version, start = self.version, 0
        else:
            snapshot, _, position = continue_token.partition("/")
            if snapshot not in self.snapshots:
                raise ResourceExpiredError("the continue token is too old")
            (version, items), start = self.snapshots[snapshot], int(position)
        end = start + limit
        token = None
        if end < len(items):
            self.snapshots[str(version)] = (version, items)
            token = f"{version}/{end}"
        return Page(items[start:end], str(version), token)

    async def watch(self, *, resource_version: str, timeout_seconds: float) -> AsyncIterator[Event]:
        self.watch_calls.append((self.clock(), resource_version))
        await _misbehave(self.watch_faults)
        opened, sent = self.clock(), int(resource_version)
        if sent < self.oldest:
            raise ResourceExpiredError("the version is too old")
        self.open_watches += 1
        try:
            yield Event("OPENED", {})
            async for event in self._events(sent, opened, opened + timeout_seconds):
                yield event
        finally:
            self.open_watches -= 1

    async def _events(self, sent: int, opened: float, ends: float) -> AsyncIterator[Event]:
        bookmark_at = opened + (self.bookmark_seconds or float("inf"))
        while self.clock() < ends:
            while self.injected:
                event = self.injected.popleft()
                if event is None:
                    return
                if isinstance(event, Exception):
                    raise event
                yield event
            for version, event_type, obj in list(self.history):
                if version > sent and opened >= self.dead_before:
                    sent = version
                    yield Event(event_type, copy.deepcopy(obj))
            if self.clock() >= bookmark_at:
                bookmark_at = self.clock() + (self.bookmark_seconds or float("inf"))
                if opened >= self.dead_before:
                    sent = self.version
                    yield Event("BOOKMARK", {"metadata": {"resourceVersion": str(self.version)}})
            await self._news(min(bookmark_at, ends))
            self.changed.clear()

    async def _news(self, until: float) -> None:
        try:
            async with asyncio.timeout(max(0.001, until - self.clock())):
                await self.changed.wait()
        except TimeoutError:
            pass


def _matches(obj: dict[str, Any]) -> bool:
    return (obj["metadata"].get("labels") or {}).get("gco.io/type") == "inference"


async def _misbehave(faults: deque[Fault | None]) -> None:
    fault = faults.popleft() if faults else None
    if isinstance(fault, Exception):
        raise fault
    if fault is not None:
        await fault()
