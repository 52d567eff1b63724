"""The consumer against a scripted stream, on a clock of its own."""

import asyncio
from random import Random

import pytest

from gco_stream_reconciler.errors import (
    ShardNotFoundError,
    StreamNotEnabledError,
    ThrottledError,
    UnavailableError,
)
from tests.doubles.stream import ScriptedStream, SinkDouble
from tests.unit.stream.consuming import consumer_of, consuming, running

pytestmark = pytest.mark.looptime


def one_shard() -> tuple[ScriptedStream, str]:
    stream = ScriptedStream()
    return stream, stream.open_shard()


async def test_a_change_after_the_start_is_queued_within_half_a_second() -> None:
    stream, _ = one_shard()
    async with consuming(stream) as sink:
        stream.write("a")
        await asyncio.sleep(0.5)
        assert sink.keys == ["a"]
        assert sink.resyncs == ["start"]


async def test_the_resync_is_asked_for_only_after_every_leaf_was_read_once() -> None:
    stream = ScriptedStream()
    shards = [stream.open_shard() for _ in range(3)]
    async with consuming(stream):
        listings = [index for index, call in enumerate(stream.calls) if call[0] == "list_shards"]
        for shard in shards:
            assert stream.calls.index(("get_records", shard)) < listings[1]


async def test_children_are_read_from_their_beginning_and_after_their_parent() -> None:
    stream, parent = one_shard()
    async with consuming(stream) as sink:
        for number in range(7):
            stream.write(f"p{number}", parent)
        children = stream.split(parent)
        stream.write("c0", children[0])
        stream.write("c1", children[1])
        await asyncio.sleep(3)
        assert sorted(sink.keys) == sorted([*(f"p{number}" for number in range(7)), "c0", "c1"])
        assert all(call != ("start:LATEST", child) for call in stream.calls for child in children)
        last_of_parent = max(index for index, key in enumerate(sink.keys) if key.startswith("p"))
        assert sink.keys.index("c0") > last_of_parent
        assert sink.keys.index("c1") > last_of_parent


async def test_a_child_is_first_read_within_a_second_of_its_parents_end() -> None:
    stream, parent = one_shard()
    async with consuming(stream):
        (child,) = stream.split(parent, 1)
        loop = asyncio.get_running_loop()
        while ("get_records", child) not in stream.calls:
            await asyncio.sleep(0.01)
            if stream.calls[-1] == ("get_records", parent):
                drained = loop.time()
        assert loop.time() - drained <= 1


async def test_the_last_page_of_a_shard_is_queued() -> None:
    stream, parent = one_shard()
    async with consuming(stream) as sink:
        stream.write("last", parent)
        stream.shards[parent].sealed = True
        await asyncio.sleep(1)
        assert sink.keys == ["last"]


async def test_children_that_appear_late_are_found_however_late() -> None:
    stream, parent = one_shard()
    async with consuming(stream) as sink:
        stream.shards[parent].sealed = True
        await asyncio.sleep(900)
        child = stream.open_shard(parent)
        stream.write("late", child)
        await asyncio.sleep(3)
        assert sink.keys == ["late"]


async def test_an_unlisted_parent_never_blocks_its_child() -> None:
    stream, parent = one_shard()
    stream.hung.add(parent)
    async with consuming(stream) as sink:
        await asyncio.sleep(6)
        child = stream.open_shard(parent)
        stream.write("c", child)
        stream.unlisted.add(parent)
        await asyncio.sleep(40)
        assert sink.keys == ["c"]


async def test_a_hung_shard_delays_no_other() -> None:
    stream = ScriptedStream()
    hung, fine = stream.open_shard(), stream.open_shard()
    async with consuming(stream) as sink:
        stream.hung.add(hung)
        await asyncio.sleep(1)
        stream.write("b", fine)
        await asyncio.sleep(0.4)
        assert sink.keys == ["b"]


async def test_a_leaf_that_cannot_be_bound_holds_up_nothing_and_is_followed_by_a_resync() -> None:
    stream = ScriptedStream()
    slow, _ = stream.open_shard(), stream.open_shard()
    stream.hung.add(slow)
    async with consuming(stream) as sink:
        await asyncio.sleep(5)
        assert sink.resyncs == ["start"]
        stream.hung.clear()
        await asyncio.sleep(3)
        assert sink.resyncs == ["start", "late binding"]


async def test_an_expired_iterator_goes_on_after_the_last_record() -> None:
    stream, shard = one_shard()
    async with consuming(stream) as sink:
        stream.write("a")
        await asyncio.sleep(1)
        stream.expire_iterators()
        stream.write("b")
        await asyncio.sleep(1)
        assert sink.keys == ["a", "b"]
        assert ("start:AFTER_SEQUENCE_NUMBER", shard) in stream.calls


async def test_an_expired_iterator_before_any_record_never_means_latest() -> None:
    stream, shard = one_shard()
    async with consuming(stream) as sink:
        stream.write("a")
        stream.expire_iterators()
        await asyncio.sleep(1)
        assert sink.keys == ["a"]
        assert stream.calls.count(("start:LATEST", shard)) == 1


async def test_an_iterator_that_is_refused_for_good_is_asked_for_anew() -> None:
    stream, shard = one_shard()
    async with consuming(stream) as sink:
        stream.write("a")
        await asyncio.sleep(1)
        stream.forget_iterators()
        stream.write("b")
        await asyncio.sleep(10)
        assert sink.keys == ["a", "b"]
        assert ("start:AFTER_SEQUENCE_NUMBER", shard) in stream.calls


async def test_a_place_that_is_trimmed_when_it_is_asked_for_goes_on_at_the_horizon() -> None:
    stream, shard = one_shard()
    async with consuming(stream) as sink:
        stream.write("a")
        await asyncio.sleep(1)
        stream.write("lost")
        stream.trim(shard)
        stream.expire_iterators()
        stream.write("kept")
        await asyncio.sleep(5)
        assert sink.keys == ["a", "kept"]
        assert "trimmed data" in sink.resyncs
        assert ("start:TRIM_HORIZON", shard) in stream.calls


async def test_trimmed_data_goes_on_at_the_horizon_with_a_resync() -> None:
    stream, shard = one_shard()
    async with consuming(stream) as sink:
        stream.hung.add(shard)
        stream.write("lost")
        stream.trim(shard)
        stream.write("kept")
        stream.hung.clear()
        await asyncio.sleep(5)
        assert sink.keys == ["kept"]
        assert "trimmed data" in sink.resyncs


async def test_a_shard_that_is_gone_is_not_asked_for_ever() -> None:
    stream, shard = one_shard()
    async with consuming(stream) as sink:
        stream.faults["get_records"] = [ShardNotFoundError("gone")]
        child = stream.open_shard(shard)
        del stream.shards[shard]
        stream.write("c", child)
        await asyncio.sleep(5)
        assert sink.keys == ["c"]
        assert "shard not found" in sink.resyncs
        before = stream.calls.count(("get_records", shard))
        await asyncio.sleep(600)
        assert stream.calls.count(("get_records", shard)) == before


async def test_a_listed_shard_that_was_not_found_once_is_read_again() -> None:
    stream, _ = one_shard()
    async with consuming(stream) as sink:
        stream.faults["get_records"] = [ShardNotFoundError("a passing fault")]
        await asyncio.sleep(10)
        stream.write("a")
        await asyncio.sleep(1)
        assert sink.keys == ["a"]


@pytest.mark.parametrize("error", [ThrottledError("slow down"), UnavailableError("500")])
async def test_transient_failures_keep_the_iterator(error: UnavailableError | ThrottledError) -> None:
    stream, shard = one_shard()
    async with consuming(stream) as sink:
        stream.faults["get_records"] = [error] * 5
        stream.write("a")
        await asyncio.sleep(20)
        assert sink.keys == ["a"]
        assert sum(call == ("get_shard_iterator", shard) for call in stream.calls) == 1
        assert sink.resyncs == ["start"]


@pytest.mark.parametrize("operation", ["list_shards", "list_children", "describe"])
@pytest.mark.parametrize("error", [ThrottledError("slow down"), UnavailableError("500")])
async def test_failing_listings_delay_children_and_lose_none(
    operation: str, error: UnavailableError | ThrottledError
) -> None:
    stream, parent = one_shard()
    async with consuming(stream) as sink:
        stream.faults[operation] = [error] * 4
        stream.write("p", parent)
        for child in stream.split(parent):
            stream.write(f"c-{child}", child)
        await asyncio.sleep(15)
        assert sorted(sink.keys) == ["c-shard-0002", "c-shard-0003", "p"]
        assert sink.resyncs == ["start"]


async def test_throttled_iterators_at_the_start_are_asked_for_again() -> None:
    stream = ScriptedStream()
    shards = [stream.open_shard() for _ in range(3)]
    stream.faults["get_shard_iterator"] = [ThrottledError("slow down", retry_after_seconds=0.5)] * 6
    async with consuming(stream) as sink:
        await asyncio.sleep(10)
        for shard in shards:
            stream.write(shard, shard)
        await asyncio.sleep(1)
        assert sorted(sink.keys) == shards


async def test_another_stream_is_followed_with_a_resync() -> None:
    stream, old = one_shard()
    async with consuming(stream) as sink:
        stream.arn, stream.shards = "arn:2", {}
        new = stream.open_shard()
        await asyncio.sleep(60)
        assert sink.resyncs.count("start") == 2
        stream.write("n", new)
        await asyncio.sleep(1)
        assert sink.keys == ["n"]
        assert old != new


async def test_what_the_old_stream_still_held_is_read_before_the_new_one() -> None:
    stream, shard = one_shard()
    async with consuming(stream) as sink:
        stream.write("old", shard)
        new = stream.renew()
        stream.write("new", new)
        await asyncio.sleep(60)
        assert sink.keys[:1] == ["old"]
        # Written before the new stream was found, so that its first iterator lies behind it: the resync's business.
        assert sink.resyncs.count("start") == 2
        stream.write("later", new)
        await asyncio.sleep(1)
        assert sink.keys == ["old", "later"]


async def test_a_stream_that_is_being_enabled_is_waited_for_and_not_read() -> None:
    stream = ScriptedStream(status="ENABLING")
    shard = stream.open_shard()
    async with consuming(stream) as sink:
        await asyncio.sleep(60)
        assert {call[0] for call in stream.calls} == {"describe"}
        stream.status = "ENABLED"
        await asyncio.sleep(3)
        assert sink.resyncs == ["start"]
        stream.write("a", shard)
        await asyncio.sleep(1)
        assert sink.keys == ["a"]


async def test_a_stream_that_is_disabled_and_enabled_again_is_waited_for_without_haste() -> None:
    stream, shard = one_shard()
    async with consuming(stream) as sink:
        stream.status = "DISABLED"
        stream.shards[shard].sealed = True
        await asyncio.sleep(600)
        assert sum(call[0] == "describe" for call in stream.calls) < 500
        stream.arn, stream.status, stream.shards = "arn:2", "ENABLED", {}
        stream.write("n", stream.open_shard())
        await asyncio.sleep(60)
        assert sink.resyncs.count("start") == 2


async def test_a_disabled_stream_is_told_with_the_command_that_enables_it() -> None:
    stream, shard = one_shard()
    consumer = consumer_of(stream, SinkDouble({}))
    async with running(consumer):
        await asyncio.sleep(1)
        stream.status = "DISABLED"
        stream.shards[shard].sealed = True
        await asyncio.sleep(60)
        assert (
            "the stream of table endpoints is disabled; enable it again: aws dynamodb" in consumer.last_error
        )


async def test_a_table_without_a_stream_is_fatal() -> None:
    stream, _ = one_shard()
    stream.faults["describe"] = [StreamNotEnabledError("no stream")]
    with pytest.raises(StreamNotEnabledError):
        await consumer_of(stream, SinkDouble({})).run()


async def test_an_unreachable_service_at_the_start_is_waited_out() -> None:
    stream, _ = one_shard()
    stream.faults["describe"] = [UnavailableError("down")] * 20
    async with consuming(stream) as sink:
        await asyncio.sleep(300)
        assert sink.resyncs == ["start"]


async def test_seven_hundred_shards_and_incomplete_listings_lose_nothing() -> None:
    stream = ScriptedStream(latency_seconds=0.05)
    shards = [stream.open_shard() for _ in range(700)]
    stream.incomplete = True
    async with consuming(stream, idle_poll_seconds=5) as sink:
        await asyncio.sleep(10)
        stream.incomplete = False
        for number, shard in enumerate(shards):
            stream.write(f"k{number}", shard)
        await asyncio.sleep(25)
        assert set(sink.keys) == {f"k{number}" for number in range(700)}
        calls = sum(call[0] in ("list_shards", "list_children") for call in stream.calls)
        assert calls < 2 * asyncio.get_running_loop().time()


async def test_memory_is_flat_over_a_day_of_rollovers() -> None:
    stream, shard = one_shard()
    sink = SinkDouble({})
    consumer = consumer_of(stream, sink, idle_poll_seconds=10)
    task = asyncio.create_task(consumer.run())
    await asyncio.sleep(1)
    for hour in range(24):
        stream.calls.clear()
        stream.write(f"h{hour}", shard)
        (child,) = stream.split(shard, 1)
        await asyncio.sleep(600)
        del stream.shards[shard]
        shard = child
        await asyncio.sleep(60)
    session = consumer._session
    assert session is not None
    assert len(session._lineage.shards) <= 2
    assert len(session._readers) == len(session._tasks) == 1
    session._lineage.validate()
    assert [f"h{hour}" for hour in range(24)] == sink.keys
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_cancelled_consumer_stops_polling_at_once() -> None:
    stream, _ = one_shard()
    async with consuming(stream):
        pass
    before = len(stream.calls)
    await asyncio.sleep(60)
    assert len(stream.calls) == before


async def run_seed(seed: int) -> None:
    """Writes, seals, splits and expiries at random moments around the start; nothing may be lost."""
    random = Random(seed)
    stream = ScriptedStream(latency_seconds=random.choice([0.001, 0.02, 0.2]))
    table: dict[str, int] = {}
    sink = SinkDouble(table)

    def write() -> None:
        key = f"k{random.randrange(6)}"
        table[key] = table.get(key, 0) + 1
        stream.write(key)

    def split() -> None:
        leaves = [shard for shard in stream.shards.values() if not shard.sealed]
        stream.split(random.choice(leaves).shard_id, random.choice([1, 2]))

    for _ in range(random.randrange(1, 4)):
        stream.open_shard()
    for _ in range(random.randrange(5)):
        random.choice([write, split])()
    task = asyncio.create_task(consumer_of(stream, sink, seed).run())
    for _ in range(random.randrange(5, 25)):
        await asyncio.sleep(random.choice([0, 0.001, 0.01, 0.1, 0.5]))
        random.choices([write, split, stream.expire_iterators], weights=[8, 2, 1])[0]()
    await asyncio.sleep(8)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sink.seen == table, f"seed {seed}: {sink.seen} is not {table}"


@pytest.mark.parametrize("block", range(4))
async def test_no_change_is_lost_whatever_happens_around_the_start(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        await run_seed(seed)
