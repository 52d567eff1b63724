"""What of an object is kept, and how equal strings share one copy. Pure.

Of 10,000 endpoints' objects most of the weight is managedFields, status and text that repeats in every object.
"""

from typing import Any

API_VERSIONS = {
    "Deployment": "apps/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "Ingress": "networking.k8s.io/v1",
    "Service": "v1",
}
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


class StringPool:
    """Equal strings as one object.

    Not sys.intern, which in some Python releases keeps its strings for ever. Bounded: a full pool starts afresh, at the
    price of a second copy of what repeats.
    """

    def __init__(self, limit: int = 32_768) -> None:
        self._limit = limit
        self._strings: dict[str, str] = {}

    def share(self, value: str) -> str:
        """A string equal to `value`, the same object as long as the pool remembers it."""
        if len(self._strings) >= self._limit:
            self._strings.clear()
        return self._strings.setdefault(value, value)

    def __len__(self) -> int:
        """Strings remembered."""
        return len(self._strings)


def compact(obj: dict[str, Any], kind: str, pool: StringPool) -> dict[str, Any]:
    """A copy without managedFields, the last-applied annotation, and the status that nothing is decided from.

    Fills in `kind` and `apiVersion`, which the items of a listing do not carry.
    """
    metadata = obj["metadata"]
    kept: dict[str, Any] = {"kind": kind, "apiVersion": obj.get("apiVersion") or API_VERSIONS.get(kind, "")}
    for name, value in obj.items():
        if name == "metadata":
            kept["metadata"] = _metadata(metadata, pool)
        elif name == "status":
            status = _status(value, kind)
            if status:
                kept["status"] = _shared(status, pool)
        elif name not in kept:
            kept[pool.share(name)] = _shared(value, pool)
    return kept


def _metadata(metadata: dict[str, Any], pool: StringPool) -> dict[str, Any]:
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


def _shared(value: Any, pool: StringPool) -> Any:
    if isinstance(value, str):
        return pool.share(value) if len(value) <= _LONGEST_SHARED else value
    if isinstance(value, dict):
        return {pool.share(name): _shared(each, pool) for name, each in value.items()}
    if isinstance(value, list):
        return [_shared(each, pool) for each in value]
    return value
