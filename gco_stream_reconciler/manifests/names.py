"""Names, labels and annotations of an endpoint's objects: the contract with running clusters and the command line."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """Which of an endpoint's two versions an object belongs to."""

    PRIMARY = "primary"
    CANARY = "canary"


MANAGED_BY = "gco-stream-reconciler"
TYPE_INFERENCE = "inference"
PROJECT = "gco"

LABEL_APP = "app"
LABEL_PROJECT = "project"
LABEL_TYPE = "gco.io/type"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_ENDPOINT = "gco.io/endpoint"
LABEL_ROLE = "gco.io/role"
LABEL_CANARY = "gco.io/canary"

ANNOTATION_TABLE_ID = "gco.io/table-id"
ANNOTATION_TEMPLATE_REVISION = "gco.io/template-revision"
ANNOTATION_TEMPLATE_HASH = "gco.io/template-hash"
ANNOTATION_TEMPLATE_SETTINGS = "gco.io/template-settings"

NEWEST_TEMPLATE_REVISION = 1

KINDS_BY_ROLE: Mapping[Role, tuple[str, ...]] = MappingProxyType(
    {
        Role.PRIMARY: ("Deployment", "Service", "Ingress", "HorizontalPodAutoscaler"),
        Role.CANARY: ("Deployment", "Service"),
    }
)
"""Kinds that an endpoint can have, by role; the Ingress serves both and counts as the primary's."""

TRACKED_KINDS = KINDS_BY_ROLE[Role.PRIMARY]
"""Kinds that are listed and watched."""

API_VERSIONS: Mapping[str, str] = MappingProxyType(
    {
        "Deployment": "apps/v1",
        "HorizontalPodAutoscaler": "autoscaling/v2",
        "Ingress": "networking.k8s.io/v1",
        "Service": "v1",
    }
)
"""Group and version in which each of them is written and read."""


def object_name(endpoint_name: str, role: Role) -> str:
    """Name of the Deployment, Service and autoscaler, and value of their `app` label."""
    return endpoint_name if role is Role.PRIMARY else f"{endpoint_name}-canary"


def ingress_name(endpoint_name: str) -> str:
    """Name of the Ingress."""
    return f"inference-{endpoint_name}"
