"""Finding shards, for ever: children, shards that nobody told of, and whether the table still has this stream."""

import asyncio
from collections.abc import Callable

from gco_stream_reconciler.errors import ReconcilerError, ShardNotFoundError
from gco_stream_reconciler.stream.adapter import ShardListing
from gco_stream_reconciler.stream.children import Children
from gco_stream_reconciler.stream.context import StreamContext
from gco_stream_reconciler.stream.pace import Pace
from gco_stream_reconciler.stream.reader import Ending
from gco_stream_reconciler.stream.shards import Lineage

# With the audits, which are not counted, below 2 calls a second on average for 1,000 listed shards (limit: 10/s).
_CALLS_PER_SECOND = 1.3
_CALLS_AT_ONCE = 8
# What a listing leaves to questions for children.
_RESERVED_CALLS = 2
# Between two looks while something is missing: a listing, a child, a shard that was there.
_SOON_SECONDS = 2.0
# Between the beginnings of two listings, which may have as many pages as calls are allowed in a second.
_LISTING_SECONDS = 1.0
# A shard that was not found is read again if it is listed this much later.
_GONE_SECONDS = 1.5


class Discovery:
    """Keeps one stream's lineage complete.

    `start_readers` is called when shards were found; `is_reading` tells whether any shard is read.
    """

    def __init__(
        self,
        arn: str,
        context: StreamContext,
        lineage: Lineage,
        *,
        start_readers: Callable[[], None],
        is_reading: Callable[[], bool],
    ) -> None:
        self._arn = arn
        self._context = context
        self._lineage = lineage
        self._start_readers = start_readers
        self._is_reading = is_reading
        self._pace = Pace(context.clock, per_second=_CALLS_PER_SECOND, at_once=_CALLS_AT_ONCE)
        self._children = Children(
            arn, context, lineage, pace=self._pace, found=start_readers, look=self._look_now
        )
        self._awake = asyncio.Event()
        self._listing_wanted = True
        self._gone: dict[str, float] = {}
        self._audit_due = 0.0
        self._listed_at = -_LISTING_SECONDS

    def follow(self, group: asyncio.TaskGroup, shard_id: str, ending: Ending) -> None:
        """A shard's reader has ended: go on with its children, now known or not."""
        if shard_id in self._lineage.shards:
            self._lineage.drained(shard_id)
        if ending is Ending.GONE:
            self._gone[shard_id] = self._context.clock()
            self._awake.set()
        elif self._lineage.is_childless(shard_id):
            self._children.seek(group, shard_id)
        self._start_readers()

    async def list_once_more(self) -> None:
        """The second listing of a start, as far as it can be had in time: what it lacks is found by `run`, soon."""
        try:
            async with asyncio.timeout(self._context.settings.bind_timeout_seconds):
                await self._until_listed()
        except TimeoutError:
            self._context.log.warning("shards_listed_late")

    async def run(self) -> None:
        """Look again and again; returns when the stream has ended."""
        self._plan_audit()
        while True:
            await self._until_a_look()
            try:
                over = await self._look()
            except ReconcilerError as error:
                self._failed("discovery_failed", error)
                self._listing_wanted, over = True, False
            if over:
                self._children.stop()
                return

    async def _until_listed(self) -> None:
        while True:
            try:
                await self._list()
                return
            except ReconcilerError as error:
                self._failed("shards_not_listed", error)
                if isinstance(error, ShardNotFoundError):
                    self._awake.set()  # the stream is gone: the first look finds its successor
                    return
            await asyncio.sleep(self._context.random.uniform(0.1, 1.0))

    # --- When -----------------------------------------------------------------------------------------------------

    def _look_now(self) -> None:
        self._listing_wanted = True
        self._awake.set()

    def _plan_audit(self) -> None:
        spread = self._context.random.uniform(0.7, 1.0)
        self._audit_due = self._context.clock() + self._context.settings.audit_seconds * spread

    async def _until_a_look(self) -> None:
        longest = self._until_audit()
        if self._listing_wanted or self._gone or self._lineage.awaits_children():
            longest = min(longest, _SOON_SECONDS * self._context.random.uniform(0.7, 1.0))
        try:
            async with asyncio.timeout(longest):
                await self._awake.wait()
        except TimeoutError:
            pass
        await asyncio.sleep(min(self._pace.seconds_until(0), self._until_audit()))
        self._awake.clear()

    def _until_audit(self) -> float:
        return max(0.0, self._audit_due - self._context.clock())

    def _may_list(self) -> bool:
        if self._context.clock() - self._listed_at < _LISTING_SECONDS:
            return False
        if self._children.is_crowded():
            return True
        needed = min(self._lineage.listing_calls() + 1 + _RESERVED_CALLS, _CALLS_AT_ONCE)
        return (self._listing_wanted or bool(self._gone)) and self._pace.seconds_until(needed) == 0

    # --- What -----------------------------------------------------------------------------------------------------

    async def _look(self) -> bool:
        """See which stream the table has, and list its shards if that is due; True when this stream has ended."""
        is_audit = self._until_audit() == 0
        lists = is_audit or self._may_list()
        if lists:
            self._plan_audit()
        if not is_audit:
            self._pace.spend(1)
        # The table first: an old stream's shards may not be listable any more.
        present = await self._context.adapter.describe()
        if present.arn != self._arn:
            self._context.log.warning("stream_replaced", old=self._arn, new=present.arn)
            return True
        is_disabled = present.status == "DISABLED"
        if not lists and (not is_disabled or self._is_reading()):
            return False
        if not is_audit:
            self._pace.spend(self._lineage.listing_calls())
        listing = await self._list()
        return is_disabled and listing.complete and not self._is_reading()

    async def _list(self) -> ShardListing:
        self._listed_at = self._context.clock()
        known = frozenset(self._lineage.shards)
        listing = await self._context.adapter.list_shards(self._arn)
        self._lineage.merge(listing, known)
        self._listing_wanted = not listing.complete
        self._take_back(listing)
        self._start_readers()
        return listing

    def _take_back(self, listing: ShardListing) -> None:
        """Read again what was not found and is listed all the same."""
        listed = {shard.shard_id for shard in listing.shards}
        for shard_id, since in tuple(self._gone.items()):
            if self._context.clock() - since < _GONE_SECONDS:
                continue
            if shard_id in listed or listing.complete:
                del self._gone[shard_id]
            if shard_id in listed and self._lineage.is_childless(shard_id):
                self._context.log.warning("shard_is_listed_again", shard=shard_id)
                self._lineage.restart(shard_id)

    def _failed(self, event: str, error: ReconcilerError) -> None:
        self._context.observer.failed(type(error).__name__)
        self._context.log.warning(event, error=str(error))
