"""One stream from its start to its end: bind, read, follow the shards' lineage."""

import asyncio
from collections.abc import Callable

from gco_stream_reconciler.errors import ReconcilerError
from gco_stream_reconciler.stream.adapter import ShardListing
from gco_stream_reconciler.stream.context import StreamContext
from gco_stream_reconciler.stream.reader import Ending, Progress, ShardReader
from gco_stream_reconciler.stream.shards import Lineage, Phase, ShardState

# Children are asked for one parent at a time while few shards end; else one listing is fewer calls (limit: 10/s).
_MOST_SINGLE_QUESTIONS = 2
_CHILD_PAUSES_SECONDS = (0.1, 0.2, 0.3)
# While a drained shard has no child yet, and after a failed listing.
_SHORT_AUDIT_SECONDS = 1.5


class StreamSession:
    """Reads one stream ARN until it is disabled and drained, or the table has another one.

    Invariant: every shard in phase READING has exactly one task in the group and one entry in `_readers`.
    """

    def __init__(self, arn: str, context: StreamContext) -> None:
        self.arn = arn
        self._context = context
        self._lineage = Lineage()
        self._readers: dict[str, ShardReader] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ended: dict[str, Ending] = {}
        self._something_ended = asyncio.Event()
        self._unbound: set[str] = set()
        self._all_bound = asyncio.Event()
        self._resync_requested = False
        # Shards that were not found, and when: read again if a later listing still holds them.
        self._gone: dict[str, float] = {}

    def progress(self) -> list[Progress]:
        """Every shard that is being read."""
        return [reader.progress for reader in self._readers.values()]

    def shards(self) -> list[ShardState]:
        """Every known shard."""
        return list(self._lineage.shards.values())

    async def run(self, *, started: Callable[[], None]) -> None:
        """Run the session; returns when the stream has ended. `started` is called when its start is complete.

        The order makes the start free of gaps: positions are bound before the shards are listed again, and only then
        may the resync scan the table, while the readers run. A leaf that cannot be bound in time holds nothing up;
        when it is bound, another resync is asked for.
        """
        listing = await self._context.adapter.list_shards(self.arn)
        async with asyncio.TaskGroup() as group:
            self._unbound.update(self._lineage.begin(listing))
            for shard_id in tuple(self._unbound):
                self._start_reader(group, shard_id)
            await self._wait_until_bound()
            self._merge(await self._listed())
            self._start_readers(group)
            self._resync_requested = True
            self._context.request_resync("start")
            started()
            await self._discover(group)
            for task in self._tasks.values():
                task.cancel()

    async def _wait_until_bound(self) -> None:
        if self._unbound:
            try:
                async with asyncio.timeout(self._context.settings.bind_timeout_seconds):
                    await self._all_bound.wait()
            except TimeoutError:
                self._context.log.warning("shards_bound_late", shards=len(self._unbound))

    async def _listed(self) -> ShardListing:
        while True:
            try:
                return await self._context.adapter.list_shards(self.arn)
            except ReconcilerError as error:
                self._failed("shards_not_listed", error)
                await asyncio.sleep(self._context.random.uniform(0.1, 1.0))

    # --- Readers ------------------------------------------------------------------------------------------------

    def _start_readers(self, group: asyncio.TaskGroup) -> None:
        for shard_id in self._lineage.startable():
            self._lineage.started(shard_id)
            self._start_reader(group, shard_id)
        self._context.observer.shards(len(self._readers), len(self._lineage.shards))

    def _start_reader(self, group: asyncio.TaskGroup, shard_id: str) -> None:
        reader = ShardReader(
            shard_id,
            self._lineage.shards[shard_id].start,
            arn=self.arn,
            context=self._context,
        )
        self._readers[shard_id] = reader
        self._tasks[shard_id] = group.create_task(self._read(reader), name=f"shard {shard_id}")

    async def _read(self, reader: ShardReader) -> None:
        """Read one shard to its end; whatever happens in it stays in it."""
        try:
            ending = await reader.bind()
            self._is_bound(reader.shard_id)
            if ending is None:
                ending = await reader.run()
        except Exception:
            self._context.log.exception("shard_reader_failed_by_a_bug", shard=reader.shard_id)
            self._context.request_resync("reader failed")
            ending = Ending.GONE
        del self._readers[reader.shard_id], self._tasks[reader.shard_id]
        self._ended[reader.shard_id] = ending
        self._something_ended.set()

    def _is_bound(self, shard_id: str) -> None:
        if shard_id in self._unbound:
            self._unbound.discard(shard_id)
            if self._resync_requested:
                self._context.request_resync("late binding")
            if not self._unbound:
                self._all_bound.set()

    # --- Discovery ----------------------------------------------------------------------------------------------

    async def _discover(self, group: asyncio.TaskGroup) -> None:
        """Find children and new shards for ever; returns when the stream has ended."""
        soon = False
        while True:
            await self._until_an_end_or_an_audit(soon=soon)
            try:
                followed = await self._follow_ended(group)
                over = False if followed else await self._audit(group)
                soon = self._awaits_children() or bool(self._gone)
            except ReconcilerError as error:
                self._failed("discovery_failed", error)
                over, soon = False, True
            if over:
                return

    async def _until_an_end_or_an_audit(self, *, soon: bool) -> None:
        longest = _SHORT_AUDIT_SECONDS if soon else self._context.settings.audit_seconds
        try:
            async with asyncio.timeout(longest * self._context.random.uniform(0.7, 1.0)):
                await self._something_ended.wait()
        except TimeoutError:
            return

    async def _follow_ended(self, group: asyncio.TaskGroup) -> bool:
        """Mark ended shards and look for their children; True if every one that was drained has some."""
        self._something_ended.clear()
        ended, self._ended = self._ended, {}
        for shard_id, ending in ended.items():
            if shard_id in self._lineage.shards:
                self._lineage.drained(shard_id)
            if ending is Ending.GONE:
                self._gone[shard_id] = self._context.clock()
        self._start_readers(group)
        for pause in (*_CHILD_PAUSES_SECONDS, 0.0):
            parents = [shard_id for shard_id, ending in ended.items() if ending is Ending.DRAINED]
            childless = [shard_id for shard_id in parents if not self._lineage.has_children(shard_id)]
            if not childless:
                return bool(ended) and len(parents) == len(ended)
            await self._ask_for_children(childless)
            self._start_readers(group)
            await asyncio.sleep(pause * self._context.random.uniform(0.5, 1.0))
        return False

    async def _ask_for_children(self, parents: list[str]) -> None:
        if len(parents) > _MOST_SINGLE_QUESTIONS:
            self._merge(await self._context.adapter.list_shards(self.arn))
            return
        for parent in parents:
            self._lineage.add(await self._context.adapter.list_children(self.arn, parent))

    async def _audit(self, group: asyncio.TaskGroup) -> bool:
        """Look at which stream the table has, then list all shards; True when this stream has ended."""
        # The table first: an old stream's shards may not be listable any more.
        present = await self._context.adapter.describe()
        if present.arn != self.arn:
            self._context.log.warning("stream_replaced", old=self.arn, new=present.arn)
            return True
        self._merge(await self._context.adapter.list_shards(self.arn))
        self._take_back_what_is_listed()
        self._start_readers(group)
        return present.status == "DISABLED" and not self._readers

    def _take_back_what_is_listed(self) -> None:
        for shard_id, since in tuple(self._gone.items()):
            if self._context.clock() - since < _SHORT_AUDIT_SECONDS:
                continue
            del self._gone[shard_id]
            state = self._lineage.shards.get(shard_id)
            if state is not None and state.listed and not self._lineage.has_children(shard_id):
                self._context.log.warning("shard_is_listed_again", shard=shard_id)
                self._lineage.restart(shard_id)

    def _merge(self, listing: ShardListing) -> None:
        self._lineage.merge(listing)
        self._context.observer.shards(len(self._readers), len(self._lineage.shards))

    def _awaits_children(self) -> bool:
        """Whether a shard was drained that has no child yet: the stream goes on somewhere."""
        return any(
            state.phase is Phase.DRAINED and state.listed and not self._lineage.has_children(state.shard_id)
            for state in self._lineage.shards.values()
        )

    def _failed(self, event: str, error: ReconcilerError) -> None:
        self._context.observer.failed(type(error).__name__)
        self._context.log.warning(event, error=str(error))
