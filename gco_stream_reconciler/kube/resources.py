"""Where each kind lives: group, version and plural, as in the API server's discovery documents."""

from typing import NamedTuple
from urllib.parse import quote

from gco_stream_reconciler.errors import InvalidObjectError
from gco_stream_reconciler.kubernetes_names import SUBDOMAIN
from gco_stream_reconciler.manifests.names import API_VERSIONS


class Resource(NamedTuple):
    """A namespaced resource type."""

    api_version: str
    plural: str

    def path(self, namespace: str, name: str | None = None) -> str:
        """Path of one object, or of the collection without `name`.

        Raises InvalidObjectError for a namespace or name that Kubernetes could not have.
        """
        root = "/api" if "/" not in self.api_version else "/apis"
        path = f"{root}/{self.api_version}/namespaces/{_segment(namespace)}/{self.plural}"
        return path if name is None else f"{path}/{_segment(name)}"


RESOURCES = {
    "Deployment": Resource(API_VERSIONS["Deployment"], "deployments"),
    "Service": Resource(API_VERSIONS["Service"], "services"),
    "Ingress": Resource(API_VERSIONS["Ingress"], "ingresses"),
    "HorizontalPodAutoscaler": Resource(API_VERSIONS["HorizontalPodAutoscaler"], "horizontalpodautoscalers"),
    "Pod": Resource("v1", "pods"),
    "Lease": Resource("coordination.k8s.io/v1", "leases"),
    "Event": Resource("events.k8s.io/v1", "events"),
}
"""Every kind that this program touches. events.k8s.io/v1 Events are the ones written here."""


def resource(kind: str) -> Resource:
    """The resource of `kind`; raises InvalidObjectError for a kind that this program does not handle."""
    try:
        return RESOURCES[kind]
    except KeyError as error:
        raise InvalidObjectError(f"kind {kind!r} is not one of {', '.join(RESOURCES)}") from error


def _segment(name: str) -> str:
    # Anything else in a path could name another resource ("..", "a/scale").
    if not SUBDOMAIN.fullmatch(name):
        raise InvalidObjectError(f"{name!r} is not a Kubernetes name (RFC 1123 subdomain): correct the name")
    return quote(name, safe="")
