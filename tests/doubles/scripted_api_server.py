"""A small HTTP server that answers as told, and remembers what it was asked."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiohttp import web

from gco_stream_reconciler.kube.client import KubeClient
from gco_stream_reconciler.kube.configuration import LoadConfiguration
from tests.doubles.fixed_configuration import fixed_configuration

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class ScriptedServer:
    """Answers in the order of `answers`; the last one stays."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append(
            Asked(
                method=request.method,
                path=request.path,
                query=dict(request.query),
                headers=dict(request.headers),
                body=_read(body, request.content_type),
            )
        )
        self.was_asked.set()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


def _read(body: bytes, content_type: str) -> Any:
    """JSON, but for a form, which is what STS is asked with."""
    if content_type == "application/x-www-form-urlencoded":
        return body.decode()
    return json.loads(body) if body else None


@contextlib.asynccontextmanager
async def scripted_server(
    *answers: Answer, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer(url="", answers=list(answers))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def raw_server(*chunks: bytes, reset: bool = False, silent: bool = False) -> AsyncIterator[str]:
    """Sends these bytes to whoever asks, then closes, resets, or says nothing more; yields its URL."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(0.01)
            if silent:
                await reader.read()
            if reset:
                writer.transport.abort()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in writers:
            writer.transport.abort()
        server.close()
        await server.wait_closed()


def client_of(load: LoadConfiguration | str, *, clock: Callable[[], float] | None = None) -> KubeClient:
    """A client of a URL, or of whatever is loaded."""
    return KubeClient(
        fixed_configuration(load) if isinstance(load, str) else load,
        clock=clock or asyncio.get_running_loop().time,
        log=structlog.get_logger(),
    )


# --- Answers ----------------------------------------------------------------------------------------------


def says(body: object, status: int = 200, **headers: str) -> Answer:
    """JSON for anything but a string, plain text for a string."""

    async def answer(_: web.Request) -> web.Response:
        if isinstance(body, str):
            return web.Response(text=body, status=status, headers=headers)
        return web.json_response(body, status=status, headers=headers)

    return answer


def refuses(
    code: int, reason: str, message: str, details: dict[str, Any] | None = None, **headers: str
) -> Answer:
    """A Status object, as the API server words its refusals."""
    return says(failure(code, reason, message, details), code, **headers)


def failure(code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    return {**status, "reason": reason, "details": details or {}, "code": code}


async def nothing(request: web.Request) -> web.Response:
    """No answer at all, until the client goes away."""
    await asyncio.sleep(30)
    return web.Response()


def streams(*chunks: bytes, then: Callable[[], Awaitable[Any]] | None = None) -> Answer:
    """A chunked body, each chunk sent on its own."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
            await asyncio.sleep(0.005)
        if then is not None:
            await then()
        return response

    return answer


MISSING = refuses(
    404,
    "NotFound",
    'deployments.apps "missing" not found',
    {"name": "missing", "group": "apps", "kind": "deployments"},
)
NO_NAMESPACE = refuses(404, "NotFound", 'namespaces "nope" not found', {"name": "nope", "kind": "namespaces"})
UID_MISMATCH = refuses(
    409,
    "Conflict",
    'Operation cannot be fulfilled on Deployment.apps "b": the UID in the precondition '
    "(00000000-0000-0000-0000-000000000000) does not match the UID in record "
    "(5b2b7a70-12eb-4036-8dd6-415bd06050f8). The object might have been deleted and then recreated",
    {"name": "b", "group": "apps", "kind": "Deployment"},
)
MODIFIED = refuses(
    409,
    "Conflict",
    'Operation cannot be fulfilled on deployments.apps "b": the object has been modified; '
    "please apply your changes to the latest version and try again",
    {"name": "b", "group": "apps", "kind": "deployments"},
)
EXISTS = refuses(
    409,
    "AlreadyExists",
    'deployments.apps "b" already exists',
    {"name": "b", "group": "apps", "kind": "deployments"},
)
TOO_MANY = says("Too many requests, please try again later.\n", 429, **{"Retry-After": "1"})
