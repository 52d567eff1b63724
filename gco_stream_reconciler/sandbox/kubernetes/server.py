"""The API server: HTTP in front of the store."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import replace
from typing import Any, Self

import yaml
from aiohttp import web

from gco_stream_reconciler.sandbox.kubernetes import discovery, statuses, watches
from gco_stream_reconciler.sandbox.kubernetes.calls import Call, call_of
from gco_stream_reconciler.sandbox.kubernetes.controllers import ClusterSimulation
from gco_stream_reconciler.sandbox.kubernetes.faults import Fault, Faults
from gco_stream_reconciler.sandbox.kubernetes.handlers import answer, view
from gco_stream_reconciler.sandbox.kubernetes.requests import Request, RequestLog
from gco_stream_reconciler.sandbox.kubernetes.statuses import RefusedError
from gco_stream_reconciler.sandbox.kubernetes.store import Store

_LOG = logging.getLogger(__name__)
_LARGEST_BODY = 3 * 2**20
_PROTOBUF = "application/vnd.kubernetes.protobuf"


class KubernetesServer:
    """An API server on loopback. Use as an async context manager; `url` tells where.

    ready_delay_seconds: how long a Pod takes to become ready. ingress_delete_seconds: how long an Ingress that is
    being deleted stays. simulate False leaves every object as it was written; pods False makes no Pod objects, only
    the counts. bookmark_seconds: how often a watch that allows it gets a bookmark.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        ready_delay_seconds: float = 0.2,
        ingress_delete_seconds: float = 0.05,
        simulate: bool = True,
        pods: bool = True,
        bookmark_seconds: float = 60.0,
        store: Store | None = None,
    ) -> None:
        self.store = store or Store()
        self.requests = RequestLog()
        self.faults = Faults()
        self.url = ""
        self.simulation = ClusterSimulation(
            self.store,
            ready_delay_seconds=ready_delay_seconds,
            ingress_delete_seconds=ingress_delete_seconds,
            pods=pods,
        )
        self._simulate = simulate
        self._bookmark_seconds = bookmark_seconds
        self._host = host
        self._wanted_port = port
        self._stopping = asyncio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        # A handler ends when its client goes away: a watch that nobody reads is a leak.
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, self._host, self._wanted_port)
        await site.start()
        self.url = f"http://{self._host}:{runner.addresses[0][1]}"
        if self._simulate:
            await self._stack.enter_async_context(self.simulation)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping.set()
        self.store.end_watches()
        await self._stack.aclose()

    def kubeconfig(self, namespace: str = "gco-inference") -> dict[str, Any]:
        """A kubeconfig that reaches this server."""
        context = {"cluster": "sandbox", "user": "sandbox", "namespace": namespace}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sandbox", "cluster": {"server": self.url}}],
            "users": [{"name": "sandbox", "user": {}}],
            "contexts": [{"name": "sandbox", "context": context}],
            "current-context": "sandbox",
        }

    # --- One request ------------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._route(request)
        except RefusedError as refusal:
            return _json(refusal.code, refusal.body)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001 - the server does not die of a client
            _LOG.exception("sandbox: %s %s", request.method, request.path)
            return _json(500, RefusedError(500, f"{type(error).__name__}: {error}", "InternalError").body)

    async def _route(self, request: web.Request) -> web.StreamResponse:
        if request.path in ("/healthz", "/readyz", "/livez"):
            return web.Response(text="ok")
        fixed = discovery.at(request.path) if request.method in ("GET", "HEAD") else None
        if fixed is not None:
            return _json(200, fixed)
        call = call_of(
            request.method,
            request.path,
            request.query,
            agent=request.headers.get("User-Agent", ""),
            content_type=request.content_type,
            accept=request.headers.get("Accept", ""),
        )
        if call is None:
            raise statuses.unknown_path()
        call = replace(call, body=_parsed(await request.read(), call.content_type))
        return await self._logged(call, request)

    async def _logged(self, call: Call, request: web.Request) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        start = loop.time()
        status = 0
        try:
            response = await self._carried_out(call, request)
            status = response.status
        except RefusedError as refusal:
            status = refusal.code
            raise
        finally:
            if call.verb != "watch" or status != 200:  # noqa: PLR2004 - OK; that watch was noted when it began
                self._note(call, status, loop.time() - start)
        return response

    def _note(self, call: Call, status: int, seconds: float = 0.0) -> None:
        self.requests.add(
            Request(
                verb=call.verb,
                kind=call.kind.kind,
                namespace=call.place,
                name=call.name,
                subresource=call.subresource,
                manager=call.manager,
                status=status,
                method=call.method,
                path=call.path,
                seconds=seconds,
                at=asyncio.get_running_loop().time(),
            )
        )

    async def _carried_out(self, call: Call, request: web.Request) -> web.StreamResponse:
        fault = self.faults.take(call)
        if fault is not None and fault.delay:
            await asyncio.sleep(fault.delay)
        if call.verb == "watch" and (fault is None or fault.status is None):
            return await self._watch(call, request, fault)
        if fault is None:
            found = answer(self.store, call)
            return _json(found.status, found.body)
        return await self._spoiled(call, request, fault)

    async def _spoiled(self, call: Call, request: web.Request, fault: Fault) -> web.StreamResponse:
        response: web.StreamResponse | None = None
        spoils = fault.hang or fault.reset or fault.status is not None
        if fault.executed or fault.reset == "after" or not spoils:
            found = answer(self.store, call)
            response = _json(found.status, found.body)
        if fault.hang:
            await self._stopping.wait()
        if fault.reset:
            return _cut(request)
        if fault.status is None:
            return response or _cut(request)
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        if fault.plain:
            return web.Response(status=fault.status, text=fault.message, headers=headers)
        body = RefusedError(fault.status, fault.message, fault.reason).body
        return web.json_response(body, status=fault.status, headers=headers)

    async def _watch(self, call: Call, request: web.Request, fault: Fault | None) -> web.StreamResponse:
        async with aclosing(watches.lines(self.store, call, view(call), self._bookmark_seconds)) as lines:
            return await self._stream(call, request, fault, lines)

    async def _stream(
        self, call: Call, request: web.Request, fault: Fault | None, lines: AsyncIterator[list[bytes]]
    ) -> web.StreamResponse:
        first = await anext(lines)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if fault is not None and fault.reset == "before":
            return _cut(request)
        await response.prepare(request)
        self._note(call, response.status)
        with suppress(ConnectionError):  # The client went away: nothing is left to do.
            if fault is None or not (fault.reset or fault.hang):
                await _send(response, first, lines)
            else:
                await self._send_spoiled(response, first, lines, fault, request)
        return response

    async def _send_spoiled(
        self,
        response: web.StreamResponse,
        first: list[bytes],
        lines: AsyncIterator[list[bytes]],
        fault: Fault,
        request: web.Request,
    ) -> None:
        left = fault.after_events
        batch = first
        while left > 0:
            await response.write(b"".join(batch[:left]))
            left -= len(batch)
            batch = await anext(lines, []) if left > 0 else []
        if fault.hang:
            await self._stopping.wait()
        _cut(request)


async def _send(response: web.StreamResponse, first: list[bytes], lines: AsyncIterator[list[bytes]]) -> None:
    batch = first
    while True:
        if batch:
            await response.write(b"".join(batch))
        try:
            batch = await anext(lines)
        except StopAsyncIteration:
            return


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _json(status: int, body: Any) -> web.Response:
    text = json.dumps(body, separators=(",", ":"))
    return web.Response(status=status, body=text.encode(), content_type="application/json")


class _Yaml(yaml.SafeLoader):
    """YAML in which a time is a string, as Kubernetes reads it."""


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _parsed(raw: bytes, content_type: str) -> Any:
    if not raw:
        return None
    if content_type == _PROTOBUF:
        raise statuses.wrong_media(["application/json", "application/yaml"])
    try:
        if "yaml" in content_type and raw.lstrip()[:1] not in (b"{", b"["):
            return yaml.load(raw, _Yaml)  # noqa: S506 - a SafeLoader
        return json.loads(raw)
    except (ValueError, yaml.YAMLError) as error:
        raise statuses.bad_request(f"the body cannot be read: {error}") from error
