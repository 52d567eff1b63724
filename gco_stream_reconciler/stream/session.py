"""One stream from its start to its end: bind, read, follow the shards' lineage."""

import asyncio
from collections.abc import Callable

from gco_stream_reconciler.stream.context import StreamContext
from gco_stream_reconciler.stream.discovery import Discovery
from gco_stream_reconciler.stream.reader import Ending, Progress, ShardReader
from gco_stream_reconciler.stream.shards import Lineage, ShardState


class StreamSession:
    """Reads one stream ARN, once, until it is disabled and drained, or the table has another one.

    `polled_at`, monotonic seconds: when one of the shards that are not read any more was last read, at first what the
    session before had. Invariant: every shard in phase READING has exactly one task and one entry in `_readers`.
    """

    def __init__(self, arn: str, context: StreamContext, *, polled_at: float) -> None:
        self.arn = arn
        self.polled_at = polled_at
        self._context = context
        self._lineage = Lineage()
        self._readers: dict[str, ShardReader] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._unbound: set[str] = set()
        self._all_bound = asyncio.Event()
        self._resync_requested = False
        self._group = asyncio.TaskGroup()
        self._discovery = Discovery(
            arn,
            context,
            self._lineage,
            start_readers=self._start_readers,
            is_reading=lambda: bool(self._readers),
        )

    def progress(self) -> list[Progress]:
        """Every shard that is being read."""
        return [reader.progress for reader in self._readers.values()]

    def shards(self) -> list[ShardState]:
        """Every known shard."""
        return list(self._lineage.shards.values())

    async def run(self, *, started: Callable[[], None]) -> None:
        """Run the session; returns when the stream has ended. `started` is called when its start is complete.

        The order makes the start free of gaps: positions are bound before the shards are listed again, and only then
        may the resync scan the table, while the readers run. Neither a leaf that cannot be bound in time nor a listing
        that cannot be had holds anything up: when the leaf is bound, another resync is asked for; a shard that is found
        later is read from its beginning.
        """
        listing = await self._context.adapter.list_shards(self.arn)
        async with self._group:
            self._unbound.update(self._lineage.begin(listing))
            for shard_id in tuple(self._unbound):
                self._start_reader(shard_id)
            await self._wait_until_bound()
            await self._discovery.list_once_more()
            self._start_readers()
            self._resync_requested = True
            self._context.request_resync("start")
            started()
            await self._discovery.run()
            for task in self._tasks.values():
                task.cancel()

    async def _wait_until_bound(self) -> None:
        if self._unbound:
            try:
                async with asyncio.timeout(self._context.settings.bind_timeout_seconds):
                    await self._all_bound.wait()
            except TimeoutError:
                self._context.log.warning("shards_bound_late", shards=len(self._unbound))

    # --- Readers ------------------------------------------------------------------------------------------------

    def _start_readers(self) -> None:
        for shard_id in self._lineage.startable():
            self._lineage.started(shard_id)
            self._start_reader(shard_id)
        self._context.observer.shards(len(self._readers), len(self._lineage.shards))

    def _start_reader(self, shard_id: str) -> None:
        reader = ShardReader(
            shard_id,
            self._lineage.shards[shard_id].start,
            arn=self.arn,
            context=self._context,
        )
        self._readers[shard_id] = reader
        self._tasks[shard_id] = self._group.create_task(self._read(reader), name=f"shard {shard_id}")

    async def _read(self, reader: ShardReader) -> None:
        """Read one shard to its end, then go on with its children; whatever happens in the reader stays in it."""
        try:
            ending = await self._read_to_the_end(reader)
        finally:
            del self._readers[reader.shard_id], self._tasks[reader.shard_id]
            if reader.progress.was_read:
                self.polled_at = max(self.polled_at, reader.progress.polled_at)
        self._discovery.follow(self._group, reader.shard_id, ending)

    async def _read_to_the_end(self, reader: ShardReader) -> Ending:
        try:
            ending = await reader.read_page()
            self._is_bound(reader.shard_id)
            return await reader.run() if ending is None else ending
        except Exception:
            self._context.log.exception("shard_reader_failed_by_a_bug", shard=reader.shard_id)
            self._context.request_resync("reader failed")
            return Ending.GONE

    def _is_bound(self, shard_id: str) -> None:
        if shard_id in self._unbound:
            self._unbound.discard(shard_id)
            if self._resync_requested:
                self._context.request_resync("late binding")
            if not self._unbound:
                self._all_bound.set()
