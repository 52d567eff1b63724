"""An endpoint that is wanted running: what must stand, in which order it is made, and what is reported.

Order of effects: what must go goes first (an autoscaler that is switched off, the Ingress of an endpoint scaled to
0); then replicas change hands; then Deployment and Service; then what refers to them, autoscaler and Ingress.
"""

from gco_stream_reconciler.endpoints.images import resolve_image
from gco_stream_reconciler.endpoints.model import EndpointSpec
from gco_stream_reconciler.planning import desired, report
from gco_stream_reconciler.planning.actions import Action, Apply, ObjectRef, Plan
from gco_stream_reconciler.planning.exposure import Route, decide_route
from gco_stream_reconciler.planning.ingress_wait import ingress_wait, unconfirmed_ingresses
from gco_stream_reconciler.planning.observed import (
    KubeObject,
    is_deleting,
    ready_replicas,
    rollout_is_complete,
    rollout_is_stalled,
)
from gco_stream_reconciler.planning.ownership import Owner
from gco_stream_reconciler.planning.replicas import Scaling, decide_scaling
from gco_stream_reconciler.planning.situation import Situation, deletions


def plan_running(situation: Situation) -> Plan:
    """Plan for desired_state `deploying` or `running`. The endpoint has no problems."""
    spec = situation.endpoint.spec
    if spec is None:
        raise ValueError(
            f"endpoint {situation.endpoint.name!r} has neither a spec nor a problem that says why"
        )
    refusal = _refusal(situation)
    if refusal is not None:
        return Plan(status=report.refusal(situation, refusal))
    route = _route(situation, spec)
    unseen = situation.unseen(_wanted_refs(situation, spec, route))
    if unseen:
        return Plan(reads=unseen)
    deployment = situation.live("Deployment")
    if _needs_pods(situation, deployment):
        return Plan(needs_pods=situation.ref("Deployment"))
    return _assemble(situation, spec, route)


def _refusal(situation: Situation) -> str | None:
    """Why nothing of this endpoint may be made, or None."""
    namespace = situation.endpoint.namespace
    if not situation.namespace_is_allowed:
        allowed = ", ".join(situation.settings.namespaces)
        return f"namespace: {namespace}: must be one of {allowed} (NAMESPACES of the controller)"
    elsewhere = sorted({ref.namespace for ref in situation.owned()} - {namespace})
    if elsewhere:
        return (
            f"namespace: {namespace}: objects stand in {', '.join(elsewhere)}; "
            "a namespace cannot change, delete the endpoint and deploy it again"
        )
    refused = situation.predecessors()
    if refused:
        return f"{', '.join(map(str, refused))}: made by inference_monitor; not taken over"
    spec = situation.endpoint.spec
    names = [situation.ref(kind) for kind in ("Deployment", "Service", "Ingress", "HorizontalPodAutoscaler")]
    for ref in names if spec else []:
        obj = situation.observed.get(ref)
        if obj is not None and situation.owner(obj) is Owner.FOREIGN:
            return (
                f"{ref}: exists and was not made for this endpoint; rename the endpoint or remove the object"
            )
    return None


def _route(situation: Situation, spec: EndpointSpec) -> Route:
    ingress, service = situation.live("Ingress"), situation.live("Service")
    return decide_route(
        wanted_replicas=_wanted_replicas(spec),
        ready_replicas=ready_replicas(situation.live("Deployment")),
        service_stands=service is not None and not is_deleting(service),
        exposed_now=ingress is not None and not is_deleting(ingress),
    )


def _wanted_replicas(spec: EndpointSpec) -> int:
    """Replicas that must be ready; under an autoscaler its minimum."""
    return max(1, spec.autoscaling.min_replicas) if spec.autoscaling else spec.replicas


def _wanted_refs(situation: Situation, spec: EndpointSpec, route: Route) -> list[ObjectRef]:
    kinds = ["Deployment", "Service"]
    if spec.autoscaling:
        kinds.append("HorizontalPodAutoscaler")
    if route is Route.PRIMARY:
        kinds.append("Ingress")
    return [situation.ref(kind) for kind in kinds]


def _needs_pods(situation: Situation, deployment: KubeObject | None) -> bool:
    return deployment is not None and situation.observed.pods is None and rollout_is_stalled(deployment)


def _assemble(situation: Situation, spec: EndpointSpec, route: Route) -> Plan:
    wanted = _wanted_replicas(spec)
    owned = situation.owned()
    wait = ingress_wait(situation, owned)
    goes_first = _unwanted(situation, spec, route)
    # Pods stay until no load balancer sends them requests; Route.NONE here means scaled to 0.
    hold = wanted == 0 and (situation.observed.stale or not wait.is_over)
    scaling = decide_scaling(situation, spec, wanted=wanted, hold=hold)
    unconfirmed = unconfirmed_ingresses(situation) if scaling.is_destructive else ()
    if unconfirmed:
        return Plan(reads=unconfirmed)
    made = _made(situation, scaling)
    stages = (goes_first, scaling.handover, made, _referring(situation, spec, route, scaling))
    deployment = situation.live("Deployment")
    settled = not scaling.handover and not any(action.ref.kind == "Deployment" for action in made)
    destroys = bool(goes_first) or scaling.is_destructive
    status = report.progress(
        situation,
        deployment=deployment,
        desired=wanted,
        settled=settled and not hold,
        exposed=_exposed(situation, route, stages[-1]),
        notes=(*_notes(situation, spec, deployment, wanted), *wait.notes),
    )
    return Plan(
        stages=tuple(stage for stage in stages if stage),
        status=status,
        requeue_after=wait.remaining if hold else None,
        confirm_in_home=destroys,
    )


def _unwanted(situation: Situation, spec: EndpointSpec, route: Route) -> tuple[Action, ...]:
    if situation.observed.stale:
        return ()
    autoscaler, ingress = situation.live("HorizontalPodAutoscaler"), situation.live("Ingress")
    actions: list[Action] = []
    if autoscaler is not None and spec.autoscaling is None:
        ref = situation.ref("HorizontalPodAutoscaler")
        actions.extend(deletions([(ref, autoscaler)], "autoscaling is off"))
    if ingress is not None and route is Route.NONE:
        actions.extend(deletions([(situation.ref("Ingress"), ingress)], "scaled to 0 replicas"))
    return tuple(actions)


def _made(situation: Situation, scaling: Scaling) -> tuple[Apply, ...]:
    context = situation.settings.context
    deployment = situation.live("Deployment")
    manifest = desired.wanted_deployment(
        situation.endpoint, context, replicas=scaling.replicas, live=deployment
    )
    candidates = (
        _apply(situation, "Deployment", manifest),
        _apply(situation, "Service", desired.wanted_service(situation.endpoint, context)),
    )
    return tuple(action for action in candidates if action is not None)


def _referring(situation: Situation, spec: EndpointSpec, route: Route, scaling: Scaling) -> tuple[Apply, ...]:
    context = situation.settings.context
    candidates: list[Apply | None] = []
    if spec.autoscaling and scaling.autoscaler_may_stand:
        manifest = desired.wanted_autoscaler(situation.endpoint, context)
        candidates.append(_apply(situation, "HorizontalPodAutoscaler", manifest))
    if route is Route.PRIMARY:
        candidates.append(
            _apply(
                situation,
                "Ingress",
                desired.wanted_ingress(
                    situation.endpoint, context, live_deployment=situation.live("Deployment")
                ),
            )
        )
    return tuple(action for action in candidates if action is not None)


def _apply(situation: Situation, kind: str, manifest: KubeObject) -> Apply | None:
    live = situation.live(kind)
    if live is not None and is_deleting(live):
        return None  # made again when it is gone
    return desired.apply_if_needed(situation.ref(kind), manifest, live)


def _exposed(situation: Situation, route: Route, referring: tuple[Apply, ...]) -> bool:
    if route is Route.NONE:
        return False
    ingress = situation.live("Ingress")
    stands = ingress is not None and not is_deleting(ingress)
    return stands or any(action.ref.kind == "Ingress" for action in referring)


def _notes(situation: Situation, spec: EndpointSpec, deployment: KubeObject | None, wanted: int) -> list[str]:
    notes = []
    image = resolve_image(spec.image, situation.settings.region, spec.region_image_uris)
    if image.rewritten_from is not None:
        notes.append(f"image of this Region: {image.image} (rewritten from {image.rewritten_from})")
    if (
        deployment is not None
        and rollout_is_stalled(deployment)
        and not rollout_is_complete(deployment, wanted)
    ):
        pods = report.waiting_reasons(situation.observed.pods or ())
        notes.append(f"rollout stalled: {pods or 'past its progress deadline, no Pod says why'}")
    return notes
