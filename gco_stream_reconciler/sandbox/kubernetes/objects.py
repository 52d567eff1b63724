"""The objects of the cluster, their versions and their watchers. No awaits: each change is atomic.

Stored objects are never changed in place: a change puts a new one, which shares what stayed. Treat what you read as
frozen.
"""

import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes import statuses
from gco_stream_reconciler.sandbox.kubernetes.endpoint_slices import endpoint_slices
from gco_stream_reconciler.sandbox.kubernetes.history import Event, Shelf, Watcher
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME, Kind

Object = dict[str, Any]
Key = tuple[str, str, str]
"""Kind, namespace, name."""

_FIRST_VERSION = 1000
_SECONDS = len("2006-01-02T15:04:05")


class Objects:
    """What the cluster holds. `now` gives the time of day; `kept` is how many changes of a kind a watch can go back.

    Invariants: every change has a version above all earlier ones; `objects` holds what the shelves hold.
    """

    def __init__(
        self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), kept: int = 10_000
    ) -> None:
        self._now = now
        self.version = _FIRST_VERSION
        self.objects: dict[Key, Object] = {}
        self._shelves = {name: Shelf(forgotten=self.version, kept=kept) for name in BY_NAME}
        self._listeners: list[Callable[[Event], None]] = []

    # --- Reading ----------------------------------------------------------------------------------------------

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """The object; raises RefusedError 404."""
        found = self.objects.get((kind.kind, namespace, name))
        if kind.computed:
            slices = self._computed(namespace)
            found = next((each for each in slices if each["metadata"]["name"] == name), None)
        if found is None:
            raise statuses.not_found(kind, name)
        return found

    def of_kind(self, kind: Kind, namespace: str | None, version: int | None = None) -> list[Object]:
        """Objects of a kind by namespace and name; as they were at a version. Raises RefusedError 410."""
        if kind.computed:
            return self._computed(namespace)
        shelf = self._shelves[kind.kind]
        found = shelf.objects if version is None else shelf.at(version)
        return [found[place] for place in sorted(found) if namespace in (None, place[0])]

    def _computed(self, namespace: str | None) -> list[Object]:
        services, pods = (self.of_kind(BY_NAME[name], namespace) for name in ("Service", "Pod"))
        return sorted(endpoint_slices(services, pods, self.version), key=_place)

    def encoded(self, kind: Kind, obj: Object) -> bytes:
        """What an answer about this kind shows, as JSON."""
        return self._shelves[kind.kind].encoded(obj)

    def watch(self, kind: Kind, since: int) -> Watcher:
        """Every change of a kind after a version. Raises RefusedError 410."""
        return self._shelves[kind.kind].watch(since)

    def unwatch(self, kind: Kind, watcher: Watcher) -> None:
        """End a watcher."""
        self._shelves[kind.kind].watchers.discard(watcher)

    def told(self, kind: Kind, watcher: Watcher) -> int:
        """The version up to which a watcher knows everything."""
        return watcher.seen if self._shelves[kind.kind].is_held else max(watcher.seen, self.version)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Tell every change to a simulated part of the cluster, whatever happens to the watches."""
        self._listeners.append(listener)

    # --- What a test does to watches --------------------------------------------------------------------------

    def hold_watches(self, *kinds: str) -> None:
        """Let the watches of some kinds (all, if none is named) fall behind; lists stay current."""
        for name in kinds or tuple(self._shelves):
            self._shelves[name].hold(self.version)

    def release_watches(self, *kinds: str) -> None:
        """Let them catch up."""
        for name in kinds or tuple(self._shelves):
            self._shelves[name].release()

    def end_watches(self, *kinds: str) -> None:
        """End the watches of some kinds (all, if none is named)."""
        for name in kinds or tuple(self._shelves):
            self._shelves[name].end_watches()

    def forget(self, *kinds: str) -> None:
        """Forget the changes so far, so that a watch from before gets 410."""
        for name in kinds or tuple(self._shelves):
            self._shelves[name].history.clear()
            self._shelves[name].forgotten = self.version

    # --- What the simulated parts of the cluster write: no admission, no owners --------------------------------

    def commit(self, old: Object | None, new: Object) -> None:
        """Put an object as it is, if the present one is still `old`; else do nothing."""
        found = self.objects.get(_key(new))
        if found is not old or new == found:
            return
        kind = BY_NAME[new["kind"]]
        if found is None:
            self._commit(kind, None, self._born(kind, new))
        elif "deletionTimestamp" in new["metadata"] and not new["metadata"].get("finalizers"):
            self._remove(new)
        else:
            self._commit(kind, found, new)

    def set_finalizers(self, obj: Object, finalizers: Iterable[str]) -> None:
        """Change an object's finalizers; the last one gone removes it, if it is being deleted."""
        live, kept = self.objects.get(_key(obj)), list(finalizers)
        if live is None or live["metadata"]["uid"] != obj["metadata"]["uid"]:
            return
        meta = {name: value for name, value in live["metadata"].items() if name != "finalizers"}
        self.commit(live, {**live, "metadata": {**meta, **({"finalizers": kept} if kept else {})}})

    # --- Steps ------------------------------------------------------------------------------------------------

    def _born(self, kind: Kind, new: Object) -> Object:
        meta = {**new["metadata"], "uid": str(uuid.uuid4()), "creationTimestamp": self.stamp()}
        if kind.generation:
            meta["generation"] = 1
        born = {**new, "metadata": meta}
        return {**born, "spec": {"finalizers": ["kubernetes"]}} if kind.kind == "Namespace" else born

    def _doomed(self, kind: Kind, old: Object, finalizers: list[str]) -> Object:
        meta = {**old["metadata"], "finalizers": finalizers}
        if "deletionTimestamp" not in meta:
            meta.update(deletionTimestamp=self.stamp(), deletionGracePeriodSeconds=0)
            if kind.generation:
                meta["generation"] += 1
        if not finalizers:
            del meta["finalizers"]
        return {**old, "metadata": meta}

    def _delete_namespace(self, kind: Kind, old: Object) -> Object:
        name = old["metadata"]["name"]
        doomed = {**self._doomed(kind, old, []), "status": {"phase": "Terminating"}}
        new = self._commit(kind, old, doomed)
        for key in [key for key in self.objects if key[1] == name]:
            self._delete(
                BY_NAME[key[0]], self.objects[key], [*self.objects[key]["metadata"].get("finalizers", ())]
            )
        self._end_namespace(name)
        return new

    def _delete(self, kind: Kind, old: Object, finalizers: list[str]) -> tuple[Object, bool]:
        meta = old["metadata"]
        if not finalizers:
            return self._remove(old), True
        if "deletionTimestamp" in meta and finalizers == meta.get("finalizers"):
            return old, False
        return self._commit(kind, old, self._doomed(kind, old, finalizers)), False

    def _end_namespace(self, name: str) -> None:
        """A namespace that is being deleted goes with its last object."""
        found = self.objects.get(("Namespace", "", name))
        if found is None or "deletionTimestamp" not in found["metadata"]:
            return
        if not any(place[0] == name for shelf in self._shelves.values() for place in shelf.objects):
            self._remove(found)

    def _commit(self, kind: Kind, old: Object | None, new: Object) -> Object:
        self.version += 1
        new = {**new, "metadata": {**new["metadata"], "resourceVersion": str(self.version)}}
        self.objects[_key(new)] = new
        shelf = self._shelves[kind.kind]
        shelf.objects[_place(new)] = new
        self._announce(shelf, Event("ADDED" if old is None else "MODIFIED", self.version, new, old))
        return new

    def _remove(self, last: Object) -> Object:
        self.version += 1
        gone = {**last, "metadata": {**last["metadata"], "resourceVersion": str(self.version)}}
        old = self.objects.pop(_key(last))
        shelf = self._shelves[last["kind"]]
        del shelf.objects[_place(last)]
        self._announce(shelf, Event("DELETED", self.version, gone, old))
        if last["metadata"].get("namespace"):
            self._end_namespace(last["metadata"]["namespace"])
        return gone

    def _announce(self, shelf: Shelf, event: Event) -> None:
        shelf.add(event)
        for listener in self._listeners:
            listener(event)

    def stamp(self) -> str:
        """The time of day as objects carry it."""
        return f"{self._now().isoformat()[:_SECONDS]}Z"


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _key(obj: Object) -> Key:
    return (obj["kind"], *_place(obj))
