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

    @cached_property
    def context(self) -> ManifestContext:
        """What the manifests need of the settings."""
        return self.settings.context

    def ref(self, kind: str, *, role: Role = Role.PRIMARY) -> ObjectRef:
        """The endpoint's object of a kind that its role has. Raises ValueError when the item's namespace is malformed."""
        return self._refs[role][kind]

    @cached_property
    def _refs(self) -> Mapping[Role, Mapping[str, ObjectRef]]:
        return {
            role: {kind: _ref(self.endpoint.name, self._namespace, kind, role) for kind in kinds}
            for role, kinds in names.KINDS_BY_ROLE.items()
        }

    def live(self, kind: str, *, role: Role = Role.PRIMARY) -> KubeObject | None:
        """The endpoint's object of a kind if it is known to exist and is ours, or the predecessor's.

        Raises ValueError when the item's namespace is malformed.
        """
        return self._live[role].get(kind)

    @cached_property
    def _live(self) -> Mapping[Role, Mapping[str, KubeObject]]:
        namespace = self._namespace
        found: dict[Role, dict[str, KubeObject]] = {role: {} for role in names.KINDS_BY_ROLE}
        for ref, obj in self.owned.items():
            if ref.namespace == namespace:
                found[self.role(ref)][ref.kind] = obj
        return found

    @property
    def _namespace(self) -> str:
        if self.endpoint.namespace is None:
            raise ValueError(f"endpoint {self.endpoint.name!r} has no usable namespace")
        return self.endpoint.namespace

    def standing(self, kind: str, *, role: Role = Role.PRIMARY) -> KubeObject | None:
        """As `live`, but None for an object that is being deleted."""
        return self._standing[role].get(kind)

    @cached_property
    def _standing(self) -> Mapping[Role, Mapping[str, KubeObject]]:
        return {
            role: {kind: obj for kind, obj in found.items() if not is_deleting(obj)}
            for role, found in self._live.items()
        }

    def owner(self, obj: KubeObject) -> Owner:
        """Whose the object is."""
        taken = self.rivals.canary_name_is_an_item or self._canary_name_is_exposed
        return owner_of(obj, self.endpoint.name, canary_name_is_an_item=taken)

    @cached_property
    def _canary_name_is_exposed(self) -> bool:
        """Whether the predecessor has an endpoint of the canary's name, with an item or without: no canary has an Ingress."""
        ingress = names.ingress_name(names.object_name(self.endpoint.name, Role.CANARY))
        return any(ref.kind == "Ingress" and ref.name == ingress for ref in self.observed.objects)

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
        """Every object seen that was made for this endpoint, by us or by the predecessor, in whatever namespace."""
        return {ref: obj for ref, obj, owner in self._named if owner is not Owner.FOREIGN}

    @cached_property
    def _named(self) -> tuple[tuple[ObjectRef, KubeObject, Owner], ...]:
        """Every object seen that has a name of this endpoint's, and whose it is; in the order of their refs."""
        name, objects = self.endpoint.name, self.observed.objects
        named = sorted(ref for ref in objects if is_named(ref, name))
        return tuple((ref, objects[ref], self.owner(objects[ref])) for ref in named)

    def is_taken(self, kind: str, *, role: Role = Role.PRIMARY) -> bool:
        """Whether an object that is not the endpoint's own has the name of its object of a kind."""
        return self.live(kind, role=role) is None and self.ref(kind, role=role) in self.observed.objects

    def unsure(self) -> tuple[ObjectRef, ...]:
        """Objects that lack our labels: their field managers tell more, which only a read by name shows."""
        return tuple(
            ref
            for ref, _, owner in self._named
            if owner is Owner.PREDECESSOR and ref not in self.observed.fetched
        )

    def unread(self, refs: Iterable[ObjectRef]) -> tuple[ObjectRef, ...]:
        """Those of the refs that were not read by name in this pass."""
        return tuple(ref for ref in refs if ref not in self.observed.fetched)

    def unseen(self, refs: Iterable[ObjectRef]) -> tuple[ObjectRef, ...]:
        """Those of the refs under which a stranger's object may stand unseen."""
        return tuple(ref for ref in refs if self.observed.is_unknown(ref))


def is_named(ref: ObjectRef, endpoint_name: str) -> bool:
    """Whether an endpoint's objects have this name: our labels are soon copied onto something else (`kubectl expose`)."""
    if ref.kind == "Ingress":
        return ref.name == names.ingress_name(endpoint_name)
    role = Role.PRIMARY if ref.name == endpoint_name else Role.CANARY
    return ref.name == names.object_name(endpoint_name, role) and ref.kind in names.KINDS_BY_ROLE[role]


def deletions(objects: Iterable[tuple[ObjectRef, KubeObject]], reason: str) -> Iterator[Delete]:
    """Delete each object that is not being deleted already; a Deployment with its Pods."""
    for ref, obj in objects:
        if not is_deleting(obj):
            yield Delete(ref, uid(obj), "Foreground" if ref.kind == "Deployment" else "Background", reason)


def _ref(endpoint_name: str, namespace: str, kind: str, role: Role) -> ObjectRef:
    if kind == "Ingress":
        return ObjectRef(kind, namespace, names.ingress_name(endpoint_name))
    return ObjectRef(kind, namespace, names.object_name(endpoint_name, role))
