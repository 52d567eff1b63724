import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import structlog
from structlog.testing import CapturingLogger
from structlog.typing import FilteringBoundLogger
from yarl import URL

from gco_stream_reconciler.console.server import ConsoleServer
from gco_stream_reconciler.console.views import About
from tests.doubles.console_source import NOW, MemorySource, fleet

ABOUT = About("gco-us-east-1", "us-east-1", "gco-inference-endpoints", "0.0.0")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Console:
    """The server on a free port, and a client that sends paths as they are written."""

    source: MemorySource
    server: ConsoleServer
    session: aiohttp.ClientSession
    logged: CapturingLogger

    async def ask(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        url = URL(f"http://127.0.0.1:{self.server.port}{path}", encoded=True)
        async with self.session.request(method, url, headers=headers) as response:
            return Answer(response.status, dict(response.headers), await response.text())

    async def send(self, request: bytes) -> bytes:
        """Send bytes and read until the server closes the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            writer.write(request)
            async with asyncio.timeout(10):
                return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()


@pytest.fixture
async def console() -> AsyncIterator[Console]:
    logged = CapturingLogger()
    log: FilteringBoundLogger = structlog.wrap_logger(
        logged, wrapper_class=structlog.make_filtering_bound_logger(0), processors=[]
    )
    source = fleet()
    timeout = aiohttp.ClientTimeout(total=20)
    async with (
        ConsoleServer(source=source, about=ABOUT, port=0, now=lambda: NOW, log=log) as server,
        aiohttp.ClientSession(timeout=timeout) as session,
    ):
        yield Console(source, server, session, logged)
