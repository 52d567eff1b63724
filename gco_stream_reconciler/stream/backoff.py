"""Pauses after failures: exponential, with full jitter."""

from random import Random

FIRST_SECONDS = 0.1
SLOWEST_SECONDS = 5.0


class Backoff:
    """One caller's pauses. `failures` counts since the last success."""

    def __init__(self, random: Random, *, slowest_seconds: float = SLOWEST_SECONDS) -> None:
        self._random = random
        self._slowest_seconds = slowest_seconds
        self.failures = 0

    def failed(self, *, at_least: float | None = None) -> float:
        """Count a failure; returns the pause in seconds, not below the other side's own wish."""
        self.failures += 1
        ceiling = min(self._slowest_seconds, FIRST_SECONDS * 2 ** min(self.failures, 16))
        return max(self._random.uniform(0, ceiling), at_least or 0.0)

    def succeeded(self) -> None:
        """Begin afresh."""
        self.failures = 0
