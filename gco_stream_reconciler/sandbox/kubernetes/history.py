"""What happened to the objects of one kind, and who watches it."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.compact import encoded
from gco_stream_reconciler.sandbox.kubernetes.statuses import expired

Object = dict[str, Any]
Place = tuple[str, str]
"""Namespace and name."""


@dataclass(slots=True, eq=False)
class Event:
    """One change. type: ADDED, MODIFIED or DELETED; `old` is the object before it, None for a creation."""

    type: str
    version: int
    obj: Object
    old: Object | None
    _encoded: bytes = b""

    @property
    def encoded(self) -> bytes:
        """The object as JSON; every watch of a kind shares it with the answer to the write."""
        if not self._encoded:
            self._encoded = encoded(self.obj)
        return self._encoded


@dataclass(slots=True, eq=False)
class Watcher:
    """Gets every event of one kind after `seen`; None ends it. Invariant: what it got is in order, without gaps."""

    seen: int
    events: asyncio.Queue[Event | None] = field(default_factory=asyncio.Queue)


class Shelf:
    """The objects of one kind, their last changes, and their watchers.

    Invariants: `objects` is `at(v)` for the newest version v; a change above `forgotten` is in `history`; a watcher
    has got every change up to its `seen`, and lacks none but while the shelf is held.
    """

    def __init__(self, *, forgotten: int, kept: int) -> None:
        self.objects: dict[Place, Object] = {}
        self.history: deque[Event] = deque()
        self.watchers: set[Watcher] = set()
        self.forgotten = forgotten
        self._kept = kept
        self._held_at: int | None = None

    def add(self, event: Event) -> None:
        """Note a change and tell the watchers."""
        self.history.append(event)
        if len(self.history) > self._kept:
            self.forgotten = self.history.popleft().version
        if self._held_at is None:
            for watcher in self.watchers:
                watcher.seen = event.version
                watcher.events.put_nowait(event)

    def encoded(self, obj: Object) -> bytes:
        """An object as JSON; that of the last change is shared with its watches."""
        if self.history and self.history[-1].obj is obj:
            return self.history[-1].encoded
        return encoded(obj)

    def since(self, version: int) -> list[Event]:
        """Changes after a version. Raises RefusedError 410 when some are forgotten."""
        if version < self.forgotten:
            raise expired(f"too old resource version: {version} ({self.forgotten})")
        found = []
        for event in reversed(self.history):
            if event.version <= version:
                break
            found.append(event)
        return found[::-1]

    def at(self, version: int) -> dict[Place, Object]:
        """The objects as they were at a version. Raises RefusedError 410."""
        found = dict(self.objects)
        for event in reversed(self.since(version)):
            meta = event.obj["metadata"]
            place = (meta.get("namespace", ""), meta["name"])
            if event.old is None:
                found.pop(place, None)
            else:
                found[place] = event.old
        return found

    def watch(self, version: int) -> Watcher:
        """A watcher that gets everything after a version, what is past first. Raises RefusedError 410."""
        watcher = Watcher(version)
        self._catch_up(watcher, until=self._held_at)
        self.watchers.add(watcher)
        return watcher

    def hold(self, version: int) -> None:
        """Tell the watchers nothing until `release`."""
        self._held_at = version if self._held_at is None else self._held_at

    @property
    def is_held(self) -> bool:
        """Whether the watchers lag."""
        return self._held_at is not None

    def release(self) -> None:
        """Tell the watchers what was held back."""
        self._held_at = None
        for watcher in self.watchers:
            self._catch_up(watcher, until=None)

    def end_watches(self) -> None:
        """End every watch, as a server that restarts does."""
        for watcher in self.watchers:
            watcher.events.put_nowait(None)
        self.watchers.clear()

    def _catch_up(self, watcher: Watcher, *, until: int | None) -> None:
        for event in self.since(watcher.seen):
            if until is None or event.version <= until:
                watcher.seen = event.version
                watcher.events.put_nowait(event)
