"""One key, one look: read the item, look at the cluster, plan, act, report."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from gco_stream_reconciler.controller.cleanup import CleanupLimit
from gco_stream_reconciler.controller.deciding import decide
from gco_stream_reconciler.controller.describing import reason_of_plan
from gco_stream_reconciler.controller.executor import Executor
from gco_stream_reconciler.controller.inventory import Inventory
from gco_stream_reconciler.controller.item_writer import ItemWriter
from gco_stream_reconciler.controller.observing import observe
from gco_stream_reconciler.controller.ports import (
    Announcer,
    Cluster,
    ClusterCache,
    ControllerObserver,
    Item,
    Table,
)
from gco_stream_reconciler.controller.reaction import ReactionClock, seconds_since_write
from gco_stream_reconciler.controller.recent_reads import RecentReads
from gco_stream_reconciler.controller.status import StatusReporter
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.errors import ReconcilerError, TerminalError
from gco_stream_reconciler.planning import report
from gco_stream_reconciler.planning.actions import Plan
from gco_stream_reconciler.planning.notices import REMOVED_BY_WATCHDOG
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.orphans import OrphanWatch, orphaned_objects, plan_orphan
from gco_stream_reconciler.planning.plan import plan, plan_held_up
from gco_stream_reconciler.planning.situation import PlanSettings, Situation


@dataclass(frozen=True, slots=True)
class Orphans:
    """What is done about objects whose item is gone. deletes: False only reports them. look_soon: asks for a resync."""

    watch: OrphanWatch
    limit: CleanupLimit
    deletes: bool
    look_soon: Callable[[], None]

    def may_go(self, name: str) -> bool:
        """Whether two complete looks agree on it and the settings allow it."""
        return self.deletes and self.watch.is_confirmed(name)


class Reconciler:
    """Brings one endpoint of this Region to what the table says.

    clock: monotonic seconds, for ages. now: epoch seconds, for what is compared with the cluster's timestamps.
    """

    def __init__(
        self,
        *,
        table: Table,
        cluster: Cluster,
        cache: ClusterCache,
        executor: Executor,
        reporter: StatusReporter,
        items: ItemWriter,
        recent: RecentReads,
        inventory: Inventory,
        orphans: Orphans,
        announcer: Announcer,
        look_again: Callable[[str], None],
        look_again_after: Callable[[str, float], None],
        reactions: ReactionClock,
        observer: ControllerObserver,
        settings: PlanSettings,
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._table = table
        self._cluster = cluster
        self._cache = cache
        self._executor = executor
        self._reporter = reporter
        self._items = items
        self._recent = recent
        self._inventory = inventory
        self._orphans = orphans
        self._announcer = announcer
        self._look_again = look_again
        self._look_again_after = look_again_after
        self._observer = observer
        self._reactions = reactions
        self._settings = settings
        self._clock = clock
        self._now = now

    async def reconcile(self, key: str) -> float | None:
        """Look at one endpoint; returns the seconds after which to look again whatever happens, or None.

        Raises RetryableError (the key backs off), TerminalError (already reported in the status; the key goes to the
        slow end of its backoff) and TableReplacedError.
        """
        noticed = self._reactions.take(key)
        try:
            return await self._reconcile(key, noticed)
        except BaseException:
            self._reactions.put_back(key, noticed)
            raise

    async def _reconcile(self, key: str, noticed: float | None) -> float | None:
        endpoint = self._recently_read(key) or await self._read(key, self._table.get)
        observed = observe(self._cache, key, stale=self._cache.stale(self._clock()))
        decided, observed = await self._decide(key, endpoint, observed)
        if decided.confirm_in_home:
            endpoint = await self._confirmed(key, endpoint, observed)
            decided, observed = await self._decide(key, endpoint, observed)
        if endpoint is None:
            return await self._without_item(key, observed, decided)
        await self._admit(key, endpoint, observed, decided)
        failed_beside = await self._execute(key, endpoint, observed, decided)
        if failed_beside is not None:
            decided = _with_failure_beside(decided, failed_beside)
        elif decided.stages:
            self._reactions.applied(endpoint, noticed, self._now())
        is_news = self._report(endpoint, decided, noticed)
        if is_news or decided.stages:
            self._announce(key, observed, decided)
        if failed_beside is not None:
            # The plan's own status has been reported, and would be with each try: nothing else is said of this read.
            self._recent.drop(key)
            if decided.requeue_after is not None:
                self._look_again_after(key, decided.requeue_after)
            raise failed_beside
        if decided.table_write is None:
            return decided.requeue_after
        self._recent.drop(key)
        again = await self._items.write(key, decided.table_write)
        return min((each for each in (again, decided.requeue_after) if each is not None), default=None)

    def _report(self, endpoint: Endpoint, decided: Plan, noticed: float | None) -> bool:
        """Report what the plan says; returns whether it is new."""
        if decided.status is None:
            return False
        return self._reporter.report(
            endpoint,
            decided.status,
            reason=reason_of_plan(decided),
            reaction_seconds=seconds_since_write(endpoint, noticed, self._now()),
        )

    async def _without_item(self, key: str, observed: Observed, decided: Plan) -> float | None:
        """Objects whose item is gone (rule 13), or nothing at all."""
        self._reporter.forget(key)
        if decided.cleans_up:
            await self._orphans.limit.admit(key)
        await self._executor.execute(key, decided)
        self._announce(key, observed, decided)
        unknown = key not in self._orphans.watch.candidates
        if unknown and orphaned_objects(key, observed, self._settings):
            self._orphans.look_soon()
        return decided.requeue_after

    def _recently_read(self, key: str) -> Endpoint | None:
        found = self._recent.get(key)
        return None if found is None else self._reporter.with_known_status(*found)

    async def _read(self, key: str, read: Callable[[str], Awaitable[Item | None]]) -> Endpoint | None:
        began = self._clock()
        item = await read(key)
        if item is None:
            self._recent.drop(key)
            concerned = self._inventory.forget(key)
            endpoint = None
        else:
            endpoint = decode_endpoint(item)
            self._orphans.watch.item_seen(key)
            self._recent.put(endpoint, began)
            concerned = self._inventory.see(endpoint)
        for name in concerned:
            self._look_again(name)
        return None if endpoint is None else self._reporter.with_known_status(endpoint, began)

    async def _decide(
        self, key: str, endpoint: Endpoint | None, observed: Observed, *, refused: str | None = None
    ) -> tuple[Plan, Observed]:
        """Plan; read what the plan asks for; plan again. refused: why no plan of the endpoint may be carried out."""

        def make_plan(present: Observed) -> Plan:
            if endpoint is None or refused is None:
                return self._plan(key, endpoint, present)
            return plan_held_up(endpoint, present, self._now(), self._settings, reason=refused)

        try:
            return await decide(key, make_plan, observed, self._cluster)
        except TerminalError as error:
            if endpoint is not None:
                self._say_refused(endpoint, observed, error)
            raise

    def _plan(self, key: str, endpoint: Endpoint | None, observed: Observed) -> Plan:
        if endpoint is not None:
            return plan(endpoint, observed, self._now(), self._settings, self._inventory.rivals(key))
        if self._orphans.may_go(key):
            return plan_orphan(key, observed, self._now(), self._settings)
        return Plan()

    async def _admit(self, key: str, endpoint: Endpoint, observed: Observed, decided: Plan) -> None:
        """Ask for leave to clean up. While it is not given, that is said, and the watchdog goes on (rules 2 and 13)."""
        if not decided.cleans_up:
            return
        try:
            await self._orphans.limit.admit(key)
        except TerminalError as error:
            await self._hold_up(key, endpoint, observed, str(error), is_said=True)
            raise

    async def _confirmed(self, key: str, endpoint: Endpoint | None, observed: Observed) -> Endpoint | None:
        """The item as the home Region has it. While that cannot be asked, the watchdog goes on (rule 2)."""
        try:
            return await self._read(key, self._table.get_home)
        except ReconcilerError as error:
            if endpoint is not None:
                # An outage is nothing that the endpoint's status should tell.
                await self._hold_up(key, endpoint, observed, str(error), is_said=False)
            raise

    async def _hold_up(
        self, key: str, endpoint: Endpoint, observed: Observed, reason: str, *, is_said: bool
    ) -> None:
        """Do what goes on for an endpoint whose plan may not be carried out. is_said: the status tells of it."""
        held_up, observed = await self._decide(key, endpoint, observed, refused=reason)
        await self._execute(key, endpoint, observed, held_up)
        is_news = self._report(endpoint, held_up, None) if is_said else False
        if is_news or held_up.stages:
            self._announce(key, observed, held_up)
        if held_up.requeue_after is not None:
            self._look_again_after(key, held_up.requeue_after)

    async def _execute(
        self, key: str, endpoint: Endpoint, observed: Observed, decided: Plan
    ) -> ReconcilerError | None:
        """Returns what failed beside the endpoint's own objects: its canary's, whose failure stops nothing else."""
        try:
            return await self._executor.execute(key, decided)
        except TerminalError as error:
            self._say_refused(endpoint, observed, error)
            if decided.requeue_after is not None:
                # The watchdog's time comes though the API server refuses the spec, and before the slow end of the backoff.
                self._look_again_after(key, decided.requeue_after)
            raise

    def _say_refused(self, endpoint: Endpoint, observed: Observed, error: TerminalError) -> None:
        situation = Situation(endpoint, observed, self._now(), self._settings)
        self._reporter.report(endpoint, report.refusal(situation, str(error)), reason="refused")

    def _announce(self, key: str, before: Observed, decided: Plan) -> None:
        after = observe(self._cache, key, stale=False)
        for notice in decided.notices:
            # What was made is known only after, what was deleted only before.
            obj = after.get(notice.ref) or before.get(notice.ref)
            if obj is not None:
                self._announcer.announce(obj, notice)
            if notice.reason == REMOVED_BY_WATCHDOG:
                self._observer.watchdog_removed()


def _with_failure_beside(decided: Plan, error: ReconcilerError) -> Plan:
    """The plan with a status that says what the API server refuses of the canary; what may pass is not said."""
    if decided.status is None or not isinstance(error, TerminalError):
        return decided
    return replace(decided, status=report.with_refused_canary(decided.status, str(error)))
