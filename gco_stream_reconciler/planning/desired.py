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
from gco_stream_reconciler.manifests.ingress import ingress
from gco_stream_reconciler.manifests.names import (
    ANNOTATION_TEMPLATE_HASH,
    ANNOTATION_TEMPLATE_REVISION,
    NEWEST_TEMPLATE_REVISION,
    Role,
)
from gco_stream_reconciler.manifests.service import service
from gco_stream_reconciler.manifests.template import pod_template, template_hash
from gco_stream_reconciler.planning.actions import Apply, ObjectRef
from gco_stream_reconciler.planning.compare import differences
from gco_stream_reconciler.planning.observed import KubeObject, annotation

ANNOTATION_APPLIED = "gco.io/applied"
ANNOTATION_REPLICAS_BY = "gco.io/replicas-by"
BY_SPEC = "spec"
BY_AUTOSCALER = "autoscaler"


def wanted_deployment(
    endpoint: Endpoint, context: ManifestContext, *, replicas: int | None, live: KubeObject | None
) -> Mapping[str, Any]:
    """The primary's Deployment. `replicas` None leaves the field to the autoscaler."""
    revision = template_revision(endpoint, context, live)
    manifest = deployment(endpoint, context, role=Role.PRIMARY, replicas=replicas, revision=revision)
    by = BY_AUTOSCALER if replicas is None else BY_SPEC
    return _stamped(manifest, {ANNOTATION_REPLICAS_BY: by})


def wanted_service(endpoint: Endpoint, context: ManifestContext) -> Mapping[str, Any]:
    """The primary's Service."""
    return _stamped(service(endpoint, context, role=Role.PRIMARY))


def wanted_ingress(
    endpoint: Endpoint, context: ManifestContext, *, live_deployment: KubeObject | None
) -> Mapping[str, Any]:
    """The Ingress with all traffic on the primary; its health check asks where the probes of the Pods do."""
    revision = template_revision(endpoint, context, live_deployment)
    return _stamped(ingress(endpoint, context, canary_weight=None, revision=revision))


def wanted_autoscaler(endpoint: Endpoint, context: ManifestContext) -> Mapping[str, Any]:
    """The HorizontalPodAutoscaler."""
    return _stamped(autoscaler(endpoint, context))


def template_revision(endpoint: Endpoint, context: ManifestContext, live: KubeObject | None) -> int:
    """The revision to render the Pod template in (rule 15: an upgrade of this program restarts no Pod).

    The recorded one as long as it still gives the recorded template; the newest where the spec makes it differ.
    """
    recorded = annotation(live, ANNOTATION_TEMPLATE_REVISION) if live is not None else None
    if live is None or recorded is None or not recorded.isdigit() or int(recorded) > NEWEST_TEMPLATE_REVISION:
        return NEWEST_TEMPLATE_REVISION
    revision = int(recorded)
    rendered = template_hash(pod_template(endpoint, context, role=Role.PRIMARY, revision=revision))
    return revision if rendered == annotation(live, ANNOTATION_TEMPLATE_HASH) else NEWEST_TEMPLATE_REVISION


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
