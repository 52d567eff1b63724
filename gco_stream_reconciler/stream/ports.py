"""What the consumer needs beside the stream."""

from typing import Any, Protocol


class ChangeSink(Protocol):
    """Takes what the consumer finds. Nothing here blocks: the queue is never a reason to stop polling."""

    def changed(self, key: str, written_at: float | None) -> None:
        """Look at this endpoint; the change was written at this time (epoch seconds)."""

    def request_resync(self, reason: str) -> None:
        """Changes may have been missed: look at everything."""

    def is_last_written_status(self, name: str, raw_status: Any) -> bool:
        """Whether a status of our Region in a record is what we last wrote."""


class StreamObserver(Protocol):
    """Measurements."""

    def polled(self, records: int) -> None:
        """A page arrived."""

    def failed(self, error: str) -> None:
        """A call failed; `error` is the class name of the error."""

    def shards(self, reading: int, known: int) -> None:
        """How many shards are read and known."""

    def resync_requested(self, reason: str) -> None:
        """A full resync was asked for."""
