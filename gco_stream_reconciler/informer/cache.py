"""The objects of one kind in one namespace, as list, watch and our own writes have shown them. Pure.

Resource versions of one kind are compared as integers, which Kubernetes guarantees from 1.35 on and etcd has always
given (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions). Where a server's are not
numbers, the order of arrival counts and our own writes become visible only through the watch.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from gco_stream_reconciler.errors import UnavailableError
from gco_stream_reconciler.informer.compaction import ValuePool, compact
from gco_stream_reconciler.informer.index import EndpointIndex
from gco_stream_reconciler.informer.objects import (
    Change,
    Key,
    check_object,
    difference,
    incarnation_of,
    key_of,
    version_number,
    version_of,
)
from gco_stream_reconciler.manifests.names import LABEL_TYPE, TYPE_INFERENCE

_MOST_TOMBSTONES = 10_000


class OlderListingError(UnavailableError):
    """A listing shows an older state than the watch already has: another API server, or one restored from a backup."""


class Cache:
    """One writer (its reflector, and our own writes on the same loop), many readers.

    `resource_version` is how far list and watch have come: everything up to it has been taken in. It never decreases
    but by a listing that is told to (`history_restarted`).
    """

    def __init__(self, *, kind: str, pool: ValuePool) -> None:
        self.kind = kind
        self.resource_version: str | None = None
        self._pool = pool
        self._objects: dict[Key, dict[str, Any]] = {}
        self._index = EndpointIndex(self._objects)
        # What the API server has confirmed gone, with the listing before whose successor that was: UIDs, and for a
        # name the last version held. They keep late notifications from bringing back that object or one before it.
        self._gone: dict[str, int] = {}
        self._floors: dict[Key, tuple[int, int]] = {}
        self._listings = 0

    # --- Reading ----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Objects held."""
        return len(self._objects)

    def get(self, namespace: str, name: str) -> dict[str, Any] | None:
        """The object, or None."""
        return self._objects.get((namespace, name))

    def objects(self) -> Iterator[dict[str, Any]]:
        """Every object."""
        return iter(self._objects.values())

    def by_endpoint(self, key: str) -> list[dict[str, Any]]:
        """The objects that may belong to an endpoint."""
        return [self._objects[each] for each in self._index.keys_of(key)]

    def endpoint_keys(self) -> Iterable[str]:
        """Every endpoint that some object may belong to."""
        return self._index.endpoints()

    # --- List and watch ---------------------------------------------------------------------------------------

    def compact(self, obj: dict[str, Any]) -> dict[str, Any]:
        """What the cache keeps of an object. Raises MalformedAnswerError."""
        check_object(obj)
        return compact(obj, self.kind, self._pool)

    def listing_started(self) -> None:
        """Call before the first page is asked for: what is gone before that cannot be in it."""
        self._listings += 1

    def replace(
        self, items: Iterable[dict[str, Any]], resource_version: str, *, history_restarted: bool = False
    ) -> list[Change]:
        """Take a complete listing (of compacted objects) in one step; the differences.

        What we wrote after the listing's version stays. Raises OlderListingError, changing nothing, for a listing
        older than what was seen before, unless `history_restarted` says to take it all the same.
        """
        listed: int | None = None
        gone: dict[str, int] = {}
        floors: dict[Key, tuple[int, int]] = {}
        if not history_restarted:
            listed = version_number(resource_version)
            self._refuse_older(listed, resource_version)
            gone = {uid: listing for uid, listing in self._gone.items() if listing >= self._listings}
            floors = {key: floor for key, floor in self._floors.items() if floor[1] >= self._listings}
        self._gone, self._floors = gone, floors
        fresh = self._merge(items, listed)
        changes = list(_differences(self._objects, fresh))
        self._objects, self._index = fresh, EndpointIndex(fresh)
        self.resource_version = resource_version
        return changes

    def _refuse_older(self, listed: int | None, resource_version: str) -> None:
        reached = self._reached()
        if reached is not None and listed is not None and listed < reached:
            raise OlderListingError(
                f"a listing of {self.kind} shows version {resource_version}, older than the {reached} seen before"
            )

    def _merge(self, items: Iterable[dict[str, Any]], listed: int | None) -> dict[Key, dict[str, Any]]:
        fresh: dict[Key, dict[str, Any]] = {}
        for obj in items:
            key = key_of(obj)
            if self._is_gone(key, obj):
                continue
            held = self._objects.get(key)
            unchanged = held is not None and incarnation_of(held) == incarnation_of(obj)
            fresh[key] = held if held is not None and unchanged else obj
        if listed is not None:
            for key, held in self._objects.items():
                version = version_of(held)
                if version is not None and version > listed:
                    fresh[key] = held
        return fresh

    def apply_event(
        self, event_type: Literal["ADDED", "MODIFIED", "DELETED"], obj: dict[str, Any]
    ) -> Change | None:
        """Take a watch event in; the difference it makes. Raises MalformedAnswerError."""
        check_object(obj)
        metadata = obj["metadata"]
        key = key_of(obj)
        version, reached = version_of(obj), self._reached()
        news = version is None or reached is None or version > reached
        if news:
            self.resource_version = metadata["resourceVersion"]
        held = self._objects.get(key)
        if event_type == "DELETED":
            self._gone.pop(metadata["uid"], None)
            # Not gated by `news`: a server may give the version of the last state rather than of the deletion.
            return None if held is None or _newer(held, version) else self._remove(key)
        if self._is_gone(key, obj) or (held is None and not news):
            return None
        # Newer than what is held is taken even if a bookmark has run ahead of it.
        if held is not None and version is not None and (version_of(held) or 0) >= version:
            return None
        return self._put(key, compact(obj, self.kind, self._pool))

    def bookmark(self, resource_version: str) -> None:
        """Everything up to this version has been taken in."""
        version, reached = version_number(resource_version), self._reached()
        if version is None or reached is None or version > reached:
            self.resource_version = resource_version

    # --- Our own writes ---------------------------------------------------------------------------------------

    def write_through(self, obj: dict[str, Any]) -> Change | None:
        """Take the API server's answer to our own write in, unless list and watch are past it.

        Objects without the type label are left out: no watch would ever tell of their deletion. Raises
        MalformedAnswerError.
        """
        check_object(obj)
        key = key_of(obj)
        version, reached = version_of(obj), self._reached()
        if version is None or (reached is not None and version <= reached) or self._is_gone(key, obj):
            return None
        if (obj["metadata"].get("labels") or {}).get(LABEL_TYPE) != TYPE_INFERENCE:
            return None
        held = self._objects.get(key)
        if held is not None and (version_of(held) or 0) >= version:
            return None
        return self._put(key, compact(obj, self.kind, self._pool))

    def forget(self, namespace: str, name: str, uid: str) -> Change | None:
        """Drop an incarnation that the API server has confirmed gone; late notifications do not bring it back."""
        key = (namespace, name)
        _remember(self._gone, uid, self._listings)
        held = self._objects.get(key)
        if held is None or held["metadata"]["uid"] != uid:
            return None
        _remember(self._floors, key, (version_of(held) or 0, self._listings))
        return self._remove(key)

    # --- Inside -----------------------------------------------------------------------------------------------

    def _reached(self) -> int | None:
        return None if self.resource_version is None else version_number(self.resource_version)

    def _is_gone(self, key: Key, obj: dict[str, Any]) -> bool:
        if obj["metadata"]["uid"] in self._gone:
            return True
        version = version_of(obj)
        floor = self._floors.get(key)
        return floor is not None and version is not None and version <= floor[0]

    def _put(self, key: Key, obj: dict[str, Any]) -> Change | None:
        old = self._objects.get(key)
        self._objects[key] = obj
        self._index.change(key, old, obj)
        return difference(old, obj)

    def _remove(self, key: Key) -> Change:
        old = self._objects.pop(key)
        self._index.change(key, old, None)
        return Change("deleted", old, None)

    def validate(self) -> None:
        """Raise AssertionError where the index does not match the objects."""
        self._index.validate(self._objects)


def _remember(tombstones: dict[Any, Any], key: Any, value: Any) -> None:
    if len(tombstones) >= _MOST_TOMBSTONES:
        del tombstones[next(iter(tombstones))]
    tombstones[key] = value


def _newer(held: dict[str, Any], version: int | None) -> bool:
    number = version_of(held)
    return number is not None and version is not None and number > version


def _differences(old: dict[Key, dict[str, Any]], new: dict[Key, dict[str, Any]]) -> Iterator[Change]:
    for key, obj in old.items():
        if key not in new:
            yield Change("deleted", obj, None)
    for key, obj in new.items():
        change = difference(old.get(key), obj)
        if change is not None:
            yield change
