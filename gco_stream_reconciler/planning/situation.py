"""One endpoint, what is seen of it, and the questions every rule asks of the two."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from gco_stream_reconciler.endpoints.model import Endpoint, RegionStatus
from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.manifests.context import ManifestContext
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning.actions import Delete, ObjectRef
from gco_stream_reconciler.planning.observed import KubeObject, Observed, is_deleting, uid
from gco_stream_reconciler.planning.ownership import Owner, owner_of
from gco_stream_reconciler.planning.rivals import NO_RIVALS, Claim, Rivals, claim_of
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


@dataclass(frozen=True)
class Situation:
    """The input of every rule. `now` is epoch seconds."""

    endpoint: Endpoint
    observed: Observed
    now: float
    settings: PlanSettings
    rivals: Rivals = NO_RIVALS

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

    @property
    def claim(self) -> Claim | None:
        """What the endpoint claims here."""
        return claim_of(self.endpoint, self.settings.region)

    def ref(self, kind: str, *, role: Role = Role.PRIMARY) -> ObjectRef:
        """The endpoint's object of a kind. Raises ValueError when the item's namespace is malformed."""
        if self.endpoint.namespace is None:
            raise ValueError(f"endpoint {self.endpoint.name!r} has no usable namespace")
        return _ref(self.endpoint.name, self.endpoint.namespace, kind, role)

    def live(self, kind: str, *, role: Role = Role.PRIMARY) -> KubeObject | None:
        """The endpoint's object of a kind if it is known to exist and is ours, or the predecessor's."""
        return self.owned.get(self.ref(kind, role=role))

    def standing(self, kind: str, *, role: Role = Role.PRIMARY) -> KubeObject | None:
        """As `live`, but None for an object that is being deleted."""
        obj = self.live(kind, role=role)
        return None if obj is None or is_deleting(obj) else obj

    def owner(self, obj: KubeObject) -> Owner:
        """Whose the object is."""
        taken = self.rivals.canary_name_is_an_item or self._canary_name_is_exposed
        return owner_of(obj, self.endpoint.name, canary_name_is_an_item=taken)

    @cached_property
    def _canary_name_is_exposed(self) -> bool:
        """Whether the predecessor has an endpoint of the canary's name, with an item or without: no canary has an Ingress."""
        ingress = names.ingress_name(names.object_name(self.endpoint.name, Role.CANARY))
        return any(ref.kind == "Ingress" and ref.name == ingress for ref in self.observed.objects)

    def is_own(self, obj: KubeObject) -> bool:
        """Whether the object was made for this endpoint, by us or by the predecessor."""
        return self.owner(obj) is not Owner.FOREIGN

    def role(self, ref: ObjectRef) -> Role:
        """Which version of the endpoint an object of it serves."""
        canary = names.object_name(self.endpoint.name, Role.CANARY)
        return Role.CANARY if ref.kind != "Ingress" and ref.name == canary else Role.PRIMARY

    def possible_refs(self) -> tuple[ObjectRef, ...]:
        """Every name under which objects of this endpoint can stand, canary included, in all its namespaces."""
        if not self.name_is_usable:
            return ()
        own = {ref.namespace for ref in self.owned}
        if self.namespace_is_allowed and self.endpoint.namespace:
            own.add(self.endpoint.namespace)
        return tuple(
            _ref(self.endpoint.name, namespace, kind, role)
            for namespace in sorted(own)
            for role, kinds in names.KINDS_BY_ROLE.items()
            for kind in kinds
        )

    @cached_property
    def owned(self) -> Mapping[ObjectRef, KubeObject]:
        """Every object seen that is this endpoint's own, in whatever namespace."""
        return {
            ref: obj
            for ref, obj in sorted(self.observed.objects.items())
            if is_named(ref, self.endpoint.name) and self.is_own(obj)
        }

    def unsure(self) -> tuple[ObjectRef, ...]:
        """Objects that lack our labels: their field managers tell more, which only a read by name shows."""
        return tuple(
            ref
            for ref, obj in sorted(self.observed.objects.items())
            if ref not in self.observed.fetched
            and is_named(ref, self.endpoint.name)
            and self.owner(obj) is Owner.PREDECESSOR
        )

    def unseen(self, refs: Iterable[ObjectRef]) -> tuple[ObjectRef, ...]:
        """Those of the refs under which a stranger's object may stand unseen."""
        return tuple(ref for ref in refs if self.observed.is_unknown(ref))


def is_named(ref: ObjectRef, endpoint_name: str) -> bool:
    """Whether an endpoint's objects have this name: our labels are soon copied onto something else (`kubectl expose`)."""
    return any(
        ref == _ref(endpoint_name, ref.namespace, ref.kind, role)
        for role, kinds in names.KINDS_BY_ROLE.items()
        if ref.kind in kinds
    )


def deletions(objects: Iterable[tuple[ObjectRef, KubeObject]], reason: str) -> Iterator[Delete]:
    """Delete each object that is not being deleted already; a Deployment with its Pods."""
    for ref, obj in objects:
        if not is_deleting(obj):
            yield Delete(ref, uid(obj), "Foreground" if ref.kind == "Deployment" else "Background", reason)


def _ref(endpoint_name: str, namespace: str, kind: str, role: Role) -> ObjectRef:
    if kind == "Ingress":
        return ObjectRef(kind, namespace, names.ingress_name(endpoint_name))
    return ObjectRef(kind, namespace, names.object_name(endpoint_name, role))
