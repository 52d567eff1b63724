"""Calls to the API server and to AWS are measured by what came of them."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web
from botocore.exceptions import ClientError, EndpointConnectionError

from gco_stream_reconciler.aws.measured import MeasuredClient
from gco_stream_reconciler.errors import NotFoundError, UnavailableError
from gco_stream_reconciler.kube.client import KubeClient
from tests.doubles.controller import recording_log
from tests.doubles.fixed_configuration import fixed_configuration

PODS = "/api/v1/namespaces/one/pods"
ABSENT = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "reason": "NotFound",
    "message": 'pods "absent" not found',
    "details": {"name": "absent", "kind": "pods"},
    "code": 404,
}


class Recorder:
    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.seconds: list[float] = []

    def called(self, operation: str, code: str, seconds: float) -> None:
        self.calls.append((operation, code))
        self.seconds.append(seconds)


# --- The API server -------------------------------------------------------------------------------------------


async def answer(request: web.Request) -> web.StreamResponse:
    """What the path's last piece asks for."""
    last = request.path.rpartition("/")[2]
    if last == "hangs":
        await asyncio.Event().wait()
    if last == "cut":
        request.transport.abort()  # type: ignore[union-attr]
        raise web.HTTPOk
    if last == "absent":
        return web.json_response(ABSENT, status=404)
    return web.json_response({"kind": "Pod"})


@pytest.fixture
async def host() -> Any:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def outcome(
    url: str, method: str, path: str, error: type[Exception] | None = None
) -> list[tuple[str, str]]:
    recorder = Recorder()
    loop = asyncio.get_running_loop()
    client = KubeClient(fixed_configuration(url), clock=loop.time, log=recording_log([]), observer=recorder)
    async with client:
        if error is None:
            await client.request(method, path, timeout_seconds=10)
        else:
            with pytest.raises(error):
                await client.request(method, path, timeout_seconds=0.3)
    assert all(seconds >= 0 for seconds in recorder.seconds)
    return recorder.calls


@pytest.mark.parametrize(
    ("method", "path", "verb"),
    [
        ("GET", PODS, "list"),
        ("GET", f"{PODS}/x", "get"),
        ("GET", "/api/v1/namespaces/one", "get"),
        ("POST", PODS, "create"),
        ("PUT", f"{PODS}/x", "update"),
        ("PATCH", f"{PODS}/x", "patch"),
        ("DELETE", f"{PODS}/x", "delete"),
    ],
)
async def test_a_request_is_measured_by_rbacs_verb_and_the_status(
    host: str, method: str, path: str, verb: str
) -> None:
    assert await outcome(host, method, path) == [(verb, "200")]


async def test_a_refusal_a_timeout_and_a_cut_connection_are_told_apart(host: str) -> None:
    assert await outcome(host, "GET", f"{PODS}/absent", NotFoundError) == [("get", "404")]
    assert await outcome(host, "GET", f"{PODS}/hangs", UnavailableError) == [("get", "timeout")]
    assert await outcome(host, "GET", f"{PODS}/cut", UnavailableError) == [("get", "unreachable")]
    assert await outcome("http://127.0.0.1:9", "GET", PODS, UnavailableError) == [("list", "unreachable")]


async def test_a_watch_is_measured_once_it_is_accepted(host: str) -> None:
    recorder = Recorder()
    loop = asyncio.get_running_loop()
    client = KubeClient(fixed_configuration(host), clock=loop.time, log=recording_log([]), observer=recorder)
    async with client:
        body = client.stream(PODS, query={}, open_timeout_seconds=5, silence_seconds=5)
        await anext(body)
        assert recorder.calls == [("watch", "200")]
        await body.aclose()
    assert len(recorder.calls) == 1


# --- AWS ------------------------------------------------------------------------------------------------------


class Service:
    """A client whose operations end as they are told to."""

    def __init__(self, ending: Exception | None = None, *, hangs: bool = False) -> None:
        self._ending = ending
        self._hangs = hangs

    async def get_item(self, **request: Any) -> Mapping[str, Any]:
        if self._hangs:
            await asyncio.Event().wait()
        if self._ending is not None:
            raise self._ending
        return request


def refused(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetItem")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (refused("ThrottlingException", 400), "ThrottlingException"),
        (refused("ResourceNotFoundException", 400), "ResourceNotFoundException"),
        (refused("SomethingNewException", 400), "4xx"),
        (refused("SomethingNewException", 503), "5xx"),
        (EndpointConnectionError(endpoint_url="http://x"), "unreachable"),
        (ConnectionResetError(), "unreachable"),
    ],
)
async def test_an_error_is_measured_by_its_code_if_that_is_a_known_one(ending: Exception, code: str) -> None:
    recorder = Recorder()
    client = MeasuredClient(Service(ending), recorder, asyncio.get_running_loop().time)
    with pytest.raises(type(ending)):
        await client.get_item(TableName="t")
    assert recorder.calls == [("GetItem", code)]


async def test_an_answer_is_passed_on_and_measured_as_success() -> None:
    recorder = Recorder()
    client = MeasuredClient(Service(), recorder, asyncio.get_running_loop().time)
    assert await client.get_item(TableName="t") == {"TableName": "t"}
    assert recorder.calls == [("GetItem", "success")]


async def test_a_call_that_is_given_up_at_its_deadline_is_measured_too() -> None:
    recorder = Recorder()
    client = MeasuredClient(Service(hangs=True), recorder, asyncio.get_running_loop().time)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.get_item(TableName="t")
    assert recorder.calls == [("GetItem", "cancelled")]
