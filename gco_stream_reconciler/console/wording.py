"""Numbers and times as a person reads them. Pure."""

from datetime import UTC, datetime

NOTHING = "—"
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_EXACT_BELOW_SECONDS = 10


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min`, `5 h`, `2 d`; a dash where nothing is known."""
    if seconds is None:
        return NOTHING
    length = max(0.0, seconds)
    if length < _EXACT_BELOW_SECONDS:
        return f"{length:.1f} s"
    for limit, unit, name in ((_MINUTE * 2, 1, "s"), (_HOUR * 2, _MINUTE, "min"), (_DAY * 2, _HOUR, "h")):
        if length < limit:
            return f"{length / unit:.0f} {name}"
    return f"{length / _DAY:.0f} d"


def clock_time(at: float) -> str:
    """`14:03:07 UTC`."""
    return f"{_moment(at):%H:%M:%S} UTC"


def instant(at: float) -> str:
    """RFC 3339, in whole seconds: `2025-11-21T14:03:07Z`."""
    return f"{_moment(at):%Y-%m-%dT%H:%M:%SZ}"


def number(value: int, noun: str) -> str:
    """`1 shard`, `2 shards`."""
    return f"{value:,} {noun if value == 1 else noun + 's'}"


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
