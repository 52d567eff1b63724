"""Events as the core group shows them: the same objects as in events.k8s.io, other names. Pure."""

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
