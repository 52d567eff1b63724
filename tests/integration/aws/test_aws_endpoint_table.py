"""The endpoint table against moto: what a read gives, and which item a status write touches."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from gco_stream_reconciler.aws.endpoint_table import table_id
from gco_stream_reconciler.endpoints.model import RegionStatus
from gco_stream_reconciler.endpoints.status import encode_region_status
from gco_stream_reconciler.errors import ConditionFailedError, ConfigurationError, TableNotFoundError
from gco_stream_reconciler.sandbox.table import Writer
from tests.doubles.scripted_api_server import scripted_server
from tests.doubles.scripted_aws import Aws, collected, connected, gives, page
from tests.grounds.aws import AwsGround
from tests.samples import sample_item, sample_items

REGION = "us-east-1"
CREATED = "2026-11-01T09:00:00+00:00"
RUNNING = encode_region_status(RegionStatus(state="running", replicas_ready=2, replicas_desired=2))
ERROR = encode_region_status(RegionStatus(state="error", error="no such image"))


@pytest.fixture
async def it(aws: AwsGround, writer: Writer) -> AsyncIterator[Aws]:
    writer.create_table()
    async with connected(aws.url, table=writer.table) as found:
        yield found


def item(name: str = "llama", **attributes: Any) -> dict[str, Any]:
    return {"endpoint_name": {"S": name}, "created_at": {"S": CREATED}, **attributes}


async def write(it: Aws, name: str = "llama", **changes: Any) -> None:
    fields: dict[str, Any] = {
        "region": REGION,
        "created_at": CREATED,
        "status": RUNNING,
        "region_status_exists": True,
    }
    await it.table.write_status(name=name, **{**fields, **changes})


# --- Reads --------------------------------------------------------------------------------------------------------


async def test_an_item_is_read_as_it_was_written(it: Aws, writer: Writer) -> None:
    for sample in sample_items():
        writer.put(sample)
    for sample in sample_items():
        assert await it.table.get(sample["endpoint_name"]["S"]) == sample


@pytest.mark.every_ground
async def test_reads_that_come_together_are_each_answered_with_their_own(it: Aws, writer: Writer) -> None:
    samples = {sample["endpoint_name"]["S"]: sample for sample in sample_items()}
    for sample in samples.values():
        writer.put(sample)
    # More than one call may name, some twice, and one that is not there.
    names = [*samples, "gone", *(f"no-{number}" for number in range(30)), *samples]
    found = await asyncio.gather(*(it.table.get(name) for name in names))
    assert found == [samples.get(name) for name in names]


async def test_an_item_that_is_not_there_reads_as_none(it: Aws, writer: Writer) -> None:
    writer.put(item())
    assert await it.table.get("mistral") is None
    assert await it.table.get_home("mistral") is None
    writer.remove("llama")
    assert await it.table.get("llama") is None


async def test_reads_ask_the_replica_and_destructive_decisions_ask_the_home_region(
    aws: AwsGround, writer: Writer
) -> None:
    home = Writer(aws.url, region="us-east-2", table=writer.table)
    writer.create_table()
    home.create_table()
    writer.put(item(where={"S": "replica"}))
    home.put(item(where={"S": "home"}, region_status={"M": {}}))
    async with connected(
        aws.url, table=writer.table, dynamodb_region="us-east-2", stream_region=REGION
    ) as it:
        assert (await it.table.get("llama") or {})["where"] == {"S": "replica"}
        assert (await it.table.get_home("llama") or {})["where"] == {"S": "home"}
        assert [[one["where"]["S"] for one in page] for page in await collected(it)] == [["replica"]]
        described = home.client.describe_table(TableName=home.table)["Table"]
        assert (await it.table.describe()).table_id == table_id(described)
        assert ":us-east-1:" in (await it.streams.stream_of_table())["LatestStreamArn"]
        await write(it)
    assert (home.get("llama") or {})["region_status"] == {"M": {REGION: RUNNING}}
    assert "region_status" not in (writer.get("llama") or {})


async def test_a_table_is_identified_by_its_id_and_only_for_want_of_one_by_its_arn_and_its_birth() -> None:
    arn = "arn:aws:dynamodb:us-east-1:123456789012:table/endpoints"
    created = {"CreationDateTime": 1795257269.223}
    with_id = gives({"Table": {"TableArn": arn, "TableId": "id-1", "TableStatus": "ACTIVE", **created}})
    without_id = gives({"Table": {"TableArn": arn, **created}})
    with_nothing = gives({"Table": {"TableArn": arn}})
    async with scripted_server(with_id, without_id, with_nothing) as server, connected(server.url) as it:
        assert (await it.table.describe()).table_id == "id-1"
        assert (await it.table.describe()).table_id == f"{arn} of 1795257269.223"
        assert (await it.table.describe()).table_id == arn


async def test_a_table_that_is_made_again_under_its_name_is_another_one(it: Aws, writer: Writer) -> None:
    first = await it.table.describe()
    writer.client.delete_table(TableName=writer.table)
    writer.create_table()
    assert (await it.table.describe()).table_id != first.table_id


async def test_what_boto_reads_as_a_time_identifies_the_same_table(it: Aws, writer: Writer) -> None:
    described = writer.client.describe_table(TableName=writer.table)["Table"]
    assert isinstance(described["CreationDateTime"], datetime)
    assert table_id(described) == (await it.table.describe()).table_id


async def test_a_scan_gives_every_item_of_every_page_once(it: Aws, writer: Writer) -> None:
    names = {f"endpoint-{number}" for number in range(10)}
    for name in names:
        writer.put(item(name, padding={"S": "x" * 300_000}))  # a page ends at 1 MB
    pages = await collected(it)
    assert len(pages) > 2
    found = [one["endpoint_name"]["S"] for page in pages for one in page]
    assert (len(found), set(found)) == (10, names)


async def test_a_scan_of_an_empty_table_is_one_empty_page(it: Aws) -> None:
    assert await collected(it) == [[]]


async def test_a_scan_goes_on_after_a_page_without_items() -> None:
    # DynamoDB may give an empty page with a position to go on from.
    empty = gives({"Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": item("a")})
    async with scripted_server(page("a", more=True), empty, page("b")) as server, connected(server.url) as it:
        assert [[one["endpoint_name"]["S"] for one in page] for page in await collected(it)] == [
            ["a"],
            [],
            ["b"],
        ]
    bodies = [asked.body for asked in server.asked]
    assert [body.get("ExclusiveStartKey") for body in bodies] == [
        None,
        {"endpoint_name": {"S": "a"}},
        item("a"),
    ]


async def test_every_read_is_consistent() -> None:
    async with scripted_server(page()) as server, connected(server.url) as it:
        await collected(it)
        await it.table.get("llama")
        await it.table.get_home("llama")
    assert [asked.body["ConsistentRead"] for asked in server.asked] == [True, True, True]


# --- Status writes ------------------------------------------------------------------------------------------------


async def test_a_status_write_sets_its_regions_entry_and_touches_nothing_else(
    it: Aws, writer: Writer
) -> None:
    before = sample_item("vllm-llama3")
    before["region_status"] = {"M": {"eu-west-1": ERROR, REGION: ERROR}}
    writer.put(before)
    await write(it, "vllm-llama3", created_at=before["created_at"]["S"])
    assert writer.get("vllm-llama3") == {
        **before,
        "region_status": {"M": {"eu-west-1": ERROR, REGION: RUNNING}},
    }


@pytest.mark.parametrize("thought_to_exist", [True, False])
async def test_a_region_status_that_is_no_map_is_replaced_by_one_whatever_was_read_before(
    it: Aws, writer: Writer, thought_to_exist: bool
) -> None:
    strange: list[dict[str, Any]] = [{"S": "?"}, {"NULL": True}, {"L": []}]
    for before in ({}, *({"region_status": value} for value in strange)):
        writer.put({**item(), **before})
        await write(it, region_status_exists=thought_to_exist)
        assert writer.get("llama") == item(region_status={"M": {REGION: RUNNING}})


async def test_a_map_that_appeared_after_the_read_keeps_the_other_regions_entries(
    it: Aws, writer: Writer
) -> None:
    writer.put(item(region_status={"M": {"eu-west-1": ERROR}}))
    await write(it, region_status_exists=False)
    assert writer.get("llama") == item(region_status={"M": {"eu-west-1": ERROR, REGION: RUNNING}})


async def test_a_region_is_a_key_of_the_map_and_never_part_of_the_expression(it: Aws, writer: Writer) -> None:
    regions = ("us-east-1", "us-gov-west-1", "a.b", "status", "#x", ":y")
    writer.put(item(region_status={"M": {}}))
    for region in regions:
        await write(it, region=region)
    assert writer.get("llama") == item(region_status={"M": dict.fromkeys(regions, RUNNING)})


@pytest.mark.parametrize("thought_to_exist", [True, False])
async def test_a_status_write_does_not_bring_a_removed_item_back(
    it: Aws, writer: Writer, thought_to_exist: bool
) -> None:
    for created_at in (CREATED, None):
        with pytest.raises(ConditionFailedError, match=r"dynamodb:UpdateItem on table .* in us-east-1"):
            await write(it, created_at=created_at, region_status_exists=thought_to_exist)
    assert writer.get("llama") is None


@pytest.mark.parametrize(
    ("now", "then"), [("2026-11-02T09:00:00+00:00", CREATED), (None, CREATED), (CREATED, None)]
)
async def test_an_item_that_was_made_again_does_not_take_its_predecessors_status(
    it: Aws, writer: Writer, now: str | None, then: str | None
) -> None:
    again: dict[str, Any] = {"endpoint_name": {"S": "llama"}, "region_status": {"M": {}}}
    if now is not None:
        again["created_at"] = {"S": now}
    writer.put(again)
    with pytest.raises(ConditionFailedError):
        await write(it, created_at=then)
    assert writer.get("llama") == again


async def test_an_item_without_a_creation_time_takes_a_status(it: Aws, writer: Writer) -> None:
    writer.put({"endpoint_name": {"S": "llama"}, "region_status": {"M": {}}})
    await write(it, created_at=None)
    assert (writer.get("llama") or {})["region_status"] == {"M": {REGION: RUNNING}}


async def test_a_status_about_one_desired_state_is_not_written_under_another(it: Aws, writer: Writer) -> None:
    writer.put(item(desired_state={"S": "running"}, region_status={"M": {}}))
    with pytest.raises(ConditionFailedError):
        await write(it, only_if_desired_state="deleted")
    assert (writer.get("llama") or {})["region_status"] == {"M": {}}
    writer.delete("llama")
    await write(it, only_if_desired_state="deleted")
    assert (writer.get("llama") or {})["region_status"] == {"M": {REGION: RUNNING}}


# --- Promotion and purge ------------------------------------------------------------------------------------------


FULL = {
    "endpoint_name": {"S": "llama"},
    "created_at": {"S": CREATED},
    "updated_at": {"S": CREATED},
    "desired_state": {"S": "deploying"},
    "target_regions": {"L": [{"S": REGION}]},
    "spec": {"M": {"image": {"S": "vllm:v1"}, "replicas": {"N": "2"}}},
    "region_status": {"M": {REGION: RUNNING}},
}
CHANGES: dict[str, Any] = {
    "created_at": {"S": "2026-11-02T09:00:00+00:00"},
    "desired_state": {"S": "stopped"},
    "target_regions": {"L": [{"S": REGION}, {"S": "eu-west-1"}]},
    "spec": {"M": {"image": {"S": "vllm:v2"}, "replicas": {"N": "2"}}},
}


def without(attribute: str) -> dict[str, Any]:
    return {name: value for name, value in FULL.items() if name != attribute}


async def test_a_promotion_sets_the_desired_state_and_nothing_else(it: Aws, writer: Writer) -> None:
    writer.put(FULL)
    await it.table.promote(FULL)
    assert writer.get("llama") == {**FULL, "desired_state": {"S": "running"}}


async def test_a_promotion_does_not_mind_what_the_regions_said_meanwhile(it: Aws, writer: Writer) -> None:
    now = {**FULL, "region_status": {"M": {REGION: ERROR}}, "updated_at": {"S": "2026-11-02T09:00:00+00:00"}}
    writer.put(now)
    await it.table.promote(FULL)
    assert writer.get("llama") == {**now, "desired_state": {"S": "running"}}


async def test_a_promotion_loses_against_every_change_of_what_it_rests_on(it: Aws, writer: Writer) -> None:
    for attribute, value in CHANGES.items():
        for read, now in (
            (FULL, {**FULL, attribute: value}),
            (FULL, without(attribute)),
            (without(attribute), FULL),
        ):
            writer.put(now)
            with pytest.raises(ConditionFailedError):
                await it.table.promote(read)
            assert writer.get("llama") == now


async def test_a_purge_deletes_the_item_that_was_read(it: Aws, writer: Writer) -> None:
    writer.put(FULL)
    writer.put(item("mistral"))
    await it.table.purge(FULL)
    assert writer.get("llama") is None
    assert writer.get("mistral") is not None


async def test_a_purge_loses_against_every_change_of_the_item(it: Aws, writer: Writer) -> None:
    changes = {
        **CHANGES,
        "updated_at": {"S": "2026-11-02T09:00:00+00:00"},
        "region_status": {"M": {REGION: ERROR}},
    }
    for attribute, value in changes.items():
        for now in ({**FULL, attribute: value}, without(attribute)):
            writer.put(now)
            with pytest.raises(ConditionFailedError):
                await it.table.purge(FULL)
            assert writer.get("llama") == now


async def test_neither_promotion_nor_purge_makes_an_item_that_is_gone(it: Aws, writer: Writer) -> None:
    bare = {"endpoint_name": {"S": "llama"}}
    for write_it in (it.table.promote, it.table.purge):
        for read in (FULL, bare):
            with pytest.raises(ConditionFailedError):
                await write_it(read)
            assert writer.get("llama") is None


async def test_promotion_purge_and_names_are_a_matter_of_the_home_region(
    aws: AwsGround, writer: Writer
) -> None:
    home = Writer(aws.url, region="us-east-2", table=writer.table)
    writer.create_table()
    home.create_table()
    writer.put(FULL)
    for name in ("a", "b", "c", "llama"):
        home.put({**FULL, "endpoint_name": {"S": name}, "padding": {"S": "x" * 300_000}})
    padded = {**FULL, "padding": {"S": "x" * 300_000}}
    async with connected(
        aws.url, table=writer.table, dynamodb_region="us-east-2", stream_region=REGION
    ) as it:
        assert await it.table.names_at_home() == {"a", "b", "c", "llama"}
        await it.table.promote(FULL)
        promoted = {**padded, "desired_state": {"S": "running"}}
        assert home.get("llama") == promoted
        await it.table.purge(promoted)
        assert await it.table.names_at_home() == {"a", "b", "c"}
    assert writer.get("llama") == FULL


async def test_names_at_home_are_read_consistently_page_by_page_and_without_the_rest() -> None:
    answers = (page("a", more=True), page("b", more=True), page())
    async with scripted_server(*answers) as server, connected(server.url) as it:
        assert await it.table.names_at_home() == {"a", "b"}
    assert [asked.body["ConsistentRead"] for asked in server.asked] == [True] * 3
    assert {asked.body["ProjectionExpression"] for asked in server.asked} == {"endpoint_name"}


# --- No table, no credentials -------------------------------------------------------------------------------------


async def test_a_missing_table_is_told_with_the_settings_to_check(aws: AwsGround) -> None:
    async with connected(aws.url, table="no-such-table") as it:
        calls = (
            it.table.describe(),
            it.table.get("llama"),
            it.table.get_home("llama"),
            collected(it),
            write(it),
            it.table.promote(FULL),
            it.table.purge(FULL),
            it.table.names_at_home(),
            it.streams.stream_of_table(),
        )
        for call in calls:
            with pytest.raises(TableNotFoundError) as caught:
                await call
            message = str(caught.value)
            assert "table no-such-table in us-east-1 does not exist" in message
            assert "INFERENCE_ENDPOINTS_TABLE_NAME" in message
            assert "DYNAMODB_REGION" in message


async def test_without_credentials_every_call_says_so_and_nothing_is_asked() -> None:
    async with scripted_server(page()) as server, connected(server.url, environment={}) as it:
        for call in (it.table.get("llama"), collected(it), write(it), it.streams.get_records("iterator")):
            with pytest.raises(ConfigurationError, match=r"no AWS credentials for dynamodb:.*Pod Identity"):
                await call
        assert server.asked == []


@pytest.mark.parametrize("url", ["localhost:8000", "http://localhost:80x", "http://localhost:99999"])
async def test_an_endpoint_that_is_not_a_url_is_named_before_anything_is_sent(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^AWS_ENDPOINT_URL is not a URL: .*"):
        async with connected(url):
            pass
