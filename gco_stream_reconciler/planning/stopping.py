"""Stopping an endpoint (rule 3): traffic away first, then the autoscaler and the canary, then the Pods.

Works on an item whose spec is malformed: the Deployment is scaled by its replicas alone.
"""

from collections.abc import Mapping

from gco_stream_reconciler.endpoints.model import State
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning import report, watching
from gco_stream_reconciler.planning.actions import Action, ObjectRef, Plan, SetReplicas
from gco_stream_reconciler.planning.ingress_wait import ingress_wait, unconfirmed_ingresses
from gco_stream_reconciler.planning.observed import (
    STALE_LOOK_AGAIN_SECONDS,
    KubeObject,
    is_deleting,
    live_replicas,
    ready_replicas,
    running_replicas,
    uid,
)
from gco_stream_reconciler.planning.situation import Situation, deletions

_REASON = "desired_state is stopped"


def plan_stop(situation: Situation) -> Plan:
    """Scale to 0 without a moment in which the load balancer sends requests to Pods that are going."""
    owned = situation.owned
    wait = ingress_wait(situation, owned)
    due = _stages(situation, owned, ingress_is_gone=wait.is_over)
    held_up = bool(due) and situation.observed.stale
    stages = () if held_up else due
    unconfirmed = unconfirmed_ingresses(situation)
    if stages and unconfirmed:
        return Plan(reads=unconfirmed)
    deployments = [obj for ref, obj in owned.items() if ref.kind == "Deployment"]
    at_rest = (
        wait.is_over and not due and not _goes(situation, owned) and not any(map(_has_pods, deployments))
    )
    if at_rest and (situation.reported is None or situation.reported.state != State.STOPPED):
        # A Deployment whose labels were taken off runs on unseen: look by name before calling it stopped.
        unseen = situation.unseen(situation.possible_refs())
        if unseen:
            return Plan(reads=unseen)
    state = State.STOPPED if at_rest else State.STOPPING
    status = report.ended(state, situation, ready=sum(map(ready_replicas, deployments)), notes=wait.notes)
    again = STALE_LOOK_AGAIN_SECONDS if held_up else wait.remaining
    return Plan(stages=stages, status=status, requeue_after=again, confirm_in_home=bool(stages))


def _stages(
    situation: Situation, owned: Mapping[ObjectRef, KubeObject], *, ingress_is_gone: bool
) -> tuple[tuple[Action, ...], ...]:
    ingresses = [(ref, obj) for ref, obj in owned.items() if ref.kind == "Ingress"]
    stages: list[tuple[Action, ...]] = [tuple(deletions(ingresses, _REASON))]
    if ingress_is_gone:
        goes = _goes(situation, owned)
        stages.append(tuple(deletions(_of_kind(goes, "HorizontalPodAutoscaler", "Service"), _REASON)))
        stages.append(
            (
                *deletions(_of_kind(goes, "Deployment"), _REASON),
                *_scale_down(situation, owned),
                *_clock_off(situation),
            )
        )
    return tuple(stage for stage in stages if stage)


def _scale_down(situation: Situation, owned: Mapping[ObjectRef, KubeObject]) -> list[Action]:
    return [
        SetReplicas(ref, uid(obj), 0, force=True, reason=_REASON)
        for ref, obj in owned.items()
        if ref.kind == "Deployment"
        and situation.role(ref) is Role.PRIMARY
        and live_replicas(obj) != 0
        and not is_deleting(obj)
    ]


def _clock_off(situation: Situation) -> tuple[Action, ...]:
    """The watchdog's clock starts afresh with the next start (rule 2)."""
    usable = situation.name_is_usable and situation.namespace_is_allowed
    return watching.to_write(situation, None) if usable else ()


def _goes(situation: Situation, owned: Mapping[ObjectRef, KubeObject]) -> dict[ObjectRef, KubeObject]:
    """What a stop takes away beside the Ingress: the autoscaler and the canary's objects."""
    return {
        ref: obj
        for ref, obj in owned.items()
        if ref.kind == "HorizontalPodAutoscaler" or situation.role(ref) is Role.CANARY
    }


def _of_kind(objects: Mapping[ObjectRef, KubeObject], *kinds: str) -> list[tuple[ObjectRef, KubeObject]]:
    return [(ref, obj) for ref, obj in objects.items() if ref.kind in kinds]


def _has_pods(deployment: KubeObject) -> bool:
    return live_replicas(deployment) != 0 or running_replicas(deployment) != 0
