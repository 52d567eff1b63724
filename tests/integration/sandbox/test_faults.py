"""Each field of a Fault does what its description says."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gco_stream_reconciler.sandbox.kubernetes.faults import Fault
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer

NS = "models"
SERVICES = f"/api/v1/namespaces/{NS}/services"
WAIT_SECONDS = 10.0
A_WHILE = 0.3
LOST = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError)


class Client:
    """Talks to a server over a fresh connection each time, so that a cut is seen and never retried."""

    def __init__(self, server: KubernetesServer) -> None:
        self.server = server

    async def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.server.url + path, json=body, timeout=aiohttp.ClientTimeout(WAIT_SECONDS)) as answer,
        ):  # fmt: skip
            text = await answer.text()
            return (
                answer.status,
                text if answer.content_type == "text/plain" else json.loads(text),
                answer.headers,
            )

    async def create(self, name: str) -> tuple[int, Any, Any]:
        return await self("POST", f"{SERVICES}?fieldManager=me", service(name))

    def exists(self, name: str) -> bool:
        return ("Service", NS, name) in self.server.store.objects

    def add(self, fault: Fault) -> Fault:
        return self.server.faults.add(fault)


def service(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with KubernetesServer(bookmark_seconds=3600) as server:
        server.store.add_namespace(NS)
        yield Client(server)


@pytest.mark.parametrize(
    ("fault", "hit"),
    [
        ({}, True),
        ({"verb": "create"}, True),
        ({"verb": "get"}, False),
        ({"kind": "Service"}, True),
        ({"kind": "Pod"}, False),
        ({"namespace": NS}, True),
        ({"namespace": "default"}, False),
        ({"name": ""}, True),
        ({"name": "a"}, False),
        ({"subresource": ""}, True),
        ({"subresource": "status"}, False),
        ({"manager": "me"}, True),
        ({"manager": "you"}, False),
        ({"when": lambda call: call.body["metadata"]["name"] == "a"}, True),
        ({"when": lambda call: call.dry_run}, False),
        ({"verb": "create", "kind": "Pod"}, False),
    ],
)
async def test_a_fault_spoils_only_the_calls_that_match_all_it_names(
    client: Client, fault: dict[str, Any], hit: bool
) -> None:
    added = client.add(Fault(status=503, **fault))
    status, _, _ = await client.create("a")
    assert (status == 503, added.hits) == (hit, int(hit))
    assert client.exists("a") != hit


async def test_status_message_reason_and_retry_after_are_in_the_answer(client: Client) -> None:
    client.add(Fault(status=429, message="slow down", reason="TooManyRequests", retry_after=7))
    status, body, headers = await client.create("a")
    assert status == 429
    assert (body["kind"], body["code"], body["message"], body["reason"]) == (
        "Status",
        429,
        "slow down",
        "TooManyRequests",
    )
    assert headers["Retry-After"] == "7"


async def test_a_plain_answer_is_text_as_of_a_proxy(client: Client) -> None:
    client.add(Fault(status=502, message="bad gateway", plain=True))
    status, body, headers = await client.create("a")
    assert (status, body) == (502, "bad gateway")
    assert "Retry-After" not in headers


async def test_times_and_skip_count_calls_and_first_come_is_first_served(client: Client) -> None:
    first = client.add(Fault(verb="list", status=500, times=2, skip=1))
    second = client.add(Fault(verb="list", status=501, times=1))
    codes = [(await client("GET", SERVICES))[0] for _ in range(5)]
    assert codes == [501, 500, 500, 200, 200]
    assert (first.hits, second.hits) == (2, 1)


async def test_a_fault_without_number_lasts_until_it_is_taken_out(client: Client) -> None:
    fault = client.add(Fault(verb="list", status=500, times=None))
    assert [(await client("GET", SERVICES))[0] for _ in range(4)] == [500] * 4
    client.server.faults.remove(fault)
    assert (await client("GET", SERVICES))[0] == 200
    client.add(Fault(times=None, status=500))
    client.server.faults.clear()
    assert (await client("GET", SERVICES))[0] == 200


async def test_a_delay_alone_only_delays(client: Client) -> None:
    client.add(Fault(delay=A_WHILE))
    loop = asyncio.get_running_loop()
    start = loop.time()
    assert (await client.create("a"))[0] == 201
    assert loop.time() - start >= A_WHILE


@pytest.mark.parametrize("executed", [False, True])
async def test_a_call_may_have_been_carried_out_although_its_answer_says_otherwise(
    client: Client, executed: bool
) -> None:
    client.add(Fault(verb="create", status=504, executed=executed))
    assert (await client.create("a"))[0] == 504
    assert client.exists("a") == executed


@pytest.mark.parametrize(("reset", "done"), [("before", False), ("after", True)])
async def test_a_reset_cuts_the_connection_before_or_after_the_call_was_carried_out(
    client: Client, reset: Any, done: bool
) -> None:
    client.add(Fault(verb="create", reset=reset))
    with pytest.raises(LOST):
        await client.create("a")
    assert client.exists("a") == done
    assert [request.status for request in client.server.requests] == [0]
    assert (await client.create("b"))[0] == 201


async def test_a_reset_before_may_still_be_executed(client: Client) -> None:
    client.add(Fault(verb="create", reset="before", executed=True))
    with pytest.raises(LOST):
        await client.create("a")
    assert client.exists("a")


@pytest.mark.parametrize("executed", [False, True])
async def test_a_call_that_hangs_is_never_answered(client: Client, executed: bool) -> None:
    fault = client.add(Fault(verb="create", hang=True, executed=executed))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(A_WHILE):
            await client.create("a")
    assert fault.hits == 1
    assert client.exists("a") == executed
    assert (await client.create("b"))[0] == 201


async def test_the_server_ends_although_a_call_hangs() -> None:
    async with KubernetesServer() as server:
        fault = server.faults.add(Fault(hang=True))
        client = Client(server)
        task = asyncio.create_task(client("GET", "/api/v1/pods"))
        async with asyncio.timeout(WAIT_SECONDS):
            while not fault.hits:
                await asyncio.sleep(0.01)
    async with asyncio.timeout(WAIT_SECONDS):
        await asyncio.wait((task,))
    task.exception()


# --- Watches --------------------------------------------------------------------------------------------------


class Watch:
    """Reads the events of one watch."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def next(self) -> str:
        async with asyncio.timeout(WAIT_SECONDS):
            line = await self._answer.content.readline()
        if not line:
            return "end"
        event = json.loads(line)
        return f"{event['type']} {event['object']['metadata']['name']}"

    async def silent(self) -> bool:
        try:
            async with asyncio.timeout(A_WHILE):
                await self._answer.content.readline()
        except TimeoutError:
            return True
        return False


class Watching:
    """A watch from now on, and Services made while it is open."""

    def __init__(self, client: Client, **fault: Any) -> None:
        self._client = client
        self._fault = Fault(verb="watch", **fault)

    async def __aenter__(self) -> tuple[Watch, Any]:
        self._client.add(self._fault)
        self._session = aiohttp.ClientSession()
        version = self._client.server.store.version
        query = f"{SERVICES}?watch=1&allowWatchBookmarks=true&resourceVersion={version}"
        self._answer = await self._session.get(self._client.server.url + query)
        assert self._answer.status == 200
        return Watch(self._answer), self._make

    async def __aexit__(self, *_: object) -> None:
        self._answer.close()
        await self._session.close()

    def _make(self, *names: str) -> None:
        for name in names:
            self._client.server.store.create(BY_NAME["Service"], NS, service(name), manager="test")


async def test_a_watch_is_cut_after_so_many_events(client: Client) -> None:
    async with Watching(client, reset="after", after_events=2) as (watch, make):
        make("a", "b", "c")
        assert [await watch.next() for _ in range(2)] == ["ADDED a", "ADDED b"]
        with pytest.raises(LOST):
            await watch.next()


async def test_a_watch_is_cut_before_it_begins(client: Client) -> None:
    client.add(Fault(verb="watch", reset="before", times=None))  # The client asks twice.
    with pytest.raises(LOST):
        await client("GET", f"{SERVICES}?watch=1")


async def test_a_watch_freezes_after_so_many_events_and_stays_open(client: Client) -> None:
    async with Watching(client, hang=True, after_events=1) as (watch, make):
        make("a", "b")
        assert await watch.next() == "ADDED a"
        make("c")
        assert await watch.silent()


async def test_events_are_dropped_and_the_watch_goes_on(client: Client) -> None:
    async with Watching(client, after_events=1, drop_events=2) as (watch, make):
        make("a", "b", "c", "d")
        assert [await watch.next() for _ in range(2)] == ["ADDED a", "ADDED d"]


async def test_events_are_repeated_and_the_watch_goes_on(client: Client) -> None:
    async with Watching(client, after_events=1, repeat_events=1) as (watch, make):
        make("a", "b")
        assert [await watch.next() for _ in range(3)] == ["ADDED a", "ADDED b", "ADDED b"]
        make("c")
        assert await watch.next() == "ADDED c"


async def test_intact_then_dropped_then_repeated_then_cut(client: Client) -> None:
    fault = {"after_events": 1, "drop_events": 1, "repeat_events": 1, "reset": "after"}
    async with Watching(client, **fault) as (watch, make):
        make("a", "b", "c")
        assert [await watch.next() for _ in range(3)] == ["ADDED a", "ADDED c", "ADDED c"]
        with pytest.raises(LOST):
            await watch.next()


async def test_a_watch_that_ends_before_its_fault_ends_in_order(client: Client) -> None:
    async with Watching(client, reset="after", after_events=5) as (watch, make):
        make("a")
        assert await watch.next() == "ADDED a"
        client.server.store.end_watches()
        assert await watch.next() == "end"
    assert (await client("GET", SERVICES))[0] == 200


async def test_a_watch_may_be_refused_and_delayed(client: Client) -> None:
    client.add(Fault(verb="watch", status=410, reason="Expired", delay=0.01, executed=True))
    assert (await client("GET", f"{SERVICES}?watch=1"))[1]["reason"] == "Expired"


async def test_held_watches_lag_and_catch_up_without_a_gap(client: Client) -> None:
    async with Watching(client, delay=0.01) as (watch, make):
        make("a")
        assert await watch.next() == "ADDED a"
        client.server.store.hold_watches("Service")
        make("b", "c")
        assert await watch.silent()
        client.server.store.release_watches()
        assert [await watch.next() for _ in range(2)] == ["ADDED b", "ADDED c"]


async def test_a_cut_watch_leaves_no_watcher(client: Client) -> None:
    shelves = client.server.store._shelves
    async with Watching(client, reset="after", after_events=1) as (watch, make):
        make("a")
        assert await watch.next() == "ADDED a"
        async with asyncio.timeout(WAIT_SECONDS):
            while shelves["Service"].watchers:
                await asyncio.sleep(0.01)
