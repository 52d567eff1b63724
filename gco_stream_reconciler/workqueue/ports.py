"""What the queue tells others: measurements while it works, and itself at one moment."""

from dataclasses import dataclass
from typing import Protocol

from gco_stream_reconciler.workqueue.failures import Failure


class QueueObserver(Protocol):
    """What client-go's workqueue metrics are made of. One observer belongs to one queue."""

    def added(self) -> None:
        """A key that was not dirty became so (`adds_total`)."""

    def got(self, waited_seconds: float) -> None:
        """A key was handed out after so long in the queue (`queue_duration_seconds`)."""

    def done(self, worked_seconds: float) -> None:
        """A key's processing took so long (`work_duration_seconds`)."""

    def retried(self) -> None:
        """A key failed and will come again (`retries_total`)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The queue at one moment, for people. Ages and delays are seconds."""

    waiting: dict[str, tuple[str, float]]
    """Key → lane, age."""
    processing: dict[str, float]
    """Key → age."""
    delayed: dict[str, tuple[str, float]]
    """Key → lane, seconds until due."""
    failures: dict[str, Failure]
    at: float
    """The moment, by the queue's clock."""
