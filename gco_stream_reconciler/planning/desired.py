"""The manifests of one endpoint as they are applied, and whether applying one would change anything.

Two marks are added to what `manifests` renders: `gco.io/applied`, a hash of the manifest, which tells that a field
was dropped from it (the cluster still has the field, so a comparison of wanted fields cannot see it); and, on the
Deployment, who decides about its replicas.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.manifests.autoscaler import autoscaler
from gco_stream_reconciler.manifests.context import ManifestContext
from gco_stream_reconciler.manifests.deployment import deployment
from gco_stream_reconciler.manifests.ingress import ANNOTATION_HEALTH_PATH, ingress
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.manifests.service import service
from gco_stream_reconciler.planning.actions import Apply, ObjectRef
from gco_stream_reconciler.planning.adoption import ANNOTATION_KEPT, standing_health_path, standing_port
from gco_stream_reconciler.planning.compare import differences
from gco_stream_reconciler.planning.observed import KubeObject, annotation
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
        endpoint, template.context(context), role=role, replicas=replicas, revision=template.revision
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
    kept: KubeObject | None = None,
) -> Mapping[str, Any]:
    """A Service. kept: the Deployment whose template stays, whatever port the spec has by now."""
    manifest = service(endpoint, context, role=role)
    port = None if kept is None else standing_port(kept)
    if port is not None:
        manifest["spec"]["ports"][0]["targetPort"] = port
    return _stamped(manifest)


def wanted_ingress(
    endpoint: Endpoint,
    context: ManifestContext,
    *,
    canary_weight: int | None,
    template: Template,
    kept: KubeObject | None = None,
) -> Mapping[str, Any]:
    """The Ingress; its health check asks where the probes of the primary's Pods do. kept: as above."""
    manifest = ingress(
        endpoint,
        template.context(context),
        canary_weight=canary_weight,
        revision=template.probes_revision,
    )
    path = None if kept is None else standing_health_path(kept)
    if path is not None:
        manifest["metadata"]["annotations"][ANNOTATION_HEALTH_PATH] = path
    return _stamped(manifest)


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
    """Why the manifest must be applied: `absent`, `wanted state changed`, or the paths that drifted."""
    if live is None:
        return ("absent",)
    if annotation(live, ANNOTATION_APPLIED) != manifest["metadata"]["annotations"][ANNOTATION_APPLIED]:
        return ("wanted state changed",)
    return differences(manifest, live)


def _stamped(manifest: Mapping[str, Any], marks: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    meta = manifest["metadata"]
    annotations = {**meta.get("annotations", {}), **(marks or {})}
    marked = {**manifest, "metadata": {**meta, "annotations": annotations}}
    canonical = json.dumps(marked, sort_keys=True, separators=(",", ":"))
    digest = sha256(canonical.encode()).hexdigest()[:16]
    return {**manifest, "metadata": {**meta, "annotations": {**annotations, ANNOTATION_APPLIED: digest}}}
