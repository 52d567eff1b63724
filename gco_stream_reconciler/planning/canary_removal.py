"""Taking a canary away (rule 9): its traffic first, and its Pods only when the load balancer has had time to follow.

A weighted forward that names a missing Service breaks every Ingress of the load balancer. So the Ingress goes back to a
single Service first and is read back; then comes a settling time, since the load balancer's controller does not report
which generation of an Ingress it has carried out. The moment is written on the canary's Service.
"""

import math
from dataclasses import dataclass

from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning.actions import Action, Annotate, ObjectRef
from gco_stream_reconciler.planning.canary import weight_on
from gco_stream_reconciler.planning.ingress_wait import ingress_wait, unconfirmed_ingresses
from gco_stream_reconciler.planning.observed import STALE_LOOK_AGAIN_SECONDS, KubeObject, annotation, uid
from gco_stream_reconciler.planning.situation import Situation, deletions

ANNOTATION_RELEASED = "gco.io/traffic-released-at"


@dataclass(frozen=True, slots=True)
class Removal:
    """reads: the Ingress has to be read back before anything is decided. due: seconds until time alone goes on."""

    stages: tuple[tuple[Action, ...], ...] = ()
    reads: tuple[ObjectRef, ...] = ()
    due: float | None = None


NOTHING = Removal()


def plan_removal(situation: Situation) -> Removal:
    """The next step for a canary that is not wanted (any more). The caller takes its weight off the Ingress."""
    standing = _standing(situation)
    if not standing:
        return NOTHING
    if situation.observed.stale:
        return Removal(due=STALE_LOOK_AGAIN_SECONDS)
    ingress = situation.live("Ingress")
    if weight_on(ingress, situation.endpoint.name) is not None and situation.standing("Ingress"):
        return NOTHING  # this very plan takes the weight off; what comes then is decided on what is then seen
    if situation.standing("Ingress") is not None:
        return _beside_an_ingress(situation, standing)
    unconfirmed = unconfirmed_ingresses(situation)
    if unconfirmed:
        return Removal(reads=unconfirmed)
    wait = ingress_wait(situation, situation.owned)
    return Removal(_deletions(standing)) if wait.is_over else Removal(due=wait.remaining)


def keeps_traffic(situation: Situation) -> tuple[Annotate, ...]:
    """A canary that is wanted again must not be judged by an earlier release of its traffic."""
    service = situation.standing("Service", role=Role.CANARY)
    if service is None or annotation(service, ANNOTATION_RELEASED) is None:
        return ()
    ref = situation.ref("Service", role=Role.CANARY)
    return (Annotate(ref, uid(service), {}, "the canary is wanted again"),)


def _beside_an_ingress(situation: Situation, standing: dict[ObjectRef, KubeObject]) -> Removal:
    """The Ingress names the primary alone, as far as the cache knows."""
    service = situation.standing("Service", role=Role.CANARY)
    released = None if service is None else _released_at(service)
    remaining = None
    if released is not None:
        settle = situation.settings.lifecycle.canary_settle_seconds
        remaining = min(released + settle - situation.now, settle)
        if remaining > 0:
            return Removal(due=remaining)
    ingress = situation.ref("Ingress")
    if ingress not in situation.observed.fetched:
        return Removal(reads=(ingress,))
    if service is not None and released is None:
        stamp = {ANNOTATION_RELEASED: f"{situation.now:.3f}"}
        ref = situation.ref("Service", role=Role.CANARY)
        mark = Annotate(ref, uid(service), stamp, "the canary has no traffic (any more)")
        return Removal(((mark,),), due=situation.settings.lifecycle.canary_settle_seconds)
    return Removal(_deletions(standing))


def _standing(situation: Situation) -> dict[ObjectRef, KubeObject]:
    return {ref: obj for ref, obj in situation.owned.items() if situation.role(ref) is Role.CANARY}


def _deletions(standing: dict[ObjectRef, KubeObject]) -> tuple[tuple[Action, ...], ...]:
    stages = []
    for kind in ("Service", "Deployment"):
        chosen = [(ref, obj) for ref, obj in standing.items() if ref.kind == kind]
        stages.append(tuple(deletions(chosen, "the spec has no canary")))
    return tuple(stage for stage in stages if stage)


def _released_at(service: KubeObject) -> float | None:
    text = annotation(service, ANNOTATION_RELEASED)
    try:
        moment = float(text) if text is not None else None
    except ValueError:
        return None
    return moment if moment is not None and math.isfinite(moment) else None
