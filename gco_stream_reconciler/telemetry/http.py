"""Probes and metrics over HTTP."""

import asyncio
import json
from dataclasses import asdict
from typing import Self

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from gco_stream_reconciler.listener import Listener
from gco_stream_reconciler.telemetry.exposition import pieces
from gco_stream_reconciler.telemetry.health import Check, Health, reasons

_SLICE_SECONDS = 0.005


class ProbeServer:
    """`/healthz`, `/readyz` and `/metrics`; everything else is 404. Use as an async context manager.

    `port` 0 takes any free port; the property `port` tells which.
    """

    def __init__(
        self,
        *,
        health: Health,
        registry: CollectorRegistry,
        port: int,
        host: str = "",  # the kubelet and Prometheus come over the Pod's address, of either family
    ) -> None:
        self._health = health
        self._registry = registry
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._listener = Listener(app, host=host, port=port, setting="HTTP_PORT")

    async def __aenter__(self) -> Self:
        """Listen. Raises ConfigurationError where the port is taken."""
        await self._listener.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._listener.__aexit__()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._listener.port

    async def _healthz(self, _: web.Request) -> web.Response:
        return _probe(self._health.alive)

    async def _readyz(self, _: web.Request) -> web.Response:
        return _probe(self._health.ready)

    async def _metrics(self, _: web.Request) -> web.Response:
        """All of it is collected before the first byte goes out: a failure half-way must not look like an answer."""
        clock = asyncio.get_running_loop().time
        collected: list[bytes] = []
        slice_ends = clock() + _SLICE_SECONDS
        for piece in pieces(self._registry):
            collected.append(piece)
            if clock() >= slice_ends:
                await asyncio.sleep(0)
                slice_ends = clock() + _SLICE_SECONDS
        return web.Response(body=b"".join(collected), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _probe(checks: tuple[Check, ...]) -> web.Response:
    found = [asdict(reason) for reason in reasons(checks)]
    body = json.dumps({"ok": not found, "reasons": found}) + "\n"
    return web.Response(status=503 if found else 200, text=body, content_type="application/json")
