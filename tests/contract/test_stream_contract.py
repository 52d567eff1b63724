"""What the consumer relies on, asked of everything that stands in for DynamoDB Streams: two emulators and our double."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import uuid4

import pytest

from gco_stream_reconciler.aws.session import open_clients
from gco_stream_reconciler.aws.streams import DynamoDbStreams
from gco_stream_reconciler.errors import ReconcilerError, ShardNotFoundError
from gco_stream_reconciler.sandbox.table import Writer
from gco_stream_reconciler.settings import StreamSettings, load_settings
from gco_stream_reconciler.stream.adapter import (
    LATEST,
    TRIM_HORIZON,
    DynamoDbStreamsAdapter,
    Page,
    Record,
    StartPosition,
    StreamAdapter,
    sequence_number,
)
from gco_stream_reconciler.stream.changes import key_of
from gco_stream_reconciler.stream.consumer import StreamConsumer
from tests.doubles.stream import CountingObserver, ScriptedStream, SinkDouble
from tests.grounds.aws import DYNAMODB_LOCAL, MOTO, why_not_dynamodb_local
from tests.grounds.plugin import AwsGrounds, note_ground

DOUBLE = "double"
WAIT_SECONDS = 20.0
UNKNOWN_SHARD = "shardId-00000001795245878289-c127ef09"


@dataclass(frozen=True)
class Subject:
    """A table with a stream. disable switches the stream off, renew on again; None where the ground cannot."""

    adapter: StreamAdapter
    write: Callable[[str], None]
    disable: Callable[[], None] | None
    renew: Callable[[], object] | None

    async def arn(self) -> str:
        return (await self.adapter.describe()).arn

    async def only_shard(self) -> tuple[str, str]:
        arn = await self.arn()
        (shard,) = (await self.adapter.list_shards(arn)).shards
        return arn, shard.shard_id

    async def iterator(self, start: StartPosition) -> str:
        return await self.adapter.get_shard_iterator(*await self.only_shard(), start)

    async def read(self, iterator: str | None) -> tuple[list[Record], str | None]:
        """Records page after page, up to an empty page or the end of the shard, and the iterator that comes next."""
        records: list[Record] = []
        while iterator is not None:
            page = await self.adapter.get_records(iterator)
            records += page.records
            iterator = page.next_iterator
            if not page.records:
                break
        return records, iterator


def on(*grounds: str) -> pytest.MarkDecorator:
    why = why_not_dynamodb_local()
    marks = {DYNAMODB_LOCAL: [pytest.mark.skip(reason=f"{DYNAMODB_LOCAL}: {why}")] if why else []}
    params = [
        pytest.param(name, marks=marks.get(name, ()), id=name.lower().replace(" ", "-")) for name in grounds
    ]
    return pytest.mark.parametrize("subject", params, indirect=True)


everywhere = on(MOTO, DYNAMODB_LOCAL, DOUBLE)
where_shards_end = on(DYNAMODB_LOCAL, DOUBLE)  # moto never seals a shard


@pytest.fixture
async def subject(request: pytest.FixtureRequest, aws_grounds: AwsGrounds) -> AsyncIterator[Subject]:
    if request.param == DOUBLE:
        stream = ScriptedStream(latency_seconds=0.0)
        stream.open_shard()
        yield Subject(stream, stream.write, stream.disable, stream.renew)
        return
    note_ground(request, request.param)
    ground = aws_grounds.started(request.param)
    with ground.in_use():
        async with _emulated(Writer(ground.url, table=f"contract-{uuid4().hex}")) as found:
            yield found


@contextlib.asynccontextmanager
async def _emulated(writer: Writer) -> AsyncIterator[Subject]:
    writer.create_table()
    place = load_settings(region="us-east-1", table_name=writer.table).place

    def enable(*, enabled: bool) -> None:
        view = {"StreamViewType": "NEW_AND_OLD_IMAGES"} if enabled else {}
        specification = {"StreamEnabled": enabled, **view}
        writer.client.update_table(TableName=writer.table, StreamSpecification=specification)

    async with AsyncExitStack() as stack:
        streams = DynamoDbStreams(await stack.enter_async_context(open_clients(place)), place)
        yield Subject(
            DynamoDbStreamsAdapter(streams, now=lambda: 0.0),
            lambda key: writer.put({"endpoint_name": {"S": key}, "mark": {"S": uuid4().hex}}),
            lambda: enable(enabled=False),
            lambda: enable(enabled=True),
        )


def keys(records: list[Record]) -> list[str | None]:
    return [key_of(record) for record in records]


# --- The stream and its shards ------------------------------------------------------------------------------------


@everywhere
async def test_the_tables_stream_is_enabled_and_keeps_its_name(subject: Subject) -> None:
    description = await subject.adapter.describe()
    assert description.arn
    assert description.status == "ENABLED"
    subject.write("a")
    assert await subject.arn() == description.arn


@everywhere
async def test_a_fresh_stream_has_one_open_shard_without_children(subject: Subject) -> None:
    arn = await subject.arn()
    listing = await subject.adapter.list_shards(arn)
    assert listing.complete
    (shard,) = listing.shards
    assert (shard.parent_id, shard.sealed) == (None, False)
    assert await subject.adapter.list_children(arn, shard.shard_id) == ()


@everywhere
async def test_the_shards_stay_the_same_while_records_come(subject: Subject) -> None:
    arn = await subject.arn()
    before = await subject.adapter.list_shards(arn)
    for number in range(5):
        subject.write(f"k{number}")
    assert await subject.adapter.list_shards(arn) == before


# --- Iterators ----------------------------------------------------------------------------------------------------


@everywhere
async def test_latest_gives_what_is_written_after_the_iterator_was_made_and_nothing_older(
    subject: Subject,
) -> None:
    subject.write("before")
    iterator = await subject.iterator(LATEST)
    subject.write("after")
    records, _ = await subject.read(iterator)
    assert keys(records) == ["after"]


@everywhere
async def test_latest_of_an_empty_shard_gives_what_is_written_next(subject: Subject) -> None:
    iterator = await subject.iterator(LATEST)
    subject.write("a")
    records, _ = await subject.read(iterator)
    assert keys(records) == ["a"]


@everywhere
async def test_the_horizon_gives_everything_in_the_order_of_the_writes(subject: Subject) -> None:
    written = [f"k{number % 4}" for number in range(10)]
    for key in written:
        subject.write(key)
    records, _ = await subject.read(await subject.iterator(TRIM_HORIZON))
    assert keys(records) == written


@everywhere
async def test_after_a_sequence_number_comes_the_next_record(subject: Subject) -> None:
    for number in range(6):
        subject.write(f"k{number}")
    records, _ = await subject.read(await subject.iterator(TRIM_HORIZON))
    for place, record in enumerate(records):
        start = StartPosition("AFTER_SEQUENCE_NUMBER", sequence_number(record))
        following, _ = await subject.read(await subject.iterator(start))
        assert following == records[place + 1 :]


@everywhere
async def test_the_last_sequence_number_is_a_place_to_go_on_from(subject: Subject) -> None:
    subject.write("a")
    records, _ = await subject.read(await subject.iterator(TRIM_HORIZON))
    iterator = await subject.iterator(StartPosition("AFTER_SEQUENCE_NUMBER", sequence_number(records[-1])))
    subject.write("b")
    assert keys((await subject.read(iterator))[0]) == ["b"]


# --- Records ------------------------------------------------------------------------------------------------------


@everywhere
async def test_a_record_tells_its_event_its_key_and_a_growing_place(subject: Subject) -> None:
    for number in range(4):
        subject.write(f"k{number}")
    records, _ = await subject.read(await subject.iterator(TRIM_HORIZON))
    assert {record["eventName"] for record in records} <= {"INSERT", "MODIFY"}
    places = [int(sequence_number(record) or 0) for record in records]
    assert places == sorted(set(places))


@everywhere
async def test_an_open_shard_gives_an_iterator_with_every_page_empty_ones_included(subject: Subject) -> None:
    iterator: str | None = await subject.iterator(LATEST)
    for number in range(3):
        for _ in range(2):
            assert iterator is not None
            page: Page = await subject.adapter.get_records(iterator)
            assert page.records == ()
            iterator = page.next_iterator
        subject.write(f"k{number}")
        records, iterator = await subject.read(iterator)
        assert keys(records) == [f"k{number}"]


@everywhere
async def test_the_same_iterator_gives_the_same_page_again(subject: Subject) -> None:
    subject.write("a")
    iterator = await subject.iterator(TRIM_HORIZON)
    first, second = [await subject.adapter.get_records(iterator) for _ in range(2)]
    assert first.records == second.records
    assert keys(list(first.records)) == ["a"]


# --- Refusals -----------------------------------------------------------------------------------------------------


@everywhere
async def test_an_unknown_iterator_is_an_error_of_ours(subject: Subject) -> None:
    with pytest.raises(ReconcilerError):
        await subject.adapter.get_records("nonsense")


@everywhere
async def test_an_iterator_of_an_unknown_shard_is_an_error_of_ours(subject: Subject) -> None:
    with pytest.raises(ReconcilerError):
        await subject.adapter.get_shard_iterator(await subject.arn(), UNKNOWN_SHARD, LATEST)


@where_shards_end
async def test_an_unknown_shard_is_said_to_be_gone(subject: Subject) -> None:
    with pytest.raises(ShardNotFoundError):
        await subject.adapter.get_shard_iterator(await subject.arn(), UNKNOWN_SHARD, LATEST)


@everywhere
async def test_an_unknown_stream_is_said_to_be_gone(subject: Subject) -> None:
    head, _, tail = (await subject.arn()).partition("contract-")
    with pytest.raises(ShardNotFoundError):
        await subject.adapter.list_shards(f"{head}other-{tail}")


# --- Ends ---------------------------------------------------------------------------------------------------------


@where_shards_end
async def test_the_last_page_of_a_sealed_shard_holds_records_and_no_iterator(subject: Subject) -> None:
    iterator = await subject.iterator(LATEST)
    subject.write("last")
    assert subject.disable is not None
    subject.disable()
    page = await subject.adapter.get_records(iterator)
    assert (keys(list(page.records)), page.next_iterator) == (["last"], None)
    description = await subject.adapter.describe()
    assert description.status == "DISABLED"
    assert [shard.sealed for shard in (await subject.adapter.list_shards(description.arn)).shards] == [True]


@where_shards_end
async def test_a_stream_that_is_enabled_again_is_another_one(subject: Subject) -> None:
    subject.write("old")
    old = await subject.arn()
    assert subject.disable is not None
    assert subject.renew is not None
    subject.disable()
    subject.renew()
    assert await subject.arn() != old
    subject.write("new")
    records, _ = await subject.read(await subject.iterator(TRIM_HORIZON))
    assert keys(records) == ["new"]


# --- The consumer on it -------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def consuming(subject: Subject) -> AsyncIterator[SinkDouble]:
    sink = SinkDouble({})
    consumer = StreamConsumer(
        adapter=subject.adapter,
        sink=sink,
        settings=StreamSettings(idle_poll_seconds=0.25, audit_seconds=1),
        table_name="endpoints",
        region="us-east-1",
        clock=asyncio.get_running_loop().time,
        random=random.Random(1),
        observer=CountingObserver(),
    )
    task = asyncio.create_task(consumer.run())
    try:
        yield sink
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():
            await asyncio.sleep(0.02)


@everywhere
async def test_the_consumer_queues_each_write_after_its_start_once_and_in_order(subject: Subject) -> None:
    subject.write("before")
    async with consuming(subject) as sink:
        await until(lambda: sink.resyncs == ["start"])
        written = [f"k{number}" for number in range(8)]
        for key in written:
            subject.write(key)
        await until(lambda: len(sink.keys) >= len(written))
        assert sink.keys == written


@where_shards_end
async def test_the_consumer_follows_the_table_to_its_next_stream(subject: Subject) -> None:
    async with consuming(subject) as sink:
        await until(lambda: sink.resyncs == ["start"])
        subject.write("last")
        assert subject.disable is not None
        assert subject.renew is not None
        subject.disable()
        subject.renew()
        await until(lambda: sink.resyncs.count("start") == 2)
        subject.write("first")
        await until(lambda: "first" in sink.keys)
        assert sink.keys == ["last", "first"]
