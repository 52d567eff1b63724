"""Clients that do it wrong: each gets a Status that says so, and the server lives on."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gco_stream_reconciler.sandbox.kubernetes.kinds import KINDS
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer

WAIT_SECONDS = 10.0
NS = "models"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NS}/deployments"
SERVICES = f"/api/v1/namespaces/{NS}/services"
APPLY = "application/apply-patch+yaml"
Reply = tuple[int, Any]


class Client:
    def __init__(self, server: KubernetesServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self._session = session

    async def __call__(
        self, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> Reply:
        data = body if body is None or isinstance(body, (str, bytes, io.BytesIO)) else json.dumps(body)
        async with self._session.request(
            method, self.server.url + path, data=data, headers={"Content-Type": kind}
        ) as answer:
            return answer.status, json.loads(await answer.text())


@pytest.fixture
async def call() -> AsyncIterator[Client]:
    async with KubernetesServer() as server, aiohttp.ClientSession() as session:
        server.store.add_namespace(NS)
        yield Client(server, session)
        async with session.get(server.url + DEPLOYMENTS) as answer:
            assert answer.status == 200, "the server still answers"


def check(reply: Reply, *codes: int) -> dict[str, Any]:
    status, body = reply
    assert status in codes, body
    if status == 500:
        assert body["message"].startswith("failed to create typed patch object"), "the server's own fault"
    assert (body["kind"], body["status"], body["code"]) == ("Status", "Failure", status)
    found: dict[str, Any] = body
    return found


@pytest.mark.parametrize(
    "body",
    [
        b"\x00\xff\xfe", b"{", b"nonsense", b'"text"', b"[1,2]", b"12", b"null", b"true", b"NaN", b'{"a": Infinity}',
        b"[" * 100_000, b'{"a":' * 100_000, b'{"metadata":' + b"9" * 10_000 + b"}",
    ],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip
@pytest.mark.parametrize("kind", ["application/json", "application/yaml"])
async def test_a_garbage_body_is_a_bad_request(call: Client, body: bytes, kind: str) -> None:
    check(await call("POST", DEPLOYMENTS, body, kind), 400)
    check(await call("PUT", f"{DEPLOYMENTS}/a", body, kind), 400)


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": None}, {"metadata": []}, {"metadata": "a"}, {"metadata": {"name": 5}}, {"metadata": {"labels": [1]}},
        {"metadata": {"name": "a", "labels": {"a": 1}}}, {"metadata": {"name": "a"}, "spec": []},
        {"metadata": {"name": "a"}, "spec": {"template": "x"}}, {"metadata": {"name": "a"}, "spec": {"replicas": "x"}},
        {"metadata": {"name": "a"}, "spec": {"template": {"spec": {"containers": {"name": "a"}}}}},
        {"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": ["a"]}}},
        {"metadata": {"name": "a", "finalizers": "x"}}, {"metadata": {"name": "a", "ownerReferences": [1]}},
        {"metadata": {"name": "a", "managedFields": "x"}}, {"metadata": {"name": "../../x"}}, {"metadata": {"name": ""}},
        {"metadata": {"name": "a", "namespace": "else"}}, {"kind": "Service", "metadata": {"name": "a"}}, {"kind": 5},
    ],
    ids=json.dumps,
)  # fmt: skip
async def test_an_object_of_wrong_types_is_refused_by_every_way_to_write(call: Client, body: Any) -> None:
    check(await call("POST", DEPLOYMENTS, body), 400, 422)
    check(await call("PUT", f"{DEPLOYMENTS}/a", body), 400, 404, 422)
    check(await call("PATCH", f"{DEPLOYMENTS}/a?fieldManager=m", body, APPLY), 400, 422, 500)
    for kind in ("merge-patch+json", "strategic-merge-patch+json", "json-patch+json"):
        check(await call("PATCH", f"{DEPLOYMENTS}/a", body, f"application/{kind}"), 404)


SERVICE = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("merge-patch+json", b"{"), ("merge-patch+json", []), ("merge-patch+json", None), ("merge-patch+json", 5),
        ("merge-patch+json", {"metadata": {"name": "b"}}), ("merge-patch+json", {"spec": {"ports": "x"}}),
        ("merge-patch+json", {"spec": None}),
        ("strategic-merge-patch+json", []), ("strategic-merge-patch+json", {"spec": {"ports": [{"name": "x"}]}}),
        ("strategic-merge-patch+json", {"spec": {"ports": [5]}}), ("strategic-merge-patch+json", {"spec": 5}),
        ("strategic-merge-patch+json", {"metadata": {"$deleteFromPrimitiveList/finalizers": 5}}),
        ("strategic-merge-patch+json", {"metadata": {"$retainKeys": 5}}),
        ("json-patch+json", {}), ("json-patch+json", [5]), ("json-patch+json", [{"op": "fly", "path": "/a"}]),
        ("json-patch+json", [{"op": "remove", "path": "/spec/ports/7"}]), ("json-patch+json", [{"op": "add"}]),
        ("json-patch+json", [{"op": "test", "path": "/metadata/name", "value": "b"}]),
        ("json-patch+json", [{"op": "replace", "path": "", "value": 5}]),
        ("json-patch+json", [{"op": "add", "path": "/metadata/name/x", "value": 1}]),
        ("json-patch+json", [{"op": "add", "path": 5, "value": 1}]),
        ("apply-patch+yaml", "a: &x [1]\nb: *x"), ("apply-patch+yaml", "a: !!python/object:os.system {}"), ("apply-patch+yaml", ":"),
        ("apply-patch+yaml", {"metadata": {"name": "b"}}), ("apply-patch+yaml", {"metadata": {"name": "a", "managedFields": [{}]}}),
        ("apply-patch+yaml", {"apiVersion": 5, "kind": []}), ("text-plain", {}), ("octet-stream", b"\x00"), ("vnd.kubernetes.protobuf", b"k8s\x00"),
    ],
    ids=repr,
)  # fmt: skip
async def test_a_patch_that_makes_no_sense_is_refused_and_changes_nothing(
    call: Client, kind: str, body: Any
) -> None:
    await call("POST", SERVICES, SERVICE)
    before = call.server.store.objects["Service", NS, "a"]
    reply = await call("PATCH", f"{SERVICES}/a?fieldManager=m", body, f"application/{kind}")
    check(reply, 400, 409, 415, 422, 500)
    assert call.server.store.objects["Service", NS, "a"] is before


@pytest.mark.parametrize(
    "path",
    [
        "/", "/api/v2", "/apis/none", "/apis/none/v1", "/apis/none/v1/things", "/apis/apps/v1/statefulsets", "/metrics",
        f"/apis/apps/v2/namespaces/{NS}/deployments", f"{DEPLOYMENTS}/a/log", f"{DEPLOYMENTS}/a/scale/x", "/api/v1/namespaces/x/y/z/a/b",
        "/openapi", "/openapi/v3/apis/none/v1", "//", "/%00", "/api/v1/%F0%9F%A6%99", "/apis/apps/v1/namespaces",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH"])
async def test_an_unknown_path_is_not_found(call: Client, method: str, path: str) -> None:
    check(await call(method, path, {} if method in ("POST", "PATCH") else None), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", DEPLOYMENTS), ("PATCH", DEPLOYMENTS), ("POST", f"{DEPLOYMENTS}/a"), ("OPTIONS", DEPLOYMENTS),
        ("POST", f"/apis/discovery.k8s.io/v1/namespaces/{NS}/endpointslices"),
        ("GET", f"/apis/discovery.k8s.io/v1/namespaces/{NS}/endpointslices?watch=true"),
    ],
)  # fmt: skip
async def test_a_method_that_has_no_meaning_there_is_not_allowed(
    call: Client, method: str, path: str
) -> None:
    check(await call(method, path), 405)


@pytest.mark.parametrize(
    "query",
    [
        "limit=x", "limit=-1", "limit=" + "9" * 5000, "continue=x", "continue=e30", "resourceVersion=x&watch=1",
        "watch=true&timeoutSeconds=x", "labelSelector=%3D", "labelSelector=a%20in%20b", "fieldSelector=spec.replicas%3D1",
        "fieldSelector=x", "labelSelector=%21", "limit=%D9%A1",
    ],
)  # fmt: skip
async def test_a_query_that_cannot_be_read_is_a_bad_request(call: Client, query: str) -> None:
    check(await call("GET", f"{DEPLOYMENTS}?{query}"), 400)


async def test_a_huge_body_is_refused(call: Client) -> None:
    body = io.BytesIO(json.dumps({"metadata": {"name": "a", "labels": {"a": "x" * 4_000_000}}}).encode())
    assert check(await call("POST", DEPLOYMENTS, body), 413)["reason"] == "RequestEntityTooLarge"


async def test_a_connection_that_is_closed_half_way_harms_nobody(call: Client) -> None:
    host, port = call.server.url.removeprefix("http://").split(":")
    beginnings = (
        b"",
        b"GE",
        b"GET /api/v1/pods HTTP/1.1\r\nHost: x\r\n",
        b"POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{",
        b"POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /api/v1/pods HTTP/9.9\r\n\r\n",
    )
    for data in beginnings:
        for cut in (True, False):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(data)
            await writer.drain()
            if cut:
                writer.transport.abort()
            else:
                writer.write_eof()
            writer.close()
    assert (await call("GET", DEPLOYMENTS))[0] == 200


def watchers(server: KubernetesServer) -> int:
    return sum(len(shelf.watchers) for shelf in server.store._shelves.values())


async def settled(server: KubernetesServer, count: int) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while watchers(server) != count:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "while events come"])
async def test_a_watch_whose_client_vanishes_leaves_no_watcher_behind(call: Client, busy: bool) -> None:
    server = call.server
    host, port = server.url.removeprefix("http://").split(":")
    writers = []
    for _ in range(5):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {SERVICES}?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        writers.append(writer)
    await settled(server, 5)
    for number, writer in enumerate(writers):
        if busy:
            await call("POST", SERVICES, {**SERVICE, "metadata": {"name": f"s{number}"}})
        writer.transport.abort()
    await settled(server, 0)


async def test_a_watch_ends_at_its_timeout_and_leaves_nothing(call: Client) -> None:
    _ = await asyncio.wait_for(call_raw(call, f"{SERVICES}?watch=1&timeoutSeconds=1"), WAIT_SECONDS)
    await settled(call.server, 0)


async def call_raw(call: Client, path: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(call.server.url + path) as answer:
        return await answer.text()


async def test_the_server_ends_while_watches_are_open() -> None:
    async with aiohttp.ClientSession() as session:
        async with KubernetesServer() as server:
            answer = await session.get(f"{server.url}/api/v1/pods?watch=1")
            await settled(server, 1)
        async with asyncio.timeout(WAIT_SECONDS):
            assert await answer.text() == ""
        assert watchers(server) == 0


async def test_every_kind_can_be_listed_as_objects_and_as_a_table(call: Client) -> None:
    table = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    async with aiohttp.ClientSession() as session:
        for kind in KINDS:
            group = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
            status, body = await call("GET", f"{group}/{kind.plural}")
            assert (status, body["kind"]) == (200, f"{kind.kind}List")
            async with session.get(f"{call.server.url}{group}/{kind.plural}", headers=table) as answer:
                assert (await answer.json())["kind"] == "Table"
