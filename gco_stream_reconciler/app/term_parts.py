"""What one term of leadership works with: built from what every replica has, and joined to each other."""

from gco_stream_reconciler.app.parts import Parts
from gco_stream_reconciler.controller.announcer import EventAnnouncer
from gco_stream_reconciler.controller.cleanup import CleanupLimit
from gco_stream_reconciler.controller.executor import Executor
from gco_stream_reconciler.controller.inventory import Inventory
from gco_stream_reconciler.controller.item_writer import ItemWriter
from gco_stream_reconciler.controller.orphan_look import OrphanLook
from gco_stream_reconciler.controller.ports import ResyncQueue
from gco_stream_reconciler.controller.reaction import ReactionClock
from gco_stream_reconciler.controller.recent_reads import RecentReads
from gco_stream_reconciler.controller.reconciler import Orphans, Reconciler
from gco_stream_reconciler.controller.resync import Resync
from gco_stream_reconciler.controller.status import StatusReporter
from gco_stream_reconciler.controller.table_identity import TableIdentity
from gco_stream_reconciler.controller.trouble import LastingTrouble
from gco_stream_reconciler.planning.orphans import OrphanWatch
from gco_stream_reconciler.planning.situation import PlanSettings
from gco_stream_reconciler.workqueue.queue import WorkQueue
from gco_stream_reconciler.workqueue.state import Lane


class TermParts:
    """Queues, status reporter, reconciler, resync and what they share. Nothing of it runs yet.

    differing: takes the keys that a resync finds.
    """

    def __init__(self, parts: Parts, plan_settings: PlanSettings, *, differing: ResyncQueue) -> None:
        settings, clock = parts.settings, parts.clock
        self._parts = parts
        self._plan_settings = plan_settings
        self.queue = self._queue("endpoints")
        self.status_queue = self._queue("status")
        self.reactions = ReactionClock(parts.metrics.controller)
        self.reporter = StatusReporter(
            table=parts.table,
            queue=self.status_queue,
            is_busy=self._is_busy,
            look_again=self.queue.add,
            look_again_after=self._read_again_after,
            region=settings.place.region,
            reads_are_home=settings.place.read_region == settings.place.home_region,
            observer=parts.metrics.controller,
            clock=clock,
            now=parts.now,
            log=parts.log,
            journal=parts.journal,
        )
        self.inventory = Inventory(settings.place.region)
        self.recent = RecentReads(clock)
        self.trouble = LastingTrouble(
            failures=self.queue,
            recent=self.recent,
            reporter=self.reporter,
            region=settings.place.region,
            clock=clock,
        )
        self.announcer = EventAnnouncer(parts.events, log=parts.log, is_busy=self._is_busy)
        self._orphans = OrphanWatch()
        self._identity = TableIdentity(parts.table, plan_settings.table_id, log=parts.log)
        self.resync = self._make_resync(differing)
        self.reconciler = self._make_reconciler()

    def _make_reconciler(self) -> Reconciler:
        parts = self._parts
        return Reconciler(
            table=parts.table,
            cluster=parts.cluster,
            cache=parts.informers,
            executor=Executor(
                cluster=parts.cluster,
                cache=parts.informers,
                observer=parts.metrics.controller,
                log=parts.log,
                journal=parts.journal,
            ),
            reporter=self.reporter,
            items=ItemWriter(parts.table, observer=parts.metrics.controller, log=parts.log),
            recent=self.recent,
            inventory=self.inventory,
            orphans=Orphans(
                watch=self._orphans,
                limit=self._cleanup_limit(),
                deletes=parts.settings.orphans.orphans == "delete",
                look_soon=lambda: self.resync.request("item gone"),
            ),
            announcer=self.announcer,
            look_again=self.queue.add,
            look_again_after=self.queue.add_after,
            reactions=self.reactions,
            observer=parts.metrics.controller,
            settings=self._plan_settings,
            clock=parts.clock,
            now=parts.now,
        )

    def _make_resync(self, differing: ResyncQueue) -> Resync:
        parts = self._parts
        return Resync(
            table=parts.table,
            cache=parts.informers,
            queue=differing,
            reporter=self.reporter,
            inventory=self.inventory,
            orphans=OrphanLook(
                table=parts.table,
                cache=parts.informers,
                watch=self._orphans,
                identity=self._identity,
                settings=self._plan_settings,
                observer=parts.metrics.controller,
                clock=parts.clock,
                log=parts.log,
            ),
            identity=self._identity,
            settings=self._plan_settings,
            interval_seconds=parts.settings.controller.effective_resync_seconds,
            observer=parts.metrics.controller,
            clock=parts.clock,
            now=parts.now,
            random=parts.random,
            log=parts.log,
        )

    def _is_busy(self) -> bool:
        """Whether changes of the table wait for a worker. What only tells of the work lets it go first then."""
        return self.queue.waiting_in(Lane.LIVE) >= self._parts.settings.controller.workers

    def _read_again_after(self, key: str, seconds: float) -> None:
        """What was read of an item is not what the home Region has."""
        self.recent.drop(key)
        self.queue.add_after(key, seconds)

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
            observer=parts.metrics.controller,
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
