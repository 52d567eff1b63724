"""The one entry: what to do now for an endpoint."""

from dataclasses import replace
from enum import Enum, auto

from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint, RegionStatus, State
from gco_stream_reconciler.planning import report
from gco_stream_reconciler.planning.actions import ObjectRef, Plan, TableWrite
from gco_stream_reconciler.planning.deletion import plan_deletion
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.refusing import malformed, plan_refusal
from gco_stream_reconciler.planning.regions import awaited, due_table_write
from gco_stream_reconciler.planning.rivals import NO_RIVALS, Rivals
from gco_stream_reconciler.planning.running import plan_running
from gco_stream_reconciler.planning.situation import PlanSettings, Situation
from gco_stream_reconciler.planning.stopping import plan_stop


class Branch(Enum):
    """What a plan is about, decided before anything else."""

    REFUSED = auto()
    """The item is malformed (rule 14). What else refuses an endpoint is asked once it is RUNNING."""
    ELSEWHERE = auto()
    """This Region is not a target (rule 6)."""
    DELETED = auto()
    STOPPED = auto()
    RUNNING = auto()


def plan(
    endpoint: Endpoint, observed: Observed, now: float, settings: PlanSettings, rivals: Rivals = NO_RIVALS
) -> Plan:
    """Decide what this Region does about one endpoint of the table.

    observed: its objects. now: epoch seconds. rivals: the endpoints that want what this one wants. For objects without an
    item see `orphans`.
    """
    situation = Situation(endpoint, observed, now, settings, rivals)
    unsure = situation.unsure()
    if unsure:
        return Plan(reads=unsure)
    decided = _dispatch(situation)
    if decided.reads or decided.needs_pods:
        return decided
    doubted = _doubted(situation, decided.status)
    return Plan(reads=doubted) if doubted else _with_regions(situation, decided)


def plan_held_up(
    endpoint: Endpoint, observed: Observed, now: float, settings: PlanSettings, *, reason: str
) -> Plan:
    """What goes on for an endpoint whose plan may not be carried out: state error with the reason, and the watchdog."""
    situation = Situation(endpoint, observed, now, settings)
    unsure = situation.unsure()
    return Plan(reads=unsure) if unsure else plan_refusal(situation, reason)


def branch_of(situation: Situation) -> Branch:
    """What the plan of this situation is about.

    A malformed item that is to end does end, where its target Regions can be read or objects stand here: whoever deletes
    a broken endpoint means it.
    """
    endpoint = situation.endpoint
    targets = endpoint.target_regions
    ends_here = endpoint.desired_state in (DesiredState.DELETED, DesiredState.STOPPED)
    if targets is None and not (ends_here and situation.owned):
        return Branch.REFUSED
    if targets is not None and situation.settings.region not in targets:
        return Branch.ELSEWHERE
    if endpoint.desired_state is DesiredState.DELETED:
        return Branch.DELETED
    if endpoint.desired_state is DesiredState.STOPPED:
        return Branch.STOPPED
    return Branch.REFUSED if endpoint.problems else Branch.RUNNING


def _dispatch(situation: Situation) -> Plan:
    match branch_of(situation):
        case Branch.REFUSED:
            return plan_refusal(situation, malformed(situation.endpoint).text)
        case Branch.ELSEWHERE:
            return _plan_elsewhere(situation)
        case Branch.DELETED:
            return plan_deletion(situation, reason="desired_state is deleted")
        case Branch.STOPPED:
            return plan_stop(situation)
        case Branch.RUNNING:
            return plan_running(situation)


def _plan_elsewhere(situation: Situation) -> Plan:
    """Rule 6: a Region that was a target cleans up; one that never was does and writes nothing."""
    reported = situation.reported
    if not situation.owned and (reported is None or reported.state == State.DELETED):
        return Plan()
    decided = plan_deletion(situation, reason="this Region is no longer a target")
    unasked = situation.endpoint.desired_state is not DesiredState.DELETED
    return replace(decided, cleans_up=unasked and bool(decided.stages))


def _doubted(situation: Situation, status: RegionStatus | None) -> tuple[ObjectRef, ...]:
    """A cache that is out of touch shows what was: that an endpoint runs is said anew only after a read by name."""
    if not situation.observed.stale or status is None or status.state != State.RUNNING:
        return ()
    if situation.reported is not None and situation.reported.state == State.RUNNING:
        return ()
    return situation.unread([situation.ref("Deployment")])


def _with_regions(situation: Situation, decided: Plan) -> Plan:
    """Rules 5 and 7: name the Regions that are awaited; when none is left, the item itself is written."""
    status, endpoint = decided.status, situation.endpoint
    at_rest = not decided.stages and (status is None or status.state in (State.RUNNING, State.DELETED))
    if not at_rest:
        return decided
    others = awaited(endpoint, besides=situation.settings.region)
    if status is not None and others:
        decided = replace(decided, status=_waiting_for(status, others))
    write = _table_write(situation, status)
    if write is TableWrite.PURGE and (unread := situation.unread(situation.possible_refs())):
        # What was begun here and not reported yet may not be in the cache. Once the item is gone, nothing tells whose it is.
        return Plan(reads=unread)
    return decided if write is None else replace(decided, table_write=write)


def _table_write(situation: Situation, status: RegionStatus | None) -> TableWrite | None:
    due = due_table_write(situation.endpoint)
    if due is TableWrite.PROMOTE and (status is None or status.state != State.RUNNING):
        return None
    return due


def _waiting_for(status: RegionStatus, others: tuple[str, ...]) -> RegionStatus:
    return replace(status, message=report.joined((status.message or "", f"awaited: {', '.join(others)}")))
