"""What the cache asks of an object: where it belongs, how old it is, whether it is one at all. Pure."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from gco_stream_reconciler.errors import UnavailableError
from gco_stream_reconciler.manifests.names import LABEL_APP, LABEL_ENDPOINT, Role, object_name

_CANARY_SUFFIX = object_name("", Role.CANARY)

Key: TypeAlias = tuple[str, str]
"""Namespace and name."""


class MalformedAnswerError(UnavailableError):
    """The API server's answer is not what the protocol says (a proxy's page, a cut line): ask again."""


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


def difference(old: dict[str, Any] | None, new: dict[str, Any]) -> Change | None:
    """What makes `new` of `old`; None where it is nothing but the resourceVersion."""
    if old is None:
        return Change("added", None, new)
    return (
        None if old is new or _without_version(old) == _without_version(new) else Change("modified", old, new)
    )


def _without_version(obj: dict[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in obj["metadata"].items() if name != "resourceVersion"}
    return {**obj, "metadata": metadata}


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


def key_of(obj: dict[str, Any]) -> Key:
    """Where a cache holds the object."""
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def incarnation_of(obj: dict[str, Any]) -> tuple[str, str]:
    """UID and resourceVersion: the same for no two states of one kind's objects."""
    return obj["metadata"]["uid"], obj["metadata"]["resourceVersion"]


def version_of(obj: dict[str, Any]) -> int | None:
    """The object's resourceVersion as a number, or None if it is not one."""
    return version_number(obj["metadata"]["resourceVersion"])


def version_number(version: str) -> int | None:
    """A resourceVersion as a number, or None if it is not one."""
    return int(version) if version.isascii() and version.isdigit() else None
