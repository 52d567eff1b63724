"""The manifests of an endpoint as they come to stand once its Pods are ready. Pure."""

from collections.abc import Mapping
from typing import Any

from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.manifests.context import ManifestContext
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning.desired import (
    wanted_autoscaler,
    wanted_deployment,
    wanted_ingress,
    wanted_service,
)
from gco_stream_reconciler.planning.following import wanted_reach
from gco_stream_reconciler.planning.template_choice import NEWEST

Manifest = Mapping[str, Any]


def rendered(endpoint: Endpoint, context: ManifestContext) -> list[Manifest]:
    """Every object of a new endpoint, in the newest template revision. The endpoint has a spec, namespace and path.

    Under an autoscaler the Deployment names no replicas; an endpoint of 0 replicas has no Ingress.
    """
    spec = endpoint.spec
    if spec is None:
        raise ValueError(f"endpoint {endpoint.name!r} has no usable spec: nothing can be rendered")
    replicas = None if spec.autoscaling else spec.replicas
    reach = wanted_reach(endpoint, context, NEWEST)
    found = [
        wanted_deployment(endpoint, context, replicas=replicas, template=NEWEST),
        wanted_service(endpoint, context, reach=reach),
    ]
    if spec.autoscaling:
        found.append(wanted_autoscaler(endpoint, context))
    if spec.canary:
        found.append(
            wanted_deployment(
                endpoint, context, role=Role.CANARY, replicas=spec.canary.replicas, template=NEWEST
            )
        )
        found.append(wanted_service(endpoint, context, role=Role.CANARY, reach=reach))
    if spec.autoscaling or spec.replicas:
        weight = spec.canary.weight if spec.canary else None
        found.append(wanted_ingress(endpoint, context, canary_weight=weight, reach=reach))
    return found
