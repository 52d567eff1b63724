"""Asks for the children of drained shards: a task for each parent, so that one hung question delays no other's child."""

import asyncio
from collections.abc import Callable, Iterator

from gco_stream_reconciler.errors import ReconcilerError, RetryableError, UnavailableError
from gco_stream_reconciler.stream.context import StreamContext
from gco_stream_reconciler.stream.pace import Pace
from gco_stream_reconciler.stream.shards import Lineage

_QUICK_PAUSES_SECONDS = (0.1, 0.2, 0.3)
_SLOW_PAUSE_SECONDS = 2.0
_QUESTION_SECONDS = 3.0


class Children:
    """Asks on until a child is known, or the parent is not known any more.

    `found` is called after an answer with shards. `look` asks for a full listing: where quick questions were in vain,
    and where more parents wait than a listing has pages.
    """

    def __init__(
        self,
        arn: str,
        context: StreamContext,
        lineage: Lineage,
        *,
        pace: Pace,
        found: Callable[[], None],
        look: Callable[[], None],
    ) -> None:
        self._arn = arn
        self._context = context
        self._lineage = lineage
        self._pace = pace
        self._found = found
        self._look = look
        self._tasks: set[asyncio.Task[None]] = set()

    def seek(self, group: asyncio.TaskGroup, parent_id: str) -> None:
        """Begin to ask for the children of a drained shard."""
        task = group.create_task(self._seek(parent_id), name=f"children of {parent_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Ask for none any more."""
        for task in self._tasks:
            task.cancel()

    def is_crowded(self) -> bool:
        """Whether one full listing would be fewer calls than the questions in line."""
        return self._pace.waiting > self._lineage.listing_calls()

    async def _seek(self, parent_id: str) -> None:
        def wanted() -> bool:
            return self._lineage.is_childless(parent_id)

        for pause in self._pauses():
            if self.is_crowded():
                self._look()
            if not await self._pace.turn(wanted):
                return
            wish = await self._ask(parent_id)
            if not wanted():
                return
            if pause is None:
                self._look()
            spread = self._context.random.uniform(0.5, 1.0)
            await asyncio.sleep(max((pause or _SLOW_PAUSE_SECONDS) * spread, wish))

    @staticmethod
    def _pauses() -> Iterator[float | None]:
        """Pauses after each question; None once, when the quick ones are over."""
        yield from _QUICK_PAUSES_SECONDS
        yield None
        while True:
            yield _SLOW_PAUSE_SECONDS

    async def _ask(self, parent_id: str) -> float:
        """One question; returns the service's own wish for a pause."""
        try:
            async with asyncio.timeout(_QUESTION_SECONDS):
                children = await self._context.adapter.list_children(self._arn, parent_id)
        except TimeoutError:
            self._failed(parent_id, UnavailableError(f"no answer within {_QUESTION_SECONDS:g} s"))
            return 0.0
        except ReconcilerError as error:
            self._failed(parent_id, error)
            return (error.retry_after_seconds or 0.0) if isinstance(error, RetryableError) else 0.0
        if self._lineage.add(children):
            self._found()
        return 0.0

    def _failed(self, parent_id: str, error: ReconcilerError) -> None:
        self._context.observer.failed(type(error).__name__)
        self._context.log.warning("children_not_listed", shard=parent_id, error=str(error))
