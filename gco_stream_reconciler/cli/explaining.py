"""Which rule of docs/lifecycle.md decides what about an endpoint, and since when. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from gco_stream_reconciler.cli.explaining_refusal import refusal_findings
from gco_stream_reconciler.cli.explaining_running import running_findings
from gco_stream_reconciler.cli.findings import Finding, iso
from gco_stream_reconciler.controller.describing import reasons_of, verb_of
from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint, RegionStatus
from gco_stream_reconciler.planning.actions import Plan
from gco_stream_reconciler.planning.ingress_wait import ingress_wait
from gco_stream_reconciler.planning.observed import deleting_since, live_replicas, ready_replicas
from gco_stream_reconciler.planning.plan import Branch, branch_of
from gco_stream_reconciler.planning.refusing import malformed
from gco_stream_reconciler.planning.regions import awaited
from gco_stream_reconciler.planning.report import is_about_current_spec
from gco_stream_reconciler.planning.situation import Situation


@dataclass(frozen=True, slots=True)
class Step:
    """One action: the stage it belongs to, what it does to which object, and why."""

    stage: int
    action: str
    target: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """findings: what decided, by rule. steps: what would be done now. would_report: None for nothing to say."""

    name: str
    region: str
    findings: tuple[Finding, ...]
    steps: tuple[Step, ...]
    reported: RegionStatus | None
    would_report: RegionStatus | None
    look_again_seconds: float | None
    table_write: str | None


def explained(situation: Situation, decided: Plan) -> Explanation:
    """Explain a plan by the situation it was made from."""
    write = decided.table_write
    return Explanation(
        name=situation.endpoint.name,
        region=situation.settings.region,
        findings=tuple(_findings(situation, decided)),
        steps=tuple(_steps(decided)),
        reported=situation.reported,
        would_report=decided.status,
        look_again_seconds=decided.requeue_after,
        table_write=None if write is None else str(write),
    )


# --- What decided -----------------------------------------------------------------------------------------------------


def _findings(situation: Situation, decided: Plan) -> Iterator[Finding]:
    endpoint = situation.endpoint
    yield from _item(endpoint)
    yield from _report(situation)
    yield from _branch(situation, decided)
    yield from _regions(situation)


def _branch(situation: Situation, decided: Plan) -> Iterator[Finding]:
    match branch_of(situation):
        case Branch.REFUSED:
            return refusal_findings(situation, malformed(situation.endpoint))
        case Branch.ELSEWHERE:
            return _elsewhere(situation, decided)
        case Branch.DELETED:
            return _deletion(situation)
        case Branch.STOPPED:
            return _stop(situation)
        case Branch.RUNNING:
            return running_findings(situation)


def _item(endpoint: Endpoint) -> Iterator[Finding]:
    wanted = endpoint.desired_state or "malformed"
    yield Finding(None, "wanted", f"{wanted}, spec {endpoint.spec_hash}", endpoint.updated_at)
    if endpoint.reconcile_requested_at:
        yield Finding(
            None, "asked for", "every Region was asked to look again", endpoint.reconcile_requested_at
        )
    for warning in endpoint.warnings:
        yield Finding(14, "warning", warning)


def _report(situation: Situation) -> Iterator[Finding]:
    reported = situation.reported
    if reported is None:
        yield Finding(8, "reported", "this Region has not reported yet")
        return
    about = "the present spec" if is_about_current_spec(reported, situation.endpoint) else "an earlier spec"
    figures = f"{reported.replicas_ready}/{reported.replicas_desired} ready"
    said = "; ".join(filter(None, (reported.error, reported.message)))
    text = f"{reported.state}, {figures}, about {about}" + (f": {said}" if said else "")
    yield Finding(8, "reported", text, reported.last_sync)


def _elsewhere(situation: Situation, decided: Plan) -> Iterator[Finding]:
    region = situation.settings.region
    targets = ", ".join(situation.endpoint.target_regions or ()) or "none"
    if decided.stages or decided.status is not None:
        left = _left(situation)
        yield Finding(
            6, "removed", f"{region} is no longer a target (targets: {targets}); to clean up: {left}"
        )
    else:
        yield Finding(
            6, "elsewhere", f"{region} is not a target (targets: {targets}): nothing is done or written"
        )


def _deletion(situation: Situation) -> Iterator[Finding]:
    yield Finding(4, "deletion", f"still there: {_left(situation)}")
    yield from _ingress(situation)


def _stop(situation: Situation) -> Iterator[Finding]:
    deployments = [obj for ref, obj in situation.owned.items() if ref.kind == "Deployment"]
    left = sum(map(live_replicas, deployments))
    ready = sum(map(ready_replicas, deployments))
    yield Finding(
        3, "stop", f"{left} replicas wanted in the cluster, {ready} ready; objects: {_left(situation)}"
    )
    yield from _ingress(situation)


def _ingress(situation: Situation) -> Iterator[Finding]:
    """The wait for the load balancer."""
    wait = ingress_wait(situation, situation.owned)
    since = [
        moment
        for ref, obj in situation.owned.items()
        if ref.kind == "Ingress" and (moment := deleting_since(obj)) is not None
    ]
    if not wait.is_over:
        left = f", going on without it in {wait.remaining:.0f} s" if wait.remaining is not None else ""
        began = iso(max(since)) if since else None
        yield Finding(4, "Ingress", f"waited for until it is gone{left}", began)
    for note in wait.notes:
        yield Finding(4, "Ingress", note)


def _left(situation: Situation) -> str:
    return ", ".join(str(ref) for ref in situation.owned) or "nothing"


def _regions(situation: Situation) -> Iterator[Finding]:
    endpoint = situation.endpoint
    rule = 5 if endpoint.desired_state is DesiredState.DELETED else 7
    waited = awaited(endpoint)
    if waited:
        what = "the purge of the item" if rule == 5 else "promotion to running"  # noqa: PLR2004 - a rule's number
        yield Finding(rule, "awaited", f"{what} waits for {', '.join(waited)}")


# --- What would be done -----------------------------------------------------------------------------------------------


def _steps(decided: Plan) -> Iterator[Step]:
    for stage, actions in enumerate(decided.stages, start=1):
        for action in actions:
            yield Step(stage, verb_of(action), str(action.ref), reasons_of(action))
