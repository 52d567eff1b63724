"""Stopping an endpoint (rule 3): traffic away first, then the autoscaler and the canary, then the Pods.

Works on an item whose spec is malformed: the Deployment is scaled by its replicas alone.
"""

from gco_stream_reconciler.endpoints.model import State
from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning import report
from gco_stream_reconciler.planning.actions import Action, ObjectRef, Plan, SetReplicas
from gco_stream_reconciler.planning.ingress_wait import ingress_wait, unconfirmed_ingresses
from gco_stream_reconciler.planning.observed import (
    KubeObject,
    is_deleting,
    live_replicas,
    metadata,
    ready_replicas,
    running_replicas,
    uid,
)
from gco_stream_reconciler.planning.situation import Situation, deletions

_REASON = "desired_state is stopped"


def plan_stop(situation: Situation) -> Plan:
    """Scale to 0 without a moment in which the load balancer sends requests to Pods that are going."""
    refused = situation.predecessors()
    if refused:
        listed = ", ".join(str(ref) for ref in refused)
        return Plan(status=report.refusal(situation, f"{listed}: made by inference_monitor; not stopped"))
    owned = situation.owned()
    wait = ingress_wait(situation, owned)
    stages = () if situation.observed.stale else _stages(owned, ingress_is_gone=wait.is_over)
    unconfirmed = unconfirmed_ingresses(situation)
    if stages and unconfirmed:
        return Plan(reads=unconfirmed)
    deployments = [obj for ref, obj in owned.items() if ref.kind == "Deployment"]
    at_rest = wait.is_over and not stages and not _goes(owned) and not any(map(_has_pods, deployments))
    if at_rest and (situation.reported is None or situation.reported.state != State.STOPPED):
        # A Deployment whose labels were taken off runs on unseen: look by name before calling it stopped.
        unseen = situation.unseen(situation.possible_refs())
        if unseen:
            return Plan(reads=unseen)
    state = State.STOPPED if at_rest else State.STOPPING
    status = report.ended(state, situation, ready=sum(map(ready_replicas, deployments)), notes=wait.notes)
    return Plan(stages=stages, status=status, requeue_after=wait.remaining, confirm_in_home=bool(stages))


def _stages(owned: dict[ObjectRef, KubeObject], *, ingress_is_gone: bool) -> tuple[tuple[Action, ...], ...]:
    ingresses = [(ref, obj) for ref, obj in owned.items() if ref.kind == "Ingress"]
    stages: list[tuple[Action, ...]] = [tuple(deletions(ingresses, _REASON))]
    if ingress_is_gone:
        stages.append(tuple(deletions(_goes(owned).items(), _REASON)))
        stages.append(tuple(_scale_down(owned)))
    return tuple(stage for stage in stages if stage)


def _scale_down(owned: dict[ObjectRef, KubeObject]) -> list[Action]:
    return [
        SetReplicas(ref, uid(obj), 0, force=True, reason=_REASON)
        for ref, obj in owned.items()
        if ref.kind == "Deployment"
        and not _is_canary(obj)
        and live_replicas(obj) != 0
        and not is_deleting(obj)
    ]


def _goes(owned: dict[ObjectRef, KubeObject]) -> dict[ObjectRef, KubeObject]:
    """What a stop takes away beside the Ingress: the autoscaler and the canary's objects."""
    return {
        ref: obj for ref, obj in owned.items() if ref.kind == "HorizontalPodAutoscaler" or _is_canary(obj)
    }


def _is_canary(obj: KubeObject) -> bool:
    return (metadata(obj).get("labels") or {}).get(names.LABEL_ROLE) == Role.CANARY


def _has_pods(deployment: KubeObject) -> bool:
    return live_replicas(deployment) != 0 or running_replicas(deployment) != 0
