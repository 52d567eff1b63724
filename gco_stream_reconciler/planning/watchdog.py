"""The watchdog (rule 2): an exposed endpoint without a ready Pod is taken off the load balancer after a while.

Global Accelerator counts a load balancer as unhealthy while any of its target groups has no healthy target, so one
broken endpoint would take away the whole Region's inference traffic.

The clock is written on the endpoint's Service as an annotation, so that it outlives restarts and changes of the leader.
Not on the Deployment: its annotations count as changes of its generation. Not on the Ingress: it goes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

ANNOTATION_WATCHDOG = "gco.io/watchdog"
RECOVERY_SECONDS = 60.0
"""Readiness for this long clears the clock."""

# About the year 3058: what an annotation gives must be a time that can be shown.
_END_OF_TIME = 2.0**35


@dataclass(frozen=True, slots=True)
class Clock:
    """What is remembered from the moment at which the last ready Pod was lost until readiness has lasted.

    spec: fingerprint of the spec that the clock is about. unready_since: epoch seconds of the first loss; flapping does
    not move it. ready_since: epoch seconds since which some Pod has been ready again, None while there is none.
    removals: how often the Ingress was taken away since `unready_since`.
    """

    spec: str
    unready_since: float
    ready_since: float | None = None
    removals: int = 0

    def encoded(self) -> str:
        """The annotation's value."""
        fields = {
            "spec": self.spec,
            "unreadySince": round(self.unready_since, 3),
            "readySince": None if self.ready_since is None else round(self.ready_since, 3),
            "removals": self.removals,
        }
        return json.dumps(fields, separators=(",", ":"))


class Verdict(Enum):
    """What the clock says about exposure."""

    NO_OBJECTION = "the endpoint may be exposed"
    REMOVE = "no Pod has been ready for too long"
    WAIT_FOR_RECOVERY = "removed twice: readiness has to last before the Ingress comes back"


@dataclass(frozen=True, slots=True)
class Watch:
    """clock: what is to be written down, None for nothing. due: seconds until time alone changes the verdict."""

    verdict: Verdict
    clock: Clock | None
    due: float | None = None


def decode_clock(text: str | None) -> Clock | None:
    """The clock of an annotation; None for an absent one, and for one that somebody has edited beyond reading."""
    try:
        raw = json.loads(text) if text else None
        if not isinstance(raw, Mapping):
            return None
        ready = raw.get("readySince")
        return Clock(
            spec=str(raw["spec"]),
            unready_since=_moment(raw["unreadySince"]),
            ready_since=None if ready is None else _moment(ready),
            removals=int(raw.get("removals", 0)),
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _moment(value: object) -> float:
    number = float(str(value))
    if not 0 <= number < _END_OF_TIME:  # nor is a NaN
        raise ValueError(f"{value} is no moment")
    return number


def watch(
    clock: Clock | None, *, spec: str, ready: bool, exposed: bool, now: float, threshold_seconds: float
) -> Watch:
    """Let the clock see the present moment.

    spec: fingerprint of the present spec; a clock about another one is dropped. ready: some Pod is ready. exposed: an
    Ingress stands.
    """
    if clock is not None and clock.spec != spec:
        clock = None
    if clock is None:
        if ready or not exposed:
            return Watch(Verdict.NO_OBJECTION, None)
        clock = Clock(spec, unready_since=now)
    return _ready(clock, now) if ready else _unready(clock, exposed, now, threshold_seconds)


def _ready(clock: Clock, now: float) -> Watch:
    since = now if clock.ready_since is None else min(clock.ready_since, now)
    left = since + RECOVERY_SECONDS - now
    if left <= 0:
        return Watch(Verdict.NO_OBJECTION, None)
    verdict = Verdict.NO_OBJECTION if clock.removals <= 1 else Verdict.WAIT_FOR_RECOVERY
    return Watch(verdict, replace(clock, ready_since=since), left)


def _unready(clock: Clock, exposed: bool, now: float, threshold_seconds: float) -> Watch:
    # A clock that is ahead of ours was written by a host whose time was wrong.
    since = min(clock.unready_since, now)
    lost = replace(clock, unready_since=since, ready_since=None)
    left = since + threshold_seconds - now
    if left > 0:
        return Watch(Verdict.NO_OBJECTION, lost, left)
    return Watch(Verdict.REMOVE, replace(lost, removals=lost.removals + exposed))
