"""The lineage against a model of the service: splits, seals, trims of the listing, partial listings, in any order."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from gco_stream_reconciler.stream.adapter import LATEST, TRIM_HORIZON, Shard, ShardListing
from gco_stream_reconciler.stream.shards import Lineage, Phase


class LineageMachine(RuleBasedStateMachine):
    """shards: what the service has, in order of birth. reading, drained: what the consumer did."""

    shards = Bundle("shards")

    def __init__(self) -> None:
        super().__init__()
        self.service: dict[str, Shard] = {}
        self.lineage = Lineage()
        self.at_start: set[str] = set()
        self.reading: set[str] = set()
        self.drained: set[str] = set()
        self.last_complete: set[str] = set()
        self.seen: set[str] = set()
        self.born = 0
        self.asked: tuple[ShardListing, frozenset[str]] | None = None

    def listing(self, *, complete: bool, keep: int = 0) -> ShardListing:
        shards = tuple(self.service.values())
        return ShardListing(shards if complete else shards[:keep], complete=complete)

    @initialize(count=st.integers(1, 3), target=shards)
    def begin(self, count: int) -> str:
        for number in range(count):
            self.service[f"s{number}"] = Shard(f"s{number}")
        self.service["child"] = Shard("child", parent_id="s0")
        self.reading.update(self.lineage.begin(self.listing(complete=True)))
        self.at_start = set(self.service)
        self.seen = self.last_complete = set(self.service)
        assert self.reading == self.at_start - {"s0"}
        return "child"

    @rule(parent=shards, target=shards)
    def split(self, parent: str) -> str:
        self.born += 1
        child = f"{parent}.{self.born}"
        self.service[child] = Shard(child, parent_id=parent)
        return child

    def is_being_listed(self) -> bool:
        return self.asked is not None

    @precondition(lambda self: not self.is_being_listed())  # one listing at a time
    @rule()
    def list_everything(self) -> None:
        self.lineage.merge(self.listing(complete=True))
        self.seen |= set(self.service)
        self.last_complete = set(self.service)

    @precondition(lambda self: not self.is_being_listed())
    @rule()
    def a_listing_is_asked_for(self) -> None:
        self.asked = self.listing(complete=True), frozenset(self.lineage.shards)

    @rule(parent=shards)
    def ask_for_children(self, parent: str) -> None:
        if parent not in self.lineage.shards:
            return  # the consumer asks about shards that it has read to their end
        children = [shard for shard in self.service.values() if shard.parent_id == parent]
        self.lineage.add(children)
        self.seen |= {shard.shard_id for shard in children}

    @precondition(is_being_listed)
    @rule()
    def the_listing_that_was_asked_for_arrives(self) -> None:
        assert self.asked is not None
        (listing, known), self.asked = self.asked, None
        listed = {shard.shard_id for shard in listing.shards}
        later = set(self.lineage.shards) - known
        self.lineage.merge(listing, known)
        assert later <= set(self.lineage.shards), (
            "a listing says nothing of what was found after it was asked for"
        )
        self.seen |= listed
        self.last_complete = listed | later

    @precondition(lambda self: not self.is_being_listed())
    @rule(keep=st.integers(0, 5))
    def list_in_part(self, keep: int) -> None:
        listing = self.listing(complete=False, keep=keep)
        self.lineage.merge(listing)
        self.seen |= {shard.shard_id for shard in listing.shards}

    @rule(shard=shards)
    def the_service_forgets(self, shard: str) -> None:
        self.service.pop(shard, None)

    @rule()
    def start_what_may_start(self) -> None:
        for shard_id in self.lineage.startable():
            parent = self.lineage.shards[shard_id].parent_id
            known = self.lineage.shards.get(parent) if parent else None
            assert known is None or parent in self.drained or not known.listed, "a child before its parent"
            assert shard_id not in self.drained | self.reading, "a shard is read once"
            self.lineage.started(shard_id)
            self.reading.add(shard_id)

    @rule(shard=shards)
    def drain(self, shard: str) -> None:
        if shard in self.reading:
            self.lineage.drained(shard)
            self.reading.discard(shard)
            self.drained.add(shard)

    @invariant()
    def it_holds(self) -> None:
        self.lineage.validate()

    @invariant()
    def only_the_first_leaves_begin_at_latest(self) -> None:
        for state in self.lineage.shards.values():
            assert state.start == (LATEST if state.shard_id in self.at_start else TRIM_HORIZON)

    @invariant()
    def nothing_is_forgotten_that_was_not_read(self) -> None:
        for shard_id in self.seen - self.drained - {"s0"}:
            assert shard_id in self.lineage.shards, f"{shard_id} is lost"

    @invariant()
    def what_is_drained_and_unlisted_is_forgotten(self) -> None:
        for state in self.lineage.shards.values():
            if state.phase is Phase.DRAINED and not state.listed:
                assert state.shard_id not in self.last_complete

    def teardown(self) -> None:
        """Everything that is still known can be read to its end, whatever came before."""
        for _ in range(len(self.service) + 5):
            self.list_everything()
            self.start_what_may_start()
            for shard_id in tuple(self.reading):
                self.drain(shard_id)
        unread = [
            state.shard_id for state in self.lineage.shards.values() if state.phase is not Phase.DRAINED
        ]
        assert unread == []


TestLineage = LineageMachine.TestCase
TestLineage.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
