"""What an Ingress is about to name for the first time is looked at by name first (rule 1).

A forward to a Service that is missing puts the whole load balancer group into error, and the cache may be behind by as
much as a watch can be silent. An Ingress is made, or begins to name a canary, rarely enough for two reads more.
"""

from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning.actions import ObjectRef
from gco_stream_reconciler.planning.canary import weight_on
from gco_stream_reconciler.planning.exposure import Route
from gco_stream_reconciler.planning.situation import Situation

_NAMED = ("Deployment", "Service")


def unconfirmed(situation: Situation, route: Route) -> tuple[ObjectRef, ...]:
    """Services that the route names and the standing Ingress does not, with their Deployments, as far as not yet read."""
    if not route.exposed:
        return ()
    ingress = situation.standing("Ingress")
    begins_canary = route.canary_weight is not None and weight_on(ingress, situation.endpoint.name) is None
    roles = (
        *((Role.PRIMARY,) if ingress is None or begins_canary else ()),
        *((Role.CANARY,) if begins_canary else ()),
    )
    named = (situation.ref(kind, role=role) for role in roles for kind in _NAMED)
    return situation.unread(named)
