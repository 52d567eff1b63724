"""Reads of single items, sent together where they come together.

Under load the price of a call, on both sides, is most of what a read costs. So one call is on its way at a time, and what is
asked meanwhile goes with the next one: no read waits for company, and a lone one is a plain GetItem. A read joins only a call
that has not been sent, so it tells what was there after it was asked for.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gco_stream_reconciler.errors import ReconcilerError, RetryableError, ThrottledError, UnavailableError

Item = dict[str, Any]

PATIENCE_SECONDS = 0.05
"""How long a call on its way keeps the next one waiting."""

ALONE_AFTER_SECONDS = 0.5
"""How long one waits for a call that another sends, before it reads its name alone: what hangs holds up its sender only."""

MOST_ITEMS = 25
"""Names in one call. The service takes 100, but an answer is parsed in one go, while nothing else runs."""


@dataclass(frozen=True, slots=True)
class Found:
    """Answer to one call: the items that are there, by name, and the names that the service has not looked at."""

    items: Mapping[str, Item]
    unanswered: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class _Batch:
    """Names that go together, and what everybody who asked for one of them awaits.

    An error is a result of the future: as its exception it would be complained about where nobody is left to fetch it.
    """

    names: list[str]
    outcome: asyncio.Future[Found | ReconcilerError] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class ItemReads:
    """Whoever asks first for a batch sends it, as a part of its own call: no task is left behind.

    one: reads one name. several: reads MOST_ITEMS names at most. where: table and Region, for messages.
    """

    def __init__(
        self,
        one: Callable[[str], Awaitable[Item | None]],
        several: Callable[[Sequence[str]], Awaitable[Found]],
        *,
        where: str,
    ) -> None:
        self._one = one
        self._several = several
        self._where = where
        self._way = asyncio.Semaphore(1)
        self._gathering: _Batch | None = None

    async def get(self, name: str) -> Item | None:
        """The item, or None. Raises what the calls raise; ThrottledError where the service has left the name out."""
        batch = self._joined(name)
        if batch is None:
            batch = self._gathering = _Batch([name])
            outcome = await self._lead(batch)
        else:
            # Unlike wait_for, this cancels no future: who goes away takes the answer from nobody.
            await asyncio.wait((batch.outcome,), timeout=ALONE_AFTER_SECONDS)
            if not batch.outcome.done():
                # No storm where all is slow: each call has one who awaits it, as if there were no batches.
                return await self._one(name)
            outcome = batch.outcome.result()
        if isinstance(outcome, Found):
            return self._item(name, outcome)
        if isinstance(outcome, RetryableError) or batch.names == [name]:
            raise outcome
        # A refusal may be about another's name, or about calls for several: alone, each gets an answer of its own.
        return await self._one(name)

    def _joined(self, name: str) -> _Batch | None:
        batch = self._gathering
        if batch is None or (name not in batch.names and len(batch.names) >= MOST_ITEMS):
            return None
        if name not in batch.names:
            batch.names.append(name)  # the service refuses a call that names one twice
        return batch

    async def _lead(self, batch: _Batch) -> Found | ReconcilerError:
        given_up = UnavailableError(
            f"read of {self._where}: given up with the call that it was a part of; it is tried again"
        )
        outcome: Found | ReconcilerError = given_up
        try:
            async with self._turn():
                self._close(batch)
                outcome = await self._sent(batch.names)
        except ReconcilerError as error:
            outcome = error
        except Exception as error:
            given_up.__cause__ = error  # a bug of ours: the others are told what it was
            raise
        finally:
            self._close(batch)
            batch.outcome.set_result(outcome)
        return outcome

    def _close(self, batch: _Batch) -> None:
        if self._gathering is batch:
            self._gathering = None

    async def _sent(self, names: Sequence[str]) -> Found:
        if len(names) > 1:
            return await self._several(names)
        item = await self._one(names[0])
        return Found({} if item is None else {names[0]: item})

    def _item(self, name: str, found: Found) -> Item | None:
        if name in found.unanswered:
            raise ThrottledError(
                f"dynamodb:BatchGetItem on {self._where}: item {name!a} was left out of the answer; it is tried again, "
                "raise the capacity or the quota if it lasts"
            )
        return found.items.get(name)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        await self._way.acquire()
        held = [self._way]

        def let_go() -> None:
            while held:
                held.pop().release()

        patience = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, let_go)
        try:
            yield
        finally:
            patience.cancel()
            let_go()
