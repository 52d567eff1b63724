"""What the table has, as far as one endpoint's plan must know of the others."""

from collections.abc import Collection

from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint
from gco_stream_reconciler.planning.rivals import Neighbourhood, Rivals, claim_of


class Inventory:
    """Every item's claims, and which items have no place in this Region. Kept by every read and every scan.

    Invariants: `_elsewhere` holds a name only if its item does not target this Region and is not deleted;
    `_touched` every name that was seen or forgotten since the last scan began.
    """

    def __init__(self, region: str) -> None:
        self._region = region
        self._neighbours = Neighbourhood()
        self._elsewhere: set[str] = set()
        self._touched: set[str] = set()

    def see(self, endpoint: Endpoint) -> frozenset[str]:
        """Take in an item; returns the endpoints whose plan that may change."""
        self._touched.add(endpoint.name)
        targets = endpoint.target_regions
        elsewhere = targets is not None and self._region not in targets
        if elsewhere and endpoint.desired_state is not DesiredState.DELETED:
            self._elsewhere.add(endpoint.name)
        else:
            self._elsewhere.discard(endpoint.name)
        return self._neighbours.see(endpoint.name, claim_of(endpoint, self._region))

    def see_scanned(self, endpoint: Endpoint) -> frozenset[str]:
        """As `see`, for an item of a scan's page: what was read of it since the scan began is newer and stays."""
        return frozenset() if endpoint.name in self._touched else self.see(endpoint)

    def forget(self, name: str) -> frozenset[str]:
        """The table has no such item; returns the endpoints whose plan that may change."""
        self._touched.add(name)
        self._elsewhere.discard(name)
        return self._neighbours.forget(name)

    def rivals(self, name: str) -> Rivals:
        """Those that want what this endpoint wants."""
        return self._neighbours.rivals(name)

    def begin_scan(self) -> None:
        """What is touched from now on is newer than the scan."""
        self._touched.clear()

    def still_there(self, scanned: Collection[str]) -> frozenset[str]:
        """Every name that may have an item at the end of a complete scan."""
        return frozenset(scanned) | self._touched

    def end_scan(self, names: Collection[str]) -> frozenset[str]:
        """Forget what a complete scan did not show; returns the endpoints whose plan that may change."""
        there = self.still_there(names)
        self._elsewhere &= there
        return self._neighbours.retain(there)

    def unwanted_here(self, held: Collection[str]) -> frozenset[str]:
        """Of the endpoints with objects here, those whose items do not target this Region."""
        return frozenset(self._elsewhere.intersection(held))

    def __contains__(self, name: object) -> bool:
        """Whether the table has such an item."""
        return isinstance(name, str) and self._neighbours.has_item(name)
