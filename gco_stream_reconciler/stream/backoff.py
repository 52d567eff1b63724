"""Pauses after failures: exponential, with full jitter."""

from random import Random

from gco_stream_reconciler.backoff import ceiling

FIRST_SECONDS = 0.2
SLOWEST_SECONDS = 5.0


class Backoff:
    """One caller's pauses."""

    def __init__(self, random: Random, *, slowest_seconds: float = SLOWEST_SECONDS) -> None:
        self._random = random
        self._slowest_seconds = slowest_seconds
        # Since the last success.
        self._failures = 0

    def failed(self, *, at_least: float | None = None) -> float:
        """Count a failure; returns the pause in seconds, not below the other side's own wish."""
        longest = ceiling(self._failures, first=FIRST_SECONDS, longest=self._slowest_seconds)
        self._failures += 1
        return max(self._random.uniform(0, longest), at_least or 0.0)

    def failed_as_expected(self) -> float:
        """Count a failure that another try should heal: no pause if it is the first since the last success."""
        if self._failures:
            return self.failed()
        self._failures = 1
        return 0.0

    def succeeded(self) -> None:
        """Begin afresh."""
        self._failures = 0
