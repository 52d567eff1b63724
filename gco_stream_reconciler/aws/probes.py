"""IAM actions tried: reads for real, writes on a condition that cannot hold."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gco_stream_reconciler.aws.calls import within
from gco_stream_reconciler.aws.errors import STREAM_GONE, own_errors
from gco_stream_reconciler.aws.session import Clients
from gco_stream_reconciler.errors import ConfigurationError, ReconcilerError, TableNotFoundError
from gco_stream_reconciler.settings import PlaceSettings

_SECONDS = 8.0
_NOBODY = {"endpoint_name": {"S": "-"}}
"""No endpoint can have this name: it is no DNS label."""
_NEVER = "attribute_exists(endpoint_name) AND attribute_not_exists(endpoint_name)"

Call = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Tried:
    """action: such as `dynamodb:Scan`. error: what came instead of an answer; ConditionFailedError for an allowed write."""

    action: str
    where: str
    error: ReconcilerError | None


async def tried_actions(clients: Clients, place: PlaceSettings) -> list[Tried]:
    """Every action of docs/deploy/controller-policy.json, as far as what it needs is there. Raises ConfigurationError."""
    return [*await _home(clients, place), *await _local(clients, place), *await _stream(clients, place)]


async def _home(clients: Clients, place: PlaceSettings) -> list[Tried]:
    client, table = clients.home, {"TableName": place.table_name}
    where = f"table {place.table_name} in {place.home_region}"
    never = {**table, "Key": _NOBODY, "ConditionExpression": _NEVER}
    update = {
        **never,
        "UpdateExpression": "SET #probe = :probe",
        "ExpressionAttributeNames": {"#probe": "doctor"},
        "ExpressionAttributeValues": {":probe": {"S": "never written"}},
    }
    return [
        *await _reads(client, table, where),
        await _tried("dynamodb:UpdateItem", where, lambda: client.update_item(**update)),
        await _tried("dynamodb:DeleteItem", where, lambda: client.delete_item(**never)),
    ]


async def _local(clients: Clients, place: PlaceSettings) -> list[Tried]:
    client, name = clients.local, place.table_name
    where = f"table {name} in {place.read_region}"
    reads = [] if client is clients.home else await _reads(client, {"TableName": name}, where)
    several = {name: {"Keys": [_NOBODY]}}
    return [
        *reads,
        await _tried("dynamodb:BatchGetItem", where, lambda: client.batch_get_item(RequestItems=several)),
    ]


async def _reads(client: Any, table: Mapping[str, Any], where: str) -> list[Tried]:
    return [
        await _tried("dynamodb:DescribeTable", where, lambda: client.describe_table(**table)),
        await _tried("dynamodb:GetItem", where, lambda: client.get_item(**table, Key=_NOBODY)),
        await _tried("dynamodb:Scan", where, lambda: client.scan(**table, Limit=1)),
    ]


async def _stream(clients: Clients, place: PlaceSettings) -> list[Tried]:
    """The three calls of a reader, each with what the one before gave."""
    where = f"the stream of table {place.table_name} in {place.read_region}"
    streams = clients.streams
    kept: dict[str, Any] = {}

    async def describe_table() -> None:
        kept["arn"] = (await clients.local.describe_table(TableName=place.table_name))["Table"].get(
            "LatestStreamArn"
        )

    async def describe() -> None:
        kept["shards"] = (await streams.describe_stream(StreamArn=kept["arn"]))["StreamDescription"]["Shards"]

    async def iterator() -> None:
        shard = kept["shards"][0]["ShardId"]
        asked = {"StreamArn": kept["arn"], "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        kept["iterator"] = (await streams.get_shard_iterator(**asked))["ShardIterator"]

    async def records() -> None:
        await streams.get_records(ShardIterator=kept["iterator"], Limit=1)

    await _tried("dynamodb:DescribeTable", where, describe_table)  # said by `_home` or `_local` already
    if kept.get("arn") is None:
        return []
    found = [await _tried("dynamodb:DescribeStream", where, describe)]
    if kept.get("shards"):
        found.append(await _tried("dynamodb:GetShardIterator", where, iterator))
    if kept.get("iterator"):
        found.append(await _tried("dynamodb:GetRecords", where, records))
    return found


async def _tried(action: str, where: str, call: Call) -> Tried:
    try:
        with own_errors(action, where, missing=STREAM_GONE if "tream" in action else TableNotFoundError):
            await within(_SECONDS, f"{action} on {where}", call())
    except ConfigurationError:
        raise
    except ReconcilerError as error:
        return Tried(action, where, error)
    return Tried(action, where, None)
