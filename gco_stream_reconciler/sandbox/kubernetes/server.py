"""The API server: HTTP in front of the store."""

import asyncio
import json
import logging
from contextlib import AsyncExitStack
from typing import Any, Self

import yaml
from aiohttp import web

from gco_stream_reconciler.sandbox.kubernetes import discovery
from gco_stream_reconciler.sandbox.kubernetes.controllers import ClusterSimulation
from gco_stream_reconciler.sandbox.kubernetes.handlers import Call, Handlers
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_PLURAL, Kind
from gco_stream_reconciler.sandbox.kubernetes.requests import RequestLog
from gco_stream_reconciler.sandbox.kubernetes.statuses import RefusedError
from gco_stream_reconciler.sandbox.kubernetes.store import Store

_LOG = logging.getLogger(__name__)
_LARGEST_BODY = 8 * 2**20


class KubernetesServer:
    """An API server on loopback. Use as an async context manager; `url` tells where.

    ready_delay_seconds: how long a Pod takes to become ready. simulate False leaves every object as it was written.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        ready_delay_seconds: float = 0.2,
        ingress_delete_seconds: float = 0.05,
        simulate: bool = True,
    ) -> None:
        self.store = Store()
        self.requests = RequestLog()
        self._handlers = Handlers(self.store, self.requests)
        self._simulation = ClusterSimulation(
            self.store, ready_delay_seconds=ready_delay_seconds, ingress_delete_seconds=ingress_delete_seconds
        )
        self._simulate = simulate
        self._host = host
        self._wanted_port = port
        self._stack = AsyncExitStack()
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, self._host, self._wanted_port)
        await site.start()
        self.url = f"http://{self._host}:{runner.addresses[0][1]}"
        if self._simulate:
            await self._stack.enter_async_context(self._simulation)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._handlers.stopping.set()
        await self._stack.aclose()

    def kubeconfig(self) -> dict[str, Any]:
        """A kubeconfig that reaches this server."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sandbox", "cluster": {"server": self.url}}],
            "users": [{"name": "sandbox", "user": {}}],
            "contexts": [
                {
                    "name": "sandbox",
                    "context": {"cluster": "sandbox", "user": "sandbox", "namespace": "gco-inference"},
                }
            ],
            "current-context": "sandbox",
        }

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except RefusedError as refusal:
            return web.json_response(refusal.body, status=refusal.code)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001 - the server does not die of a client
            _LOG.exception("sandbox: %s %s", request.method, request.path)
            body = RefusedError(500, f"sandbox: {type(error).__name__}: {error}", "InternalError").body
            return web.json_response(body, status=500)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        parts = [part for part in request.path.split("/") if part]
        fixed = _discovered(parts)
        if fixed is not None:
            return web.json_response(fixed)
        if parts in (["healthz"], ["readyz"], ["livez"]):
            return web.Response(text="ok")
        call = _call(parts, request)
        if call is None:
            raise RefusedError(404, "the server could not find the requested resource", "NotFound", {})
        body = _parsed(await request.read(), request.content_type)
        return await self._handlers.handle(call, request, body)


def _discovered(parts: list[str]) -> Any:
    match parts:
        case ["version"]:
            return discovery.VERSION
        case ["api"]:
            return discovery.versions()
        case ["apis"]:
            return discovery.groups()
        case ["api", version]:
            return discovery.resources("", version)
        case ["apis", group, version]:
            return discovery.resources(group, version)
    return None


def _call(parts: list[str], request: web.Request) -> Call | None:
    match parts:
        case ["api", version, *rest]:
            group = ""
        case ["apis", group, version, *rest]:
            pass
        case _:
            return None
    namespace: str | None = None
    if rest[:1] == ["namespaces"] and len(rest) > 2:  # noqa: PLR2004 - namespaces/NAME/RESOURCE
        namespace, rest = rest[1], rest[2:]
    kind = BY_PLURAL.get((group, version, rest[0])) if rest else None
    return None if kind is None else _placed(kind, namespace, rest[1:], request)


def _placed(kind: Kind, namespace: str | None, rest: list[str], request: web.Request) -> Call | None:
    if len(rest) > 2 or (len(rest) == 2 and rest[1] not in kind.subresources):  # noqa: PLR2004 - NAME/SUBRESOURCE
        return None
    name, subresource = [*rest, "", ""][:2]
    agent = request.headers.get("User-Agent", "")
    manager = request.query.get("fieldManager") or agent.partition("/")[0] or "unknown"
    return Call(kind, namespace, name, subresource, manager)


def _parsed(raw: bytes, content_type: str) -> Any:
    if not raw:
        return None
    try:
        return yaml.safe_load(raw) if "yaml" in content_type and raw[:1] != b"{" else json.loads(raw)
    except (ValueError, yaml.YAMLError) as error:
        raise RefusedError(400, f"the body cannot be read: {error}", "BadRequest") from error
