"""Who decides about a Deployment's replicas, and how the field changes hands.

Without an autoscaler our manifest carries `replicas`. With one it leaves the field out; but a field that its only
owner drops falls back to its default of 1, so a second field manager of ours takes the live value over first.
An autoscaler never raises a Deployment from 0, so a start does.
"""

from dataclasses import dataclass

from gco_stream_reconciler.endpoints.model import EndpointSpec
from gco_stream_reconciler.planning.actions import SetReplicas
from gco_stream_reconciler.planning.desired import ANNOTATION_REPLICAS_BY, BY_AUTOSCALER
from gco_stream_reconciler.planning.observed import annotation, is_deleting, live_replicas, uid
from gco_stream_reconciler.planning.situation import Situation


@dataclass(frozen=True, slots=True)
class Scaling:
    """The decision about `spec.replicas`.

    replicas: value in our manifest, None to leave it to the autoscaler. handover: at most one SetReplicas that comes
    before. autoscaler_may_stand: False while replicas are still ours (it would fight them). is_destructive: the
    manifest takes the last Pods away.
    """

    replicas: int | None
    handover: tuple[SetReplicas, ...] = ()
    autoscaler_may_stand: bool = False
    is_destructive: bool = False


def decide_scaling(situation: Situation, spec: EndpointSpec, *, wanted: int, hold: bool) -> Scaling:
    """Decide for the Deployment as it is. `hold`: keep the live replicas for now."""
    deployment = situation.live("Deployment")
    live = live_replicas(deployment)
    if spec.autoscaling is None:
        value = live if hold and deployment is not None else wanted
        return Scaling(replicas=value, is_destructive=value == 0 and live > 0)
    if deployment is None or is_deleting(deployment):
        # Created with the minimum as our own value; handed over once it exists.
        return Scaling(replicas=wanted)
    ref, identity = situation.ref("Deployment"), uid(deployment)
    if live == 0:
        start = SetReplicas(ref, identity, wanted, force=True, reason="an autoscaler does not start from 0")
        return Scaling(replicas=None, handover=(start,), autoscaler_may_stand=True)
    if annotation(deployment, ANNOTATION_REPLICAS_BY) == BY_AUTOSCALER:
        return Scaling(replicas=None, autoscaler_may_stand=True)
    keep = SetReplicas(ref, identity, live, force=False, reason="the autoscaler takes over")
    return Scaling(replicas=None, handover=(keep,), autoscaler_may_stand=True)
