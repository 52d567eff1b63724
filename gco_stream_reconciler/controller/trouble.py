"""Says in an endpoint's status that it keeps failing, though each failure may pass.

What only new input can cure becomes state `error` elsewhere. A retryable failure is silent at first: most pass with the
next try. One that lasts is said once, in `message`; the next success reports the plan's own status, which has no such note.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from gco_stream_reconciler.controller.recent_reads import FRESH_SECONDS, RecentReads
from gco_stream_reconciler.controller.status import StatusReporter
from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint, Exposure, RegionStatus, State
from gco_stream_reconciler.errors import LeaseNotHeldError, RetryableError
from gco_stream_reconciler.printable import shortened

FAILURES_IN_A_ROW = 10
"""From so many on, a row of failures is said."""

FAILING_SECONDS = 300.0
"""A row that lasts longer is said, however few its failures."""

SAID_AGAIN_SECONDS = 900.0
"""Another error of the same row is said so much later at the earliest: two that alternate must not make write after write."""

KEEPS_FAILING = "keeps failing and is tried again: "
"""The fixed part of the note; the error's text follows."""

_LONGEST_NOTE = 600
_COMPARED = 200
# Counts, times, ports, request ids: a word that has a digit says nothing new.
_VARIES = re.compile(r"[\w-]*\d[\w-]*")


class Failures(Protocol):
    """What the work queue knows of a key's failures since its last success."""

    def retries(self, key: str) -> int:
        """How many."""

    def failing_seconds(self, key: str) -> float:
        """How long ago the first came."""


class Trouble(Protocol):
    """Hears how each reconcile ended. Nothing here blocks or raises."""

    def failed(self, key: str, error: Exception, began: float) -> None:
        """A reconcile that began then (monotonic seconds) failed, and the queue has counted it."""

    def over(self, key: str) -> None:
        """A reconcile succeeded."""


class LastingTrouble:
    """`clock` is monotonic seconds. Invariant: `_said` has only keys whose last reconcile failed."""

    def __init__(
        self,
        *,
        failures: Failures,
        recent: RecentReads,
        reporter: StatusReporter,
        region: str,
        clock: Callable[[], float],
    ) -> None:
        self._failures = failures
        self._recent = recent
        self._reporter = reporter
        self._region = region
        self._clock = clock
        self._said: dict[str, float] = {}

    def over(self, key: str) -> None:
        """The row has ended; the reconcile has reported what is so now."""
        self._said.pop(key, None)

    def failed(self, key: str, error: Exception, began: float) -> None:
        """Say it once the row lasts, of an item that this very reconcile has read or found read a moment before."""
        # Without the lease nothing is ours to say; the next leader will.
        if not isinstance(error, RetryableError) or isinstance(error, LeaseNotHeldError):
            return
        if not self._lasts(key) or self._was_said_lately(key):
            return
        read = self._recent.latest(key)
        if read is None or read[1] < began - FRESH_SECONDS:
            return
        endpoint = self._reporter.with_known_status(*read)
        status = with_trouble(endpoint, self._region, str(error))
        if status is None:
            return
        self._said[key] = self._clock()
        self._reporter.report(endpoint, status, reason="keeps failing")

    def _lasts(self, key: str) -> bool:
        return (
            self._failures.retries(key) >= FAILURES_IN_A_ROW
            or self._failures.failing_seconds(key) > FAILING_SECONDS
        )

    def _was_said_lately(self, key: str) -> bool:
        said = self._said.get(key)
        return said is not None and self._clock() - said < SAID_AGAIN_SECONDS


def with_trouble(endpoint: Endpoint, region: str, error: str) -> RegionStatus | None:
    """The Region's status with the note; None where it says so already, or where the Region has nothing to say."""
    before = endpoint.region_status.get(region) or _first_status(endpoint, region)
    note = _note(error)
    if before is None or _shape(before.message or "") == _shape(note):
        return None
    return replace(before, message=note)


def _first_status(endpoint: Endpoint, region: str) -> RegionStatus | None:
    """Of an endpoint that fails from the beginning. A Region that is no target, or has nothing to make, stays silent."""
    wanted = endpoint.desired_state in (DesiredState.DEPLOYING, DesiredState.RUNNING)
    if not wanted or region not in (endpoint.target_regions or ()):
        return None
    return RegionStatus(
        state=State.CREATING,
        replicas_desired=endpoint.spec.replicas if endpoint.spec else 0,
        observed_spec=endpoint.spec_hash,
        exposure=Exposure.WAITING,
    )


def _note(error: str) -> str:
    return shortened(KEEPS_FAILING + error, _LONGEST_NOTE)


def _shape(note: str) -> str:
    return _VARIES.sub("#", note)[:_COMPARED]
