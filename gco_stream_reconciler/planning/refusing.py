"""Endpoints of which nothing may be made (rules 9, 12, 14): the reason is said, and what runs stays as it is.

The watchdog goes on, and so does the care for the canary's share: a broken item must keep neither a dead endpoint nor a
dead canary on the load balancer. And where a rollout goes on, what leads to its Pods follows them.
"""

from dataclasses import dataclass, replace

from gco_stream_reconciler.endpoints.model import Endpoint, Exposure
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning import notices, report, watching
from gco_stream_reconciler.planning.actions import Action, Plan
from gco_stream_reconciler.planning.catching_up import plan_catching_up
from gco_stream_reconciler.planning.narrowing import plan_narrowing
from gco_stream_reconciler.planning.situation import Situation, deletions
from gco_stream_reconciler.planning.upkeep import NOTHING, Upkeep
from gco_stream_reconciler.planning.watchdog import Verdict, Watch

# Whatever the item wants: an Ingress that stands needs a ready Pod behind it.
REFUSED_REPLICAS = 1

_KINDS = ("Deployment", "Service", "Ingress", "HorizontalPodAutoscaler")


@dataclass(frozen=True, slots=True)
class Refusal:
    """rule: its number in docs/lifecycle.md. text: what is wrong and what to do about it."""

    rule: int
    text: str


def malformed(endpoint: Endpoint) -> Refusal:
    """What is wrong with the item itself (rule 14). It has problems."""
    return Refusal(14, "; ".join(str(problem) for problem in endpoint.problems))


def refusal(situation: Situation) -> Refusal | None:
    """Why nothing of this endpoint may be made, or None. The endpoint has a namespace."""
    namespace = situation.endpoint.namespace
    if not situation.namespace_is_allowed:
        allowed = ", ".join(situation.settings.namespaces)
        return Refusal(14, f"namespace: {namespace}: must be one of {allowed} (NAMESPACES of the controller)")
    elsewhere = sorted({ref.namespace for ref in situation.owned} - {namespace})
    if elsewhere:
        return Refusal(
            14,
            f"namespace: {namespace}: objects stand in {', '.join(elsewhere)}; "
            "a namespace cannot change, delete the endpoint and deploy it again",
        )
    return _foreign(situation) or _taken_name(situation) or _taken_path(situation)


def _foreign(situation: Situation) -> Refusal | None:
    """Rule 12: an object of a wanted name that belongs to somebody else stays theirs."""
    for kind in _KINDS:
        if situation.is_taken(kind):
            return Refusal(
                12,
                f"{situation.ref(kind)}: exists and was not made for this endpoint; "
                "rename the endpoint or remove the object",
            )
    return None


def _taken_name(situation: Situation) -> Refusal | None:
    """Rule 9: the canary of `x` and the endpoint `x-canary` want the same names. Who has them keeps them."""
    host, claim = situation.rivals.canary_host, situation.claim
    stands = any(situation.role(ref) is Role.PRIMARY for ref in situation.owned)
    if host is None or claim is None or stands or not host.came_before(claim):
        return None
    return Refusal(
        9, f"endpoint_name: is the name of the canary of endpoint {host.name}, which is older; choose another"
    )


def _taken_path(situation: Situation) -> Refusal | None:
    """Rule 14: of two endpoints on one path, or one within the other's, the older keeps it."""
    claim = situation.claim
    for rival in situation.rivals.by_path:
        if claim is not None and rival.came_before(claim):
            return Refusal(
                14,
                f"ingress_path: {claim.path}: meets {rival.path} of endpoint {rival.name}, which is older; "
                "choose a path that is neither within the other nor around it",
            )
    return None


def as_it_stands(situation: Situation) -> Situation | None:
    """With the namespace of its objects, which may be another than the item names by now; None where none can stand."""
    stands = [ref for ref in situation.owned if ref.namespace in situation.settings.namespaces]
    if stands:
        namespace: str | None = min(stands, key=lambda ref: (ref.kind != "Ingress", ref)).namespace
    else:
        allowed = situation.name_is_usable and situation.namespace_is_allowed
        namespace = situation.endpoint.namespace if allowed else None
    if namespace is None:
        return None
    return replace(situation, endpoint=replace(situation.endpoint, namespace=namespace))


def plan_refusal(situation: Situation, reason: str) -> Plan:
    """State error with the reason."""
    standing = as_it_stands(situation)
    if standing is None:
        return Plan(status=report.refusal(situation, reason))
    situation = standing
    watch = watching.look(situation, wanted_replicas=REFUSED_REPLICAS)
    unconfirmed = watching.unconfirmed(situation, watch)
    if unconfirmed:
        return Plan(reads=unconfirmed)
    removes = _removal(situation, watch)
    upkeep = NOTHING if removes else _upkeep(situation)
    if upkeep.reads:
        return Plan(reads=upkeep.reads)
    stages = (removes, watching.to_write(situation, watch.clock), *upkeep.stages)
    return Plan(
        stages=tuple(stage for stage in stages if stage),
        status=report.refusal(situation, reason, exposure=_exposure(situation, watch, removes)),
        requeue_after=watch.due,
        notices=(*notices.of_refusal(situation, reason, watch, removes), *upkeep.notices),
    )


def _upkeep(situation: Situation) -> Upkeep:
    """One thing at a time: each writes the Ingress as it stands now, so the second would undo the first."""
    narrowing = plan_narrowing(situation)
    return narrowing if narrowing.reads or narrowing.stages else plan_catching_up(situation)


def _removal(situation: Situation, watch: Watch) -> tuple[Action, ...]:
    ingress = situation.live("Ingress")
    if watch.verdict is not Verdict.REMOVE or ingress is None or situation.observed.stale:
        return ()
    return tuple(deletions([(situation.ref("Ingress"), ingress)], "no ready Pod for too long (watchdog)"))


def _exposure(situation: Situation, watch: Watch, removes: tuple[Action, ...]) -> Exposure | None:
    if situation.live("Ingress") is None and watch.clock is None:
        return None
    return report.exposure_of(exposed=situation.standing("Ingress") is not None and not removes, watch=watch)
