"""Each call reaches the server that is meant for it, signed for the Region that it is in."""

import re

import pytest

from gco_stream_reconciler.errors import ConfigurationError
from tests.doubles.scripted_api_server import Asked, scripted_server
from tests.doubles.scripted_aws import ARN, SHARD, connected, gives, operations

HOME, READ = "us-east-1", "eu-west-1"
ITEM = {"endpoint_name": {"S": "llama"}}
NOWHERE = "http://127.0.0.1:9"


def signed_for(asked: list[Asked]) -> set[str]:
    """Service and Region of the signatures."""
    scopes = [
        re.search(r"Credential=[^/]+/\d+/(\S+)/aws4_request,", one.headers["Authorization"]) for one in asked
    ]
    return {scope[1] for scope in scopes if scope}


async def test_two_regions_are_each_asked_at_their_own_url_and_with_their_own_region() -> None:
    async with (
        scripted_server(gives({"Item": ITEM})) as home,
        scripted_server(gives({"Table": {}}), gives({"Responses": {"endpoints": [ITEM]}})) as read,
        scripted_server(gives({"ShardIterator": "i"}), gives({"Records": []})) as stream,
        connected(
            NOWHERE,
            dynamodb_region=HOME,
            stream_region=READ,
            home_table_endpoint_url=home.url,
            read_table_endpoint_url=read.url,
            stream_endpoint_url=stream.url,
        ) as it,
    ):
        assert await it.table.get_home("llama") == ITEM
        await it.streams.stream_of_table()
        await it.clients.local.batch_get_item(RequestItems={})
        await it.streams.get_shard_iterator(ARN, SHARD, "LATEST")
        await it.streams.get_records("i")
    assert (operations(home.asked), signed_for(home.asked)) == (["GetItem"], {f"{HOME}/dynamodb"})
    assert operations(read.asked) == ["DescribeTable", "BatchGetItem"]
    assert signed_for(read.asked) == {f"{READ}/dynamodb"}
    assert operations(stream.asked) == ["GetShardIterator", "GetRecords"]
    assert signed_for(stream.asked) == {f"{READ}/dynamodb"}


async def test_a_url_of_the_home_table_counts_for_reads_of_the_same_region() -> None:
    async with (
        scripted_server(gives({"Item": ITEM}), gives({"Table": {}})) as home,
        connected(NOWHERE, home_table_endpoint_url=home.url) as it,
    ):
        await it.table.get_home("llama")
        await it.streams.stream_of_table()
    assert operations(home.asked) == ["GetItem", "DescribeTable"]


async def test_one_emulator_may_be_two_regions() -> None:
    async with (
        scripted_server(gives({"Item": ITEM}), gives({"Table": {}})) as both,
        connected(both.url, dynamodb_region=HOME, stream_region=READ) as it,
    ):
        await it.table.get_home("llama")
        await it.streams.stream_of_table()
    assert signed_for(both.asked) == {f"{HOME}/dynamodb", f"{READ}/dynamodb"}


@pytest.mark.parametrize(
    ("host", "variable"),
    [
        ("vpce-1a-2b.dynamodb.us-east-1.vpce.amazonaws.com", "READ_TABLE_ENDPOINT_URL"),
        ("dynamodb.us-east-1.amazonaws.com", "READ_TABLE_ENDPOINT_URL"),
        ("vpce-1a-2b.dynamodb.eu-west-1.vpce.amazonaws.com", "HOME_TABLE_ENDPOINT_URL"),
        ("vpce-1a-2b.dynamodb.cn-north-1.vpce.amazonaws.com.cn", "HOME_TABLE_ENDPOINT_URL"),
    ],
)
async def test_an_endpoint_of_aws_in_another_region_is_refused_before_it_is_asked(
    host: str, variable: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"{host}/ is not in .*: set {variable}"):
        async with connected(f"https://{host}", dynamodb_region=HOME, stream_region=READ):
            pass


async def test_a_setting_that_names_another_region_is_refused_too() -> None:
    url = "https://vpce-3c.streams.dynamodb.us-east-1.vpce.amazonaws.com"
    with pytest.raises(ConfigurationError, match=r"is not in eu-west-1: set STREAM_ENDPOINT_URL"):
        async with connected(NOWHERE, dynamodb_region=HOME, stream_region=READ, stream_endpoint_url=url):
            pass


@pytest.mark.parametrize(
    "host",
    [
        "dynamodb.internal.test",
        "localstack.default.svc:4566",
        "ec2-192-0-2-1.compute-1.amazonaws.com:8000",
        "10.0.0.7",
    ],
)
async def test_a_host_that_says_nothing_of_a_region_may_be_any(host: str) -> None:
    async with connected(f"http://{host}", dynamodb_region=HOME, stream_region=READ):
        pass
