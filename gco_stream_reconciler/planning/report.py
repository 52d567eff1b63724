"""What a Region reports of an endpoint (rule 8)."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from gco_stream_reconciler.endpoints.model import Endpoint, Exposure, RegionStatus, State
from gco_stream_reconciler.planning.observed import KubeObject, ready_replicas, rollout_is_complete
from gco_stream_reconciler.planning.situation import Situation

_MESSAGE_LIMIT = 1024


def refusal(situation: Situation, reason: str) -> RegionStatus:
    """State error: the reason is said, and what runs is counted but not touched."""
    deployment = (
        situation.live("Deployment") if situation.endpoint.namespace and situation.name_is_usable else None
    )
    spec = situation.endpoint.spec
    return RegionStatus(
        state=State.ERROR,
        replicas_ready=ready_replicas(deployment),
        replicas_desired=spec.replicas if spec else 0,
        error=_bounded(reason),
        observed_spec=situation.endpoint.spec_hash,
        exposure=situation.reported.exposure if situation.reported else None,
    )


def progress(
    situation: Situation,
    *,
    deployment: KubeObject | None,
    desired: int,
    settled: bool,
    exposed: bool,
    notes: Iterable[str] = (),
) -> RegionStatus:
    """State of an endpoint that is wanted running.

    desired: replicas that must be ready. settled: this plan changes nothing about the Deployment.
    """
    complete = settled and deployment is not None and rollout_is_complete(deployment, desired)
    return RegionStatus(
        state=_progress_state(situation, complete=complete, settled=settled),
        replicas_ready=ready_replicas(deployment),
        replicas_desired=desired,
        observed_spec=situation.endpoint.spec_hash,
        exposure=Exposure.EXPOSED if exposed else Exposure.WAITING,
        message=joined((*situation.endpoint.warnings, *notes)),
    )


def _progress_state(situation: Situation, *, complete: bool, settled: bool) -> State:
    before = situation.reported
    if complete:
        return State.RUNNING
    if before is None or before.state not in (State.RUNNING, State.UPDATING):
        return State.CREATING
    if before.state == State.RUNNING and settled and _is_about_current_spec(before, situation.endpoint):
        return State.RUNNING  # a dip in readiness is not an update
    return State.UPDATING


def _is_about_current_spec(status: RegionStatus, endpoint: Endpoint) -> bool:
    if status.observed_spec is not None:
        return status.observed_spec == endpoint.spec_hash
    # The predecessor's entries do not name a spec: such a one counts when it is younger than the last write.
    synced, updated = _instant(status.last_sync), _instant(endpoint.updated_at)
    return synced is not None and updated is not None and synced > updated


def _instant(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except ValueError:
        return None


def ended(state: State, situation: Situation, *, ready: int = 0, notes: Iterable[str] = ()) -> RegionStatus:
    """State of an endpoint that is to run nothing here: stopping, stopped, deleting or deleted."""
    return RegionStatus(
        state=state,
        replicas_ready=ready,
        replicas_desired=0,
        observed_spec=situation.endpoint.spec_hash,
        exposure=Exposure.STOPPED,
        message=joined(notes),
    )


def joined(notes: Iterable[str]) -> str | None:
    """Notes as one bounded message, or None."""
    return _bounded("; ".join(note for note in notes if note)) or None


def waiting_reasons(pods: Sequence[KubeObject]) -> str:
    """Why Pods do not become ready, each reason once with its count: `ImagePullBackOff (2)`."""
    counts: dict[str, int] = {}
    for pod in pods:
        reason = _waiting_reason(pod)
        if reason:
            counts[reason] = counts.get(reason, 0) + 1
    return ", ".join(f"{reason} ({count})" for reason, count in sorted(counts.items()))


def _waiting_reason(pod: KubeObject) -> str | None:
    status = pod.get("status") or {}
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state = container.get("state") or {}
        for key in ("waiting", "terminated"):
            reason = (state.get(key) or {}).get("reason")
            if reason and reason != "Completed":
                return str(reason)
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("reason") or "Unschedulable")
    return None


def _bounded(text: str) -> str:
    return text if len(text) <= _MESSAGE_LIMIT else text[: _MESSAGE_LIMIT - 1] + "…"
