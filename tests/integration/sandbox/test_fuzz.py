"""Random requests: whatever a client sends, the answer is a Status or what it asked for, never the server's own fault."""

import asyncio
import json
from typing import Any

import aiohttp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gco_stream_reconciler.sandbox.kubernetes.kinds import KINDS, Kind
from gco_stream_reconciler.sandbox.kubernetes.schema import Node, root
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer

NS = "models"
NAMES = st.sampled_from(["a", "b"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 70_000) | st.sampled_from(["", "a", "80%", "1Gi", "-1", "2020-01-01T00:00:00Z", "Recreate"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "a", "$patch", "key"]), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
PATCHES = (
    "application/apply-patch+yaml", "application/merge-patch+json", "application/strategic-merge-patch+json",
    "application/json-patch+json",
)  # fmt: skip
POINTERS = st.lists(
    st.sampled_from(["spec", "metadata", "labels", "ports", "0", "-", "name", "x"]), max_size=4
)


@st.composite
def objects(draw: st.DrawFn, node: Node, depth: int = 0) -> Any:
    """A value of the schema's shape, with junk here and there."""
    if depth > 7 or draw(st.integers(0, 11)) == 0:
        return draw(JUNK)
    if node.shape == "struct":
        most = 4 if depth < 3 else 2
        names = draw(st.lists(st.sampled_from(sorted(node.fields)), max_size=most, unique=True))
        return {name: draw(objects(node.fields[name], depth + 1)) for name in {*names, *node.required}}
    if node.shape == "map" and node.element is not None:
        keys = draw(st.lists(st.sampled_from(["app", "cpu", "a/b", ""]), max_size=2, unique=True))
        return {key: draw(objects(node.element, depth + 1)) for key in keys}
    if node.shape == "list":
        return [draw(objects(node.item(), depth + 1)) for _ in range(draw(st.integers(0, 2)))]
    plain = {
        "integer": st.integers(-1, 9),
        "boolean": st.booleans(),
        "string": st.sampled_from(["a", "b", "1", ""]),
    }
    return draw(plain.get(node.type, JUNK))


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, str, Any]:
    kind: Kind = draw(st.sampled_from(KINDS))
    group = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
    where = f"/namespaces/{NS}" if kind.namespaced else ""
    collection, name = f"{group}{where}/{kind.plural}", draw(NAMES)
    body = draw(objects(root(kind.kind)))
    if isinstance(body, dict):
        body = {key: value for key, value in body.items() if key not in ("kind", "apiVersion")}
        if draw(st.booleans()):
            body["metadata"] = {"name": name}
    method = draw(st.sampled_from(["POST", "PUT", "PATCH", "PATCH", "PATCH", "GET", "DELETE"]))
    if method == "POST":
        return method, collection, "application/json", body
    tail = (
        f"/{draw(st.sampled_from(kind.subresources))}"
        if kind.subresources and draw(st.integers(0, 3)) == 0
        else ""
    )
    path = f"{collection}/{name}{tail}?fieldManager={draw(st.sampled_from('mn'))}&force=true"
    if method == "PUT":
        return method, path, "application/json", body
    if method == "PATCH":
        kind_of_patch = draw(st.sampled_from(PATCHES))
        if kind_of_patch.endswith("json-patch+json"):
            operation = st.fixed_dictionaries(
                {"op": st.sampled_from(["add", "remove", "replace", "test", "move", "copy"]), "path": POINTERS.map("/".join)},
                optional={"value": JUNK, "from": POINTERS.map("/".join)},
            )  # fmt: skip
            body = draw(st.lists(operation, max_size=2))
        return method, path, kind_of_patch, body
    return method, path, "application/json", draw(JUNK) if method == "DELETE" else None


GOOD = {
    "deployments": {
        "metadata": {"name": "a"},
        "spec": {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    },
    "services": {"metadata": {"name": "a"}, "spec": {"selector": {"app": "a"}, "ports": [{"port": 80}]}},
}  # fmt: skip


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(requests(), min_size=1, max_size=8))
def test_no_request_is_the_servers_own_fault(sequence: list[tuple[str, str, str, Any]]) -> None:
    asyncio.run(_send(sequence))


async def _send(sequence: list[tuple[str, str, str, Any]]) -> None:
    problems: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    async with KubernetesServer(
        ready_delay_seconds=0, ingress_delete_seconds=0, programming_seconds=0
    ) as server:
        server.store.add_namespace(NS)
        async with aiohttp.ClientSession() as session:
            for plural, body in GOOD.items():
                path = f"/{'apis/apps' if plural == 'deployments' else 'api'}/v1/namespaces/{NS}/{plural}"
                await _ask(session, server.url, "POST", path, "application/json", body)
            for method, path, kind, body in sequence:
                status, found = await _ask(session, server.url, method, path, kind, body)
                own = status == 500 and not found["message"].startswith("failed to create typed patch object")
                assert not own, (method, path, kind, body, found)
            for kind_here in KINDS:
                group = (
                    f"/apis/{kind_here.api_version}" if kind_here.group else f"/api/{kind_here.api_version}"
                )
                status, found = await _ask(
                    session, server.url, "GET", f"{group}/{kind_here.plural}", "", None
                )
                assert status == 200, found
    assert problems == [], problems


async def _ask(
    session: aiohttp.ClientSession, url: str, method: str, path: str, kind: str, body: Any
) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body)
    headers = (
        {"Content-Type": kind, "Accept": "application/json;as=Table"}
        if kind == ""
        else {"Content-Type": kind}
    )
    async with session.request(method, url + path, data=data, headers=headers) as answer:
        return answer.status, await answer.json()
