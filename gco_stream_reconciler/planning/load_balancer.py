"""Whether the load balancer has taken an Ingress that stands. Pure.

Its controller writes the address into the Ingress's status once the rules are there. An Ingress without one answers 404:
one faulty Ingress of the group, or a full load balancer (ELB: 100 rules and 100 target groups each), holds up all the
others (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html).
"""

from dataclasses import dataclass

from gco_stream_reconciler.planning.observed import KubeObject, made_at, metadata

PATIENCE_SECONDS = 120.0
"""What a load balancer may take; the first Ingress of a group waits for it to be made."""


@dataclass(frozen=True, slots=True)
class Taking:
    """due: seconds until it should have been taken, None where no clock runs. note: what is said once it is late."""

    due: float | None = None
    note: str = ""


def look(ingress: KubeObject | None, now: float) -> Taking:
    """Judge the Ingress that stands; now: epoch seconds."""
    made = None if ingress is None or _has_address(ingress) else made_at(ingress)
    if ingress is None or made is None:
        return Taking()
    remaining = made + PATIENCE_SECONDS - now
    if remaining > 0:
        return Taking(due=remaining)
    name = metadata(ingress).get("name")
    return Taking(note=f"no load balancer has taken Ingress {name} within {PATIENCE_SECONDS:g} s")


def _has_address(ingress: KubeObject) -> bool:
    return bool(((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress"))
