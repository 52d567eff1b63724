"""A client that does not read its answer does not hold up the end of the process."""

import asyncio
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gco_stream_reconciler.telemetry.health import Health
from gco_stream_reconciler.telemetry.http import ProbeServer

DEADLINE_SECONDS = 20.0
"""Well below the minute that aiohttp waits by default."""


class Huge(Collector):
    """An answer that no socket buffer takes whole."""

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily("huge", "many series", labels=["number"])
        for number in range(10_000):
            family.add_metric([f"{number:02000d}"], 1)
        yield family


async def test_the_server_ends_although_a_client_has_not_read_its_answer() -> None:
    registry = CollectorRegistry()
    registry.register(Huge())
    server = ProbeServer(health=Health((), ()), registry=registry, port=0, host="127.0.0.1")
    async with asyncio.timeout(DEADLINE_SECONDS):
        async with server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            await writer.drain()
            assert await reader.readexactly(8) == b"HTTP/1.1"
        writer.close()
