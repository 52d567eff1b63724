"""The endpoint as plain data: one item of the table, decoded.

The item comes from a command line that does not version its writes, so any field can be absent or of any type. A
malformed field never hides the others: `Endpoint` holds what could be read, `problems` names what could not
(rule 14: a stop, a deletion or a Region's removal works on an item whose spec is malformed).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class DesiredState(StrEnum):
    """What the command line wants of an endpoint, in every target Region."""

    DEPLOYING = "deploying"
    RUNNING = "running"
    STOPPED = "stopped"
    DELETED = "deleted"


class State(StrEnum):
    """What a Region reports of an endpoint."""

    PENDING = "pending"
    CREATING = "creating"
    RUNNING = "running"
    UPDATING = "updating"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DELETING = "deleting"
    DELETED = "deleted"
    ERROR = "error"


class Exposure(StrEnum):
    """Whether a Region's load balancer sends requests to an endpoint."""

    EXPOSED = "exposed"
    WAITING = "waiting"
    REMOVED_BY_WATCHDOG = "removed-by-watchdog"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Problem:
    """A field that cannot be used: its path in the item, a bounded and printable rendering of the value, the reason.

    `value` is empty where the value is a secret (workload environment) or absent.
    """

    field: str
    value: str
    reason: str

    def __str__(self) -> str:
        """`field: value: reason`, without the value where there is none to show."""
        return ": ".join(part for part in (self.field, self.value, self.reason) if part)


@dataclass(frozen=True, slots=True)
class AutoscalingMetric:
    """A Resource metric and its target, in percent of the request."""

    type: Literal["cpu", "memory"]
    target: int


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """An enabled autoscaler. `metrics` is never empty: cpu 70 when the item names none that is known."""

    min_replicas: int
    max_replicas: int
    metrics: tuple[AutoscalingMetric, ...]


@dataclass(frozen=True, slots=True)
class Canary:
    """A second version beside the primary. `weight` is its share of the traffic in percent, 1 to 99."""

    image: str
    weight: int
    replicas: int


@dataclass(frozen=True, slots=True)
class Toleration:
    """A toleration of the spec. Empty fields are left out of the manifest; seconds count only for NoExecute."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """What to run. Every default of the table's contract is already filled in.

    `env` values are secrets: they go into the pod template and nowhere else. `resources_*` are None when the item
    does not name them (the manifest then has the defaults). `region_image_uris` maps a Region to an image.
    """

    image: str
    port: int = 8000
    replicas: int = 1
    gpu_count: int = 1
    gpu_type: str | None = None
    health_check_path: str = "/health"
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    resource_requests: Mapping[str, str] | None = None
    resource_limits: Mapping[str, str] | None = None
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    model_path: str | None = None
    model_source: str | None = None
    accelerator: Literal["nvidia", "neuron"] = "nvidia"
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    capacity_type: Literal["spot", "on-demand"] | None = None
    autoscaling: Autoscaling | None = None
    region_image_uris: Mapping[str, str] = field(default_factory=dict)
    canary: Canary | None = None


@dataclass(frozen=True, slots=True)
class CanaryStatus:
    """What a Region reports of an endpoint's canary. Weights are percent of the traffic."""

    state: str
    replicas_ready: int
    weight_desired: int
    weight_applied: int


@dataclass(frozen=True, slots=True)
class RegionStatus:
    """What one Region reports, as it stands in the item's `region_status` map.

    `state` is a plain string where another writer put one that is not a `State`. `observed_spec` is absent in the
    predecessor's entries. `last_sync` is ISO 8601 and never takes part in the comparison of two statuses.
    """

    state: str
    replicas_ready: int = 0
    replicas_desired: int = 0
    last_sync: str | None = None
    error: str | None = None
    observed_spec: str | None = None
    exposure: str | None = None
    message: str | None = None
    canary: CanaryStatus | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One item of the table, decoded as far as it can be.

    `desired_state`, `target_regions`, `namespace`, `ingress_path` and `spec` are None exactly when the item's field
    is malformed (absent fields have their defaults, but for `spec` and `target_regions`, which have none); then
    `problems` says why. `spec_hash` is the first 12 hex digits of the SHA-256 of the raw spec and is there even for
    a malformed one. `created_at` identifies the incarnation of an item that was deleted and made again.
    """

    name: str
    desired_state: DesiredState | None
    target_regions: tuple[str, ...] | None
    namespace: str | None
    spec: EndpointSpec | None
    spec_hash: str
    ingress_path: str | None
    created_at: str | None = None
    updated_at: str | None = None
    region_status: Mapping[str, RegionStatus] = field(default_factory=dict)
    region_status_is_map: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    created_by: str | None = None
    reconcile_requested_at: str | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
