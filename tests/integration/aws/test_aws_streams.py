"""The table's stream against moto: what each call gives, and where each kind of iterator begins."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gco_stream_reconciler.errors import StreamNotEnabledError
from gco_stream_reconciler.sandbox.table import Writer
from gco_stream_reconciler.stream.adapter import LATEST, TRIM_HORIZON, DynamoDbStreamsAdapter, StartPosition
from tests.doubles.scripted_api_server import scripted_server
from tests.doubles.scripted_aws import ARN, SHARD, Aws, connected, gives, operations
from tests.grounds.aws import AwsGround


@pytest.fixture
async def it(aws: AwsGround, writer: Writer) -> AsyncIterator[Aws]:
    writer.create_table()
    async with connected(aws.url, table=writer.table) as found:
        yield found


def put(writer: Writer, *names: str) -> None:
    for name in names:
        writer.put({"endpoint_name": {"S": name}})


async def bound(it: Aws) -> tuple[str, str]:
    """The stream and its one shard."""
    arn = (await it.streams.stream_of_table())["LatestStreamArn"]
    (shard,) = (await it.streams.describe_stream(arn))["Shards"]
    return arn, shard["ShardId"]


def keys(answer: dict[str, Any]) -> list[str]:
    return [record["dynamodb"]["Keys"]["endpoint_name"]["S"] for record in answer["Records"]]


async def test_the_table_tells_its_stream_and_the_stream_its_shards(it: Aws, writer: Writer) -> None:
    table = await it.streams.stream_of_table()
    assert table["TableName"] == writer.table
    stream = await it.streams.describe_stream(table["LatestStreamArn"])
    assert stream["StreamStatus"] == "ENABLED"
    assert stream["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert [shard["ShardId"] for shard in stream["Shards"]] == [(await bound(it))[1]]


async def test_an_iterator_from_the_trim_horizon_gives_every_record_in_order(it: Aws, writer: Writer) -> None:
    put(writer, "a", "b")
    writer.remove("a")
    arn, shard = await bound(it)
    answer = await it.streams.get_records(await it.streams.get_shard_iterator(arn, shard, "TRIM_HORIZON"))
    assert keys(answer) == ["a", "b", "a"]
    assert [record["eventName"] for record in answer["Records"]] == ["INSERT", "INSERT", "REMOVE"]
    put(writer, "c")
    assert keys(await it.streams.get_records(answer["NextShardIterator"])) == ["c"]


async def test_an_iterator_from_now_gives_only_what_is_written_later(it: Aws, writer: Writer) -> None:
    put(writer, "before")
    arn, shard = await bound(it)
    iterator = await it.streams.get_shard_iterator(arn, shard, "LATEST")
    put(writer, "after")
    assert keys(await it.streams.get_records(iterator)) == ["after"]


async def test_a_page_has_no_more_records_than_asked_for_and_the_next_goes_on(
    it: Aws, writer: Writer
) -> None:
    put(writer, "a", "b", "c")
    arn, shard = await bound(it)
    iterator = await it.streams.get_shard_iterator(arn, shard, "TRIM_HORIZON")
    first = await it.streams.get_records(iterator, limit=2)
    second = await it.streams.get_records(first["NextShardIterator"], limit=2)
    assert (keys(first), keys(second)) == (["a", "b"], ["c"])


async def test_a_stream_without_news_gives_an_empty_page_and_the_way_on(it: Aws) -> None:
    arn, shard = await bound(it)
    answer = await it.streams.get_records(await it.streams.get_shard_iterator(arn, shard, "LATEST"))
    assert answer["Records"] == []
    assert answer["NextShardIterator"]


async def test_the_streams_adapter_reads_a_real_stream(it: Aws, writer: Writer) -> None:
    put(writer, "a")
    adapter = DynamoDbStreamsAdapter(it.streams, now=lambda: 0.0)
    stream = await adapter.describe()
    listing = await adapter.list_shards(stream.arn)
    (shard,) = listing.shards
    assert (stream.status, listing.complete, shard.sealed) == ("ENABLED", True, False)
    late = await adapter.get_shard_iterator(stream.arn, shard.shard_id, LATEST)
    all_of_it = await adapter.get_shard_iterator(stream.arn, shard.shard_id, TRIM_HORIZON)
    assert (await adapter.get_records(late)).records == ()
    assert len((await adapter.get_records(all_of_it)).records) == 1


async def test_a_table_without_a_stream_is_told_with_the_command_that_makes_one(
    aws: AwsGround, writer: Writer
) -> None:
    writer.create_table(stream=False)
    async with connected(aws.url, table=writer.table) as it:
        with pytest.raises(StreamNotEnabledError) as caught:
            await DynamoDbStreamsAdapter(it.streams, now=lambda: 0.0).describe()
    assert f" --table-name {writer.table} --stream-specification StreamEnabled=true" in str(caught.value)


# --- What moto does not know ----------------------------------------------------------------------------------------


async def test_shards_are_asked_for_from_a_position_and_by_their_parent() -> None:
    answer = gives({"StreamDescription": {"StreamArn": ARN, "Shards": []}})
    async with scripted_server(answer) as server, connected(server.url) as it:
        await it.streams.describe_stream(ARN)
        await it.streams.describe_stream(ARN, exclusive_start_shard_id=SHARD)
        await it.streams.describe_stream(ARN, shard_filter={"Type": "CHILD_SHARDS", "ShardId": SHARD})
    assert [asked.body for asked in server.asked] == [
        {"StreamArn": ARN},
        {"StreamArn": ARN, "ExclusiveStartShardId": SHARD},
        {"StreamArn": ARN, "ShardFilter": {"Type": "CHILD_SHARDS", "ShardId": SHARD}},
    ]


async def test_an_iterator_goes_on_after_a_record_that_was_read() -> None:
    async with scripted_server(gives({"ShardIterator": "it"})) as server, connected(server.url) as it:
        adapter = DynamoDbStreamsAdapter(it.streams, now=lambda: 0.0)
        start = StartPosition("AFTER_SEQUENCE_NUMBER", "000000000000000000123")
        assert await adapter.get_shard_iterator(ARN, SHARD, start) == "it"
    assert operations(server.asked) == ["GetShardIterator"]
    assert server.asked[0].body == {
        "StreamArn": ARN,
        "ShardId": SHARD,
        "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
        "SequenceNumber": "000000000000000000123",
    }


async def test_a_drained_shard_has_no_next_iterator() -> None:
    async with scripted_server(gives({"Records": []})) as server, connected(server.url) as it:
        page = await DynamoDbStreamsAdapter(it.streams, now=lambda: 0.0).get_records("iterator")
    assert (page.records, page.next_iterator) == ((), None)
