"""Whether a cluster as it was read can carry the endpoints. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gco_stream_reconciler.cli.checks import Check, fail, ok, warn
from gco_stream_reconciler.manifests.names import LABEL_MANAGED_BY, LABEL_TYPE, MANAGED_BY, TYPE_INFERENCE
from gco_stream_reconciler.settings import LEDGER_NAME

_CONTROLLERS = ("ingress.k8s.aws/alb", "eks.amazonaws.com/alb")
_LEASES = ("coordination.k8s.io", "leases")
_ALL = ("get", "list", "watch", "create", "patch", "delete")


class Permission(NamedTuple):
    """Verbs on one resource type; `name` narrows those that RBAC can narrow."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    name: str = ""


_READINESS_GATE = "elbv2.k8s.aws/pod-readiness-gate-inject"
PERMISSIONS = (
    Permission("apps", "deployments", _ALL),
    Permission("", "services", _ALL),
    Permission("networking.k8s.io", "ingresses", _ALL),
    Permission("autoscaling", "horizontalpodautoscalers", _ALL),
    Permission("", "pods", ("list",)),
    Permission("events.k8s.io", "events", ("create", "patch")),
)
"""As the chart's Role grants them in every namespace of endpoints."""


def lease_permissions(lease_name: str) -> tuple[Permission, ...]:
    """As the chart's second Role grants them, where the leader's Lease is: on that one and on the ledger of clean-ups."""
    return (
        Permission(*_LEASES, ("get", "update", "create"), lease_name),
        # An apply is a patch; where it makes the object it also needs the create above.
        Permission(*_LEASES, ("get", "patch"), LEDGER_NAME),
    )


def judged_namespace(name: str, found: Mapping[str, Any]) -> Check:
    """Whether Pods are ready there when their containers are, which is what exposure and rollouts rest on.

    A readiness gate of the load balancer's controller asks the target group instead, which asks at the port and path of the
    Pods that are being replaced (https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/pod_readiness_gate).
    """
    labels = (found.get("metadata") or {}).get("labels") or {}
    if labels.get(_READINESS_GATE) != "enabled":
        return ok(name, "stands")
    remedy = (
        f"kubectl label {name.replace(' ', '/')} {_READINESS_GATE}-: with the gate a changed port or health path never rolls "
        "out, and a canary takes and loses its share in turns"
    )
    return warn(name, "Pods get the load balancer's readiness gate", remedy)


def judged_ingress_class(name: str, found: Mapping[str, Any]) -> Check:
    """Whether a load balancer's controller answers for the class."""
    controller = str((found.get("spec") or {}).get("controller", ""))
    if controller in _CONTROLLERS:
        return ok(name, f"of {controller}")
    remedy = f"the class must be of {' or '.join(_CONTROLLERS)}"
    return fail(name, f"of {controller or 'no controller'}", remedy)


def judged_platform_ingress(name: str, ingresses: Iterable[Mapping[str, Any]], ingress_class: str) -> Check:
    """Whether the load balancer outlives the last endpoint: deleting the last Ingress of its group deletes it."""
    others = [each for each in ingresses if _is_of_class(each, ingress_class) and not _is_an_endpoints(each)]
    if others:
        shown = ", ".join(sorted(_full_name(each) for each in others)[:3])
        return ok(name, f"kept by {shown}" + (f" and {len(others) - 3} more" if len(others) > 3 else ""))  # noqa: PLR2004 - as many are shown
    remedy = (
        "keep GCO's platform Ingress in the same group: with the last endpoint's Ingress the load balancer itself would "
        "be deleted, and Global Accelerator with it lose its target"
    )
    return warn(name, f"no Ingress of class {ingress_class} but those of endpoints", remedy)


def _is_of_class(ingress: Mapping[str, Any], ingress_class: str) -> bool:
    annotations = (ingress.get("metadata") or {}).get("annotations") or {}
    given = (ingress.get("spec") or {}).get("ingressClassName") or annotations.get(
        "kubernetes.io/ingress.class"
    )
    return bool(given == ingress_class)


def _is_an_endpoints(ingress: Mapping[str, Any]) -> bool:
    labels = (ingress.get("metadata") or {}).get("labels") or {}
    return labels.get(LABEL_MANAGED_BY) == MANAGED_BY or labels.get(LABEL_TYPE) == TYPE_INFERENCE


def _full_name(ingress: Mapping[str, Any]) -> str:
    meta = ingress.get("metadata") or {}
    return f"{meta.get('namespace')}/{meta.get('name')}"
