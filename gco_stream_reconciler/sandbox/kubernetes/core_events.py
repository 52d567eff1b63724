"""Events as the core group shows them: the same objects as in events.k8s.io, other names. Pure."""

import uuid
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME, CORE_EVENT

Object = dict[str, Any]

# core v1 name → events.k8s.io/v1 name
_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
_NEW_NAMES = {new: old for old, new in _NAMES.items()}


def to_core(event: Object) -> Object:
    """As `/api/v1/.../events` shows it."""
    found = {_NEW_NAMES.get(name, name): value for name, value in event.items()}
    return {**found, "apiVersion": CORE_EVENT.api_version}


def from_core(event: Object) -> Object:
    """As it is stored."""
    found = {_NAMES.get(name, name): value for name, value in event.items()}
    return {**found, "apiVersion": BY_NAME["Event"].api_version}


def event_about(obj: Object, kind: str, reason: str, note: str, *, component: str, now: str) -> Object:
    """The Event that a controller records about an object. kind: `Normal` or `Warning`."""
    meta = obj["metadata"]
    return {
        "kind": "Event",
        "apiVersion": BY_NAME["Event"].api_version,
        "metadata": {"name": f"{meta['name']}.{uuid.uuid4().hex[:16]}", "namespace": meta["namespace"]},
        "regarding": {
            "kind": obj["kind"],
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
            "apiVersion": obj["apiVersion"],
            "resourceVersion": meta["resourceVersion"],
        },
        "type": kind,
        "reason": reason,
        "note": note,
        "eventTime": None,
        "reportingController": component,
        "deprecatedSource": {"component": component},
        "deprecatedFirstTimestamp": now,
        "deprecatedLastTimestamp": now,
        "deprecatedCount": 1,
    }
