"""IAM actions tried: reads for real, writes on a condition that cannot hold."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gco_stream_reconciler.aws.calls import within
from gco_stream_reconciler.aws.errors import STREAM_GONE, own_errors
from gco_stream_reconciler.aws.session import Clients
from gco_stream_reconciler.cli.checks import Check, fail, ok, warn
from gco_stream_reconciler.errors import (
    ConditionFailedError,
    ConfigurationError,
    PermissionDeniedError,
    ReconcilerError,
    TableNotFoundError,
)
from gco_stream_reconciler.settings import PlaceSettings

_SECONDS = 8.0
_NOBODY = {"endpoint_name": {"S": "-"}}
"""No endpoint can have this name: it is no DNS label."""
_NEVER = "attribute_exists(endpoint_name) AND attribute_not_exists(endpoint_name)"

Call = Callable[[], Awaitable[Any]]


async def described(clients: Clients, place: PlaceSettings) -> Mapping[str, Any]:
    """The home table. Raises the errors of `own_errors`."""
    where = f"table {place.table_name} in {place.home_region}"
    with own_errors("dynamodb:DescribeTable", where):
        call = clients.home.describe_table(TableName=place.table_name)
        answer = await within(_SECONDS, f"description of {where}", call)
    table: Mapping[str, Any] = answer["Table"]
    return table


async def tried_actions(clients: Clients, place: PlaceSettings) -> list[Check]:
    """A line for each action of docs/deploy/controller-policy.json."""
    return [*await _home(clients, place), *await _local(clients, place), *await _stream(clients, place)]


async def _home(clients: Clients, place: PlaceSettings) -> list[Check]:
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


async def _local(clients: Clients, place: PlaceSettings) -> list[Check]:
    client, name = clients.local, place.table_name
    where = f"table {name} in {place.read_region}"
    reads = [] if client is clients.home else await _reads(client, {"TableName": name}, where)
    several = {name: {"Keys": [_NOBODY]}}
    return [
        *reads,
        await _tried("dynamodb:BatchGetItem", where, lambda: client.batch_get_item(RequestItems=several)),
    ]


async def _reads(client: Any, table: Mapping[str, Any], where: str) -> list[Check]:
    return [
        await _tried("dynamodb:DescribeTable", where, lambda: client.describe_table(**table)),
        await _tried("dynamodb:GetItem", where, lambda: client.get_item(**table, Key=_NOBODY)),
        await _tried("dynamodb:Scan", where, lambda: client.scan(**table, Limit=1)),
    ]


async def _stream(clients: Clients, place: PlaceSettings) -> list[Check]:
    """The three calls of a reader, each with what the one before gave."""
    where = f"the stream of table {place.table_name} in {place.read_region}"
    try:
        answer = await within(_SECONDS, where, clients.local.describe_table(TableName=place.table_name))
        arn = answer["Table"].get("LatestStreamArn")
    except Exception:  # noqa: BLE001 - said by the check of DescribeTable already
        return []
    if arn is None:
        return []
    streams, kept = clients.streams, {}

    async def describe() -> None:
        kept["shards"] = (await streams.describe_stream(StreamArn=arn))["StreamDescription"]["Shards"]

    async def iterator() -> None:
        shard = kept["shards"][0]["ShardId"]
        asked = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        kept["iterator"] = (await streams.get_shard_iterator(**asked))["ShardIterator"]

    async def records() -> None:
        await streams.get_records(ShardIterator=kept["iterator"], Limit=1)

    checks = [await _tried("dynamodb:DescribeStream", where, describe)]
    if kept.get("shards"):
        checks.append(await _tried("dynamodb:GetShardIterator", where, iterator))
    if kept.get("iterator"):
        checks.append(await _tried("dynamodb:GetRecords", where, records))
    return checks


async def _tried(action: str, where: str, call: Call) -> Check:
    name = f"IAM {action}"
    try:
        with own_errors(action, where, missing=STREAM_GONE if "tream" in action else TableNotFoundError):
            await within(_SECONDS, f"{action} on {where}", call())
    except ConditionFailedError:
        return ok(name, f"allowed on {where}; nothing was written")
    except PermissionDeniedError as error:
        return fail(name, str(error), f"allow {action} on {where}: docs/deploy/controller-policy.json")
    except ConfigurationError:
        raise
    except ReconcilerError as error:
        return warn(name, f"not answered: {error}", "try again; whether it is allowed is not known")
    return ok(name, f"allowed on {where}")
