"""How long an Ingress that is being deleted holds up what comes after it (rules 3 and 4).

The load balancer's controller keeps the Ingress until it has deregistered the targets. Pods are taken away only
then, so that no request meets a Pod that is gone; but GPUs cost money, so the wait is bounded. The clock is the
Ingress's own deletionTimestamp, which survives restarts and leader changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gco_stream_reconciler.planning.actions import ObjectRef
from gco_stream_reconciler.planning.observed import KubeObject, deleting_since
from gco_stream_reconciler.planning.situation import Situation


@dataclass(frozen=True, slots=True)
class IngressWait:
    """is_over: Pods may go. remaining: seconds until the bound is reached, None when no clock runs."""

    is_over: bool
    remaining: float | None = None
    notes: tuple[str, ...] = ()


def unconfirmed_ingresses(situation: Situation) -> tuple[ObjectRef, ...]:
    """Ingresses that the cache does not hold and no read has found gone.

    A watch filtered by label says DELETED also when somebody takes the label off (rule 4), so Pods go only after a
    read by name.
    """
    return situation.unseen(ref for ref in situation.possible_refs() if ref.kind == "Ingress")


def ingress_wait(situation: Situation, objects: Mapping[ObjectRef, KubeObject]) -> IngressWait:
    """Decide over every Ingress among the objects; the youngest deletion counts."""
    standing = {ref: obj for ref, obj in objects.items() if ref.kind == "Ingress"}
    if not standing:
        return IngressWait(is_over=True)
    began = [deleting_since(obj) for obj in standing.values()]
    if any(moment is None for moment in began):
        return IngressWait(is_over=False)
    limit = situation.settings.lifecycle.ingress_deletion_wait_seconds
    remaining = max(moment for moment in began if moment is not None) + limit - situation.now
    if remaining > 0:
        return IngressWait(is_over=False, remaining=remaining)
    listed = ", ".join(str(ref) for ref in standing)
    return IngressWait(
        is_over=True, notes=(f"{listed} still being deleted after {limit:g} s; going on without it",)
    )
