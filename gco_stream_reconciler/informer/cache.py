"""The objects of one kind in one namespace, as list, watch and our own writes have shown them. Pure.

Resource versions of one kind are compared as integers, which Kubernetes guarantees from 1.35 on and etcd has always
given (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions). Where a server's are not
numbers, the order of arrival counts and our own writes become visible only through the watch.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from gco_stream_reconciler.errors import UnavailableError
from gco_stream_reconciler.informer.compaction import ValuePool, compact
from gco_stream_reconciler.manifests.names import LABEL_APP, LABEL_ENDPOINT, LABEL_TYPE, TYPE_INFERENCE

_CANARY_SUFFIX = "-canary"
_MOST_TOMBSTONES = 10_000

Key: TypeAlias = tuple[str, str]
"""Namespace and name."""


class MalformedAnswerError(UnavailableError):
    """The API server's answer is not what the protocol says (a proxy's page, a cut line): ask again."""


class OlderListingError(UnavailableError):
    """A listing shows an older state than the watch already has: another API server, or one restored from a backup."""


@dataclass(frozen=True, slots=True)
class Change:
    """A difference between two successive states of one object.

    `old` is None for an added one, `new` for a deleted one. An object that was deleted and made again between two
    looks is a modification whose UIDs differ. Not shown in full anywhere: workload environments are secrets.
    """

    kind: Literal["added", "modified", "deleted"]
    old: dict[str, Any] | None = field(repr=False)
    new: dict[str, Any] | None = field(repr=False)

    def endpoint_keys(self) -> tuple[str, ...]:
        """Every endpoint that the object may belong to, or may have belonged to before."""
        keys = [key for obj in (self.old, self.new) if obj is not None for key in endpoint_keys(obj)]
        if self.old is not None and self.new is None:
            # Its name is free: the canary of `x` or the endpoint `x-canary` may be waiting for that.
            keys += _keys_by_name(self.old)
        return tuple(dict.fromkeys(keys))


def endpoint_keys(obj: dict[str, Any]) -> tuple[str, ...]:
    """The endpoints that an object may belong to.

    The predecessor's objects carry only `app`, where `x-canary` is the endpoint of that name or the canary of `x`.
    """
    labels = obj["metadata"].get("labels") or {}
    named = labels.get(LABEL_ENDPOINT)
    return (named,) if named else _keys_by_name(obj)


def _keys_by_name(obj: dict[str, Any]) -> tuple[str, ...]:
    app = (obj["metadata"].get("labels") or {}).get(LABEL_APP)
    if not app:
        return ()
    primary = app.removesuffix(_CANARY_SUFFIX)
    return (app,) if primary in (app, "") else (app, primary)


def check_object(obj: Any) -> None:
    """Raise MalformedAnswerError unless this is an object with a name, namespace, UID and version."""
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    if not isinstance(metadata, dict):
        raise MalformedAnswerError(f"expected an object with metadata, got {type(obj).__name__}")
    for name in ("namespace", "name", "uid", "resourceVersion"):
        if not isinstance(metadata.get(name), str) or not metadata[name]:
            raise MalformedAnswerError(f"object {metadata.get('name')!r}: metadata.{name} is missing")
    labels = metadata.get("labels") or {}
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise MalformedAnswerError(f"object {metadata['name']!r}: metadata.labels is no map of strings")


def version_number(version: str) -> int | None:
    """A resourceVersion as a number, or None if it is not one."""
    return int(version) if version.isascii() and version.isdigit() else None


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
        # Endpoint key → keys of its objects. Never holds an empty tuple.
        self._index: dict[str, tuple[Key, ...]] = {}
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
        return [self._objects[each] for each in self._index.get(key, ())]

    def endpoint_keys(self) -> Iterable[str]:
        """Every endpoint that some object may belong to."""
        return self._index.keys()

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
        index: dict[str, tuple[Key, ...]] = {}
        for key, obj in fresh.items():
            for endpoint in endpoint_keys(obj):
                index[endpoint] = (*index.get(endpoint, ()), key)
        self._objects, self._index = fresh, index
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
            key = _key(obj)
            if self._is_gone(key, obj):
                continue
            held = self._objects.get(key)
            unchanged = held is not None and _incarnation(held) == _incarnation(obj)
            fresh[key] = held if held is not None and unchanged else obj
        if listed is not None:
            for key, held in self._objects.items():
                version = _version(held)
                if version is not None and version > listed:
                    fresh[key] = held
        return fresh

    def apply_event(
        self, event_type: Literal["ADDED", "MODIFIED", "DELETED"], obj: dict[str, Any]
    ) -> Change | None:
        """Take a watch event in; the difference it makes. Raises MalformedAnswerError."""
        check_object(obj)
        metadata = obj["metadata"]
        key = _key(obj)
        version, reached = _version(obj), self._reached()
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
        if held is not None and version is not None and (_version(held) or 0) >= version:
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
        key = _key(obj)
        version, reached = _version(obj), self._reached()
        if version is None or (reached is not None and version <= reached) or self._is_gone(key, obj):
            return None
        if (obj["metadata"].get("labels") or {}).get(LABEL_TYPE) != TYPE_INFERENCE:
            return None
        held = self._objects.get(key)
        if held is not None and (_version(held) or 0) >= version:
            return None
        return self._put(key, compact(obj, self.kind, self._pool))

    def forget(self, namespace: str, name: str, uid: str) -> Change | None:
        """Drop an incarnation that the API server has confirmed gone; late notifications do not bring it back."""
        key = (namespace, name)
        _remember(self._gone, uid, self._listings)
        held = self._objects.get(key)
        if held is None or held["metadata"]["uid"] != uid:
            return None
        _remember(self._floors, key, (_version(held) or 0, self._listings))
        return self._remove(key)

    # --- Inside -----------------------------------------------------------------------------------------------

    def _reached(self) -> int | None:
        return None if self.resource_version is None else version_number(self.resource_version)

    def _is_gone(self, key: Key, obj: dict[str, Any]) -> bool:
        if obj["metadata"]["uid"] in self._gone:
            return True
        version = _version(obj)
        floor = self._floors.get(key)
        return floor is not None and version is not None and version <= floor[0]

    def _put(self, key: Key, obj: dict[str, Any]) -> Change | None:
        old = self._objects.get(key)
        self._objects[key] = obj
        before = () if old is None else endpoint_keys(old)
        after = endpoint_keys(obj)
        if before != after:
            self._unindex(key, before)
            for endpoint in after:
                self._index[endpoint] = (*self._index.get(endpoint, ()), key)
        return _change(old, obj)

    def _remove(self, key: Key) -> Change:
        old = self._objects.pop(key)
        self._unindex(key, endpoint_keys(old))
        return Change("deleted", old, None)

    def _unindex(self, key: Key, endpoints: tuple[str, ...]) -> None:
        for endpoint in endpoints:
            left = tuple(each for each in self._index[endpoint] if each != key)
            if left:
                self._index[endpoint] = left
            else:
                del self._index[endpoint]

    def validate(self) -> None:
        """Raise AssertionError where the index does not match the objects."""
        expected: dict[str, set[Key]] = {}
        for key, obj in self._objects.items():
            for endpoint in endpoint_keys(obj):
                expected.setdefault(endpoint, set()).add(key)
        indexed = {endpoint: set(keys) for endpoint, keys in self._index.items()}
        if indexed != expected or any(len(keys) != len(set(keys)) for keys in self._index.values()):
            raise AssertionError("the index by endpoint does not match the objects")


def _remember(tombstones: dict[Any, Any], key: Any, value: Any) -> None:
    if len(tombstones) >= _MOST_TOMBSTONES:
        del tombstones[next(iter(tombstones))]
    tombstones[key] = value


def _key(obj: dict[str, Any]) -> Key:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _version(obj: dict[str, Any]) -> int | None:
    return version_number(obj["metadata"]["resourceVersion"])


def _newer(held: dict[str, Any], version: int | None) -> bool:
    number = _version(held)
    return number is not None and version is not None and number > version


def _incarnation(obj: dict[str, Any]) -> tuple[str, str]:
    return obj["metadata"]["uid"], obj["metadata"]["resourceVersion"]


def _differences(old: dict[Key, dict[str, Any]], new: dict[Key, dict[str, Any]]) -> Iterator[Change]:
    for key, obj in old.items():
        if key not in new:
            yield Change("deleted", obj, None)
    for key, obj in new.items():
        change = _change(old.get(key), obj)
        if change is not None:
            yield change


def _change(old: dict[str, Any] | None, new: dict[str, Any]) -> Change | None:
    if old is None:
        return Change("added", None, new)
    return (
        None if old is new or _without_version(old) == _without_version(new) else Change("modified", old, new)
    )


def _without_version(obj: dict[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in obj["metadata"].items() if name != "resourceVersion"}
    return {**obj, "metadata": metadata}
