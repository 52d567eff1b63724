"""Where the operator's page gets what it shows: the term, the caches, the table. Satisfies console.ConsoleSource."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gco_stream_reconciler.app.endpoint_journal import EndpointJournal, row_of
from gco_stream_reconciler.app.readiness import Readiness
from gco_stream_reconciler.aws.endpoint_table import EndpointTable
from gco_stream_reconciler.console.snapshots import queue_view
from gco_stream_reconciler.console.views import (
    Depth,
    EndpointDetail,
    EndpointRow,
    LeadershipView,
    PlannedAction,
    PlanView,
    QueueView,
    ShardView,
    StreamView,
)
from gco_stream_reconciler.controller.deciding import decide
from gco_stream_reconciler.controller.describing import reason_of, verb_of
from gco_stream_reconciler.controller.observing import observe
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.errors import UnavailableError
from gco_stream_reconciler.informer.informers import Informers
from gco_stream_reconciler.kube.objects import KubeObjects
from gco_stream_reconciler.leadership.elector import LeaderElector
from gco_stream_reconciler.planning.actions import Action, Apply, Plan
from gco_stream_reconciler.planning.observed import KubeObject, Observed, live_replicas, ready_replicas
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.rivals import NO_RIVALS
from gco_stream_reconciler.planning.situation import PlanSettings
from gco_stream_reconciler.stream.consumer import StreamConsumer
from gco_stream_reconciler.workqueue.state import Lane


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is once the start is over, leader or not."""

    table: EndpointTable
    cluster: KubeObjects
    informers: Informers
    elector: LeaderElector
    settings: PlanSettings


class ControllerFacts:
    """One replica's facts. clock: monotonic seconds. now: epoch seconds.

    `surroundings` is None while the process starts: there is nothing to show yet.
    """

    def __init__(
        self,
        readiness: Readiness,
        journal: EndpointJournal,
        *,
        identity: str,
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._readiness = readiness
        self._journal = journal
        self._identity = identity
        self._clock = clock
        self._now = now
        self.surroundings: Surroundings | None = None

    def depth(self) -> Depth:
        """How much the queue holds."""
        term = self._readiness.term
        if term is None:
            return Depth()
        lanes = term.queue.depth_by_lane()
        return Depth(
            live=lanes[Lane.LIVE],
            observed=lanes[Lane.OBSERVED],
            timer=lanes[Lane.TIMER],
            resync=lanes[Lane.RESYNC],
            in_process=term.queue.in_process(),
        )

    def queue(self) -> QueueView:
        """The whole queue."""
        term = self._readiness.term
        return QueueView() if term is None else queue_view(term.queue.snapshot())

    def stream(self) -> StreamView:
        """The change stream and its shards."""
        term = self._readiness.term
        return StreamView() if term is None else _stream(term.consumer, self._clock())

    def leadership(self) -> LeadershipView:
        """Who leads."""
        if self.surroundings is None:
            return LeadershipView(identity=self._identity, known=False)
        elector = self.surroundings.elector
        return LeadershipView(
            elector.is_leader, elector.leader_identity, self._identity, known=elector.has_seen_the_lease
        )

    # --- Endpoints --------------------------------------------------------------------------------------------------

    def endpoints(self) -> Sequence[EndpointRow]:
        """What the table was seen to have, and what only the cluster has; a follower knows only the latter."""
        rows = self._journal.rows()
        if self.surroundings is not None:
            reads = self._readiness.term is not None
            unread = "no item of it was read" if reads else "this replica does not lead and reads no items"
            for name in self.surroundings.informers.endpoint_keys() - rows.keys():
                rows[name] = _row_of_objects(name, self._observed(self.surroundings, name), unread)
        return list(rows.values())

    async def endpoint(self, name: str) -> EndpointDetail | None:
        """One endpoint as the table and the cluster have it now, with the plan that would be made of the two."""
        around = self.surroundings
        if around is None:
            raise UnavailableError("the controller is starting; /readyz says what it waits for")
        item = await around.table.get(name)
        observed = self._observed(around, name)
        if item is None and not observed.objects:
            return None
        endpoint = None if item is None else decode_endpoint(item)
        decided, observed = await self._decide(name, endpoint, observed, around)
        return EndpointDetail(
            row=self._row(name, endpoint, observed, around.settings.region),
            desired=endpoint,
            observed={str(ref): obj for ref, obj in sorted(observed.objects.items())},
            plan=_plan_view(decided),
            why=tuple(_why(endpoint, decided, observed)),
            actions=self._journal.history.actions(name),
            errors=self._journal.history.errors(name),
        )

    def _row(self, name: str, endpoint: Endpoint | None, observed: Observed, region: str) -> EndpointRow:
        if endpoint is None:
            return _row_of_objects(name, observed, "the table has no item of it")
        return row_of(endpoint, endpoint.region_status.get(region))

    def _observed(self, around: Surroundings, name: str) -> Observed:
        return observe(around.informers, name, stale=around.informers.stale(self._clock()))

    async def _decide(
        self, name: str, endpoint: Endpoint | None, observed: Observed, around: Surroundings
    ) -> tuple[Plan, Observed]:
        if endpoint is None:
            return Plan(), observed
        term = self._readiness.term
        rivals = NO_RIVALS if term is None else term.inventory.rivals(name)
        return await decide(
            name,
            lambda present: plan(endpoint, present, self._now(), around.settings, rivals),
            observed,
            around.cluster,
        )


# --- In the page's words ----------------------------------------------------------------------------------------------


def _row_of_objects(name: str, observed: Observed, unread: str) -> EndpointRow:
    """An endpoint of which only the objects are known. unread: why."""
    primary = next(
        (obj for ref, obj in observed.objects.items() if ref.kind == "Deployment" and ref.name == name), None
    )
    namespaces = sorted({ref.namespace for ref in observed.objects})
    return EndpointRow(
        name=name,
        namespace=namespaces[0] if namespaces else "",
        replicas_ready=ready_replicas(primary),
        replicas_desired=_wanted_replicas(primary),
        message=f"seen in the cluster only: {unread}",
    )


def _wanted_replicas(deployment: KubeObject | None) -> int:
    return 0 if deployment is None else live_replicas(deployment)


def _plan_view(decided: Plan) -> PlanView:
    return PlanView(
        stages=tuple(tuple(_planned(action) for action in stage) for stage in decided.stages),
        status=decided.status,
        requeue_after_seconds=decided.requeue_after,
    )


def _planned(action: Action) -> PlannedAction:
    manifest = action.manifest if isinstance(action, Apply) else None
    return PlannedAction(verb_of(action), str(action.ref), (reason_of(action),), manifest)


def _why(endpoint: Endpoint | None, decided: Plan, observed: Observed) -> list[str]:
    if endpoint is None:
        decided_by = "two complete scans, who made them, ORPHANS and the limit per hour"
        return [f"rule 13: the table has no item of this name; whether the objects go, {decided_by} decide"]
    said = [f"rule 14: {problem}" for problem in endpoint.problems]
    if decided.status is not None:
        said += [text for text in (decided.status.error, decided.status.message) if text]
    if decided.table_write is not None:
        said.append(f"rules 5 and 7: every Region has reported; {decided.table_write}")
    if observed.stale:
        said.append("the cache is out of touch with the API server: nothing is deleted on its word")
    said += [notice.text for notice in decided.notices]
    return said


def _stream(consumer: StreamConsumer, now: float) -> StreamView:
    reading = {progress.shard_id: progress for progress in consumer.progress()}
    shards = []
    for state in consumer.shards():
        progress = reading.get(state.shard_id)
        shards.append(
            ShardView(
                shard_id=state.shard_id,
                phase=state.phase.name,
                parent_id=state.parent_id,
                polled_age_seconds=None if progress is None else max(0.0, now - progress.polled_at),
                lag_seconds=None if progress is None else progress.lag_seconds,
                last_error="" if progress is None else progress.last_error,
            )
        )
    return StreamView(
        arn=consumer.arn,
        polled_age_seconds=consumer.unpolled_seconds() if reading else None,
        last_error=consumer.last_error,
        shards=tuple(shards),
    )
