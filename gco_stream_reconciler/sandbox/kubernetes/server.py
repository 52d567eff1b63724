"""The API server: HTTP in front of the store."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import replace
from typing import Any, Self

from aiohttp import web

from gco_stream_reconciler.sandbox.kubernetes import discovery, openapi, statuses, watches
from gco_stream_reconciler.sandbox.kubernetes.bodies import parsed
from gco_stream_reconciler.sandbox.kubernetes.calls import Call, call_of
from gco_stream_reconciler.sandbox.kubernetes.compact import encoded
from gco_stream_reconciler.sandbox.kubernetes.controllers import ClusterSimulation
from gco_stream_reconciler.sandbox.kubernetes.faults import Fault, Faults
from gco_stream_reconciler.sandbox.kubernetes.handlers import answer, view
from gco_stream_reconciler.sandbox.kubernetes.requests import Request, RequestLog
from gco_stream_reconciler.sandbox.kubernetes.spoiling import NoAnswer, cut, distorted, refusal
from gco_stream_reconciler.sandbox.kubernetes.statuses import RefusedError
from gco_stream_reconciler.sandbox.kubernetes.store import Store

_LOG = logging.getLogger(__name__)
_LARGEST_BODY = 3 * 2**20


class KubernetesServer:
    """An API server on loopback. Use as an async context manager; `url` tells where.

    ready_delay_seconds: how long a Pod takes to become ready. ingress_delete_seconds: how long an Ingress that is
    being deleted stays. programming_seconds: how long the load balancer takes to route as its Ingresses say. simulate False leaves every object as it was written; pods False makes no Pod objects, only
    the counts. bookmark_seconds: how often a watch that allows it gets a bookmark.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        ready_delay_seconds: float = 0.2,
        ingress_delete_seconds: float = 0.05,
        programming_seconds: float = 0.05,
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
            programming_seconds=programming_seconds,
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
        if request.path == "/openapi/v2" and request.method == "GET":
            return _openapi_v2(request)
        reads = request.method in ("GET", "HEAD")
        fixed = (discovery.at(request.path) or openapi.at(request.path)) if reads else None
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
        call = replace(call, body=parsed(await self._body(request), call.content_type))
        return await self._logged(call, request)

    @staticmethod
    async def _body(request: web.Request) -> bytes:
        try:
            return await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise statuses.too_large(_LARGEST_BODY) from error

    async def _logged(self, call: Call, request: web.Request) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        start = loop.time()
        status = 0
        try:
            response = await self._carried_out(call, request)
            status = 0 if isinstance(response, NoAnswer) else response.status
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
            return self._shown(call)
        return await self._spoiled(call, request, fault)

    def _shown(self, call: Call) -> web.Response:
        found = answer(self.store, call)
        response = _encoded(found.status, self.store.encoded(call.kind, found.body))
        for warning in found.warnings:
            response.headers.add("Warning", f"299 - {json.dumps(warning)}")
        return response

    async def _spoiled(self, call: Call, request: web.Request, fault: Fault) -> web.StreamResponse:
        response: web.StreamResponse | None = None
        spoils = fault.hang or fault.reset or fault.status is not None
        if call.verb != "watch" and (fault.executed or fault.reset == "after" or not spoils):
            response = self._shown(call)
        if fault.hang:
            await self._stopping.wait()
        if fault.reset or (fault.status is None and response is None):
            return cut(request)
        if fault.status is not None:
            return refusal(fault, fault.status)
        return response or cut(request)

    async def _watch(self, call: Call, request: web.Request, fault: Fault | None) -> web.StreamResponse:
        if call.kind.computed:
            raise statuses.wrong_method()
        async with aclosing(watches.lines(self.store, call, view(call), self._bookmark_seconds)) as lines:
            if fault is None:
                return await self._stream(call, request, lines, None)
            async with aclosing(distorted(lines, fault)) as spoiled:
                return await self._stream(call, request, spoiled, fault)

    async def _stream(
        self,
        call: Call,
        request: web.Request,
        lines: AsyncIterator[list[bytes] | None],
        fault: Fault | None,
    ) -> web.StreamResponse:
        batch = await anext(lines)
        if fault is not None and fault.reset == "before":
            return cut(request)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        self._note(call, response.status)
        with suppress(ConnectionError, StopAsyncIteration):  # The client went away, or the watch is over.
            while batch is not None:
                if batch:
                    await response.write(b"".join(batch))
                batch = await anext(lines)
            if fault is not None and fault.hang:
                await self._stopping.wait()
            cut(request)
        return response


def _openapi_v2(request: web.Request) -> web.Response:
    if "protobuf" in request.headers.get("Accept", ""):
        return web.Response(body=b"", content_type=openapi.V2_PROTOBUF)
    return _json(200, openapi.EMPTY_V2)


def _json(status: int, body: Any) -> web.Response:
    return _encoded(status, encoded(body))


def _encoded(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")
