"""Exponential backoff with full jitter.

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
    """Delays in seconds, between limits that grow and are positive; else ValueError."""

    def __init__(self, *, initial_seconds: float, maximum_seconds: float, random: Uniform) -> None:
        if not 0 < initial_seconds <= maximum_seconds:
            raise ValueError(
                f"backoff from {initial_seconds} to {maximum_seconds} s: it must grow and be positive"
            )
        self._initial = initial_seconds
        self._maximum = maximum_seconds
        self._random = random

    def after(self, failures: int) -> float:
        """The delay after so many failures before this one."""
        return self._random.uniform(0.0, ceiling(failures, first=self._initial, longest=self._maximum))

    def slowest(self) -> float:
        """The delay after a failure that only new input can end: in the upper half of the longest one."""
        return self._random.uniform(self._maximum / 2, self._maximum)
