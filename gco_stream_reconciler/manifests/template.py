"""The Pod template, in the revisions that Deployments may have been made with (rule 15).

Revision 0 is the predecessor's. Revision 1 adds a startup probe, the spec's tolerations, the instance type, a root path
for images that take one, a model copy without user text in a shell line, and a drain before a Pod ends; and it leaves out
the variables of other Services.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from gco_stream_reconciler import jsontext
from gco_stream_reconciler.endpoints.images import resolve_image
from gco_stream_reconciler.endpoints.model import Endpoint, EndpointSpec
from gco_stream_reconciler.endpoints.quantity import higher_quantity, lower_quantity
from gco_stream_reconciler.manifests import model_sync, root_path, scheduling
from gco_stream_reconciler.manifests.context import ManifestContext, identity_labels, spec_of
from gco_stream_reconciler.manifests.names import NEWEST_TEMPLATE_REVISION, Role

SERVICE_ACCOUNT = "gco-service-account"
CONTAINER = "inference"
STARTUP_PERIOD_SECONDS = 10
# A Pod that is to end serves on until the load balancer has deregistered it, then has the rest for what is on its way
# (https://docs.aws.amazon.com/eks/latest/best-practices/load-balancing.html).
_DRAIN_SECONDS = 15
_END_SECONDS = 60
_DEFAULT_REQUESTS = {"cpu": "1", "memory": "4Gi"}
_DEFAULT_LIMITS = {"cpu": "4", "memory": "16Gi"}


@dataclass(frozen=True, slots=True)
class RenderedTemplate:
    """A Pod template and the hash that names it."""

    content: Mapping[str, Any]
    digest: str


def rendered_template(
    endpoint: Endpoint, context: ManifestContext, *, role: Role, revision: int
) -> RenderedTemplate:
    """As `pod_template`, with its hash."""
    content = pod_template(endpoint, context, role=role, revision=revision)
    return RenderedTemplate(content, template_hash(content))


def pod_template(
    endpoint: Endpoint, context: ManifestContext, *, role: Role, revision: int
) -> dict[str, Any]:
    """The template of the endpoint's Pods. Raises ValueError for a revision that does not exist."""
    if not 0 <= revision <= NEWEST_TEMPLATE_REVISION:
        raise ValueError(
            f"template revision {revision} does not exist; the newest is {NEWEST_TEMPLATE_REVISION}"
        )
    spec = spec_of(endpoint)
    pod: dict[str, Any] = {
        "serviceAccountName": SERVICE_ACCOUNT,
        "containers": [_container(endpoint, context, role=role, revision=revision)],
        "tolerations": scheduling.tolerations(spec, revision),
    }
    if revision >= 1:
        # Each Service of the namespace would bring seven variables: VLLM_PORT, of an endpoint named vllm, ends every vLLM
        # server (https://docs.vllm.ai/en/stable/configuration/env_vars/), and thousands of Services end any container.
        pod["enableServiceLinks"] = False
        pod["terminationGracePeriodSeconds"] = _DRAIN_SECONDS + _END_SECONDS
    node_selector = scheduling.node_selector(spec, revision)
    if node_selector:
        pod["nodeSelector"] = node_selector
    if model_sync.needs_storage(spec):
        pod["volumes"] = [model_sync.volume()]
    sync = model_sync.init_container(endpoint.name, spec, context, revision=revision)
    if sync is not None:
        pod["initContainers"] = [sync]
    return {"metadata": {"labels": identity_labels(endpoint, role)}, "spec": pod}


def template_hash(template: Mapping[str, Any]) -> str:
    """16 hex digits that name a template."""
    return sha256(jsontext.canonical(template)).hexdigest()[:16]


def container_image(endpoint: Endpoint, context: ManifestContext, role: Role) -> str:
    """The image of this Region. A canary's is never taken from the primary's map."""
    spec = spec_of(endpoint)
    if role is Role.PRIMARY:
        return resolve_image(spec.image, context.region, spec.region_image_uris).image
    if spec.canary is None:
        raise ValueError(f"endpoint {endpoint.name!r} has no canary")
    return resolve_image(spec.canary.image, context.region, {}).image


def _container(endpoint: Endpoint, context: ManifestContext, *, role: Role, revision: int) -> dict[str, Any]:
    spec = spec_of(endpoint)
    args = root_path.arguments(endpoint, context, revision=revision)
    health_path = root_path.prefixed(spec.health_check_path, args)
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": container_image(endpoint, context, role),
        "ports": [{"containerPort": spec.port, "protocol": "TCP"}],
        "resources": _resources(spec),
        **_probes(health_path, spec.port, context, revision),
    }
    if spec.env:
        container["env"] = [{"name": name, "value": value} for name, value in sorted(spec.env.items())]
    if spec.command:
        container["command"] = list(spec.command)
    if args:
        container["args"] = args
    if model_sync.needs_storage(spec):
        container["volumeMounts"] = [model_sync.mount()]
    if revision >= 1:
        # The kubelet sleeps: an image without a shell drains, too.
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": _DRAIN_SECONDS}}}
    return container


def _resources(spec: EndpointSpec) -> dict[str, dict[str, str]]:
    limits = dict(_DEFAULT_LIMITS if spec.resource_limits is None else spec.resource_limits)
    if spec.resource_requests is None:
        # The API server refuses a request above its limit; a default gives way to what the spec says.
        requests = {
            name: lower_quantity(amount, limits.get(name, amount))
            for name, amount in _DEFAULT_REQUESTS.items()
        }
    else:
        requests = dict(spec.resource_requests)
        if spec.resource_limits is None:
            limits = {
                name: higher_quantity(amount, requests.get(name, amount)) for name, amount in limits.items()
            }
    if spec.gpu_count > 0:
        requests[scheduling.ACCELERATORS[spec.accelerator]] = str(spec.gpu_count)
        limits[scheduling.ACCELERATORS[spec.accelerator]] = str(spec.gpu_count)
    return {"requests": requests, "limits": limits}


def _probes(health_path: str, port: int, context: ManifestContext, revision: int) -> dict[str, Any]:
    get = {"path": health_path, "port": port}
    probes: dict[str, Any] = {
        "livenessProbe": {
            "httpGet": get,
            "initialDelaySeconds": 120,
            "periodSeconds": 15,
            "failureThreshold": 5,
        },
        "readinessProbe": {"httpGet": dict(get), "initialDelaySeconds": 30, "periodSeconds": 10},
    }
    if revision >= 1:
        # The other probes begin only after this one, so a slow model load is not killed.
        failures = -(-context.template_settings.startup_limit_seconds // STARTUP_PERIOD_SECONDS)
        probes["startupProbe"] = {
            "httpGet": dict(get),
            "periodSeconds": STARTUP_PERIOD_SECONDS,
            "failureThreshold": failures,
        }
    return probes
