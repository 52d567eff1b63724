"""One term of leadership: everything that only the leader does, from its first key to its last status."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gco_stream_reconciler.app.parts import Parts
from gco_stream_reconciler.controller.announcer import EventAnnouncer
from gco_stream_reconciler.controller.cleanup import CleanupLimit
from gco_stream_reconciler.controller.executor import Executor
from gco_stream_reconciler.controller.inventory import Inventory
from gco_stream_reconciler.controller.item_writer import ItemWriter
from gco_stream_reconciler.controller.orphan_look import OrphanLook
from gco_stream_reconciler.controller.reaction import ReactionClock
from gco_stream_reconciler.controller.recent_reads import RecentReads
from gco_stream_reconciler.controller.reconciler import Orphans, Reconciler
from gco_stream_reconciler.controller.resync import Resync
from gco_stream_reconciler.controller.status import StatusReporter
from gco_stream_reconciler.controller.table_identity import TableIdentity
from gco_stream_reconciler.controller.trouble import LastingTrouble
from gco_stream_reconciler.controller.workers import Worker
from gco_stream_reconciler.informer.objects import Change
from gco_stream_reconciler.planning.orphans import OrphanWatch
from gco_stream_reconciler.planning.situation import PlanSettings
from gco_stream_reconciler.stream.adapter import DynamoDbStreamsAdapter
from gco_stream_reconciler.stream.consumer import StreamConsumer
from gco_stream_reconciler.workqueue.queue import QueueShutDown, WorkQueue
from gco_stream_reconciler.workqueue.state import Lane

_STATUS_WRITERS = 8
_STATUS_DRAIN_SECONDS = 3.0


class Term:
    """Queue, workers, stream consumer, resync and status writers of one term.

    It is its own ChangeSink and ResyncQueue: what the consumer and the resync find goes onto the queue.
    """

    def __init__(self, parts: Parts, plan_settings: PlanSettings) -> None:
        settings, clock = parts.settings, parts.clock
        self._parts = parts
        self._drain_seconds = settings.controller.drain_seconds
        self._workers = settings.controller.workers
        self._listed = False
        self.queue = self._queue("endpoints")
        self.status_queue = self._queue("status")
        self._reactions = ReactionClock(parts.metrics)
        self.reporter = StatusReporter(
            table=parts.table,
            queue=self.status_queue,
            is_busy=self._is_busy,
            look_again=self.queue.add,
            look_again_after=self._read_again_after,
            region=settings.place.region,
            reads_are_home=settings.place.read_region == settings.place.home_region,
            observer=parts.metrics,
            clock=clock,
            now=parts.now,
            log=parts.log,
            journal=parts.journal,
        )
        self.inventory = Inventory(settings.place.region)
        self._recent = RecentReads(clock)
        self._trouble = LastingTrouble(
            failures=self.queue,
            recent=self._recent,
            reporter=self.reporter,
            region=settings.place.region,
            clock=clock,
        )
        self._orphans = OrphanWatch()
        self._identity = TableIdentity(parts.table, plan_settings.table_id, log=parts.log)
        self._announcer = EventAnnouncer(parts.events, log=parts.log, is_busy=self._is_busy)
        self._reconciler = self._make_reconciler(plan_settings)
        self._resync = self._make_resync(plan_settings)
        self.consumer = StreamConsumer(
            adapter=DynamoDbStreamsAdapter(parts.streams, now=parts.now),
            sink=self,
            settings=settings.stream,
            table_name=settings.place.table_name,
            region=settings.place.region,
            clock=clock,
            random=parts.random,
            observer=parts.metrics.stream,
        )

    def _make_reconciler(self, plan_settings: PlanSettings) -> Reconciler:
        parts = self._parts
        return Reconciler(
            table=parts.table,
            cluster=parts.cluster,
            cache=parts.informers,
            executor=Executor(
                cluster=parts.cluster,
                cache=parts.informers,
                observer=parts.metrics,
                log=parts.log,
                journal=parts.journal,
            ),
            reporter=self.reporter,
            items=ItemWriter(parts.table, observer=parts.metrics, log=parts.log),
            recent=self._recent,
            inventory=self.inventory,
            orphans=Orphans(
                watch=self._orphans,
                limit=self._cleanup_limit(),
                deletes=parts.settings.orphans.orphans == "delete",
                look_soon=lambda: self.request_resync("item gone"),
            ),
            announcer=self._announcer,
            look_again=self.queue.add,
            look_again_after=self.queue.add_after,
            reactions=self._reactions,
            observer=parts.metrics,
            settings=plan_settings,
            clock=parts.clock,
            now=parts.now,
        )

    def _make_resync(self, plan_settings: PlanSettings) -> Resync:
        parts = self._parts
        return Resync(
            table=parts.table,
            cache=parts.informers,
            queue=self,
            reporter=self.reporter,
            inventory=self.inventory,
            orphans=OrphanLook(
                table=parts.table,
                cache=parts.informers,
                watch=self._orphans,
                identity=self._identity,
                settings=plan_settings,
                observer=parts.metrics,
                clock=parts.clock,
                log=parts.log,
            ),
            identity=self._identity,
            settings=plan_settings,
            interval_seconds=parts.settings.controller.effective_resync_seconds,
            observer=parts.metrics,
            clock=parts.clock,
            now=parts.now,
            random=parts.random,
            log=parts.log,
        )

    def _is_busy(self) -> bool:
        """Whether changes of the table wait for a worker. What only tells of the work lets it go first then."""
        return self.queue.waiting_in(Lane.LIVE) >= self._workers

    def _cleanup_limit(self) -> CleanupLimit:
        parts = self._parts
        return CleanupLimit(
            cluster=parts.cluster,
            cache=parts.informers,
            inventory=self.inventory,
            orphans=self._orphans,
            identity=self._identity,
            namespace=parts.settings.place.namespace,
            limit=parts.settings.orphans.deletion_limit,
            observer=parts.metrics,
            now=parts.now,
            log=parts.log,
        )

    def _queue(self, name: str) -> WorkQueue:
        controller = self._parts.settings.controller
        return WorkQueue(
            name=name,
            clock=self._parts.clock,
            random=self._parts.random,
            observer=self._parts.metrics.queue(name),
            backoff_initial_seconds=controller.backoff_initial_seconds,
            backoff_maximum_seconds=controller.backoff_maximum_seconds,
        )

    # --- What the stream consumer finds (ChangeSink) ------------------------------------------------------------

    def changed(self, key: str, written_at: float | None) -> None:
        """A change record that matters; `written_at` is epoch seconds."""
        if written_at is not None:
            self._reactions.changed(key, written_at)
        self._recent.drop(key)
        self.queue.add(key)

    def add_resync(self, key: str) -> None:
        """A resync has found a difference. The change's record may be lost, so no earlier read of the item counts."""
        self._recent.drop(key)
        self.queue.add_resync(key)

    def _read_again_after(self, key: str, seconds: float) -> None:
        """What was read of an item is not what the home Region has."""
        self._recent.drop(key)
        self.queue.add_after(key, seconds)

    def request_resync(self, reason: str) -> None:
        """Changes may have been missed."""
        self._resync.request(reason)

    def is_last_written_status(self, name: str, raw_status: object) -> bool:
        """Whether a status in a change record is what we last wrote."""
        return self.reporter.is_ours(name, raw_status)

    # --- What the informers see ---------------------------------------------------------------------------------

    def observed(self, change: Change) -> None:
        """An object was added, changed or deleted. Before the resync looks at all of them nothing is missed.

        Most are echoes of our own writes, so they let changes of the table go first; meanwhile several become one.
        """
        if not self._listed:
            return
        for key in change.endpoint_keys():
            self.queue.add(key, Lane.OBSERVED)

    # --- Life ---------------------------------------------------------------------------------------------------

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then drain and return. A cancellation (the lease was lost) ends at once."""
        await self._parts.informers.wait_synced()
        self._listed = True
        async with asyncio.TaskGroup() as group:
            intake = [group.create_task(self.consumer.run(), name="stream-consumer")]
            events = group.create_task(self._announcer.run(), name="events")
            if not await self._take_stock(group, stopping):
                _cancel([*intake, events])
                return
            intake.append(group.create_task(self._resync.run(), name="resync"))
            workers = self._start(group, "worker", self._workers, self._worker)
            writers = self._start(group, "status-writer", _STATUS_WRITERS, self.reporter.write_forever)
            with self._parts.tasks.watching(*intake, events, *workers, *writers):
                await stopping.wait()
            await self._drain(intake, workers, writers)
            events.cancel()

    def end(self) -> None:
        """Whatever still waits is the next leader's: no timer of this term goes on."""
        self.queue.shut_down()
        self.status_queue.shut_down()

    async def _take_stock(self, group: asyncio.TaskGroup, stopping: asyncio.Event) -> bool:
        """Learn what the table has before anybody acts; False when it is time to stop instead."""
        stock = group.create_task(self._resync.take_stock(), name="take-stock")
        stopped = group.create_task(stopping.wait(), name="stopping")
        await asyncio.wait((stock, stopped), return_when=asyncio.FIRST_COMPLETED)
        _cancel([task for task in (stock, stopped) if not task.done()])
        return stock.done() and not stopping.is_set()

    def _start(
        self, group: asyncio.TaskGroup, name: str, count: int, run: Callable[[], Awaitable[None]]
    ) -> list[asyncio.Task[None]]:
        return [group.create_task(_until_shut_down(run), name=f"{name}-{number}") for number in range(count)]

    async def _worker(self) -> None:
        await Worker(
            queue=self.queue,
            reconciler=self._reconciler,
            observer=self._parts.metrics,
            clock=self._parts.clock,
            log=self._parts.log,
            journal=self._parts.journal,
            trouble=self._trouble,
        ).run()

    async def _drain(
        self,
        intake: list[asyncio.Task[None]],
        workers: list[asyncio.Task[None]],
        writers: list[asyncio.Task[None]],
    ) -> None:
        log = self._parts.log
        log.info("draining", waiting=self.queue.depth(), deadline_seconds=self._drain_seconds)
        _cancel(intake)
        if not await self.queue.drain(self._drain_seconds):
            log.warning(
                "drain_incomplete", waiting=self.queue.depth(), hint="the next leader goes on with them"
            )
        _cancel(workers)
        self.reporter.hurry()
        if not await self.status_queue.drain(_STATUS_DRAIN_SECONDS):
            log.warning("status_drain_incomplete", waiting=self.status_queue.depth())
        _cancel(writers)


def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()


async def _until_shut_down(run: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(QueueShutDown):
        await run()
