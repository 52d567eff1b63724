"""One shard's reader: an iterator, a rhythm, and an answer to everything that can go wrong."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from gco_stream_reconciler.errors import (
    ExpiredIteratorError,
    ReconcilerError,
    RetryableError,
    ShardNotFoundError,
    ThrottledError,
    TrimmedDataError,
    UnavailableError,
)
from gco_stream_reconciler.stream.adapter import (
    TRIM_HORIZON,
    Page,
    StartPosition,
    sequence_number,
)
from gco_stream_reconciler.stream.backoff import Backoff
from gco_stream_reconciler.stream.context import StreamContext

T = TypeVar("T")

CALL_SECONDS = 12.0
"""Deadline of one call, should the adapter's own not hold."""


class Ending(Enum):
    """Why a reader ended."""

    DRAINED = "the shard is sealed and its last page was queued"
    GONE = "the shard does not exist any more"


@dataclass(slots=True)
class Progress:
    """How a shard's reading goes. Times are monotonic seconds; `polled_at` begins with the reader's making.

    `was_read`: at least one page arrived.
    """

    shard_id: str
    polled_at: float
    was_read: bool = False
    lag_seconds: float = 0.0
    last_error: str = ""


class ShardReader:
    """Reads one shard to its end.

    Invariants: `_iterator` None means that one must be asked for, from `_start`; `_start` never says LATEST again
    once the shard was bound or any record of it was seen.
    """

    def __init__(
        self,
        shard_id: str,
        start: StartPosition,
        *,
        arn: str,
        context: StreamContext,
    ) -> None:
        self.shard_id = shard_id
        self.progress = Progress(shard_id, context.clock())
        self._start = start
        self._arn = arn
        self._context = context
        self._backoff = Backoff(context.random)
        self._iterator: str | None = None
        self._last_page_had_records = False

    async def read_page(self) -> Ending | None:
        """One page, however many tries it takes; an Ending if it was the last. The first one fixes the position."""
        while True:
            try:
                return self._took(await self._read())
            except ReconcilerError as error:
                pause = self._after(error)
            if pause is None:
                return Ending.GONE
            await asyncio.sleep(pause)

    async def run(self) -> Ending:
        """Read until the shard ends. Only cancellation gets out, as far as errors of the service go."""
        while True:
            began = self._context.clock()
            ending = await self.read_page()
            if ending is not None:
                return ending
            await asyncio.sleep(self._pause(self._context.clock() - began))

    async def _read(self) -> Page:
        if self._iterator is None:
            call = self._context.adapter.get_shard_iterator(self._arn, self.shard_id, self._start)
            self._iterator = await _within(call)
        return await _within(self._context.adapter.get_records(self._iterator))

    def _took(self, page: Page) -> Ending | None:
        self._backoff.succeeded()
        for record in page.records:
            self._context.deliver(record)
            number = sequence_number(record)
            if number is not None:
                self._start = StartPosition("AFTER_SEQUENCE_NUMBER", number)
        if self._start.kind == "LATEST":
            # Bound: should the iterator expire, LATEST would skip what came since.
            self._start = TRIM_HORIZON
        self._iterator = page.next_iterator
        self._last_page_had_records = bool(page.records)
        self.progress.polled_at = self._context.clock()
        self.progress.was_read = True
        self.progress.lag_seconds = page.lag_seconds
        self.progress.last_error = ""
        self._context.observer.polled(len(page.records))
        return Ending.DRAINED if page.next_iterator is None else None

    def _pause(self, took: float) -> float:
        """Until the next read: as soon as the service's limit allows after a page with records, else the idle interval.

        The interval runs from the beginning of the last read.
        """
        least = self._context.settings.minimum_poll_seconds
        wanted = (
            least if self._last_page_had_records else max(least, self._context.settings.idle_poll_seconds)
        )
        return max(0.0, wanted - took)

    def _after(self, error: ReconcilerError) -> float | None:
        """What to do after a failed call: seconds to wait, or None to give the shard up."""
        self.progress.last_error = str(error)
        self._context.observer.failed(type(error).__name__)
        if isinstance(error, ShardNotFoundError):
            self._context.request_resync("shard not found")
            return None
        if isinstance(error, ExpiredIteratorError):
            self._iterator = None
            return self._backoff.failed_as_expected()
        if isinstance(error, TrimmedDataError):
            self._iterator, self._start = None, TRIM_HORIZON
            self._context.request_resync("trimmed data")
            return self._backoff.failed()
        if not isinstance(error, RetryableError):
            self._iterator = None  # the same one would be refused for ever
            self._context.log.error("shard_read_refused", shard=self.shard_id, error=str(error))
        elif not isinstance(error, ThrottledError):
            self._context.log.warning("shard_read_failed", shard=self.shard_id, error=str(error))
        wish = error.retry_after_seconds if isinstance(error, RetryableError) else None
        return self._backoff.failed(at_least=wish)


async def _within(call: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(CALL_SECONDS):
            return await call
    except TimeoutError as error:
        raise UnavailableError(f"the stream gave no answer within {CALL_SECONDS:g} s") from error
