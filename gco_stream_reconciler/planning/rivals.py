"""Endpoints that want the same thing: a name (rule 9) or a path of the load balancer (rule 14).

Endpoint `x-canary` and the canary of endpoint `x` would have objects of one name. Two Ingresses with one path, or one
path within the other, would take each other's requests.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint
from gco_stream_reconciler.endpoints.moments import instant
from gco_stream_reconciler.manifests.names import Role, object_name

_CANARY_SUFFIX = object_name("", Role.CANARY)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one endpoint of this Region claims. created_at: as in the item. path: None for a malformed one."""

    name: str
    namespace: str | None
    created_at: str | None
    path: str | None
    has_canary: bool

    def came_before(self, other: "Claim") -> bool:
        """Whether it is the older one; an item without a readable time counts as younger, ties go by name."""
        return _seniority(self) < _seniority(other)


@dataclass(frozen=True, slots=True)
class Rivals:
    """Those whose claims meet an endpoint's.

    canary_host: the endpoint whose canary wants this endpoint's name. canary_namesake: the endpoint that wants the name
    which this endpoint's canary has or would have. canary_name_is_an_item: the table has an item of that name, whatever it
    wants and wherever. by_path: those with the same path, or one path within the other, oldest first.
    """

    canary_host: Claim | None = None
    canary_namesake: Claim | None = None
    canary_name_is_an_item: bool = False
    by_path: tuple[Claim, ...] = ()


NO_RIVALS = Rivals()


def claim_of(endpoint: Endpoint, region: str) -> Claim | None:
    """What the endpoint claims in a Region; None where it is not to run (any more)."""
    ends = endpoint.desired_state is DesiredState.DELETED
    if not endpoint.name or ends or region not in (endpoint.target_regions or ()):
        return None
    has_canary = endpoint.spec is not None and endpoint.spec.canary is not None
    return Claim(endpoint.name, endpoint.namespace, endpoint.created_at, endpoint.ingress_path, has_canary)


class Neighbourhood:
    """The claims of every endpoint, as they were last seen.

    Invariants: `_items` holds every name of the table; `_claims` those that claim something here. `_by_path` has each
    name under its claim's path and nowhere else; `_within` under each proper ancestor of that path.
    """

    def __init__(self) -> None:
        self._items: set[str] = set()
        self._claims: dict[str, Claim] = {}
        self._by_path: defaultdict[str, set[str]] = defaultdict(set)
        self._within: defaultdict[str, set[str]] = defaultdict(set)

    def has_item(self, name: str) -> bool:
        """Whether the table has such an item, whatever it claims."""
        return name in self._items

    def see(self, name: str, claim: Claim | None) -> frozenset[str]:
        """Take in an item's claim, None for none; returns whose situation that changes."""
        self._items.add(name)
        return self._claim(name, claim)

    def forget(self, name: str) -> frozenset[str]:
        """The table has no such item any more; returns whose situation that changes."""
        self._items.discard(name)
        return self._claim(name, None)

    def retain(self, names: Collection[str]) -> frozenset[str]:
        """Forget every item that a complete scan did not show; returns whose situation that changes."""
        concerned: set[str] = set()
        for name in [name for name in self._items if name not in names]:
            concerned |= self.forget(name)
        return frozenset(concerned)

    def _claim(self, name: str, claim: Claim | None) -> frozenset[str]:
        before = self._claims.get(name)
        if before == claim:
            return frozenset()
        concerned = self._rival_names(before)
        self._remove(name)
        if claim is not None:
            self._add(claim)
            concerned |= self._rival_names(claim)
        return frozenset(concerned - {name})

    def rivals(self, name: str) -> Rivals:
        """Those whose claims meet this endpoint's."""
        is_an_item = name + _CANARY_SUFFIX in self._items
        claim = self._claims.get(name)
        if claim is None:
            return Rivals(canary_name_is_an_item=is_an_item)
        host = self._claims.get(claim.name.removesuffix(_CANARY_SUFFIX))
        namesake = self._claims.get(claim.name + _CANARY_SUFFIX)
        on_path = [self._claims[name] for name in self._on_path(claim.path) - {claim.name}]
        return Rivals(
            canary_host=host if _has_the_name(host, claim) else None,
            canary_namesake=namesake if _same_place(namesake, claim) else None,
            canary_name_is_an_item=is_an_item,
            by_path=tuple(sorted(on_path, key=_seniority)),
        )

    def _rival_names(self, claim: Claim | None) -> set[str]:
        if claim is None:
            return set()
        names = {claim.name.removesuffix(_CANARY_SUFFIX), claim.name + _CANARY_SUFFIX}
        return {name for name in names if name in self._claims} | self._on_path(claim.path)

    def _on_path(self, path: str | None) -> set[str]:
        if path is None:
            return set()
        found = set(self._within.get(_trimmed(path), ()))
        for each in (_trimmed(path), *_ancestors(path)):
            found |= self._by_path.get(each, set())
        return found

    def _add(self, claim: Claim) -> None:
        self._claims[claim.name] = claim
        if claim.path is not None:
            self._by_path[_trimmed(claim.path)].add(claim.name)
            for ancestor in _ancestors(claim.path):
                self._within[ancestor].add(claim.name)

    def _remove(self, name: str) -> None:
        claim = self._claims.pop(name, None)
        if claim is None or claim.path is None:
            return
        _discard(self._by_path, _trimmed(claim.path), name)
        for ancestor in _ancestors(claim.path):
            _discard(self._within, ancestor, name)

    def validate(self) -> None:
        """Raise AssertionError where an invariant is broken."""
        expected = Neighbourhood()
        for claim in self._claims.values():
            expected._add(claim)
        assert self._by_path == expected._by_path  # noqa: S101 - this method is for tests
        assert self._within == expected._within  # noqa: S101 - this method is for tests


def _has_the_name(host: Claim | None, claim: Claim) -> bool:
    return host is not None and host.name != claim.name and host.has_canary and _same_place(host, claim)


def _same_place(other: Claim | None, claim: Claim) -> bool:
    return other is not None and other.namespace == claim.namespace


def _trimmed(path: str) -> str:
    return path.rstrip("/")


def _ancestors(path: str) -> list[str]:
    """Proper ancestors by path element, as `pathType: Prefix` matches: `/a/b/c` has `/a/b` and `/a`."""
    parts = _trimmed(path).split("/")
    return ["/".join(parts[:count]) for count in range(len(parts) - 1, 1, -1)]


def _discard(index: defaultdict[str, set[str]], key: str, name: str) -> None:
    index[key].discard(name)
    if not index[key]:
        del index[key]


def _seniority(claim: Claim) -> tuple[float, str]:
    """Sorts the oldest first."""
    created = instant(claim.created_at)
    return (float("inf") if created is None else created), claim.name
