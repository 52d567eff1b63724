"""One endpoint, what is seen of it, and the questions every rule asks of the two."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gco_stream_reconciler.endpoints.model import Endpoint, RegionStatus
from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.manifests.context import ManifestContext
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning.actions import Delete, ObjectRef
from gco_stream_reconciler.planning.observed import KubeObject, Observed, is_deleting, uid
from gco_stream_reconciler.planning.ownership import Owner, owner_of
from gco_stream_reconciler.settings import LifecycleSettings


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """Where this controller acts and what its rules are tuned by.

    namespaces: those an item may name. table_id: identity of the home table, marked on every object.
    """

    region: str
    namespaces: tuple[str, ...]
    table_id: str
    lifecycle: LifecycleSettings

    @property
    def context(self) -> ManifestContext:
        """What the manifests need of it."""
        return ManifestContext(region=self.region, table_id=self.table_id, settings=self.lifecycle)


@dataclass(frozen=True, slots=True)
class Situation:
    """The input of every rule. `now` is epoch seconds."""

    endpoint: Endpoint
    observed: Observed
    now: float
    settings: PlanSettings

    @property
    def reported(self) -> RegionStatus | None:
        """What this Region has reported so far."""
        return self.endpoint.region_status.get(self.settings.region)

    @property
    def name_is_usable(self) -> bool:
        """Whether objects can carry the endpoint's name at all."""
        return not any(problem.field == "endpoint_name" for problem in self.endpoint.problems)

    @property
    def namespace_is_allowed(self) -> bool:
        """Whether the item's namespace is one this controller may write to."""
        return self.endpoint.namespace in self.settings.namespaces

    def ref(self, kind: str, *, role: Role = Role.PRIMARY) -> ObjectRef:
        """The endpoint's object of a kind. Raises ValueError when the item's namespace is malformed."""
        if self.endpoint.namespace is None:
            raise ValueError(f"endpoint {self.endpoint.name!r} has no usable namespace")
        return _ref(self.endpoint.name, self.endpoint.namespace, kind, role)

    def live(self, kind: str, *, role: Role = Role.PRIMARY) -> KubeObject | None:
        """The endpoint's object of a kind if it is known to exist and is ours."""
        obj = self.observed.get(self.ref(kind, role=role))
        return obj if obj is not None and self.owner(obj) is Owner.OURS else None

    def owner(self, obj: KubeObject) -> Owner:
        """Whose the object is."""
        return owner_of(obj, self.endpoint.name)

    def possible_refs(self) -> tuple[ObjectRef, ...]:
        """Every name under which objects of this endpoint can stand, canary included, in all its namespaces."""
        if not self.name_is_usable:
            return ()
        own = {ref.namespace for ref, obj in self.observed.objects.items() if self.owner(obj) is Owner.OURS}
        if self.namespace_is_allowed and self.endpoint.namespace:
            own.add(self.endpoint.namespace)
        return tuple(
            _ref(self.endpoint.name, namespace, kind, role)
            for namespace in sorted(own)
            for role, kinds in names.KINDS_BY_ROLE.items()
            for kind in kinds
        )

    def owned(self) -> dict[ObjectRef, KubeObject]:
        """Every object seen that is this endpoint's own, in whatever namespace."""
        return {
            ref: obj for ref, obj in sorted(self.observed.objects.items()) if self.owner(obj) is Owner.OURS
        }

    def predecessors(self) -> list[ObjectRef]:
        """Objects with the predecessor's labels only."""
        return [
            ref for ref, obj in sorted(self.observed.objects.items()) if self.owner(obj) is Owner.PREDECESSOR
        ]

    def unsure(self) -> tuple[ObjectRef, ...]:
        """Objects whose owner only a read by name can tell: our labels are off, managedFields were not seen."""
        return tuple(ref for ref in self.predecessors() if ref not in self.observed.fetched)

    def unseen(self, refs: Iterable[ObjectRef]) -> tuple[ObjectRef, ...]:
        """Those of the refs under which a stranger's object may stand unseen."""
        return tuple(ref for ref in refs if self.observed.is_unknown(ref))


def deletions(objects: Iterable[tuple[ObjectRef, KubeObject]], reason: str) -> Iterator[Delete]:
    """Delete each object that is not being deleted already; a Deployment with its Pods."""
    for ref, obj in objects:
        if not is_deleting(obj):
            yield Delete(ref, uid(obj), "Foreground" if ref.kind == "Deployment" else "Background", reason)


def _ref(endpoint_name: str, namespace: str, kind: str, role: Role) -> ObjectRef:
    if kind == "Ingress":
        return ObjectRef(kind, namespace, names.ingress_name(endpoint_name))
    return ObjectRef(kind, namespace, names.object_name(endpoint_name, role))
