"""What inference_monitor makes for an endpoint, as far as our own manifests say the same."""

import copy
from typing import Any

from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.manifests import root_path
from gco_stream_reconciler.manifests.context import ManifestContext
from gco_stream_reconciler.manifests.deployment import deployment
from gco_stream_reconciler.manifests.ingress import ingress
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.manifests.service import service

_LABELS_OF_OURS = ("app.kubernetes.io/managed-by", "gco.io/endpoint", "gco.io/role")


def predecessors_manifests(endpoint: Endpoint, context: ManifestContext) -> list[dict[str, Any]]:
    """Deployment of two replicas, Service and Ingress: its own labels only. The annotations are ours."""
    assert endpoint.spec is not None
    path = root_path.health_path(endpoint, context, revision=0)
    found = [
        deployment(endpoint, context, role=Role.PRIMARY, replicas=2, revision=0),
        service(endpoint, context, role=Role.PRIMARY, target_port=endpoint.spec.port),
        ingress(endpoint, context, canary_weight=None, health_path=path),
    ]
    manifests = copy.deepcopy(found)
    for manifest in manifests:
        for label in _LABELS_OF_OURS:
            del manifest["metadata"]["labels"][label]
    return manifests
