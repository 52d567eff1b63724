"""Shard lineage: which shards are known, and which may be read now. Pure.

A parent has one or more children; children are read after their parent. The service forgets old shards, so a parent
that is not listed (any more) blocks nobody.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum

from gco_stream_reconciler.stream.adapter import LATEST, TRIM_HORIZON, Shard, ShardListing, StartPosition

_SHARDS_ON_A_PAGE = 100


class Phase(Enum):
    """Where a shard stands."""

    WAITING = "its parent is not drained yet, or nobody has begun to read it"
    READING = "a reader has it"
    DRAINED = "read to its end, or its records lie before the start"


@dataclass(slots=True)
class ShardState:
    """A known shard. `start` is where a reader begins; `listed` whether the last complete listing held it."""

    shard_id: str
    parent_id: str | None
    start: StartPosition
    phase: Phase = Phase.WAITING
    listed: bool = True


@dataclass(slots=True)
class Lineage:
    """All known shards of one stream.

    Invariants: no shard is READING while its known, listed parent is not DRAINED (a shard that were found before its
    parent would be read at once; neither the first pages of a listing nor the children of a known shard hold such a one); a
    shard that was found after the start begins at TRIM_HORIZON; a drained shard is forgotten once it is not listed.
    """

    shards: dict[str, ShardState] = field(default_factory=dict)

    def begin(self, listing: ShardListing) -> tuple[str, ...]:
        """Take the listing of the start; returns the leaves, which are to be bound at LATEST.

        Leaves are the shards without a child, sealed ones included: a sealed leaf's child may not be listed yet.
        Ancestors hold only what was written before the start.
        """
        parents = {shard.parent_id for shard in listing.shards}
        for shard in listing.shards:
            leaf = shard.shard_id not in parents
            phase = Phase.READING if leaf else Phase.DRAINED
            self.shards[shard.shard_id] = ShardState(shard.shard_id, shard.parent_id, LATEST, phase)
        return tuple(state.shard_id for state in self.shards.values() if state.phase is Phase.READING)

    def merge(self, listing: ShardListing, known: Collection[str] | None = None) -> tuple[str, ...]:
        """Take a later listing; returns the ids that are new. An incomplete one only adds.

        `known`: the shards that were known when it was asked for (default: all), for it says nothing of later ones.
        """
        asked = frozenset(self.shards if known is None else known)
        found = self.add(listing.shards)
        if listing.complete:
            listed = {shard.shard_id for shard in listing.shards}
            for state in self.shards.values():
                state.listed = state.shard_id in listed or state.shard_id not in asked
            self._forget()
        return found

    def add(self, shards: Iterable[Shard]) -> tuple[str, ...]:
        """Take shards that some listing held; returns the ids that are new."""
        found = []
        for shard in shards:
            if shard.shard_id not in self.shards:
                self.shards[shard.shard_id] = ShardState(shard.shard_id, shard.parent_id, TRIM_HORIZON)
                found.append(shard.shard_id)
        return tuple(found)

    def startable(self) -> tuple[str, ...]:
        """Shards that wait and that nothing holds up."""
        return tuple(
            state.shard_id
            for state in self.shards.values()
            if state.phase is Phase.WAITING and self._is_free(state)
        )

    def started(self, shard_id: str) -> None:
        """A reader has begun with the shard."""
        self.shards[shard_id].phase = Phase.READING

    def drained(self, shard_id: str) -> None:
        """The shard's last page was queued, or the shard is gone."""
        self.shards[shard_id].phase = Phase.DRAINED

    def restart(self, shard_id: str) -> None:
        """The shard must be read again from what is left of it."""
        state = self.shards[shard_id]
        state.phase, state.start = Phase.WAITING, TRIM_HORIZON

    def has_children(self, shard_id: str) -> bool:
        """Whether a child of the shard is known."""
        return any(state.parent_id == shard_id for state in self.shards.values())

    def is_childless(self, shard_id: str) -> bool:
        """Whether the shard was read to its end and no child of it is known: the stream goes on somewhere."""
        state = self.shards.get(shard_id)
        return state is not None and state.phase is Phase.DRAINED and not self.has_children(shard_id)

    def awaits_children(self) -> bool:
        """Whether any listed shard is childless."""
        parents = {state.parent_id for state in self.shards.values()}
        return any(
            state.phase is Phase.DRAINED and state.listed and state.shard_id not in parents
            for state in self.shards.values()
        )

    def listing_calls(self) -> int:
        """How many pages a full listing has, about."""
        return max(1, -(-len(self.shards) // _SHARDS_ON_A_PAGE))

    def _is_free(self, state: ShardState) -> bool:
        parent = self.shards.get(state.parent_id) if state.parent_id is not None else None
        return parent is None or parent.phase is Phase.DRAINED or not parent.listed

    def _forget(self) -> None:
        gone = [
            state.shard_id
            for state in self.shards.values()
            if state.phase is Phase.DRAINED and not state.listed
        ]
        for shard_id in gone:
            del self.shards[shard_id]

    def validate(self) -> None:
        """Raise AssertionError where an invariant does not hold."""
        for shard_id, state in self.shards.items():
            assert shard_id == state.shard_id, f"{shard_id} is filed under another id"  # noqa: S101 - an invariant
            assert state.phase is not Phase.READING or self._is_free(state), (  # noqa: S101 - an invariant
                f"{shard_id} is read before its parent {state.parent_id} is drained"
            )
