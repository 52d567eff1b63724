"""The Service of an endpoint's primary or canary."""

from typing import Any

from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.manifests.context import ManifestContext, metadata, selector
from gco_stream_reconciler.manifests.names import Role

SERVICE_PORT = 80


def service(endpoint: Endpoint, context: ManifestContext, *, role: Role, target_port: int) -> dict[str, Any]:
    """The manifest: port 80 to the container's port, which during a rollout may not be the spec's yet."""
    port = {"port": SERVICE_PORT, "targetPort": target_port, "protocol": "TCP"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(endpoint, context, name=names.object_name(endpoint.name, role), role=role),
        "spec": {"type": "ClusterIP", "selector": selector(endpoint, role), "ports": [port]},
    }
