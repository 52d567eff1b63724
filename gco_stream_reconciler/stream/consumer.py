"""The consumer: start, readers, discovery, recovery."""

import asyncio
from collections.abc import Callable
from random import Random

import structlog
from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.errors import FatalError, ReconcilerError
from gco_stream_reconciler.settings import StreamSettings
from gco_stream_reconciler.stream.adapter import Record, StreamAdapter, StreamDescription, written_at
from gco_stream_reconciler.stream.backoff import Backoff
from gco_stream_reconciler.stream.changes import key_to_queue
from gco_stream_reconciler.stream.context import StreamContext
from gco_stream_reconciler.stream.ports import ChangeSink, StreamObserver
from gco_stream_reconciler.stream.reader import Progress
from gco_stream_reconciler.stream.session import StreamSession
from gco_stream_reconciler.stream.shards import ShardState
from gco_stream_reconciler.stream.switching import enabling, region_of

_SLOWEST_RESTART_SECONDS = 10.0
_ENABLING_PAUSE_SECONDS = 1.0
_DISABLED_PAUSE_SECONDS = 3.0


class StreamConsumer:
    """Reads the table's stream for ever and hands keys to the sink.

    `clock` is monotonic seconds. `table_name` is for messages. `region` is ours: the Region whose status in a record is our own.
    """

    def __init__(
        self,
        *,
        adapter: StreamAdapter,
        sink: ChangeSink,
        settings: StreamSettings,
        table_name: str,
        region: str,
        clock: Callable[[], float],
        random: Random,
        observer: StreamObserver,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._adapter = adapter
        self._sink = sink
        self._settings = settings
        self._table_name = table_name
        self._region = region
        self._clock = clock
        self._random = random
        self._observer = observer
        self._log: FilteringBoundLogger = log or structlog.get_logger()
        self._session: StreamSession | None = None
        self._began = clock()
        self._finished_arn = ""
        self.last_error = ""

    async def run(self) -> None:
        """Consume for ever, starting over when the table gets another stream.

        Raises StreamNotEnabledError and TableNotFoundError where no stream can begin; everything else is tried again with
        backoff. A stream that is being read goes on for as long as it can be read, whatever becomes of its table.
        """
        backoff = Backoff(self._random, slowest_seconds=_SLOWEST_RESTART_SECONDS)
        while True:
            try:
                description = await self._described()
                session = self._session_of(description)
                self._session = session
                await session.run(started=backoff.succeeded)
                self._finished_arn = description.arn
                self._log.info("stream_ended", arn=description.arn, status=description.status)
            except FatalError:
                raise
            except ReconcilerError as error:
                self.last_error = str(error)
                pause = backoff.failed()
                self._observer.failed(type(error).__name__)
                self._log.warning("stream_start_failed", error=str(error), retry_in_seconds=round(pause, 1))
                await asyncio.sleep(pause)

    def progress(self) -> list[Progress]:
        """Every shard that is being read."""
        return self._session.progress() if self._session else []

    @property
    def arn(self) -> str:
        """The stream that is being read, "" before the first is found."""
        return self._session.arn if self._session else ""

    def shards(self) -> list[ShardState]:
        """Every known shard of that stream."""
        return self._session.shards() if self._session else []

    def unpolled_seconds(self) -> float:
        """How long the shard that has waited longest has not been read; while none is read, since any was, or the start."""
        shards = self.progress()
        since = min(shard.polled_at for shard in shards) if shards else self._polled_at()
        return self._clock() - since

    def lag_seconds(self) -> float:
        """How far the shard that is furthest behind was behind at its last read; 0 while none is read."""
        return max((shard.lag_seconds for shard in self.progress()), default=0.0)

    def _polled_at(self) -> float:
        return self._session.polled_at if self._session else self._began

    # --- The start of a session -----------------------------------------------------------------------------------

    async def _described(self) -> StreamDescription:
        """The table's stream, once it can be read: not while it is being enabled, nor one that was read to its end."""
        while True:
            description = await self._adapter.describe()
            ended = description.status == "DISABLED" and description.arn == self._finished_arn
            if description.status != "ENABLING" and not ended:
                return description
            if ended:
                remedy = f"enable it again: {enabling(self._table_name, region_of(description.arn))}"
                self.last_error = f"the stream of table {self._table_name} is disabled; {remedy}"
                self._log.error("stream_disabled", arn=description.arn, remedy=remedy)
            await asyncio.sleep(_DISABLED_PAUSE_SECONDS if ended else _ENABLING_PAUSE_SECONDS)

    def _session_of(self, description: StreamDescription) -> StreamSession:
        self._log.info(
            "stream_found", arn=description.arn, status=description.status, view=description.view_type
        )
        context = StreamContext(
            adapter=self._adapter,
            settings=self._settings,
            deliver=self._deliver,
            request_resync=self._request_resync,
            clock=self._clock,
            random=self._random,
            observer=self._observer,
            log=self._log,
        )
        return StreamSession(description.arn, context, polled_at=self._polled_at())

    def _deliver(self, record: Record) -> None:
        key = key_to_queue(
            record, region=self._region, is_last_written_status=self._sink.is_last_written_status
        )
        if key is not None:
            self._sink.changed(key, written_at(record))

    def _request_resync(self, reason: str) -> None:
        self._observer.resync_requested(reason)
        self._sink.request_resync(reason)
