"""One Region's entry in `region_status`, from and to DynamoDB JSON."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from gco_stream_reconciler.endpoints.model import CanaryStatus, RegionStatus
from gco_stream_reconciler.endpoints.values import plain

_TEXTS = ("last_sync", "error", "observed_spec", "exposure", "message")


def decode_region_status(value: Any) -> RegionStatus | None:
    """An entry as it stands in the item; None if it is no map. A field of the wrong type counts as absent."""
    raw = plain(value)
    if not isinstance(raw, dict):
        return None
    canary = raw.get("canary")
    return RegionStatus(
        state=_text(raw.get("state")) or "",
        replicas_ready=_count(raw.get("replicas_ready")),
        replicas_desired=_count(raw.get("replicas_desired")),
        last_sync=_text(raw.get("last_sync")),
        error=_text(raw.get("error")),
        observed_spec=_text(raw.get("observed_spec")),
        exposure=_text(raw.get("exposure")),
        message=_text(raw.get("message")),
        canary=_canary(canary) if isinstance(canary, dict) else None,
    )


def encode_region_status(status: RegionStatus) -> dict[str, Any]:
    """The entry as an attribute value, without the fields that are None."""
    fields: dict[str, Any] = {
        "state": {"S": str(status.state)},
        "replicas_ready": {"N": str(status.replicas_ready)},
        "replicas_desired": {"N": str(status.replicas_desired)},
    }
    for name in _TEXTS:
        value = getattr(status, name)
        if value is not None:
            fields[name] = {"S": str(value)}
    if status.canary is not None:
        fields["canary"] = _encode_canary(status.canary)
    return {"M": fields}


def same_report(one: RegionStatus, other: RegionStatus) -> bool:
    """Whether two entries say the same; when they were written does not count."""
    return replace(one, last_sync=None) == replace(other, last_sync=None)


def _canary(raw: Mapping[str, Any]) -> CanaryStatus:
    return CanaryStatus(
        state=_text(raw.get("state")) or "",
        replicas_ready=_count(raw.get("replicas_ready")),
        weight_desired=_count(raw.get("weight_desired")),
        weight_applied=_count(raw.get("weight_applied")),
    )


def _encode_canary(canary: CanaryStatus) -> dict[str, Any]:
    return {
        "M": {
            "state": {"S": str(canary.state)},
            "replicas_ready": {"N": str(canary.replicas_ready)},
            "weight_desired": {"N": str(canary.weight_desired)},
            "weight_applied": {"N": str(canary.weight_applied)},
        }
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: Any) -> int:
    return int(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else 0
