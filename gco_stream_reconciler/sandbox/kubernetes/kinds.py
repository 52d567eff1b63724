"""The kinds that the server holds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource.

    generation: the kind counts changes of its spec. unconditional: an update needs no resourceVersion.
    create_on_update: an update of what is not there makes it. returns_deleted: a delete answers with the object.
    computed: nothing is stored, and nobody can write or watch; it is derived from other kinds when it is read.
    """

    kind: str
    plural: str
    group: str
    version: str
    namespaced: bool = True
    generation: bool = False
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    unconditional: bool = True
    create_on_update: bool = False
    returns_deleted: bool = False
    computed: bool = False

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """`deployments.apps`, as errors name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified(self) -> str:
        """`Deployment.apps`, as errors name it."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


CORE_EVENT = Kind("Event", "events", "", "v1", short_names=("ev",), create_on_update=True)
"""An older view of the events in events.k8s.io."""

KINDS = (
    Kind("Namespace", "namespaces", "", "v1", namespaced=False, short_names=("ns",), subresources=("status",)),
    Kind(
        "Pod", "pods", "", "v1", short_names=("po",), categories=("all",), subresources=("status",),
        returns_deleted=True,
    ),
    Kind(
        "Service", "services", "", "v1", short_names=("svc",), categories=("all",), subresources=("status",),
        create_on_update=True, returns_deleted=True,
    ),
    Kind(
        "Deployment", "deployments", "apps", "v1", generation=True, short_names=("deploy",), categories=("all",),
        subresources=("scale", "status"),
    ),
    Kind(
        "Ingress", "ingresses", "networking.k8s.io", "v1", generation=True, short_names=("ing",),
        subresources=("status",),
    ),
    Kind(
        "HorizontalPodAutoscaler", "horizontalpodautoscalers", "autoscaling", "v2", short_names=("hpa",),
        categories=("all",), subresources=("status",),
    ),
    Kind("Lease", "leases", "coordination.k8s.io", "v1", unconditional=False, create_on_update=True),
    Kind("Event", "events", "events.k8s.io", "v1", short_names=("ev",), create_on_update=True),
    CORE_EVENT,
    Kind("EndpointSlice", "endpointslices", "discovery.k8s.io", "v1", computed=True),
)  # fmt: skip

BY_PLURAL = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
BY_NAME = {kind.kind: kind for kind in KINDS if kind is not CORE_EVENT}
