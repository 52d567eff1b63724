"""What the controller and its workloads need of the cluster, asked of the API server. Nothing is written."""

from collections.abc import Awaitable, Iterable, Mapping
from typing import Any

from gco_stream_reconciler.cli.checks import Check, fail, ok, warn
from gco_stream_reconciler.cli.cluster_judgements import (
    PERMISSIONS,
    Permission,
    judged_ingress_class,
    judged_namespace,
    judged_platform_ingress,
    lease_permissions,
)
from gco_stream_reconciler.errors import (
    NamespaceNotFoundError,
    NotFoundError,
    PermissionDeniedError,
    ReconcilerError,
)
from gco_stream_reconciler.kube.client import KubeClient
from gco_stream_reconciler.manifests.model_sync import CLAIM
from gco_stream_reconciler.manifests.template import SERVICE_ACCOUNT
from gco_stream_reconciler.settings import Settings

_SECONDS = 8.0
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_CLASS = "alb"


async def cluster_checks(client: KubeClient, settings: Settings, *, needs_claim: bool) -> list[Check]:
    """Every line about the cluster. needs_claim: some endpoint of this Region keeps models on the shared volume."""
    reached = await _reached(client)
    if reached.verdict == "fail":
        return [reached]
    checks = [reached]
    for namespace in settings.place.namespaces:
        checks.append(await _namespace(client, namespace))
        checks.extend(await _workload_needs(client, namespace, needs_claim=needs_claim))
        checks.append(await _permissions(client, namespace, PERMISSIONS))
    leases = lease_permissions(settings.leadership.lease_name)
    checks.append(await _permissions(client, settings.place.namespace, leases, what="RBAC lease"))
    checks.append(await _ingress_class(client))
    checks.append(await _platform_ingress(client))
    return checks


async def _reached(client: KubeClient) -> Check:
    try:
        answer = await _get(client, "/api/v1")
    except ReconcilerError as error:
        return fail(
            "API server",
            str(error),
            "check KUBECONFIG and the network path to the API server (DNS, proxy, firewall)",
        )
    return ok("API server", f"{client.host} answers ({answer.get('kind')})")


async def _namespace(client: KubeClient, namespace: str) -> Check:
    name = f"namespace {namespace}"
    try:
        return judged_namespace(name, await _get(client, f"/api/v1/namespaces/{namespace}"))
    except (NotFoundError, NamespaceNotFoundError):
        remedy = f"kubectl create namespace {namespace}, or set INFERENCE_NAMESPACE and NAMESPACES"
        return fail(name, "does not exist", remedy)
    except ReconcilerError as error:
        return _unanswered(name, error)


async def _workload_needs(client: KubeClient, namespace: str, *, needs_claim: bool) -> Iterable[Check]:
    """What the Pods name and this program does not make."""
    root = f"/api/v1/namespaces/{namespace}"
    account = await _stands(
        client,
        f"service account {namespace}/{SERVICE_ACCOUNT}",
        f"{root}/serviceaccounts/{SERVICE_ACCOUNT}",
        f"kubectl -n {namespace} create serviceaccount {SERVICE_ACCOUNT} (GCO's stack makes it, with its role): without "
        "it no Pod of an endpoint is made",
    )
    claim = await _stands(
        client,
        f"volume claim {namespace}/{CLAIM}",
        f"{root}/persistentvolumeclaims/{CLAIM}",
        f"make the claim {CLAIM} (GCO's stack does): Pods of endpoints with a model_path or model_source stay Pending",
        missing=fail if needs_claim else warn,
    )
    return account, claim


async def _permissions(
    client: KubeClient, namespace: str, wanted: Iterable[Permission], *, what: str = "RBAC"
) -> Check:
    """One review for each verb; what is denied is listed together."""
    name, denied, asked = f"{what} {namespace}", [], 0
    for permission in wanted:
        for verb in permission.verbs:
            try:
                allowed = await _may(client, permission, verb, namespace)
            except PermissionDeniedError as error:
                return warn(
                    name,
                    f"not answered: {error}",
                    "allow selfsubjectaccessreviews (every account has it by default)",
                )
            except ReconcilerError as error:
                return warn(name, f"not answered: {error}", "try again, or see `kubectl auth can-i --list`")
            asked += 1
            if not allowed:
                denied.append(f"{verb} {permission.resource} {permission.name}".rstrip())
    if denied:
        remedy = "grant it in the Role of the chart (rbac.create=true makes it); the account is that of the kubeconfig or Pod"
        return fail(name, f"not allowed: {', '.join(denied)}", remedy)
    return ok(name, f"{asked} verbs allowed")


async def _may(client: KubeClient, permission: Permission, verb: str, namespace: str) -> bool:
    attributes: dict[str, str] = {
        "namespace": namespace,
        "verb": verb,
        "group": permission.group,
        "resource": permission.resource,
    }
    if permission.name and verb != "create":
        attributes["name"] = permission.name
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = await client.request("POST", _REVIEWS, body=review, timeout_seconds=_SECONDS)
    return bool((answer.get("status") or {}).get("allowed"))


async def _ingress_class(client: KubeClient) -> Check:
    path = f"/apis/networking.k8s.io/v1/ingressclasses/{_CLASS}"
    name = f"IngressClass {_CLASS}"
    try:
        return judged_ingress_class(name, await _get(client, path))
    except ReconcilerError as error:
        return _not_there(
            name, error, "install the AWS Load Balancer Controller, or EKS Auto Mode's class of this name"
        )


async def _platform_ingress(client: KubeClient) -> Check:
    name = "load balancer's own Ingress"
    try:
        answer = await _get(client, "/apis/networking.k8s.io/v1/ingresses")
    except ReconcilerError as error:
        return _unanswered(name, error)
    return judged_platform_ingress(name, answer.get("items") or (), _CLASS)


# --- Asking -----------------------------------------------------------------------------------------------------------


async def _stands(client: KubeClient, name: str, path: str, remedy: str, *, missing: Any = fail) -> Check:
    try:
        await _get(client, path)
    except (NotFoundError, NamespaceNotFoundError):
        check: Check = missing(name, "does not exist", remedy)
        return check
    except ReconcilerError as error:
        return _unanswered(name, error)
    return ok(name, "stands")


def _not_there(name: str, error: ReconcilerError, remedy: str) -> Check:
    return (
        fail(name, "does not exist", remedy) if isinstance(error, NotFoundError) else _unanswered(name, error)
    )


def _unanswered(name: str, error: ReconcilerError) -> Check:
    """The controller's own account may not read everything that is asked here, and need not."""
    denied = isinstance(error, PermissionDeniedError)
    remedy = "look with an account that may read it" if denied else "look for it by hand, with kubectl"
    return warn(name, f"not answered: {error}", remedy)


def _get(client: KubeClient, path: str) -> Awaitable[Mapping[str, Any]]:
    return client.request("GET", path, timeout_seconds=_SECONDS)
