"""The Deployment of an endpoint's primary or canary."""

from typing import Any

from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.manifests.context import ManifestContext, metadata, selector
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.manifests.template import RenderedTemplate, rendered_template

_PROGRESS_MARGIN_SECONDS = 600


def deployment(
    endpoint: Endpoint,
    context: ManifestContext,
    *,
    role: Role,
    replicas: int | None,
    revision: int | None,
    template: RenderedTemplate | None = None,
) -> dict[str, Any]:
    """The manifest. `replicas` None leaves the field out: an autoscaler owns it.

    `revision` is the Pod template's; None leaves the template out: what stands is another program's and stays. `template` is
    the one of this revision and context where the caller has rendered it. The progress deadline covers the longest start
    that the startup probe allows (rule 1), by the present settings and by those that the template stays rendered with
    (rule 15).
    """
    settings = context.template_settings
    startup_limit = max(context.settings.startup_limit_seconds, settings.startup_limit_seconds)
    spec: dict[str, Any] = {
        "selector": {"matchLabels": selector(endpoint, role)},
        "progressDeadlineSeconds": startup_limit + _PROGRESS_MARGIN_SECONDS,
    }
    annotations = {}
    if revision is not None:
        template = template or rendered_template(endpoint, context, role=role, revision=revision)
        spec["template"] = template.content
        annotations = {
            names.ANNOTATION_TEMPLATE_REVISION: str(revision),
            names.ANNOTATION_TEMPLATE_HASH: template.digest,
        }
        if revision >= 1:  # the predecessor's template shows none of them
            annotations[names.ANNOTATION_TEMPLATE_SETTINGS] = settings.encoded()
    if replicas is not None:
        spec["replicas"] = replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(
            endpoint,
            context,
            name=names.object_name(endpoint.name, role),
            role=role,
            labels=endpoint.labels,
            annotations=annotations,
        ),
        "spec": spec,
    }
