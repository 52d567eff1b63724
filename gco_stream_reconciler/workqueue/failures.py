"""Which keys fail, how often, since when, and how long each of them waits for it."""

from dataclasses import dataclass

from gco_stream_reconciler.workqueue.backoff import Backoff

_ERROR_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Failure:
    """A key's failures since its last success: how many, the last one's message, and whether it was terminal.

    `since` is when the first of them came, by the queue's clock.
    """

    count: int
    error: str
    terminal: bool
    since: float


class Failures:
    """Failures of each key since its last success. Keys without any take no memory.

    Times are seconds on the caller's monotonic clock, passed in as `now`.
    """

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._failures: dict[str, Failure] = {}

    def failed(self, key: str, now: float, *, error: str, terminal: bool) -> float:
        """Count a failure; the delay before the next try. A terminal one goes to the slow end at once."""
        before = self._failures.get(key)
        count, since = (0, now) if before is None else (before.count, before.since)
        self._failures[key] = Failure(count + 1, error[:_ERROR_LENGTH], terminal, since)
        return self._backoff.slowest() if terminal else self._backoff.after(count)

    def forget(self, key: str) -> None:
        """The key has succeeded, or is gone."""
        self._failures.pop(key, None)

    def retries(self, key: str) -> int:
        """Failures since the last success."""
        failure = self._failures.get(key)
        return 0 if failure is None else failure.count

    def failing_seconds(self, key: str, now: float) -> float:
        """How long ago the first of a key's failures came; 0 if there is none."""
        failure = self._failures.get(key)
        return 0.0 if failure is None else now - failure.since

    def longest_failing_seconds(self, now: float) -> float:
        """The same of the key that has failed longest; 0 if no key fails."""
        return max((now - failure.since for failure in self._failures.values()), default=0.0)

    def snapshot(self) -> dict[str, Failure]:
        """Key → its failures."""
        return dict(self._failures)
