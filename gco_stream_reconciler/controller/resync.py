"""The periodic full resync: compare every item with the cache and queue what differs.

It catches what no notification told: objects changed while a watch was down, items changed while nobody led, and
endpoints that the cluster holds and the table does not.
"""

import asyncio
from collections.abc import Callable
from random import Random

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.backoff import ceiling
from gco_stream_reconciler.controller.inventory import Inventory
from gco_stream_reconciler.controller.observing import observe
from gco_stream_reconciler.controller.orphan_look import OrphanLook
from gco_stream_reconciler.controller.ports import ClusterCache, ControllerObserver, Item, ResyncQueue, Table
from gco_stream_reconciler.controller.settled import Settled, fingerprint
from gco_stream_reconciler.controller.status import StatusReporter
from gco_stream_reconciler.controller.table_identity import TableIdentity
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.status import same_report
from gco_stream_reconciler.errors import ReconcilerError, TableReplacedError
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.situation import PlanSettings

_SLICE_SECONDS = 0.005
_JITTER = 0.1
# The stream asks for the first run as soon as it is read. Where it cannot be, nobody does.
_UNASKED_FIRST_RUN_SECONDS = 15.0
_RETRY_FIRST_SECONDS = 1.0
_RETRY_SLOWEST_SECONDS = 60.0
# A candidate may stay unconfirmed beyond its time (a stale cache is no look); that must not mean scan after scan.
_SOONEST_SECONDS = 10.0
_INTERVAL = "interval"


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
        inventory: Inventory,
        orphans: OrphanLook,
        identity: TableIdentity,
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
        self._inventory = inventory
        self._orphans = orphans
        self._identity = identity
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
        self._has_run = False
        self._slice_ends = 0.0
        self._settled = Settled()

    def request(self, reason: str) -> None:
        """Ask for a run. Never blocks; a request during a run causes another one after it."""
        self._reasons[reason] = None
        self._wanted.set()

    async def take_stock(self) -> None:
        """Learn what the table has, which plans depend on. Tried until it succeeds, with backoff."""
        while True:
            self._inventory.begin_scan()
            names: set[str] = set()
            try:
                async for page in self._table.scan():
                    for item in page:
                        endpoint = decode_endpoint(item)
                        names.add(endpoint.name)
                        self._inventory.see(endpoint)
                        await self._breathe()
            except ReconcilerError as error:
                self._failed(error, self._clock(), ["start"])
                await self._pause_after_failure()
            else:
                self._failures = 0
                self._inventory.end_scan(names)
                return

    async def run(self) -> None:
        """Run for ever. A failed run is tried again with backoff and queues nothing on the strength of what it lacks.

        Raises TableReplacedError.
        """
        while True:
            reasons = await self._next_reasons()
            began = self._clock()
            try:
                queued = await self._run_once()
                if reasons != [_INTERVAL]:
                    # A stream that begins may be another table's.
                    await self._identity.check_if_reachable()
            except TableReplacedError:
                raise
            except ReconcilerError as error:
                self._failed(error, began, reasons)
            else:
                self._failures = 0
                self._has_run = True
                seconds = self._clock() - began
                self._observer.resynced("success", seconds, queued)
                level = self._log.info if queued else self._log.debug
                level("resync_done", reasons=reasons, queued=queued, seconds=round(seconds, 3))

    async def _next_reasons(self) -> list[str]:
        jitter = 1 + _JITTER * (2 * self._random.random() - 1)
        interval = self._interval_seconds
        if not self._has_run:
            interval = min(interval, _UNASKED_FIRST_RUN_SECONDS)
        pause = interval * jitter
        confirm = self._orphans.next_look()
        if self._failures:
            await self._pause_after_failure()
        else:
            try:
                async with asyncio.timeout(
                    pause if confirm is None else min(pause, max(confirm, _SOONEST_SECONDS))
                ):
                    await self._wanted.wait()
            except TimeoutError:
                self._reasons[_INTERVAL] = None
        reasons, self._reasons = list(self._reasons), {}
        self._wanted.clear()
        return reasons

    async def _pause_after_failure(self) -> None:
        longest = ceiling(self._failures - 1, first=_RETRY_FIRST_SECONDS, longest=_RETRY_SLOWEST_SECONDS)
        await asyncio.sleep(longest * self._random.uniform(0.5, 1))

    def _failed(self, error: ReconcilerError, began: float, reasons: list[str]) -> None:
        self._failures += 1
        for reason in reasons:
            self._reasons[reason] = None
        self._observer.resynced("failed", self._clock() - began, 0)
        self._log.warning("resync_failed", reasons=reasons, error=str(error), failures=self._failures)

    async def _run_once(self) -> int:
        queued: set[str] = set()
        seen: set[str] = set()
        stale = self._cache.stale(self._clock())
        held = self._cache.endpoint_keys()
        self._inventory.begin_scan()
        read_at = self._clock()
        async for page in self._table.scan():
            for item in page:
                name, differs = self._look(item, read_at)
                seen.add(name)
                self._orphans.item_seen(name)
                if differs:
                    self._add(name, queued)
                await self._breathe()
            read_at = self._clock()
        # Only here is the scan known to be complete.
        for name in self._inventory.end_scan(seen):
            self._add(name, queued)
        self._reporter.retain(self._inventory.still_there(seen))
        self._settled.retain(seen)
        # A cache that was out of touch at the start may hold what is gone, and lack what is there.
        if not stale:
            for name in sorted(await self._orphans.look(held - seen, seen)):
                self._add(name, queued)
        return len(queued)

    def _add(self, name: str, queued: set[str]) -> None:
        self._queue.add_resync(name)
        queued.add(name)

    async def _breathe(self) -> None:
        """Let the loop's other work go on: it must not wait for ten thousand items."""
        if self._clock() >= self._slice_ends:
            await asyncio.sleep(0)
            self._slice_ends = self._clock() + _SLICE_SECONDS

    def _look(self, item: Item, read_at: float) -> tuple[str, bool]:
        name = item["endpoint_name"]["S"]
        mark = fingerprint(item, self._cache.for_endpoint(name), self._inventory.rivals(name))
        if self._settled.holds(name, mark) and not self._reporter.is_pending(name):
            return name, False
        stale = self._cache.stale(self._clock())
        try:
            differs, timed = self._compare(item, read_at, stale=stale)
        except Exception:  # noqa: BLE001 - a bug in one endpoint's plan must end neither the scan nor the process
            self._log.exception("resync_look_failed_by_a_bug", endpoint=name)
            return name, True
        # Out of touch with the cluster, a plan leaves out what it would delete.
        self._settled.note(name, mark, at_rest=not (differs or timed or stale))
        return name, differs or timed

    def _compare(self, item: Item, read_at: float, *, stale: bool) -> tuple[bool, bool]:
        """Whether there is something to do or to say now, and whether time alone will bring something."""
        endpoint = decode_endpoint(item)
        for name in self._inventory.see_scanned(endpoint):
            self._queue.add_resync(name)
        endpoint = self._reporter.with_known_status(endpoint, read_at)
        decided = plan(
            endpoint,
            observe(self._cache, endpoint.name, stale=stale),
            self._now(),
            self._settings,
            self._inventory.rivals(endpoint.name),
        )
        asks = decided.reads or decided.needs_pods is not None
        does = decided.stages or decided.table_write is not None
        reported = endpoint.region_status.get(self._settings.region)
        says = decided.status is not None and (reported is None or not same_report(reported, decided.status))
        return bool(asks or does or says), decided.requeue_after is not None
