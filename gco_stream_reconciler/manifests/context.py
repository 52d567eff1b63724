"""What manifests need beside the endpoint, and the parts that all of them share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gco_stream_reconciler.endpoints.model import Endpoint, EndpointSpec
from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.manifests.template_settings import TemplateSettings
from gco_stream_reconciler.settings import LifecycleSettings


@dataclass(frozen=True, slots=True)
class ManifestContext:
    """region: where the objects are made. table_id: identity of the table that they are made from.

    recorded: the settings that a Pod template stays rendered with; None for the present ones.
    """

    region: str
    table_id: str
    settings: LifecycleSettings
    recorded: TemplateSettings | None = None

    @property
    def template_settings(self) -> TemplateSettings:
        """What Pod templates, and what goes with them, are rendered with."""
        return TemplateSettings.of(self.settings) if self.recorded is None else self.recorded


def spec_of(endpoint: Endpoint) -> EndpointSpec:
    """The endpoint's spec. Raises ValueError for a malformed one: nothing is ever rendered from it."""
    if endpoint.spec is None:
        raise ValueError(f"endpoint {endpoint.name!r} has no usable spec: nothing can be rendered")
    return endpoint.spec


def ingress_path_of(endpoint: Endpoint) -> str:
    """The endpoint's ingress path. Raises ValueError for a malformed one."""
    if endpoint.ingress_path is None:
        raise ValueError(f"endpoint {endpoint.name!r} has no usable ingress_path: nothing can be rendered")
    return endpoint.ingress_path


def metadata(
    endpoint: Endpoint,
    context: ManifestContext,
    *,
    name: str,
    role: Role,
    annotations: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Metadata with the labels that everything carries. `labels` never override ours."""
    return {
        "name": name,
        "namespace": endpoint.namespace,
        "labels": {
            **(labels or {}),
            **identity_labels(endpoint, role),
            names.LABEL_MANAGED_BY: names.MANAGED_BY,
            names.LABEL_ENDPOINT: endpoint.name,
            names.LABEL_ROLE: str(role),
        },
        "annotations": {**(annotations or {}), names.ANNOTATION_TABLE_ID: context.table_id},
    }


def identity_labels(endpoint: Endpoint, role: Role) -> dict[str, str]:
    """Labels that stand on every object and on the Pods, as the predecessor put them."""
    return {
        names.LABEL_APP: names.object_name(endpoint.name, role),
        names.LABEL_PROJECT: names.PROJECT,
        names.LABEL_TYPE: names.TYPE_INFERENCE,
    }


def selector(endpoint: Endpoint, role: Role) -> dict[str, str]:
    """What selects the Pods. Immutable on a Deployment, so it never grows."""
    return {names.LABEL_APP: names.object_name(endpoint.name, role)}
