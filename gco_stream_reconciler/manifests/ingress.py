"""The Ingress: all traffic to the primary, or a weighted split with the canary.

Annotations: https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/
"""

import json
from typing import Any

from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.manifests.context import ManifestContext, ingress_path_of, metadata
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.manifests.service import SERVICE_PORT

_ALB = "alb.ingress.kubernetes.io"
WEIGHTED_ACTION = "weighted-routing"
ANNOTATION_HEALTH_PATH = f"{_ALB}/healthcheck-path"
ANNOTATION_WEIGHTS = f"{_ALB}/actions.{WEIGHTED_ACTION}"


def ingress(
    endpoint: Endpoint, context: ManifestContext, *, canary_weight: int | None, health_path: str
) -> dict[str, Any]:
    """The manifest. `canary_weight` is the canary's share in percent, None for none.

    `health_path` is where the probes of the Pods ask, as `root_path.health_path` has it for their template.
    """
    annotations = {
        ANNOTATION_HEALTH_PATH: health_path,
        f"{_ALB}/healthcheck-interval-seconds": "15",
        f"{_ALB}/target-type": "ip",
    }
    backend: dict[str, Any] = {"name": endpoint.name, "port": {"number": SERVICE_PORT}}
    labels = {}
    if canary_weight is not None:
        annotations[ANNOTATION_WEIGHTS] = _weighted_forward(endpoint.name, canary_weight)
        backend = {"name": WEIGHTED_ACTION, "port": {"name": "use-annotation"}}
        labels[names.LABEL_CANARY] = "true"
    path = {"path": ingress_path_of(endpoint), "pathType": "Prefix", "backend": {"service": backend}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata(
            endpoint,
            context,
            name=names.ingress_name(endpoint.name),
            role=Role.PRIMARY,
            annotations=annotations,
            labels=labels,
        ),
        "spec": {"ingressClassName": "alb", "rules": [{"http": {"paths": [path]}}]},
    }


def _weighted_forward(endpoint_name: str, canary_weight: int) -> str:
    shares = ((Role.PRIMARY, 100 - canary_weight), (Role.CANARY, canary_weight))
    groups = [
        {"serviceName": names.object_name(endpoint_name, role), "servicePort": SERVICE_PORT, "weight": weight}
        for role, weight in shares
    ]
    return json.dumps({"type": "forward", "forwardConfig": {"targetGroups": groups}}, separators=(",", ":"))
