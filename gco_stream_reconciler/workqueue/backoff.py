"""Exponential backoff for each key, with full jitter.

Full jitter (a uniform draw from 0 to the ceiling) spreads the retries of many keys that failed together:
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

from typing import Protocol

from gco_stream_reconciler.backoff import ceiling


class Uniform(Protocol):
    """What a random generator must offer; `random.Random` does."""

    def uniform(self, a: float, b: float, /) -> float:
        """A number between a and b."""


class Backoff:
    """Failures of each key since its last success, and the delays that follow from them.

    Delays are seconds. Keys without failures take no memory.
    """

    def __init__(self, *, initial_seconds: float, maximum_seconds: float, random: Uniform) -> None:
        if not 0 < initial_seconds <= maximum_seconds:
            raise ValueError(
                f"backoff from {initial_seconds} to {maximum_seconds} s: it must grow and be positive"
            )
        self._initial = initial_seconds
        self._maximum = maximum_seconds
        self._random = random
        self._failures: dict[str, int] = {}

    def failed(self, key: str) -> float:
        """Count a failure; the delay before the next try."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        return self._random.uniform(0.0, self.ceiling(failures))

    def slowest(self, key: str) -> float:
        """Count a failure that only new input can end; a delay in the upper half of the longest one."""
        self._failures[key] = self._failures.get(key, 0) + 1
        return self._random.uniform(self._maximum / 2, self._maximum)

    def forget(self, key: str) -> None:
        """The key has succeeded, or is gone."""
        self._failures.pop(key, None)

    def failures(self, key: str) -> int:
        """Failures since the last success."""
        return self._failures.get(key, 0)

    def ceiling(self, failures: int) -> float:
        """The longest delay that may follow so many earlier failures."""
        return ceiling(failures, first=self._initial, longest=self._maximum)
