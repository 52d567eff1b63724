"""Taking an endpoint's objects away and knowing that they are gone (rules 4 and 6)."""

from collections.abc import Mapping

from gco_stream_reconciler.endpoints.model import State
from gco_stream_reconciler.planning import notices, report
from gco_stream_reconciler.planning.actions import Action, Delete, ObjectRef, Plan
from gco_stream_reconciler.planning.ingress_wait import ingress_wait, unconfirmed_ingresses
from gco_stream_reconciler.planning.observed import STALE_LOOK_AGAIN_SECONDS, KubeObject, ready_replicas
from gco_stream_reconciler.planning.situation import Situation, deletions


def plan_deletion(situation: Situation, *, reason: str) -> Plan:
    """Ingress and autoscaler first; when the Ingress is gone (or was waited for), Services and Deployments.

    `deleted` is reported only when a read by name has found every possible object gone.
    """
    owned = situation.owned
    if owned:
        return _take_away(situation, owned, reason)
    return _confirm(situation)


def _take_away(situation: Situation, owned: Mapping[ObjectRef, KubeObject], reason: str) -> Plan:
    ready = sum(ready_replicas(obj) for ref, obj in owned.items() if ref.kind == "Deployment")
    wait = ingress_wait(situation, owned)
    status = report.ended(State.DELETING, situation, ready=ready, notes=wait.notes)
    if situation.observed.stale:
        return Plan(status=status, requeue_after=STALE_LOOK_AGAIN_SECONDS)
    unconfirmed = unconfirmed_ingresses(situation)
    if unconfirmed:
        return Plan(reads=unconfirmed)
    first = _of_kinds(owned, "Ingress", "HorizontalPodAutoscaler")
    then = _of_kinds(owned, "Service", "Deployment") if wait.is_over else {}
    stages: tuple[tuple[Action, ...], ...] = tuple(
        stage
        for stage in (
            tuple(deletions(first.items(), reason)),
            tuple(deletions(_of_kinds(then, "Service").items(), reason)),
            tuple(deletions(_of_kinds(then, "Deployment").items(), reason)),
        )
        if stage
    )
    destroys = any(isinstance(action, Delete) for stage in stages for action in stage)
    return Plan(
        stages=stages,
        status=status,
        requeue_after=wait.remaining,
        confirm_in_home=destroys,
        notices=notices.of_deletion(action for stage in stages for action in stage),
    )


def _confirm(situation: Situation) -> Plan:
    reported = situation.reported
    if reported is None or reported.state != State.DELETED:
        unread = situation.unread(situation.possible_refs())
        if unread:
            return Plan(reads=unread)
    return Plan(status=report.ended(State.DELETED, situation))


def _of_kinds(objects: Mapping[ObjectRef, KubeObject], *kinds: str) -> dict[ObjectRef, KubeObject]:
    return {ref: obj for ref, obj in objects.items() if ref.kind in kinds}
