"""Calls for the Lease that failed: counted, told in the log, and remembered until one succeeds."""

from collections.abc import Callable
from typing import Protocol

from structlog.typing import FilteringBoundLogger


class FailureObserver(Protocol):
    """Measurements."""

    def failed(self, operation: str) -> None:
        """A call ended in an error: `acquire`, `renew` or `release`."""


class LeaseFailures:
    """`clock` is monotonic seconds. Invariant: `_since` is None where the last call succeeded."""

    def __init__(
        self, lease: str, *, clock: Callable[[], float], observer: FailureObserver, log: FilteringBoundLogger
    ) -> None:
        self._lease = lease
        self._clock = clock
        self._observer = observer
        self._log = log
        self._since: float | None = None
        self._last_error = ""

    @property
    def seconds(self) -> float:
        """For how long calls have failed without one success; 0 while they succeed."""
        return 0.0 if self._since is None else self._clock() - self._since

    @property
    def last_error(self) -> str:
        """How the last call failed, "" where it succeeded."""
        return self._last_error

    def failed(self, operation: str, error: Exception) -> None:
        """A call has failed."""
        self._observer.failed(operation)
        said = f"{type(error).__name__}: {error}"
        # Candidates try every second: the same failure is worth one line.
        level = self._log.debug if said == self._last_error else self._log.warning
        level("lease_call_failed", operation=operation, lease=self._lease, error=said)
        self._last_error = said
        if self._since is None:
            self._since = self._clock()

    def succeeded(self) -> None:
        """The API server has answered, be it that the lease is another's."""
        self._since, self._last_error = None, ""
