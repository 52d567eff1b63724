"""Whether an endpoint's Ingress stands. Decided here and nowhere else (rule 1).

Global Accelerator takes a Region's whole inference traffic away while any target group of the shared load balancer
has no healthy target. So a Service is first named when it has a ready Pod, and an endpoint that is to run nothing
is not exposed. Once named, a Service stays named through a later loss of readiness: taking it away after a while is
the watchdog's decision.
"""

from enum import Enum


class Route(Enum):
    """What the Ingress of an endpoint sends traffic to."""

    NONE = "no Ingress"
    PRIMARY = "the primary's Service"


def decide_route(
    *, wanted_replicas: int, ready_replicas: int, service_stands: bool, exposed_now: bool
) -> Route:
    """Decide from what is wanted, what is ready and what is exposed now.

    `service_stands`: the primary's Service exists and is not being deleted; a Service is named only then, except
    that an Ingress which stands already is not taken down for it (the Service is made again first).
    """
    if wanted_replicas == 0:
        return Route.NONE
    if exposed_now:
        return Route.PRIMARY
    return Route.PRIMARY if service_stands and ready_replicas > 0 else Route.NONE
