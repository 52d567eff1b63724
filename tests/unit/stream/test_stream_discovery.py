"""How shards are found when answers hang, fail, are incomplete or many at once, on a clock of its own."""

import asyncio
import math
from collections.abc import Callable

import pytest

from gco_stream_reconciler.errors import ShardNotFoundError, ThrottledError, UnavailableError
from gco_stream_reconciler.stream.adapter import Shard, ShardListing, StreamDescription
from tests.doubles.stream import ScriptedStream
from tests.unit.stream.consuming import consuming

pytestmark = pytest.mark.looptime


class CountedStream(ScriptedStream):
    """Counts DescribeStream, page by page. `silent`: parents about whose children there is never an answer."""

    def __init__(self, latency_seconds: float = 0.05) -> None:
        super().__init__(latency_seconds=latency_seconds)
        self.described: list[tuple[float, int]] = []
        self.silent: set[str] = set()

    def pages(self) -> int:
        return max(1, math.ceil(len(self.shards) / 100))

    def _describes(self, pages: int) -> None:
        self.described.append((asyncio.get_running_loop().time(), pages))

    async def describe(self) -> StreamDescription:
        self._describes(1)
        return await super().describe()

    async def list_shards(self, arn: str) -> ShardListing:
        self._describes(self.pages())
        return await super().list_shards(arn)

    async def list_children(self, arn: str, parent_id: str) -> tuple[Shard, ...]:
        self._describes(1)
        if parent_id in self.silent:
            await asyncio.sleep(10)
            raise UnavailableError("no answer within 10 s")
        return await super().list_children(arn, parent_id)

    def calls_between(self, begin: float, end: float) -> int:
        return sum(pages for at, pages in self.described if begin <= at < end)


async def seconds_until(holds: Callable[[], bool], limit: float = 100) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not holds():
        assert loop.time() - began < limit, f"not within {limit} s"
        await asyncio.sleep(0.01)
    return loop.time() - began


async def test_a_question_for_children_that_hangs_delays_no_other_shards_child() -> None:
    stream = CountedStream()
    hung, fine = stream.open_shard(), stream.open_shard()
    async with consuming(stream):
        stream.silent.add(hung)
        stream.split(hung, 1)
        await asyncio.sleep(1)
        (child,) = stream.split(fine, 1)
        assert await seconds_until(lambda: ("get_records", child) in stream.calls) <= 1


async def test_a_shard_that_an_incomplete_listing_lacks_is_looked_for_again_soon() -> None:
    stream = ScriptedStream(incomplete=True)
    shards = [stream.open_shard() for _ in range(4)]
    async with consuming(stream) as sink:
        stream.incomplete = False
        stream.write("missing", shards[-1])
        assert await seconds_until(lambda: sink.keys == ["missing"]) <= 4


@pytest.mark.parametrize("error", [ThrottledError("slow down"), UnavailableError("500")])
async def test_listings_that_fail_hold_up_the_first_resync_for_the_bind_timeout_at_most(
    error: ThrottledError | UnavailableError,
) -> None:
    stream = ScriptedStream()
    stream.open_shard()
    stream.faults["list_shards"] = [None, *[error] * 100]
    async with consuming(stream) as sink:
        assert await seconds_until(lambda: sink.resyncs == ["start"]) <= 6
        unknown = stream.open_shard()
        stream.write("a", unknown)
        stream.faults.clear()
        assert await seconds_until(lambda: sink.keys == ["a"]) <= 3


async def test_a_listing_that_hangs_holds_up_the_first_resync_for_the_bind_timeout_at_most() -> None:
    stream = ScriptedStream()
    stream.open_shard()
    async with consuming(stream, seconds=0.03) as sink:
        stream.hung.add(stream.arn)
        assert sink.resyncs == []
        assert await seconds_until(lambda: sink.resyncs == ["start"]) <= 6


async def test_a_table_that_is_made_anew_during_the_start_is_followed_to_its_new_stream() -> None:
    stream = ScriptedStream()
    stream.open_shard()
    stream.faults["list_shards"] = [None, ShardNotFoundError("arn:1 does not exist any more")]
    async with consuming(stream, seconds=0.03) as sink:
        stream.arn, stream.shards = "arn:2", {}
        new = stream.open_shard()
        assert await seconds_until(lambda: stream.calls.count(("list_shards", "arn:2")) == 2) <= 5
        await asyncio.sleep(1)
        assert sink.resyncs[-1] == "start"
        stream.write("n", new)
        assert await seconds_until(lambda: sink.keys == ["n"]) <= 1


async def test_a_stream_that_is_enabled_again_is_found_within_five_seconds() -> None:
    stream = ScriptedStream()
    stream.open_shard()
    async with consuming(stream) as sink:
        stream.disable()
        await asyncio.sleep(300)
        stream.renew()
        assert await seconds_until(lambda: sink.resyncs.count("start") == 2) <= 5


async def test_audits_go_on_at_least_every_thirty_seconds_while_shards_roll_over() -> None:
    stream = ScriptedStream()
    shard = stream.open_shard()
    async with consuming(stream):
        loop = asyncio.get_running_loop()
        seen, gaps, last = stream.calls.count(("list_shards", "arn:1")), [], loop.time()
        for second in range(120):
            if second % 5 == 0:
                (shard,) = stream.split(shard, 1)
            await asyncio.sleep(1)
            if stream.calls.count(("list_shards", "arn:1")) > seen:
                seen = stream.calls.count(("list_shards", "arn:1"))
                gaps.append(loop.time() - last)
                last = loop.time()
        assert len(gaps) >= 3
        assert max(gaps) <= 31


@pytest.mark.parametrize("rollovers", [300])
async def test_seven_hundred_shards_need_fewer_than_two_calls_a_second(rollovers: int) -> None:
    stream = CountedStream()
    shards = [stream.open_shard() for _ in range(700)]
    async with consuming(stream, idle_poll_seconds=5):
        await asyncio.sleep(20)
        loop = asyncio.get_running_loop()
        began, children = loop.time(), []
        for shard in shards[:rollovers]:
            children += stream.split(shard, 1)
            await asyncio.sleep(60 / rollovers)
        assert stream.calls_between(began, loop.time()) < 2 * 60
        await asyncio.sleep(20)
        assert {("get_records", child) for child in children} <= set(stream.calls)


async def test_a_child_that_never_comes_costs_fewer_than_two_calls_a_second() -> None:
    stream = CountedStream()
    shards = [stream.open_shard() for _ in range(20)]
    async with consuming(stream):
        for shard in shards[:10]:
            stream.shards[shard].sealed = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(300)
        assert stream.calls_between(began, loop.time()) < 2 * 300
