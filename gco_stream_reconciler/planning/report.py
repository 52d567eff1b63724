"""What a Region reports of an endpoint (rule 8)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from gco_stream_reconciler.endpoints.model import CanaryStatus, Endpoint, Exposure, RegionStatus, State
from gco_stream_reconciler.endpoints.moments import instant
from gco_stream_reconciler.planning.observed import KubeObject, ready_replicas, rollout_is_complete
from gco_stream_reconciler.planning.situation import Situation
from gco_stream_reconciler.planning.watchdog import Verdict, Watch
from gco_stream_reconciler.printable import shortened

_MESSAGE_LIMIT = 1024


def exposure_of(*, exposed: bool, watch: Watch) -> Exposure:
    """What is said about exposure."""
    if exposed:
        return Exposure.EXPOSED
    removed = watch.verdict is not Verdict.NO_OBJECTION or (
        watch.clock is not None and watch.clock.removals > 0
    )
    return Exposure.REMOVED_BY_WATCHDOG if removed else Exposure.WAITING


def refusal(situation: Situation, reason: str, *, exposure: Exposure | None = None) -> RegionStatus:
    """State error: the reason is said, and what runs is counted but not touched."""
    deployment = (
        situation.live("Deployment") if situation.endpoint.namespace and situation.name_is_usable else None
    )
    spec = situation.endpoint.spec
    return RegionStatus(
        state=State.ERROR,
        replicas_ready=ready_replicas(deployment),
        replicas_desired=spec.replicas if spec else 0,
        error=shortened(reason, _MESSAGE_LIMIT),
        observed_spec=situation.endpoint.spec_hash,
        exposure=exposure or (situation.reported.exposure if situation.reported else None),
    )


def with_refused_canary(status: RegionStatus, reason: str) -> RegionStatus:
    """The primary's report stays; of its canary it says what the API server refuses."""
    canary = None if status.canary is None else replace(status.canary, state=State.ERROR)
    return replace(status, canary=canary, message=joined((f"canary: {reason}", status.message or "")))


def progress(
    situation: Situation,
    *,
    deployment: KubeObject | None,
    desired: int,
    settled: bool,
    exposure: Exposure,
    canary: CanaryStatus | None,
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
        exposure=exposure,
        canary=canary,
        message=joined((*situation.endpoint.warnings, *notes)),
    )


def _progress_state(situation: Situation, *, complete: bool, settled: bool) -> State:
    before = situation.reported
    if complete:
        return State.RUNNING
    if before is None or before.state not in (State.RUNNING, State.UPDATING):
        return State.CREATING
    if before.state == State.RUNNING and settled and is_about_current_spec(before, situation.endpoint):
        return State.RUNNING  # a dip in readiness is not an update
    return State.UPDATING


def is_about_current_spec(status: RegionStatus, endpoint: Endpoint) -> bool:
    """Whether a Region's report speaks of the spec as it is now."""
    if status.observed_spec is not None:
        return status.observed_spec == endpoint.spec_hash
    # The predecessor's entries do not name a spec.
    return is_younger_than_the_last_write(status, endpoint)


def is_younger_than_the_last_write(status: RegionStatus, endpoint: Endpoint) -> bool:
    """Whether a report came after the item was last written, by the two clocks; False where either time is unknown."""
    synced, updated = instant(status.last_sync), instant(endpoint.updated_at)
    return synced is not None and updated is not None and synced > updated


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
    return shortened("; ".join(note for note in notes if note), _MESSAGE_LIMIT) or None


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
