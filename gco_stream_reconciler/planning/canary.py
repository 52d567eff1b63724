"""The canary of an endpoint (rule 9): whether it may stand, whether it may take traffic, how it goes away."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gco_stream_reconciler.endpoints.model import CanaryStatus, State
from gco_stream_reconciler.manifests import ingress as ingress_manifest
from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning import desired, following
from gco_stream_reconciler.planning.actions import Apply, ObjectRef
from gco_stream_reconciler.planning.exposure import Backend, Route
from gco_stream_reconciler.planning.observed import (
    KubeObject,
    annotation,
    metadata,
    ready_replicas,
    rollout_is_complete,
    updated_is_ready,
)
from gco_stream_reconciler.planning.situation import Situation
from gco_stream_reconciler.planning.template_choice import Template, canary_template

_KINDS = names.KINDS_BY_ROLE[Role.CANARY]


@dataclass(frozen=True, slots=True)
class Canary:
    """A canary that the spec wants and nothing speaks against."""

    weight: int
    replicas: int
    backend: Backend
    deployment: Mapping[str, Any]
    service: Mapping[str, Any]


def refs(situation: Situation) -> tuple[ObjectRef, ...]:
    """Its objects, whether they exist or not."""
    return tuple(situation.ref(kind, role=Role.CANARY) for kind in _KINDS)


def refusal(situation: Situation) -> str | None:
    """Why the canary that the spec wants must not be made; None where it may be, or where none is wanted.

    Who has a name already keeps it; where nobody has, the older endpoint gets it.
    """
    spec = situation.endpoint.spec
    if spec is None or spec.canary is None:
        return None
    for kind in _KINDS:
        if situation.is_taken(kind, role=Role.CANARY):
            ref = situation.ref(kind, role=Role.CANARY)
            return f"canary: {ref} exists and was not made for it; rename the endpoint that has the name"
    namesake, claim = situation.rivals.canary_namesake, situation.claim
    stands = any(situation.live(kind, role=Role.CANARY) for kind in _KINDS)
    if namesake is not None and not stands and (claim is None or namesake.came_before(claim)):
        return f"canary: endpoint {namesake.name} is older and has the name; rename one of the two"
    return None


def wanted_canary(situation: Situation, primary: Template, *, health_path: str) -> Canary | None:
    """What is to stand, None for no canary. health_path: that of the Ingress now, as it serves both."""
    endpoint, context = situation.endpoint, situation.context
    if endpoint.spec is None or endpoint.spec.canary is None or refusal(situation) is not None:
        return None
    wanted = endpoint.spec.canary
    live = situation.live("Deployment", role=Role.CANARY)
    template = canary_template(endpoint, context, live, primary)
    manifest = desired.wanted_deployment(
        endpoint, context, role=Role.CANARY, replicas=wanted.replicas, template=template
    )
    stands = _same_template(manifest, situation.standing("Deployment", role=Role.CANARY))
    wanted_reach = following.wanted_reach(endpoint, context, template)
    reach = following.decide_reach(
        situation, replace(template, stands=stands), wanted_reach, role=Role.CANARY
    )
    return Canary(
        weight=wanted.weight,
        replicas=wanted.replicas,
        backend=_backend(situation, stands=stands, asked=reach.health_path == health_path),
        deployment=manifest,
        service=desired.wanted_service(endpoint, context, role=Role.CANARY, reach=reach),
    )


def _backend(situation: Situation, *, stands: bool, asked: bool) -> Backend:
    """Ready means a ready Pod of the template that is wanted now, not of one before it.

    stands: the Deployment has that template. asked: the load balancer's health check asks where its Pods answer.
    """
    deployment = situation.standing("Deployment", role=Role.CANARY)
    service = situation.standing("Service", role=Role.CANARY)
    ready = stands and asked and deployment is not None and updated_is_ready(deployment)
    return Backend(stands=service is not None, ready=ready)


def _same_template(manifest: Mapping[str, Any], live: KubeObject | None) -> bool:
    mark = names.ANNOTATION_TEMPLATE_HASH
    wanted = (metadata(manifest).get("annotations") or {}).get(mark)
    return live is not None and wanted == annotation(live, mark)


def applies(situation: Situation, canary: Canary | None) -> tuple[Apply, ...]:
    """What brings its objects to what is wanted."""
    if canary is None:
        return ()
    wanted = {"Deployment": canary.deployment, "Service": canary.service}
    found = []
    for kind, manifest in wanted.items():
        live = situation.live(kind, role=Role.CANARY)
        if live is None or situation.standing(kind, role=Role.CANARY) is not None:
            found.append(desired.apply_if_needed(situation.ref(kind, role=Role.CANARY), manifest, live))
    return tuple(action for action in found if action is not None)


def weight_on(ingress: KubeObject | None, endpoint_name: str) -> int | None:
    """The canary's percent in an Ingress as it stands; None where all goes to the primary."""
    if ingress is None or not _is_weighted(ingress):
        return None
    canary = names.object_name(endpoint_name, Role.CANARY)
    try:
        action = json.loads(annotation(ingress, ingress_manifest.ANNOTATION_WEIGHTS) or "{}")
        groups = action["forwardConfig"]["targetGroups"]
        return next((int(group["weight"]) for group in groups if group["serviceName"] == canary), 0)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return 0


def _is_weighted(ingress: KubeObject) -> bool:
    for rule in (ingress.get("spec") or {}).get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            backend = (path.get("backend") or {}).get("service") or {}
            if backend.get("name") == ingress_manifest.WEIGHTED_ACTION:
                return True
    return False


def status_of(situation: Situation, canary: Canary | None, route: Route) -> CanaryStatus | None:
    """What this Region reports of it; None where there is none and none is wanted."""
    deployment = situation.live("Deployment", role=Role.CANARY)
    spec = situation.endpoint.spec
    wanted = spec.canary if spec is not None else None
    if wanted is None and deployment is None:
        return None
    if canary is None:
        state = State.DELETING if wanted is None else State.ERROR
    elif deployment is not None and rollout_is_complete(deployment, canary.replicas) and canary.backend.ready:
        state = State.RUNNING
    else:
        state = State.CREATING if ready_replicas(deployment) == 0 else State.UPDATING
    return CanaryStatus(
        state=state,
        replicas_ready=ready_replicas(deployment),
        weight_desired=0 if wanted is None else wanted.weight,
        weight_applied=route.canary_weight or 0,
    )
