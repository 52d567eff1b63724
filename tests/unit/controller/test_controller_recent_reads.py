"""A read is shared by the echoes of one change, and by nothing else."""

from gco_stream_reconciler.controller.recent_reads import FRESH_SECONDS, RecentReads
from tests.doubles.planning_story import endpoint


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_read_is_shared_for_a_moment() -> None:
    clock = Clock()
    reads = RecentReads(clock)
    item = endpoint()
    reads.put(item, clock.now)
    clock.now += FRESH_SECONDS - 0.01
    assert reads.get("llama") == (item, 100.0)
    clock.now += 0.01
    assert reads.get("llama") is None


def test_a_change_of_the_item_ends_it() -> None:
    reads = RecentReads(Clock())
    reads.put(endpoint(), 100.0)
    reads.drop("llama")
    assert reads.get("llama") is None


def test_only_so_many_are_remembered() -> None:
    reads = RecentReads(Clock())
    for number in range(5000):
        reads.put(endpoint(name=f"e{number}"), 100.0)
    assert reads.get("e0") is None
    assert reads.get("e4999") is not None


def test_a_read_that_a_change_has_overtaken_is_not_shared() -> None:
    clock = Clock()
    reads = RecentReads(clock)
    clock.now += 0.1
    reads.drop("llama")  # the record of a write that the read, begun at 100, may not have seen
    clock.now += 0.1
    reads.put(endpoint(), 100.0)
    assert reads.get("llama") is None
    reads.put(endpoint(), clock.now)
    assert reads.get("llama") is not None


def test_drops_are_not_remembered_for_ever() -> None:
    clock = Clock()
    reads = RecentReads(clock)
    for number in range(1000):
        clock.now += 1
        reads.drop(f"e{number}")
    assert len(reads._dropped) <= 61
