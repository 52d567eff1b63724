"""Objects, versions, history and watchers. One event loop, no awaits: every write is atomic."""

import asyncio
import copy
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes import merge, schema
from gco_stream_reconciler.sandbox.kubernetes.admission import canonical, fill_defaults, validate
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME, Kind
from gco_stream_reconciler.sandbox.kubernetes.merge import Ownership
from gco_stream_reconciler.sandbox.kubernetes.statuses import (
    RefusedError,
    already_exists,
    modified,
    not_found,
    wrong_uid,
)

Object = dict[str, Any]
Key = tuple[str, str, str]
"""Kind, namespace, name."""

_HISTORY = 10_000
_KEPT_BY_UPDATES = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


@dataclass(frozen=True, slots=True)
class Event:
    """One change. `old` is the object before it, None for a creation."""

    type: str
    version: int
    obj: Object
    old: Object | None


@dataclass(eq=False)
class Watcher:
    """Gets every event of one kind from now on."""

    kind: str
    events: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)


class Store:
    """The cluster's objects. `now` gives the time of day.

    Invariant: every change has a version above all earlier ones, stands in `history` (while it is kept), and was put
    to every watcher of its kind.
    """

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self.version = 1
        self.objects: dict[Key, Object] = {}
        self.history: deque[Event] = deque(maxlen=_HISTORY)
        self._watchers: set[Watcher] = set()
        self.add_namespace("default")

    # --- Reading ----------------------------------------------------------------------------------------------

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """The object; raises RefusedError 404."""
        found = self.objects.get((kind.kind, namespace, name))
        if found is None:
            raise not_found(kind.plural, kind.group, name)
        return found

    def of_kind(self, kind: Kind, namespace: str | None) -> list[Object]:
        """Objects of a kind, by namespace and name."""
        keys = sorted(key for key in self.objects if key[0] == kind.kind and namespace in (None, key[1]))
        return [self.objects[key] for key in keys]

    def watch(self, kind: Kind, since: int) -> tuple[list[Event], Watcher]:
        """What happened after a version, and a watcher for what comes. Raises RefusedError 410."""
        oldest = self.history[0].version if self.history else self.version + 1
        if since + 1 < oldest and len(self.history) == self.history.maxlen:
            raise RefusedError(410, f"too old resource version: {since} ({oldest})", "Expired")
        watcher = Watcher(kind.kind)
        self._watchers.add(watcher)
        return [
            event for event in self.history if event.version > since and event.obj["kind"] == kind.kind
        ], watcher

    def unwatch(self, watcher: Watcher) -> None:
        """End a watcher."""
        self._watchers.discard(watcher)

    # --- Writing ----------------------------------------------------------------------------------------------

    def add_namespace(self, name: str) -> None:
        """Make a namespace unless it is there."""
        kind = BY_NAME["Namespace"]
        if (kind.kind, "", name) not in self.objects:
            self.create(kind, "", {"metadata": {"name": name}}, manager="sandbox")

    def create(self, kind: Kind, namespace: str, obj: Object, *, manager: str) -> Object:
        """POST."""
        self._check_namespace(kind, namespace)
        name = obj.get("metadata", {}).get("name", "")
        if (kind.kind, namespace, name) in self.objects:
            raise already_exists(kind.plural, kind.group, name)
        new = self._prepared(kind, namespace, obj)
        self._admit(new, None, kind)
        ownership = merge.update({}, new, schema.root(kind.kind), manager=manager)
        return self._put(kind, None, new, ownership)

    def replace(
        self, kind: Kind, namespace: str, name: str, obj: Object, *, manager: str, subresource: str = ""
    ) -> Object:
        """PUT, and the end of every patch but apply. A resourceVersion in it must be the present one."""
        old = self.get(kind, namespace, name)
        asked = obj.get("metadata", {}).get("resourceVersion")
        if asked and asked != old["metadata"]["resourceVersion"]:
            raise modified(kind.plural, kind.group, name)
        new = self._prepared(kind, namespace, obj)
        if subresource == "status":
            new = {**copy.deepcopy(old), "status": copy.deepcopy(obj.get("status", {}))}
        elif "status" in old:
            new["status"] = copy.deepcopy(old["status"])
        self._keep_identity(new, old)
        self._admit(new, old, kind)
        ownership = merge.update(old, new, schema.root(kind.kind), manager=manager, subresource=subresource)
        return self._put(kind, old, new, ownership)

    def apply(
        self, kind: Kind, namespace: str, config: Object, *, manager: str, force: bool
    ) -> tuple[Object, bool]:
        """Server-side apply; returns the object and whether it was created."""
        self._check_namespace(kind, namespace)
        name = config["metadata"]["name"]
        old = self.objects.get((kind.kind, namespace, name))
        asked = config["metadata"].get("uid")
        if asked and (old is None or old["metadata"]["uid"] != asked):
            found = "" if old is None else old["metadata"]["uid"]
            raise wrong_uid(kind.kind, kind.group, name, asked, found)
        node = schema.root(kind.kind)
        wanted = self._prepared(kind, namespace, config)
        new, ownership = merge.apply(old, wanted, node, manager=manager, force=force)
        if old is not None:
            self._keep_identity(new, old)
        self._admit(new, old, kind)
        return self._put(kind, old, new, ownership), old is None

    def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str | None, version: str | None, foreground: bool
    ) -> tuple[Object, bool]:
        """DELETE; returns the object and whether it is gone. Finalizers keep it, with a deletionTimestamp."""
        old = self.get(kind, namespace, name)
        meta = old["metadata"]
        if uid and uid != meta["uid"]:
            raise wrong_uid(kind.kind, kind.group, name, uid, meta["uid"])
        if version and version != meta["resourceVersion"]:
            raise modified(kind.plural, kind.group, name)
        finalizers = list(meta.get("finalizers", ()))
        if foreground and "foregroundDeletion" not in finalizers:
            finalizers.append("foregroundDeletion")
        if not finalizers:
            return self._remove(old), True
        if "deletionTimestamp" in meta:
            return old, False
        new = copy.deepcopy(old)
        new["metadata"].update(
            deletionTimestamp=self._stamp(), deletionGracePeriodSeconds=0, finalizers=finalizers
        )
        if kind.generation:
            new["metadata"]["generation"] += 1
        return self._commit(kind, old, new), False

    def set_finalizers(self, obj: Object, finalizers: Iterable[str]) -> None:
        """Change finalizers; the last one gone removes an object that is being deleted."""
        key = _key(obj)
        old = self.objects.get(key)
        if old is None or old["metadata"]["uid"] != obj["metadata"]["uid"]:
            return
        kept = list(finalizers)
        if not kept and "deletionTimestamp" in old["metadata"]:
            self._remove(old)
            return
        new = copy.deepcopy(old)
        if kept:
            new["metadata"]["finalizers"] = kept
        else:
            new["metadata"].pop("finalizers", None)
        if new != old:
            self._commit(BY_NAME[old["kind"]], old, new)

    # --- One change -------------------------------------------------------------------------------------------

    def _check_namespace(self, kind: Kind, namespace: str) -> None:
        if kind.namespaced and ("Namespace", "", namespace) not in self.objects:
            raise RefusedError(
                404,
                f'namespaces "{namespace}" not found',
                "NotFound",
                {"name": namespace, "kind": "namespaces"},
            )

    def _prepared(self, kind: Kind, namespace: str, obj: Object) -> Object:
        new: Object = {
            "kind": kind.kind,
            "apiVersion": kind.api_version,
            **canonical(obj, schema.root(kind.kind)),
        }
        meta = dict(new.get("metadata") or {})
        if kind.namespaced:
            meta["namespace"] = namespace
        meta.pop("managedFields", None)
        new["metadata"] = meta
        return copy.deepcopy(new)

    def _admit(self, new: Object, old: Object | None, kind: Kind) -> None:
        fill_defaults(new, kind)
        validate(new, old, kind)

    @staticmethod
    def _keep_identity(new: Object, old: Object) -> None:
        for name in _KEPT_BY_UPDATES:
            if name in old["metadata"]:
                new["metadata"][name] = old["metadata"][name]

    def _put(self, kind: Kind, old: Object | None, new: Object, ownership: Ownership) -> Object:
        meta = new["metadata"]
        before = [] if old is None else old["metadata"].get("managedFields", [])
        meta["managedFields"] = merge.managed_fields(ownership, kind.api_version, before, self._stamp())
        if old is None:
            meta.update(uid=str(uuid.uuid4()), creationTimestamp=self._stamp())
            if kind.generation:
                meta["generation"] = 1
            if kind.kind == "Namespace":
                meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta["name"]
                new.update(spec={"finalizers": ["kubernetes"]}, status={"phase": "Active"})
        else:
            meta["resourceVersion"] = old["metadata"]["resourceVersion"]
            if kind.generation:
                meta["generation"] = old["metadata"]["generation"] + (old.get("spec") != new.get("spec"))
            if new == old:
                return old
        return self._commit(kind, old, new)

    def _commit(self, kind: Kind, old: Object | None, new: Object) -> Object:
        self.version += 1
        new["metadata"]["resourceVersion"] = str(self.version)
        self.objects[kind.kind, new["metadata"].get("namespace", ""), new["metadata"]["name"]] = new
        self._announce(Event("ADDED" if old is None else "MODIFIED", self.version, new, old))
        return new

    def _remove(self, old: Object) -> Object:
        self.version += 1
        last = copy.deepcopy(old)
        last["metadata"]["resourceVersion"] = str(self.version)
        del self.objects[_key(old)]
        self._announce(Event("DELETED", self.version, last, old))
        return last

    def _announce(self, event: Event) -> None:
        self.history.append(event)
        for watcher in self._watchers:
            if watcher.kind == event.obj["kind"]:
                watcher.events.put_nowait(event)

    def _stamp(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _key(obj: Object) -> Key:
    meta = obj["metadata"]
    return obj["kind"], meta.get("namespace", ""), meta["name"]
