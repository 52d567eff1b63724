"""The one entry: what to do now for an endpoint."""

from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint, State
from gco_stream_reconciler.planning import report
from gco_stream_reconciler.planning.actions import Plan
from gco_stream_reconciler.planning.deletion import plan_deletion
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.running import plan_running
from gco_stream_reconciler.planning.situation import PlanSettings, Situation
from gco_stream_reconciler.planning.stopping import plan_stop


def plan(endpoint: Endpoint | None, observed: Observed, now: float, settings: PlanSettings) -> Plan:
    """Decide what this Region does about one endpoint.

    endpoint: the decoded item, None when the table has none. observed: its objects. now: epoch seconds.
    """
    if endpoint is None:
        # Rule 13: an absent item alone never deletes anything. Orphans want two complete scans that agree.
        return Plan()
    situation = Situation(endpoint, observed, now, settings)
    unsure = situation.unsure()
    if unsure:
        return Plan(reads=unsure)
    return _dispatch(situation)


def _dispatch(situation: Situation) -> Plan:
    endpoint, region = situation.endpoint, situation.settings.region
    targets = endpoint.target_regions
    ends_here = endpoint.desired_state in (DesiredState.DELETED, DesiredState.STOPPED)
    if targets is None and not (ends_here and situation.owned()):
        return _refuse(situation)
    if targets is not None and region not in targets:
        return _plan_elsewhere(situation)
    if endpoint.desired_state is DesiredState.DELETED:
        return plan_deletion(situation, reason="desired_state is deleted")
    if endpoint.desired_state is DesiredState.STOPPED:
        return plan_stop(situation)
    if endpoint.problems:
        return _refuse(situation)
    return plan_running(situation)


def _plan_elsewhere(situation: Situation) -> Plan:
    """Rule 6: a Region that was a target cleans up; one that never was does and writes nothing."""
    reported = situation.reported
    if not situation.owned() and (reported is None or reported.state == State.DELETED):
        return Plan()
    return plan_deletion(situation, reason="this Region is no longer a target")


def _refuse(situation: Situation) -> Plan:
    """Rule 14: say what is wrong with the item; its running workload stays as it is."""
    reason = "; ".join(str(problem) for problem in situation.endpoint.problems)
    return Plan(status=report.refusal(situation, reason))
