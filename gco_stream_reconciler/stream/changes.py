"""From a change record to a key, or to nothing. Pure.

Most records are statuses of other Regions and worth no look. Termination does not rest on this filter: a reconcile
that changes nothing writes nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gco_stream_reconciler.stream.adapter import Record

STEERING = (
    "desired_state",
    "target_regions",
    "namespace",
    "spec",
    "ingress_path",
    "labels",
    "reconcile_requested_at",
    "created_at",
)
"""Attributes that decide what the objects look like; `created_at` tells a new incarnation."""

_STATES_THAT_AWAIT_OTHERS = ("deploying", "deleted")

IsLastWrittenStatus = Callable[[str, Any], bool]
"""Whether a raw status of our Region is what we last wrote for this endpoint."""


def key_of(record: Record) -> str | None:
    """The endpoint's name, or None for a record without one."""
    name = record.get("dynamodb", {}).get("Keys", {}).get("endpoint_name", {})
    return name.get("S") if isinstance(name, Mapping) else None


def key_to_queue(record: Record, *, region: str, is_last_written_status: IsLastWrittenStatus) -> str | None:
    """The key that the record makes worth a look, or None."""
    key = key_of(record)
    if key is None:
        return None
    change = record["dynamodb"]
    old, new = change.get("OldImage"), change.get("NewImage")
    if record.get("eventName") == "REMOVE" or not old or not new:
        return key  # a removal always matters; without both images nothing can be ruled out
    if any(old.get(name) != new.get(name) for name in STEERING):
        return key
    return key if _statuses_matter(key, old, new, region, is_last_written_status) else None


def _statuses_matter(
    key: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    region: str,
    is_last_written_status: IsLastWrittenStatus,
) -> bool:
    before, after = _statuses(old), _statuses(new)
    # On a global table a concurrent write elsewhere can win over ours and throw our status away.
    if before.get(region) != after.get(region) and not is_last_written_status(key, after.get(region)):
        return True
    state = new.get("desired_state", {"S": "deploying"})
    awaits_others = isinstance(state, Mapping) and state.get("S") in _STATES_THAT_AWAIT_OTHERS
    others_changed = {name: value for name, value in before.items() if name != region} != {
        name: value for name, value in after.items() if name != region
    }
    return awaits_others and others_changed


def _statuses(image: Mapping[str, Any]) -> Mapping[str, Any]:
    value = image.get("region_status")
    entries = value.get("M") if isinstance(value, Mapping) else None
    return entries if isinstance(entries, Mapping) else {}
