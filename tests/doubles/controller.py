"""The world of the controller in memory: a table, a cluster, its cache, and an observer that remembers.

Faults are taken from a list, one a call; None passes a call.
"""

import asyncio
import copy
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog
from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.controller.ports import Item
from gco_stream_reconciler.errors import ConditionFailedError, ConflictError, ReconcilerError
from gco_stream_reconciler.planning.observed import KubeObject

Faults = list[ReconcilerError | None]
Name = tuple[str, str, str]
"""Kind, namespace, name."""


def now() -> float:
    """The running loop's time, monotonic."""
    return asyncio.get_running_loop().time()


class RecordingObserver:
    """Remembers every measurement as (name, arguments), whatever its name."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self.seen.append((name, *arguments))

    def of(self, name: str) -> list[list[Any]]:
        """The arguments of one kind of measurement."""
        return [arguments for found, *arguments in self.seen if found == name]


class NullListener:
    """Takes whatever it is told, as the journal or as the watch for lasting trouble, and keeps nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


def recording_log(events: list[MutableMapping[str, Any]]) -> FilteringBoundLogger:
    """A logger that puts each event on a list and nothing on the screen."""

    def keep(_: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        events.append({**event, "level": method})
        raise structlog.DropEvent

    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.ReturnLogger(),
        processors=[keep],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
    )
    return log


@dataclass(frozen=True)
class Described:
    """What a table says of itself."""

    table_id: str


@dataclass
class MemoryTable:
    """The endpoint table. page_seconds: how long a page takes. held: names whose writes hang.

    only_at_home: names that the replica which is scanned does not show yet. table_id: another one is another table.
    """

    items: dict[str, Item] = field(default_factory=dict)
    page_size: int = 2
    page_seconds: float = 0.01
    only_at_home: set[str] = field(default_factory=set)
    table_id: str = "table-1"
    home_faults: Faults = field(default_factory=list)
    scan_faults: Faults = field(default_factory=list)
    write_faults: Faults = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    between_pages: Callable[[], None] = lambda: None
    scans: list[float] = field(default_factory=list)
    writes: list[tuple[float, str]] = field(default_factory=list)

    def put(self, name: str, **attributes: Any) -> Item:
        """Write an item."""
        self.items[name] = {"endpoint_name": {"S": name}, **attributes}
        return self.items[name]

    def status(self, name: str, region: str) -> dict[str, Any] | None:
        """One Region's entry as it stands."""
        found: dict[str, Any] | None = (
            self.items.get(name, {}).get("region_status", {}).get("M", {}).get(region)
        )
        return found

    async def get(self, name: str) -> Item | None:
        await asyncio.sleep(0)
        return copy.deepcopy(self.items.get(name))

    async def get_home(self, name: str) -> Item | None:
        return await self.get(name)

    async def scan(self) -> AsyncIterator[list[Item]]:
        self.scans.append(now())
        items = list(self.items.values())
        for start in range(0, max(len(items), 1), self.page_size):
            await asyncio.sleep(self.page_seconds)
            _fail(self.scan_faults)
            yield copy.deepcopy(items[start : start + self.page_size])
            self.between_pages()

    async def write_status(
        self,
        *,
        name: str,
        region: str,
        created_at: str | None,
        status: Mapping[str, Any],
        only_if_desired_state: str | None,
        region_status_exists: bool,
    ) -> None:
        self.writes.append((now(), name))
        await asyncio.sleep(0.01)
        while name in self.held:
            await asyncio.sleep(0.1)
        _fail(self.write_faults)
        item = self.items.get(name)
        if item is None or item.get("created_at", {}).get("S") != created_at:
            raise ConditionFailedError(f"{name} is another item")
        if only_if_desired_state not in (None, item.get("desired_state", {}).get("S")):
            raise ConditionFailedError(f"{name} is in another desired state")
        item.setdefault("region_status", {"M": {}})["M"][region] = copy.deepcopy(dict(status))

    async def promote(self, item: Item) -> None:
        await self._unchanged(item)
        self.items[item["endpoint_name"]["S"]]["desired_state"] = {"S": "running"}

    async def purge(self, item: Item) -> None:
        await self._unchanged(item)
        del self.items[item["endpoint_name"]["S"]]

    async def _unchanged(self, item: Item) -> None:
        name = item["endpoint_name"]["S"]
        self.writes.append((now(), name))
        await asyncio.sleep(0.01)
        _fail(self.write_faults)
        if self.items.get(name) != item:
            raise ConditionFailedError(f"{name} has changed")

    async def describe(self) -> Described:
        await asyncio.sleep(self.page_seconds)
        _fail(self.home_faults)
        return Described(self.table_id)

    async def names_at_home(self) -> frozenset[str]:
        await asyncio.sleep(self.page_seconds)
        _fail(self.home_faults)
        return frozenset({*self.items, *self.only_at_home})


@dataclass
class MemoryCluster:
    """Calls about single objects. webhook: rewrites what is applied. holds: kinds with finalizers."""

    objects: dict[Name, dict[str, Any]] = field(default_factory=dict)
    faults: dict[str, Faults] = field(default_factory=dict)
    """By kind."""
    seconds: dict[str, float] = field(default_factory=dict)
    """How long a call about a kind takes."""
    webhook: Callable[[dict[str, Any]], None] = lambda _: None
    holds: set[str] = field(default_factory=set)
    began: list[tuple[float, str, str]] = field(default_factory=list)
    """Time, operation and kind of every call."""
    ended: list[tuple[float, str, str]] = field(default_factory=list)
    applies: list[dict[str, Any]] = field(default_factory=list)
    deletions: list[dict[str, Any]] = field(default_factory=list)

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        await self._call("get", kind)
        return copy.deepcopy(self.objects.get((kind, namespace, name)))

    async def apply(self, manifest: Mapping[str, Any], *, field_manager: str, force: bool) -> dict[str, Any]:
        kind, meta = manifest["kind"], manifest["metadata"]
        await self._call("apply", kind)
        self.applies.append({"manifest": manifest, "field_manager": field_manager, "force": force})
        where = (kind, meta["namespace"], meta["name"])
        live = _merged(self.objects.get(where, {}), manifest)
        live["metadata"].setdefault("uid", f"uid-{len(self.applies)}")
        self.webhook(live)
        self.objects[where] = live
        return copy.deepcopy(live)

    async def delete(
        self,
        kind: str,
        namespace: str,
        name: str,
        *,
        uid: str,
        propagation: Literal["Foreground", "Background"],
    ) -> dict[str, Any] | None:
        await self._call("delete", kind)
        self.deletions.append({"kind": kind, "name": name, "uid": uid, "propagation": propagation})
        live = self.objects.get((kind, namespace, name))
        if live is None:
            return None
        if live["metadata"]["uid"] != uid:
            raise ConflictError(f"{kind} {name} is another one by now")
        if kind not in self.holds:
            del self.objects[kind, namespace, name]
            return None
        live["metadata"]["deletionTimestamp"] = "2026-11-01T09:00:00Z"
        return copy.deepcopy(live)

    async def replace_managed_fields(
        self, obj: KubeObject, managed_fields: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        meta = obj["metadata"]
        await self._call("replace", obj["kind"])
        live = self.objects.get((obj["kind"], meta["namespace"], meta["name"]))
        if live != obj:
            raise ConflictError(f"{obj['kind']} {meta['name']} has changed")
        live["metadata"]["managedFields"] = [dict(entry) for entry in managed_fields]
        return copy.deepcopy(live)

    async def list_pods(self, namespace: str, label_selector: str, *, limit: int) -> list[dict[str, Any]]:
        await self._call("list", "Pod")
        return []

    async def _call(self, operation: str, kind: str) -> None:
        self.began.append((now(), operation, kind))
        await asyncio.sleep(self.seconds.get(kind, 0.01))
        self.ended.append((now(), operation, kind))
        _fail(self.faults.get(kind, []))


@dataclass
class MemoryCache:
    """What list+watch has seen, by endpoint."""

    objects: dict[str, list[KubeObject]] = field(default_factory=dict)
    is_stale: bool = False
    written: list[dict[str, Any]] = field(default_factory=list)
    forgotten: list[tuple[str, str, str, str]] = field(default_factory=list)

    def get(self, kind: str, namespace: str, name: str) -> KubeObject | None:
        every = [obj for objects in self.objects.values() for obj in objects] + self.written
        found = [obj for obj in every if _is(obj, kind, namespace, name)]
        return found[-1] if found else None

    def for_endpoint(self, key: str) -> Iterable[tuple[str, KubeObject]]:
        return [(obj["kind"], obj) for obj in self.objects.get(key, [])]

    def endpoint_keys(self) -> set[str]:
        return set(self.objects)

    def stale(self, now: float) -> bool:
        return self.is_stale

    def write_through(self, obj: dict[str, Any]) -> None:
        self.written.append(obj)

    def forget(self, kind: str, namespace: str, name: str, uid: str) -> None:
        self.forgotten.append((kind, namespace, name, uid))


def _is(obj: KubeObject, kind: str, namespace: str, name: str) -> bool:
    meta = obj["metadata"]
    return (obj["kind"], meta["namespace"], meta["name"]) == (kind, namespace, name)


def _fail(faults: Faults) -> None:
    fault = faults.pop(0) if faults else None
    if fault is not None:
        raise fault


def _merged(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(dict(live))
    for key, value in wanted.items():
        both_maps = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both_maps else copy.deepcopy(value)
    return merged
