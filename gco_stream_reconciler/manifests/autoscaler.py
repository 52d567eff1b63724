"""The HorizontalPodAutoscaler of an endpoint's primary."""

from typing import Any

from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.manifests.context import ManifestContext, metadata, spec_of
from gco_stream_reconciler.manifests.names import Role


def autoscaler(endpoint: Endpoint, context: ManifestContext) -> dict[str, Any]:
    """The manifest (autoscaling/v2). Raises ValueError where the spec has autoscaling off."""
    wanted = spec_of(endpoint).autoscaling
    if wanted is None:
        raise ValueError(f"endpoint {endpoint.name!r} has autoscaling off")
    name = names.object_name(endpoint.name, Role.PRIMARY)
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(endpoint, context, name=name, role=Role.PRIMARY),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": max(1, wanted.min_replicas),
            "maxReplicas": wanted.max_replicas,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": metric.type,
                        "target": {"type": "Utilization", "averageUtilization": metric.target},
                    },
                }
                # Last, as an API server that stores autoscaling/v1 gives it back: that has the processor in a field of
                # its own and the rest in an annotation. In another order every answer would look altered.
                for metric in sorted(wanted.metrics, key=lambda metric: metric.type == "cpu")
            ],
        },
    }
