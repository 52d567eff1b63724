"""One term of leadership: everything that only the leader does, from its first key to its last status."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from gco_stream_reconciler.app.parts import Parts
from gco_stream_reconciler.app.term_parts import TermParts
from gco_stream_reconciler.controller.workers import Worker
from gco_stream_reconciler.informer.objects import Change
from gco_stream_reconciler.planning.situation import PlanSettings
from gco_stream_reconciler.stream.adapter import DynamoDbStreamsAdapter
from gco_stream_reconciler.stream.consumer import StreamConsumer
from gco_stream_reconciler.workqueue.queue import QueueShutDown
from gco_stream_reconciler.workqueue.state import Lane

_STATUS_WRITERS = 8
_STATUS_DRAIN_SECONDS = 3.0


class Term:
    """Queue, workers, stream consumer, resync and status writers of one term.

    It is its own ChangeSink and ResyncQueue: what the consumer and the resync find goes onto the queue.
    """

    def __init__(self, parts: Parts, plan_settings: PlanSettings) -> None:
        settings = parts.settings
        own = TermParts(parts, plan_settings, differing=self)
        self._parts = parts
        self._own = own
        self._drain_seconds = settings.controller.drain_seconds
        self._workers = settings.controller.workers
        self._listed = False
        self.queue = own.queue
        self.status_queue = own.status_queue
        self.reporter = own.reporter
        self.inventory = own.inventory
        self.consumer = StreamConsumer(
            adapter=DynamoDbStreamsAdapter(parts.streams, now=parts.now),
            sink=self,
            settings=settings.stream,
            table_name=settings.place.table_name,
            region=settings.place.region,
            clock=parts.clock,
            random=parts.random,
            observer=parts.metrics.stream,
        )

    # --- What the stream consumer finds (ChangeSink) ------------------------------------------------------------

    def changed(self, key: str, written_at: float | None) -> None:
        """A change record that matters; `written_at` is epoch seconds."""
        if written_at is not None:
            self._own.reactions.changed(key, written_at)
        self._own.recent.drop(key)
        self.queue.add(key)

    def add_resync(self, key: str) -> None:
        """A resync has found a difference. The change's record may be lost, so no earlier read of the item counts."""
        self._own.recent.drop(key)
        self.queue.add_resync(key)

    def request_resync(self, reason: str) -> None:
        """Changes may have been missed."""
        self._own.resync.request(reason)

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
        if not await _unless(stopping, self._parts.informers.wait_synced(), name="caches-filled"):
            return
        self._listed = True
        async with asyncio.TaskGroup() as group:
            try:
                await self._work(group, stopping)
            except asyncio.CancelledError:
                # Before the group waits for its tasks: one that does not feel its cancellation finds its queue shut.
                self.end()
                raise

    async def _work(self, group: asyncio.TaskGroup, stopping: asyncio.Event) -> None:
        intake = [group.create_task(self.consumer.run(), name="stream-consumer")]
        events = group.create_task(self._own.announcer.run(), name="events")
        # Nobody acts before it is known what the table has.
        if not await _unless(stopping, self._own.resync.take_stock(), name="take-stock"):
            _cancel([*intake, events])
            return
        intake.append(group.create_task(self._own.resync.run(), name="resync"))
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

    def _start(
        self, group: asyncio.TaskGroup, name: str, count: int, run: Callable[[], Awaitable[None]]
    ) -> list[asyncio.Task[None]]:
        return [group.create_task(_until_shut_down(run), name=f"{name}-{number}") for number in range(count)]

    async def _worker(self) -> None:
        await Worker(
            queue=self.queue,
            reconciler=self._own.reconciler,
            observer=self._parts.metrics.controller,
            clock=self._parts.clock,
            log=self._parts.log,
            journal=self._parts.journal,
            trouble=self._own.trouble,
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


async def _unless(stopping: asyncio.Event, work: Coroutine[Any, Any, None], *, name: str) -> bool:
    """Do what has to come first; False when it is time to stop instead, which ends it."""
    async with asyncio.TaskGroup() as group:
        tasks = (group.create_task(work, name=name), group.create_task(stopping.wait(), name="stopping"))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        _cancel(tasks)
    return not stopping.is_set()


def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()


async def _until_shut_down(run: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(QueueShutDown):
        await run()
