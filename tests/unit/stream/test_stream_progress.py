"""What the consumer tells of its reading: the age of the last poll, and the lag."""

import asyncio

import pytest

from gco_stream_reconciler.errors import UnavailableError
from gco_stream_reconciler.stream.adapter import Page
from tests.doubles.stream import ScriptedStream, SinkDouble
from tests.unit.stream.consuming import consumer_of, running

pytestmark = pytest.mark.looptime

TERM = 600


class Lagging(ScriptedStream):
    """The first shard is five minutes behind."""

    async def get_records(self, iterator: str) -> Page:
        page = await super().get_records(iterator)
        behind = 300.0 if "shard-0001" in iterator else 0.0
        return Page(page.records, page.next_iterator, behind)


async def test_one_lagging_shard_of_four_is_the_lag() -> None:
    stream = Lagging()
    for _ in range(4):
        stream.open_shard()
    consumer = consumer_of(stream, SinkDouble({}))
    assert consumer.lag_seconds() == 0
    async with running(consumer):
        await asyncio.sleep(2)
        for _ in range(100):
            await asyncio.sleep(0.07)
            assert consumer.lag_seconds() == 300


async def test_the_poll_age_stays_small_over_a_rollover_of_the_only_shard() -> None:
    stream = ScriptedStream()
    shard = stream.open_shard()
    consumer = consumer_of(stream, SinkDouble({}), idle_poll_seconds=5)
    async with running(consumer):
        await asyncio.sleep(TERM)
        stream.shards[shard].sealed = True
        ages = []
        for number in range(2000):
            await asyncio.sleep(0.01)
            if number == 1000:
                stream.open_shard(shard)
            ages.append(consumer.unpolled_seconds())
        assert max(ages) < 15


async def test_the_poll_age_grows_while_no_child_is_there_to_be_read() -> None:
    stream = ScriptedStream()
    shard = stream.open_shard()
    consumer = consumer_of(stream, SinkDouble({}))
    async with running(consumer):
        await asyncio.sleep(TERM)
        stream.shards[shard].sealed = True
        await asyncio.sleep(60)
        assert 59 <= consumer.unpolled_seconds() <= 61


async def test_the_poll_age_counts_from_the_start_until_a_first_poll() -> None:
    stream = ScriptedStream()
    stream.open_shard()
    stream.faults["describe"] = [UnavailableError("down")] * 100
    consumer = consumer_of(stream, SinkDouble({}))
    async with running(consumer):
        await asyncio.sleep(40)
        assert consumer.unpolled_seconds() == pytest.approx(40)


async def test_the_poll_age_counts_on_from_the_stream_before_while_the_next_cannot_be_read() -> None:
    stream = ScriptedStream()
    stream.open_shard()
    consumer = consumer_of(stream, SinkDouble({}))
    async with running(consumer):
        await asyncio.sleep(TERM)
        stream.renew()
        stream.hung.add(stream.arn)
        await asyncio.sleep(45)
        assert 44 <= consumer.unpolled_seconds() <= 46
        assert consumer.progress() == []
