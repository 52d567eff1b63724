"""What an endpoint's Ingress sends traffic to. Decided here and nowhere else (rule 1).

Global Accelerator takes a Region's whole inference traffic away while any target group of the shared load balancer
has no healthy target. So a Service is first named when it has a ready Pod, and an endpoint that is to run nothing is not
exposed. Once named, the primary's Service stays named until the watchdog objects (rule 2). The canary's is named only
while it is ready (rule 9) and both Services stand: a weighted forward that names a missing one breaks every Ingress of the
load balancer, even at weight 0; a single missing Service only answers 503.
"""

from dataclasses import dataclass

from gco_stream_reconciler.planning.watchdog import Verdict


@dataclass(frozen=True, slots=True)
class Route:
    """Where requests go. exposed: whether an Ingress stands. canary_weight: the canary's percent, None for none."""

    exposed: bool
    canary_weight: int | None = None


NONE = Route(exposed=False)
PRIMARY = Route(exposed=True)


def weighted(canary_weight: int) -> Route:
    """A split between primary and canary."""
    return Route(exposed=True, canary_weight=canary_weight)


@dataclass(frozen=True, slots=True)
class Backend:
    """A Service as the load balancer could use it: it stands and is not being deleted; some Pod of it is ready."""

    stands: bool
    ready: bool

    @property
    def usable(self) -> bool:
        """Whether it may be named for the first time."""
        return self.stands and self.ready


def decide_route(
    *,
    wanted_replicas: int,
    primary: Backend,
    canary: Backend | None,
    canary_weight: int | None,
    exposed_now: bool,
    verdict: Verdict,
) -> Route:
    """Decide from what is wanted, what is ready, what is exposed now and what the watchdog says.

    canary: None where the endpoint has none that may take traffic. An Ingress that stands is not taken down because the
    primary's Service is missing, but it goes back to that Service alone before it is made again: making it may fail.
    """
    if wanted_replicas == 0 or verdict is Verdict.REMOVE:
        return NONE
    if not exposed_now and (verdict is Verdict.WAIT_FOR_RECOVERY or not primary.usable):
        return NONE
    if primary.stands and canary is not None and canary.usable and canary_weight is not None:
        return weighted(canary_weight)
    return PRIMARY
