"""What of an object is kept, and how equal parts of it share one copy. Pure.

Of 10,000 endpoints' objects most of the weight is managedFields, status, and what repeats in every object: text, and whole
parts of a spec (probes, ports, resources).
"""

from collections.abc import Iterable
from typing import Any

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KEPT_STATUS = {
    "Deployment": (
        "observedGeneration",
        "replicas",
        "readyReplicas",
        "updatedReplicas",
        "availableReplicas",
        "unavailableReplicas",
    ),
    "Ingress": ("loadBalancer",),
}
_KEPT_CONDITION = ("type", "status", "reason", "message", "lastTransitionTime")
_UNIQUE = ("uid", "resourceVersion")
_LONGEST_SHARED = 128


class ValuePool:
    """Equal strings and numbers as one object, and equal maps and lists.

    Not sys.intern, which in some Python releases keeps its strings for ever. Bounded: a full part of the pool starts
    afresh, at the price of a second copy of what repeats.
    """

    def __init__(self, limit: int = 32_768, tree_limit: int = 4_096) -> None:
        self._limit = limit
        self._tree_limit = tree_limit
        self._strings: dict[str, str] = {}
        self._numbers: dict[int, int] = {}
        # By what they consist of. An identity stays true: the container that is remembered keeps its parts alive.
        self._maps: dict[tuple[object, ...], dict[str, Any]] = {}
        self._lists: dict[tuple[int, ...], list[Any]] = {}

    def share(self, value: str) -> str:
        """A string equal to `value`, the same object as long as the pool remembers it."""
        if len(self._strings) >= self._limit:
            self._strings.clear()
        return self._strings.setdefault(value, value)

    def share_number(self, value: int) -> int:
        """A number equal to `value`, no truth value; the same object as long as the pool remembers it."""
        if len(self._numbers) >= self._tree_limit:
            self._numbers.clear()
        return self._numbers.setdefault(value, value)

    def share_map(self, names: Iterable[str], values: list[Any]) -> dict[str, Any]:
        """A map of these names and shared values, in this order. Nobody may change it any more."""
        key = (*names, *map(id, values))
        found = self._maps.get(key)
        if found is None:
            if len(self._maps) >= self._tree_limit:
                self._maps.clear()
            found = self._maps[key] = dict(zip(map(self.share, names), values, strict=True))
        return found

    def share_list(self, value: list[Any]) -> list[Any]:
        """A list with the same items, shared ones. Nobody may change it any more."""
        if len(self._lists) >= self._tree_limit:
            self._lists.clear()
        return self._lists.setdefault(tuple(map(id, value)), value)

    def __len__(self) -> int:
        """Strings, numbers, maps and lists remembered."""
        return len(self._strings) + len(self._numbers) + len(self._maps) + len(self._lists)


def compact(obj: dict[str, Any], kind: str, pool: ValuePool) -> dict[str, Any]:
    """A copy without managedFields, the last-applied annotation, and the status that nothing is decided from."""
    kept: dict[str, Any] = {}
    for name, value in obj.items():
        if name == "metadata":
            kept["metadata"] = _metadata(value, pool)
        elif name == "status":
            status = _status(value, kind)
            if status:
                kept["status"] = _shared(status, pool)
        else:
            kept[pool.share(name)] = _shared(value, pool)
    return kept


def _metadata(metadata: dict[str, Any], pool: ValuePool) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in metadata.items():
        if name == "managedFields":
            continue
        if name in _UNIQUE:
            kept[name] = value
        elif name == "annotations" and isinstance(value, dict):
            annotations = {each: text for each, text in value.items() if each != _LAST_APPLIED}
            if annotations:
                kept["annotations"] = _shared(annotations, pool)
        else:
            kept[pool.share(name)] = _shared(value, pool)
    return kept


def _status(status: Any, kind: str) -> dict[str, Any]:
    if not isinstance(status, dict):
        return {}
    kept = {name: status[name] for name in _KEPT_STATUS.get(kind, ()) if name in status}
    conditions = status.get("conditions")
    if kind == "Deployment" and isinstance(conditions, list):
        kept["conditions"] = [
            {name: condition[name] for name in _KEPT_CONDITION if name in condition}
            for condition in conditions
            if isinstance(condition, dict)
        ]
    return kept


def _shared(value: Any, pool: ValuePool) -> Any:
    kind = type(value)
    if kind is str:
        return pool.share(value) if len(value) <= _LONGEST_SHARED else value
    if kind is dict:
        return pool.share_map(value, [_shared(each, pool) for each in value.values()])
    if kind is list:
        return pool.share_list([_shared(each, pool) for each in value])
    # By its type, since True equals 1.
    return pool.share_number(value) if kind is int else value
