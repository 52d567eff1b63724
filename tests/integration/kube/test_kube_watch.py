import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from gco_stream_reconciler import errors
from gco_stream_reconciler.kube.watch import KindClient, WatchEvent
from tests.doubles.scripted_api_server import (
    TOO_MANY,
    Answer,
    ScriptedServer,
    client_of,
    failure,
    nothing,
    raw_server,
    refuses,
    says,
    scripted_server,
    streams,
)

PATH = "/apis/apps/v1/namespaces/rec/deployments"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@contextlib.asynccontextmanager
async def kind_client(url: str, *, timeout: float = 5, silence: float = 5) -> AsyncIterator[KindClient]:  # noqa: ASYNC109 - passed on
    async with client_of(url) as client:
        yield KindClient(
            client,
            "Deployment",
            "rec",
            list_timeout_seconds=timeout,
            silence_seconds=silence,
            random=random.Random(1),
        )


@contextlib.asynccontextmanager
async def against(*answers: Answer, **options: float) -> AsyncIterator[tuple[KindClient, ScriptedServer]]:
    async with scripted_server(*answers) as server, kind_client(server.url, **options) as client:
        yield client, server


def page(*names: str, version: str = "19212", token: str | None = None) -> dict[str, Any]:
    metadata = {"resourceVersion": version, **({"continue": token} if token else {})}
    items = [{"metadata": {"name": name, "labels": {"gco.io/type": "inference"}}} for name in names]
    return {"kind": "DeploymentList", "apiVersion": "apps/v1", "metadata": metadata, "items": items}


def line(kind: str, name: str = "a", **extra: Any) -> bytes:
    changed = {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": name, "resourceVersion": "5", **extra},
    }
    return json.dumps({"type": kind, "object": changed}, ensure_ascii=False).encode() + b"\n"


async def collect(client: KindClient, into: list[WatchEvent]) -> None:
    async with contextlib.aclosing(client.watch("19213", 300)) as events:
        async for event in events:
            into.append(event)


# --- Lists ------------------------------------------------------------------------------------------------


async def test_a_list_is_read_page_by_page_and_its_objects_name_their_kind() -> None:
    first_page = page("a", token="t 1")
    async with against(says(first_page), says(page("b"))) as (client, server):
        first = await client.list_page(limit=1, continue_token=None)
        second = await client.list_page(limit=1, continue_token=first.continue_token)
    assert (first.resource_version, first.continue_token) == ("19212", "t 1")
    assert (second.resource_version, second.continue_token) == ("19212", None)
    assert first.items[0] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "labels": {"gco.io/type": "inference"}},
    }
    assert server.asked[0].path == PATH
    assert server.asked[0].query == {"labelSelector": "gco.io/type=inference", "limit": "1"}
    assert server.asked[1].query["continue"] == "t 1"


async def test_an_empty_list_is_empty() -> None:
    async with against(says(page())) as (client, _):
        assert (await client.list_page(500)).items == []


@pytest.mark.parametrize(
    "answer",
    [
        {"kind": "DeploymentList", "metadata": {"resourceVersion": "1"}},
        {"kind": "DeploymentList", "metadata": {"resourceVersion": "1"}, "items": None},
        {"kind": "DeploymentList", "metadata": {}, "items": []},
        {"kind": "DeploymentList", "items": []},
        {"kind": "ServiceList", "metadata": {"resourceVersion": "1"}, "items": []},
        {"kind": "Status", "metadata": {}, "status": "Failure", "code": 500},
        {"kind": "DeploymentList", "metadata": {"resourceVersion": "1"}, "items": [None]},
        {"kind": "DeploymentList", "metadata": {"resourceVersion": "1"}, "items": [{"spec": {}}]},
        '{"kind": "DeploymentList", "metadata": {"resourceVersion": "1"}, "items": [',
    ],
)
async def test_an_answer_that_is_not_a_whole_list_is_an_error_not_an_empty_list(answer: Any) -> None:
    async with against(says(answer)) as (client, _):
        with pytest.raises(errors.UnavailableError):
            await client.list_page(500)


async def test_a_reset_in_the_middle_of_a_list_is_an_error() -> None:
    body = b'HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{"kind": "DeploymentList", "items": ['
    async with raw_server(body, reset=True) as url, kind_client(url, timeout=2) as client:
        with pytest.raises(errors.UnavailableError):
            await client.list_page(500)


async def test_a_continue_token_that_is_too_old_is_expired() -> None:
    async with against(refuses(410, "Expired", "The provided continue parameter is too old")) as (
        client,
        server,
    ):
        with pytest.raises(errors.ResourceExpiredError):
            await client.list_page(500, "token")
    assert len(server.asked) == 1


# --- Watches ----------------------------------------------------------------------------------------------


async def test_a_watch_opens_and_yields_every_change_until_the_server_ends_it() -> None:
    answer = streams(line("ADDED"), line("MODIFIED") + line("BOOKMARK"), line("DELETED"))
    events: list[WatchEvent] = []
    async with against(answer) as (client, server):
        await collect(client, events)
    assert [event.type for event in events] == ["OPENED", "ADDED", "MODIFIED", "BOOKMARK", "DELETED"]
    assert events[0].object == {}
    assert events[1].object["metadata"]["name"] == "a"
    assert server.asked[0].query == {
        "watch": "true",
        "resourceVersion": "19213",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "300",
        "labelSelector": "gco.io/type=inference",
    }


async def test_a_watch_is_open_before_anything_changes() -> None:
    quiet = streams(then=lambda: asyncio.sleep(30))
    async with against(quiet) as (client, _), contextlib.aclosing(client.watch("1", 300)) as events:
        assert (await anext(events)).type == "OPENED"


@pytest.mark.parametrize("size", [1, 7, 64])
async def test_events_may_be_cut_anywhere_by_the_network(size: int) -> None:
    sent = line("ADDED", note="größer ✓") + b"\n" + line("MODIFIED", note="x" * 300)
    events: list[WatchEvent] = []
    async with against(streams(*(sent[at : at + size] for at in range(0, len(sent), size)))) as (client, _):
        await collect(client, events)
    assert [event.type for event in events] == ["OPENED", "ADDED", "MODIFIED"]
    assert events[1].object["metadata"]["note"] == "größer ✓"


async def test_an_event_of_several_megabytes_is_one_event() -> None:
    events: list[WatchEvent] = []
    async with against(streams(line("ADDED", note="x" * 5_000_000))) as (client, _):
        await collect(client, events)
    assert len(events[1].object["metadata"]["note"]) == 5_000_000


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (410, "Expired", errors.ResourceExpiredError),
        (500, "InternalError", errors.UnavailableError),
        (429, "TooManyRequests", errors.ThrottledError),
        (403, "Forbidden", errors.PermissionDeniedError),
    ],
)
async def test_an_error_event_is_raised(
    code: int, reason: str, expected: type[errors.ReconcilerError]
) -> None:
    error = json.dumps(
        {"type": "ERROR", "object": failure(code, reason, "too old resource version: 1 (18199)")}
    ).encode()
    events: list[WatchEvent] = []
    async with against(streams(line("ADDED"), error + b"\n")) as (client, _):
        with pytest.raises(expected, match="too old resource version"):
            await collect(client, events)
    assert [event.type for event in events] == ["OPENED", "ADDED"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refuses(410, "Expired", "too old"), errors.ResourceExpiredError),
        (TOO_MANY, errors.ThrottledError),
        (refuses(403, "Forbidden", "cannot watch"), errors.PermissionDeniedError),
        (says("no healthy upstream", 503), errors.UnavailableError),
    ],
)
async def test_a_watch_that_is_refused_never_opens(
    answer: Answer, expected: type[errors.ReconcilerError]
) -> None:
    events: list[WatchEvent] = []
    async with against(answer) as (client, server):
        with pytest.raises(expected):
            await collect(client, events)
    assert events == []
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"Too many requests, please try again later.\n",
        b"<html>log in</html>\n",
        b'"a string"\n',
        b"[1]\n",
        b"null\n",
        b"{}\n",
        b'{"type": "ADDED"}\n',
        b'{"type": "ADDED", "object": "x"}\n',
        b'{"type": "ADDED", "object": {}}\n',
        b'{"type": "REPLACED", "object": {"metadata": {}}}\n',
        b'{"type": ["x"], "object": {"metadata": {}}}\n',
        b'{"type": "ERROR", "object": null}\n',
        b"\xff\xfe\n",
    ],
)
async def test_a_line_that_is_no_event_is_an_error(body: bytes) -> None:
    events: list[WatchEvent] = []
    async with against(streams(body)) as (client, _):
        with pytest.raises(errors.UnavailableError):
            await collect(client, events)
    assert [event.type for event in events] == ["OPENED"]


async def test_a_body_that_ends_within_a_line_is_an_error_and_the_line_no_event() -> None:
    events: list[WatchEvent] = []
    async with against(streams(line("ADDED"), line("DELETED").rstrip(b"\n"))) as (client, _):
        with pytest.raises(errors.UnavailableError, match="ends within a line"):
            await collect(client, events)
    assert [event.type for event in events] == ["OPENED", "ADDED"]


@pytest.mark.parametrize("reset", [True, False])
async def test_a_connection_lost_in_the_middle_of_a_watch_is_an_error(*, reset: bool) -> None:
    whole = line("ADDED")
    chunk = f"{len(whole):x}\r\n".encode() + whole + b"\r\n"
    events: list[WatchEvent] = []
    async with raw_server(HEAD, chunk, reset=reset) as url, kind_client(url) as client:
        with pytest.raises(errors.UnavailableError):
            await collect(client, events)
    assert [event.type for event in events] == ["OPENED", "ADDED"]


async def test_a_watch_that_falls_silent_is_an_error() -> None:
    events: list[WatchEvent] = []
    async with raw_server(HEAD, silent=True) as url, kind_client(url, silence=0.2) as client:
        with pytest.raises(errors.UnavailableError, match=r"no answer within 0\.2 s"):
            await collect(client, events)
    assert [event.type for event in events] == ["OPENED"]


async def test_a_watch_that_is_never_answered_is_an_error() -> None:
    events: list[WatchEvent] = []
    async with against(nothing, timeout=0.2) as (client, _):
        with pytest.raises(errors.UnavailableError, match=r"no answer within 0\.2 s"):
            await collect(client, events)
    assert events == []


async def test_closing_a_watch_closes_its_connection() -> None:
    gone = asyncio.Event()

    async def serve(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(line("ADDED"))
        try:
            await asyncio.sleep(30)
        finally:
            # aiohttp cancels a handler whose client has gone, if told to.
            gone.set()
        return response

    async with against(serve) as (client, _):
        async with contextlib.aclosing(client.watch("1", 300)) as events:
            assert [(await anext(events)).type, (await anext(events)).type] == ["OPENED", "ADDED"]
        async with asyncio.timeout(5):
            await gone.wait()
