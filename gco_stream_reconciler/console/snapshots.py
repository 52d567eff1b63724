"""The work queue's snapshot → what the console shows of it. Pure, and without knowing the work queue."""

from collections.abc import Mapping
from typing import Protocol

from gco_stream_reconciler.console.views import DelayedKey, FailingKey, KeyInProcess, QueueView, WaitingKey


class KeyFailure(Protocol):
    """A key's failures since its last success."""

    @property
    def count(self) -> int:
        """How many."""

    @property
    def error(self) -> str:
        """The last one's message."""

    @property
    def terminal(self) -> bool:
        """Whether only new input can end it."""

    @property
    def since(self) -> float:
        """When the first of them came, by the queue's clock."""


class QueueSnapshot(Protocol):
    """The work queue at one moment; ages and delays are seconds."""

    @property
    def waiting(self) -> Mapping[str, tuple[str, float]]:
        """Key → lane, age."""

    @property
    def processing(self) -> Mapping[str, float]:
        """Key → age."""

    @property
    def delayed(self) -> Mapping[str, tuple[str, float]]:
        """Key → lane, seconds until due."""

    @property
    def failures(self) -> Mapping[str, KeyFailure]:
        """Key → its failures."""

    @property
    def at(self) -> float:
        """The moment, by the queue's clock."""


def queue_view(snapshot: QueueSnapshot) -> QueueView:
    """The snapshot as a view, in its order."""
    return QueueView(
        waiting=tuple(WaitingKey(key, lane, age) for key, (lane, age) in snapshot.waiting.items()),
        in_process=tuple(KeyInProcess(key, age) for key, age in snapshot.processing.items()),
        delayed=tuple(DelayedKey(key, lane, due) for key, (lane, due) in snapshot.delayed.items()),
        failing=tuple(
            FailingKey(key, failure.count, failure.error, failure.terminal, snapshot.at - failure.since)
            for key, failure in snapshot.failures.items()
        ),
    )
