"""The manifests of one endpoint as they are applied, and whether applying one would change anything.

Marks are added to what `manifests` renders: `gco.io/applied`, a hash of the manifest, which tells that a field was
dropped from it (the cluster still has the field, so a comparison of wanted fields cannot see it); on the Deployment, who
decides about its replicas; on the Service, where the Pods are reached.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from gco_stream_reconciler import jsontext
from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.manifests.autoscaler import autoscaler
from gco_stream_reconciler.manifests.context import ManifestContext
from gco_stream_reconciler.manifests.deployment import deployment
from gco_stream_reconciler.manifests.ingress import ingress
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.manifests.service import service
from gco_stream_reconciler.planning.actions import ABSENT, CHANGED, Apply, ObjectRef
from gco_stream_reconciler.planning.adoption import ANNOTATION_KEPT
from gco_stream_reconciler.planning.compare import differences
from gco_stream_reconciler.planning.observed import KubeObject, annotation
from gco_stream_reconciler.planning.reach import ANNOTATION_REACH, Reach
from gco_stream_reconciler.planning.template_choice import Template

ANNOTATION_APPLIED = "gco.io/applied"
ANNOTATION_REPLICAS_BY = "gco.io/replicas-by"
BY_SPEC = "spec"
BY_AUTOSCALER = "autoscaler"


def wanted_deployment(
    endpoint: Endpoint,
    context: ManifestContext,
    *,
    role: Role = Role.PRIMARY,
    replicas: int | None,
    template: Template,
) -> Mapping[str, Any]:
    """A Deployment. `replicas` None leaves the field to the autoscaler."""
    manifest = deployment(
        endpoint,
        template.context(context),
        role=role,
        replicas=replicas,
        revision=template.revision,
        template=template.rendered,
    )
    marks = {ANNOTATION_REPLICAS_BY: BY_AUTOSCALER if replicas is None else BY_SPEC}
    if template.kept is not None:
        marks[ANNOTATION_KEPT] = template.kept.encoded()
    return _stamped(manifest, marks)


def wanted_service(
    endpoint: Endpoint,
    context: ManifestContext,
    *,
    role: Role = Role.PRIMARY,
    reach: Reach,
) -> Mapping[str, Any]:
    """A Service. reach: where the Pods are reached now, whatever port the spec has by now; it is written down too."""
    manifest = service(endpoint, context, role=role, target_port=reach.port)
    return _stamped(manifest, {ANNOTATION_REACH: reach.encoded()})


def wanted_ingress(
    endpoint: Endpoint, context: ManifestContext, *, canary_weight: int | None, reach: Reach
) -> Mapping[str, Any]:
    """The Ingress; its health check asks where the probes of the primary's Pods do."""
    return _stamped(ingress(endpoint, context, canary_weight=canary_weight, health_path=reach.health_path))


def wanted_autoscaler(endpoint: Endpoint, context: ManifestContext) -> Mapping[str, Any]:
    """The HorizontalPodAutoscaler."""
    return _stamped(autoscaler(endpoint, context))


def leaves_template(manifest: Mapping[str, Any]) -> bool:
    """Whether a Deployment's manifest keeps the Pod template that stands."""
    return manifest["kind"] == "Deployment" and "template" not in manifest["spec"]


def replaces_kept(manifest: Mapping[str, Any], live: KubeObject) -> bool:
    """Whether a manifest renders a template anew that was kept from the predecessor so far."""
    return annotation(live, ANNOTATION_KEPT) is not None and not leaves_template(manifest)


def apply_if_needed(ref: ObjectRef, manifest: Mapping[str, Any], live: KubeObject | None) -> Apply | None:
    """An Apply with its reasons, or None where the cluster already holds what is wanted."""
    reasons = apply_reasons(manifest, live)
    return Apply(ref, manifest, reasons) if reasons else None


def apply_reasons(manifest: Mapping[str, Any], live: KubeObject | None) -> tuple[str, ...]:
    """Why the manifest must be applied: ABSENT, CHANGED, or the paths that drifted."""
    if live is None:
        return (ABSENT,)
    return differences(manifest, live) if was_applied(manifest, live) else (CHANGED,)


def was_applied(manifest: Mapping[str, Any], live: KubeObject) -> bool:
    """Whether this very manifest is what was applied last."""
    applied: str = manifest["metadata"]["annotations"][ANNOTATION_APPLIED]
    return annotation(live, ANNOTATION_APPLIED) == applied


def _stamped(manifest: Mapping[str, Any], marks: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    meta = manifest["metadata"]
    annotations = {**meta.get("annotations", {}), **(marks or {})}
    marked = {**manifest, "metadata": {**meta, "annotations": annotations}}
    annotations[ANNOTATION_APPLIED] = sha256(jsontext.canonical(marked)).hexdigest()[:16]
    return marked
