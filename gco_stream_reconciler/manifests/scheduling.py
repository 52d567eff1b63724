"""Which nodes an endpoint's Pods may run on, in the revisions of the Pod template. Pure."""

from typing import Any

from gco_stream_reconciler.endpoints.model import EndpointSpec, Toleration

ACCELERATORS = {"nvidia": "nvidia.com/gpu", "neuron": "aws.amazon.com/neuron"}
"""The resource of an accelerator, which is the key of its nodes' taint as well."""


def tolerations(spec: EndpointSpec, revision: int) -> list[dict[str, Any]]:
    """The accelerator's taint, and from revision 1 on the spec's own."""
    accelerator = {
        "key": ACCELERATORS[spec.accelerator],
        "operator": "Equal",
        "value": "true",
        "effect": "NoSchedule",
    }
    if revision == 0:
        return [accelerator]
    own = [_toleration(toleration) for toleration in spec.tolerations]
    return [accelerator, *(toleration for toleration in own if toleration != accelerator)]


def _toleration(toleration: Toleration) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "key": toleration.key,
        "operator": toleration.operator,
        "value": toleration.value,
        "effect": toleration.effect,
    }
    present = {name: value for name, value in fields.items() if value}
    if toleration.toleration_seconds is not None:
        present["tolerationSeconds"] = toleration.toleration_seconds
    return present


def node_selector(spec: EndpointSpec, revision: int) -> dict[str, str]:
    """The spec's labels, or the accelerator's; with capacity type, and from revision 1 on the instance type."""
    selector = dict(spec.node_selector)
    if not selector and spec.gpu_count > 0:
        if spec.accelerator == "neuron":
            selector["accelerator"] = "neuron"
        else:
            selector["eks.amazonaws.com/instance-gpu-manufacturer"] = "nvidia"
    if spec.capacity_type is not None:
        selector["karpenter.sh/capacity-type"] = spec.capacity_type
    if revision >= 1 and spec.gpu_type is not None:
        selector["node.kubernetes.io/instance-type"] = spec.gpu_type
    return selector
