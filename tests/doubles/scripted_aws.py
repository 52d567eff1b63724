"""AWS that misbehaves: what DynamoDB and its stream answer when something is wrong, and clients that ask it.

The answers are worded as the services word them.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from aiohttp import web

from gco_stream_reconciler.aws.endpoint_table import EndpointTable
from gco_stream_reconciler.aws.session import Clients, open_clients
from gco_stream_reconciler.aws.streams import DynamoDbStreams
from gco_stream_reconciler.settings import PlaceSettings
from tests.doubles.scripted_api_server import Answer, Asked

TABLE = "endpoints"
REGION = "us-east-1"
ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/endpoints/stream/2026-11-01T09:00:00.000"
SHARD = "shardId-00000001700000000000-0badcafe"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox"}


@dataclass(frozen=True)
class Aws:
    """What the product uses of AWS."""

    clients: Clients
    table: EndpointTable
    streams: DynamoDbStreams


@contextlib.asynccontextmanager
async def connected(
    url: str,
    *,
    table: str = TABLE,
    environment: Mapping[str, str] = CREDENTIALS,
    may_write: Callable[[], bool] = lambda: True,
    **places: Any,
) -> AsyncIterator[Aws]:
    """The product's clients of a server, with these variables of AWS and no others."""
    place = PlaceSettings(region=REGION, table_name=table, **places)
    with only_variables({"AWS_ENDPOINT_URL": url, "AWS_EC2_METADATA_DISABLED": "true", **environment}):
        async with open_clients(place) as clients:
            chance = Random(0)
            endpoints = EndpointTable(clients, place, random=chance, may_write=may_write)
            yield Aws(clients, endpoints, DynamoDbStreams(clients, place))


async def collected(aws: Aws) -> list[list[dict[str, Any]]]:
    """Every page of a scan."""
    return [page async for page in aws.table.scan()]


@contextlib.contextmanager
def only_variables(environment: Mapping[str, str]) -> Iterator[None]:
    """Of all variables that tell the SDK something, only these; the others come back afterwards."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("AWS_"):
            del os.environ[name]
    # No file of the machine's user may matter either.
    os.environ.update(
        {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, **environment}
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def operations(asked: list[Asked]) -> list[str]:
    """What was asked, such as `Scan`."""
    return [one.headers["X-Amz-Target"].rpartition(".")[2] for one in asked]


# --- Answers ------------------------------------------------------------------------------------------------------


def gives(body: object, *, status: int = 200) -> Answer:
    """An answer in the protocol of DynamoDB."""
    return raw(json.dumps(body).encode(), status=status)


def raw(body: bytes, *, status: int = 200, content_type: str = "application/x-amz-json-1.0") -> Answer:
    """These bytes, whole."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, content_type=content_type)

    return answer


def refuses(code: str, message: str = "a reason", *, status: int = 400) -> Answer:
    """An exception of the service."""
    kind = f"com.amazonaws.dynamodb.v20120810#{code}"
    return gives({"__type": kind, "message": message}, status=status)


def breaks_off(body: bytes, *, missing: int = 100) -> Answer:
    """The head promises more than comes; then the connection is reset."""

    async def answer(request: web.Request) -> web.StreamResponse:
        head = {"Content-Type": "application/x-amz-json-1.0", "Content-Length": str(len(body) + missing)}
        response = web.StreamResponse(headers=head)
        await response.prepare(request)
        await response.write(body)
        await asyncio.sleep(0.02)  # so that the head is on its way before the reset overtakes it
        assert request.transport is not None
        request.transport.abort()
        return response

    return answer


async def hangs_up(request: web.Request) -> web.StreamResponse:
    """The connection is reset before a word is said."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def says_nothing(request: web.Request) -> web.StreamResponse:
    """Takes the request and never answers."""
    await asyncio.Event().wait()
    return web.Response()


async def trickles(request: web.Request) -> web.StreamResponse:
    """Sends a byte a second for ever: the SDK's own time-out, one between two bytes, never ends that."""
    response = web.StreamResponse(headers={"Content-Type": "application/x-amz-json-1.0"})
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(1)


def page(*names: str, more: bool = False) -> Answer:
    """A page of a scan."""
    items = [{"endpoint_name": {"S": name}} for name in names]
    body: dict[str, Any] = {"Items": items, "Count": len(items), "ScannedCount": len(items)}
    if more:
        body["LastEvaluatedKey"] = items[-1]
    return gives(body)
