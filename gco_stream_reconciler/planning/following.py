"""When Service and Ingress follow a Pod template that is reached at another port or health path (rule 11).

A model may load for half an hour. Until a Pod of the new template is ready, requests go to those of the old one.
"""

from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.manifests import root_path
from gco_stream_reconciler.manifests.context import ManifestContext, spec_of
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning import desired
from gco_stream_reconciler.planning.observed import (
    KubeObject,
    annotation,
    ready_replicas,
    updated_is_ready,
)
from gco_stream_reconciler.planning.reach import ANNOTATION_REACH, Reach, decode_reach, reach_of
from gco_stream_reconciler.planning.situation import Situation
from gco_stream_reconciler.planning.template_choice import Template


def decide_reach(
    situation: Situation, template: Template, wanted: Reach, *, role: Role = Role.PRIMARY
) -> Reach:
    """Where Service and Ingress are to reach the Pods now. template: the wanted one. wanted: where its Pods are reached."""
    live = situation.live("Deployment", role=role)
    if template.kept is not None and live is not None:
        return reach_of(live, otherwise=wanted)
    deployment = situation.standing("Deployment", role=role)
    if deployment is None or _may_follow(deployment, template):
        return wanted
    return _recorded(situation, role) or reach_of(deployment, otherwise=wanted)


def wanted_reach(endpoint: Endpoint, context: ManifestContext, template: Template) -> Reach:
    """Where the Pods of a template are reached that is rendered from the spec."""
    path = root_path.health_path(endpoint, template.context(context), revision=template.probes_revision)
    return Reach(spec_of(endpoint).port, path)


def note(template: Template, wanted: Reach, reach: Reach) -> str | None:
    """What the status says while Service and Ingress wait."""
    if template.kept is not None or reach == wanted:
        return None
    return (
        f"requests go to Pods of the earlier template (port {reach.port}, health path {reach.health_path}) "
        "until one of the new template is ready"
    )


def _may_follow(deployment: KubeObject, template: Template) -> bool:
    """Whether a Pod of the wanted template is certainly ready, or none of any template is."""
    if ready_replicas(deployment) == 0:
        return True
    return template.stands and updated_is_ready(deployment)


def _recorded(situation: Situation, role: Role) -> Reach | None:
    """What we wrote down on the Service; None where somebody else has changed it."""
    service = situation.standing("Service", role=role)
    reach = None if service is None else decode_reach(annotation(service, ANNOTATION_REACH))
    if service is None or reach is None:
        return None
    ours = desired.wanted_service(situation.endpoint, situation.context, role=role, reach=reach)
    return reach if desired.was_applied(ours, service) else None
