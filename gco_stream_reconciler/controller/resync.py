"""The periodic full resync: compare every item with the cache and queue what differs.

It catches what no notification told: objects changed while a watch was down, items changed while nobody led, and
endpoints that the cluster holds and the table does not.
"""

import asyncio
from collections.abc import Callable
from random import Random

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.controller.ports import ClusterCache, ControllerObserver, Item, ResyncQueue, Table
from gco_stream_reconciler.controller.reconciler import observe
from gco_stream_reconciler.controller.status import StatusReporter
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.status import same_report
from gco_stream_reconciler.errors import ReconcilerError
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.situation import PlanSettings

_SLICE_SECONDS = 0.005
_JITTER = 0.1
_RETRY_FIRST_SECONDS = 1.0
_RETRY_SLOWEST_SECONDS = 60.0


class Resync:
    """Runs on request and on a timer with jitter, one run at a time.

    Invariant: `_reasons` holds the requests since the last run began, so none is lost and several become one run.
    """

    def __init__(
        self,
        *,
        table: Table,
        cache: ClusterCache,
        queue: ResyncQueue,
        reporter: StatusReporter,
        settings: PlanSettings,
        interval_seconds: float,
        observer: ControllerObserver,
        clock: Callable[[], float],
        now: Callable[[], float],
        random: Random,
        log: FilteringBoundLogger,
    ) -> None:
        self._table = table
        self._cache = cache
        self._queue = queue
        self._reporter = reporter
        self._settings = settings
        self._interval_seconds = interval_seconds
        self._observer = observer
        self._clock = clock
        self._now = now
        self._random = random
        self._log = log
        self._reasons: dict[str, None] = {}
        self._wanted = asyncio.Event()
        self._failures = 0

    def request(self, reason: str) -> None:
        """Ask for a run. Never blocks; a request during a run causes another one after it."""
        self._reasons[reason] = None
        self._wanted.set()

    async def run(self) -> None:
        """Run for ever. A failed run is tried again with backoff and queues nothing on the strength of what it lacks."""
        while True:
            reasons = await self._next_reasons()
            began = self._clock()
            try:
                queued = await self._run_once()
            except ReconcilerError as error:
                self._failed(error, began, reasons)
            else:
                self._failures = 0
                seconds = self._clock() - began
                self._observer.resynced("success", seconds, queued)
                level = self._log.info if queued else self._log.debug
                level("resync_done", reasons=reasons, queued=queued, seconds=round(seconds, 3))

    async def _next_reasons(self) -> list[str]:
        jitter = 1 + _JITTER * (2 * self._random.random() - 1)
        pause = self._interval_seconds * jitter
        if self._failures:
            slowest = min(_RETRY_FIRST_SECONDS * 2 ** (self._failures - 1), _RETRY_SLOWEST_SECONDS)
            await asyncio.sleep(slowest * self._random.uniform(0.5, 1))
        else:
            try:
                async with asyncio.timeout(pause):
                    await self._wanted.wait()
            except TimeoutError:
                self._reasons["interval"] = None
        reasons, self._reasons = list(self._reasons), {}
        self._wanted.clear()
        return reasons

    def _failed(self, error: ReconcilerError, began: float, reasons: list[str]) -> None:
        self._failures += 1
        for reason in reasons:
            self._reasons[reason] = None
        self._observer.resynced("failed", self._clock() - began, 0)
        self._log.warning("resync_failed", reasons=reasons, error=str(error), failures=self._failures)

    async def _run_once(self) -> int:
        queued = 0
        seen: set[str] = set()
        held = self._cache.endpoint_keys()
        slice_ends = self._clock() + _SLICE_SECONDS
        read_at = self._clock()
        async for page in self._table.scan():
            for item in page:
                name, differs = self._look(item, read_at)
                seen.add(name)
                if differs:
                    self._queue.add_resync(name)
                    queued += 1
                if self._clock() >= slice_ends:
                    await asyncio.sleep(0)  # the loop's other work must not wait for ten thousand items
                    slice_ends = self._clock() + _SLICE_SECONDS
            read_at = self._clock()
        # Only here is the scan known to be complete.
        for key in sorted(held - seen):
            self._queue.add_resync(key)
            queued += 1
        return queued

    def _look(self, item: Item, read_at: float) -> tuple[str, bool]:
        endpoint = self._reporter.with_known_status(decode_endpoint(item), read_at)
        stale = self._cache.stale(self._clock())
        decided = plan(
            endpoint, observe(self._cache, endpoint.name, stale=stale), self._now(), self._settings
        )
        if (
            decided.stages
            or decided.reads
            or decided.needs_pods is not None
            or decided.requeue_after is not None
        ):
            return endpoint.name, True
        reported = endpoint.region_status.get(self._settings.region)
        says_new = decided.status is not None and (
            reported is None or not same_report(reported, decided.status)
        )
        return endpoint.name, says_new
