"""The kinds that the server holds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource. `generation`: the kind counts changes of its spec."""

    kind: str
    plural: str
    group: str
    version: str
    namespaced: bool = True
    generation: bool = False
    short_names: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version


KINDS = (
    Kind("Namespace", "namespaces", "", "v1", namespaced=False, short_names=("ns",)),
    Kind("Pod", "pods", "", "v1", short_names=("po",), subresources=("status",)),
    Kind("Service", "services", "", "v1", short_names=("svc",), subresources=("status",)),
    Kind(
        "Deployment", "deployments", "apps", "v1", generation=True, short_names=("deploy",),
        subresources=("scale", "status"),
    ),
    Kind(
        "Ingress", "ingresses", "networking.k8s.io", "v1", generation=True, short_names=("ing",),
        subresources=("status",),
    ),
    Kind(
        "HorizontalPodAutoscaler", "horizontalpodautoscalers", "autoscaling", "v2", short_names=("hpa",),
        subresources=("status",),
    ),
    Kind("Lease", "leases", "coordination.k8s.io", "v1"),
    Kind("Event", "events", "events.k8s.io", "v1", short_names=("ev",)),
)  # fmt: skip

BY_PLURAL = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
BY_NAME = {kind.kind: kind for kind in KINDS}
