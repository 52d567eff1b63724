"""An endpoint that is wanted running: what must stand, in which order it is made, and what is reported.

Order of effects: hand-overs that change nothing visible (replicas to an autoscaler, the predecessor's field managers to
us); what must go before anything else (an autoscaler that is switched off, traffic that must end); the watchdog's clock;
Deployments and Services; what refers to them (autoscaler, Ingress); last, a canary that has lost its traffic.
"""

from dataclasses import dataclass

from gco_stream_reconciler.endpoints.model import EndpointSpec, RegionStatus
from gco_stream_reconciler.planning import canary as canaries
from gco_stream_reconciler.planning import (
    desired,
    following,
    load_balancer,
    naming,
    notices,
    report,
    watching,
)
from gco_stream_reconciler.planning.actions import AbsorbManagers, Action, Apply, Delete, ObjectRef, Plan
from gco_stream_reconciler.planning.canary import Canary
from gco_stream_reconciler.planning.canary_removal import NOTHING, Removal, keeps_traffic, plan_removal
from gco_stream_reconciler.planning.exposure import Backend, Route, decide_route
from gco_stream_reconciler.planning.ingress_wait import ingress_wait, unconfirmed_ingresses
from gco_stream_reconciler.planning.observed import (
    STALE_LOOK_AGAIN_SECONDS,
    KubeObject,
    ready_replicas,
    rollout_is_stalled,
    uid,
)
from gco_stream_reconciler.planning.ownership import Owner
from gco_stream_reconciler.planning.reach import Reach
from gco_stream_reconciler.planning.refusing import plan_refusal, refusal
from gco_stream_reconciler.planning.replicas import Scaling, decide_scaling
from gco_stream_reconciler.planning.situation import Situation, deletions
from gco_stream_reconciler.planning.template_choice import Template, primary_template
from gco_stream_reconciler.planning.watchdog import Verdict, Watch


@dataclass(frozen=True, slots=True)
class Intent:
    """What is to be, before the steps that lead there.

    replicas: those that must be ready. reach: where Service and Ingress reach the Pods now. wanted_reach: where those of the
    template are reached.
    """

    spec: EndpointSpec
    replicas: int
    template: Template
    wanted_reach: Reach
    reach: Reach
    canary: Canary | None
    watch: Watch
    route: Route


def plan_running(situation: Situation) -> Plan:
    """Plan for desired_state `deploying` or `running`. The endpoint has no problems."""
    refused = refusal(situation)
    if refused is not None:
        return plan_refusal(situation, refused.text)
    intent = decide(situation)
    unseen = situation.unseen(_wanted_refs(situation, intent))
    unconfirmed = (
        *watching.unconfirmed(situation, intent.watch),
        *naming.unconfirmed(situation, intent.route),
    )
    if unseen or unconfirmed:
        return Plan(reads=tuple(dict.fromkeys((*unseen, *unconfirmed))))
    deployment = situation.live("Deployment")
    if deployment is not None and situation.observed.pods is None and rollout_is_stalled(deployment):
        return Plan(needs_pods=situation.ref("Deployment"))
    removal = plan_removal(situation) if intent.canary is None else NOTHING
    if removal.reads:
        return Plan(reads=removal.reads)
    return _assemble(situation, intent, removal)


def decide(situation: Situation) -> Intent:
    """The end state that the spec and the present moment ask for. Raises ValueError without a spec."""
    spec = situation.endpoint.spec
    if spec is None:
        name = situation.endpoint.name
        raise ValueError(f"endpoint {name!r} has neither a spec nor a problem that says why")
    template = primary_template(situation.endpoint, situation.context, situation.live("Deployment"))
    replicas = max(1, spec.autoscaling.min_replicas) if spec.autoscaling else spec.replicas
    wanted_reach = following.wanted_reach(situation.endpoint, situation.context, template)
    reach = following.decide_reach(situation, template, wanted_reach)
    canary = canaries.wanted_canary(situation, template, health_path=reach.health_path)
    watch = watching.look(situation, wanted_replicas=replicas)
    route = decide_route(
        wanted_replicas=replicas,
        primary=Backend(
            stands=situation.standing("Service") is not None,
            ready=ready_replicas(situation.standing("Deployment")) > 0,
        ),
        canary=canary.backend if canary else None,
        canary_weight=canary.weight if canary else None,
        exposed_now=situation.standing("Ingress") is not None,
        verdict=watch.verdict,
    )
    return Intent(spec, replicas, template, wanted_reach, reach, canary, watch, route)


def _wanted_refs(situation: Situation, intent: Intent) -> list[ObjectRef]:
    kinds = ["Deployment", "Service"]
    if intent.spec.autoscaling:
        kinds.append("HorizontalPodAutoscaler")
    if intent.route.exposed:
        kinds.append("Ingress")
    canary = canaries.refs(situation) if intent.spec.canary else ()
    return [*(situation.ref(kind) for kind in kinds), *canary]


def _assemble(situation: Situation, intent: Intent, removal: Removal) -> Plan:
    wait = ingress_wait(situation, situation.owned)
    # Pods stay until no load balancer sends them requests.
    hold = intent.replicas == 0 and (situation.observed.stale or not wait.is_over)
    scaling = decide_scaling(situation, intent.spec, wanted=intent.replicas, hold=hold)
    unconfirmed = unconfirmed_ingresses(situation) if scaling.is_destructive else ()
    if unconfirmed:
        return Plan(reads=unconfirmed)
    stages = _stages(situation, intent, scaling, removal)
    taking = load_balancer.look(
        situation.standing("Ingress") if intent.route.exposed else None, situation.now
    )
    held_up = situation.observed.stale and (hold or bool(_unwanted(situation, intent)))
    actions = tuple(action for stage in stages for action in stage)
    deletes = any(isinstance(action, Delete) and not _is_watchdogs(action, intent) for action in actions)
    return Plan(
        stages=tuple(stage for stage in stages if stage),
        # A canary that the API server refuses must not keep the primary from its autoscaler or its traffic.
        beside=frozenset(canaries.refs(situation)) if intent.canary else frozenset(),
        status=_status(situation, intent, actions, hold=hold, notes=(*wait.notes, taking.note)),
        requeue_after=_soonest(
            wait.remaining if hold else None,
            intent.watch.due,
            removal.due,
            taking.due,
            STALE_LOOK_AGAIN_SECONDS if held_up else None,
        ),
        confirm_in_home=deletes or scaling.is_destructive,
        notices=notices.of_running(situation, intent.route, intent.watch, actions),
    )


def _stages(
    situation: Situation, intent: Intent, scaling: Scaling, removal: Removal
) -> tuple[tuple[Action, ...], ...]:
    made = (*_made(situation, intent, scaling), *canaries.applies(situation, intent.canary))
    regained = keeps_traffic(situation) if intent.canary else ()
    ingress = _ingress(situation, intent)
    narrows = bool(ingress) and _takes_weight_away(situation, intent)
    last: tuple[Action, ...] = (
        *_autoscaler(situation, intent, scaling),
        *(() if narrows else ingress),
    )
    unwanted = () if situation.observed.stale else _unwanted(situation, intent)
    first: tuple[Action, ...] = (*unwanted, *(ingress if narrows else ()))
    clock = watching.to_write(situation, intent.watch.clock)
    absorbing = _absorbing(situation, (*first, *made, *last))
    # The clock goes before what the API server may refuse: a broken spec must not stop the watchdog.
    return (scaling.handover, absorbing, first, clock, (*made, *regained), last, *removal.stages)


def _unwanted(situation: Situation, intent: Intent) -> tuple[Action, ...]:
    autoscaler, ingress = situation.live("HorizontalPodAutoscaler"), situation.live("Ingress")
    actions: list[Action] = []
    if autoscaler is not None and intent.spec.autoscaling is None:
        ref = situation.ref("HorizontalPodAutoscaler")
        actions.extend(deletions([(ref, autoscaler)], "autoscaling is off"))
    if ingress is not None and not intent.route.exposed:
        reason = "scaled to 0 replicas" if intent.replicas == 0 else "no ready Pod for too long (watchdog)"
        actions.extend(deletions([(situation.ref("Ingress"), ingress)], reason))
    return tuple(actions)


def _is_watchdogs(action: Delete, intent: Intent) -> bool:
    """Whether it is the watchdog's removal, which rests on the Pods here and not on the item."""
    return action.ref.kind == "Ingress" and intent.watch.verdict is Verdict.REMOVE


def _takes_weight_away(situation: Situation, intent: Intent) -> bool:
    weighted = canaries.weight_on(situation.standing("Ingress"), situation.endpoint.name) is not None
    return weighted and intent.route.canary_weight is None


def _made(situation: Situation, intent: Intent, scaling: Scaling) -> tuple[Apply, ...]:
    context, endpoint = situation.context, situation.endpoint
    manifest = desired.wanted_deployment(
        endpoint, context, replicas=scaling.replicas, template=intent.template
    )
    service = desired.wanted_service(endpoint, context, reach=intent.reach)
    return (*_apply(situation, "Deployment", manifest), *_apply(situation, "Service", service))


def _autoscaler(situation: Situation, intent: Intent, scaling: Scaling) -> tuple[Apply, ...]:
    if not intent.spec.autoscaling or not scaling.autoscaler_may_stand:
        return ()
    manifest = desired.wanted_autoscaler(situation.endpoint, situation.context)
    return _apply(situation, "HorizontalPodAutoscaler", manifest)


def _ingress(situation: Situation, intent: Intent) -> tuple[Apply, ...]:
    if not intent.route.exposed:
        return ()
    manifest = desired.wanted_ingress(
        situation.endpoint,
        situation.context,
        canary_weight=intent.route.canary_weight,
        reach=intent.reach,
    )
    return _apply(situation, "Ingress", manifest)


def _apply(situation: Situation, kind: str, manifest: KubeObject) -> tuple[Apply, ...]:
    live = situation.live(kind)
    if live is not None and situation.standing(kind) is None:
        return ()  # made again when it is gone
    action = desired.apply_if_needed(situation.ref(kind), manifest, live)
    return () if action is None else (action,)


def _absorbing(situation: Situation, actions: tuple[Action, ...]) -> tuple[AbsorbManagers, ...]:
    """Field managers of the predecessor, on each object that is taken over whole or rendered anew."""
    found = []
    for action in actions:
        live = situation.observed.get(action.ref)
        if not isinstance(action, Apply) or live is None:
            continue
        takes_over = situation.owner(live) is Owner.PREDECESSOR or desired.replaces_kept(
            action.manifest, live
        )
        keeps = desired.leaves_template(action.manifest)
        if takes_over and not keeps:
            found.append(AbsorbManagers(action.ref, uid(live)))
    return tuple(found)


def _status(
    situation: Situation, intent: Intent, actions: tuple[Action, ...], *, hold: bool, notes: tuple[str, ...]
) -> RegionStatus:
    deployment = situation.standing("Deployment")  # what goes away runs nothing that could be promoted
    settled = (
        not hold
        and deployment is not None
        and not any(
            action.ref == situation.ref("Deployment") and not isinstance(action, AbsorbManagers)
            for action in actions
        )
    )
    ingress_will_stand = situation.standing("Ingress") is not None or any(
        isinstance(action, Apply) and action.ref.kind == "Ingress" for action in actions
    )
    exposure = report.exposure_of(exposed=intent.route.exposed and ingress_will_stand, watch=intent.watch)
    return report.progress(
        situation,
        deployment=deployment,
        desired=intent.replicas,
        settled=settled,
        exposure=exposure,
        canary=canaries.status_of(situation, intent.canary, intent.route),
        notes=(
            *notices.messages(situation, intent.template, intent.watch, exposure, intent.replicas),
            following.note(intent.template, intent.wanted_reach, intent.reach) or "",
            *notes,
        ),
    )


def _soonest(*moments: float | None) -> float | None:
    return min((moment for moment in moments if moment is not None), default=None)
