"""The stream consumer by itself: from the moment a record is visible to the key on the queue."""

import asyncio
import os
import random
import time
from typing import Any

from gco_stream_reconciler.aws.session import open_clients
from gco_stream_reconciler.aws.streams import DynamoDbStreams
from gco_stream_reconciler.settings import load_settings
from gco_stream_reconciler.stream.adapter import DynamoDbStreamsAdapter
from gco_stream_reconciler.stream.consumer import StreamConsumer
from tests.benchmarks.cases.common import Bench
from tests.benchmarks.report import percentile
from tests.benchmarks.table import REGION, Table

CASES = ("stream",)
_ENDPOINTS = 50
_RATE = 10.0
_LIMIT_SECONDS = 30.0


class _Sink:
    """Notes when a key arrives; measures nothing else."""

    def __init__(self) -> None:
        self.waiting: dict[str, float] = {}
        self.seconds: list[float] = []
        self.started = asyncio.Event()

    def changed(self, key: str, written_at: float | None) -> None:
        wrote = self.waiting.pop(key, None)
        if wrote is not None:
            self.seconds.append(time.monotonic() - wrote)

    def request_resync(self, reason: str) -> None:
        self.started.set()

    def is_last_written_status(self, name: str, raw_status: Any) -> bool:
        return False

    def polled(self, records: int) -> None: ...

    def failed(self, error: str) -> None: ...

    def shards(self, reading: int, known: int) -> None: ...

    def resync_requested(self, reason: str) -> None: ...


async def run(bench: Bench) -> None:
    """An emulator shows a record as soon as it has answered the write, so that moment counts as visible."""
    os.environ.update(bench.aws.environment)
    sink = _Sink()
    names = [f"bench-{number:05d}" for number in range(_ENDPOINTS)]
    async with Table(bench.aws.url, f"bench-stream-{int(time.time())}") as table:
        await table.deploy(names, "gco-inference")
        settings = load_settings(region=REGION, table_name=table.name)
        async with open_clients(settings.place) as clients:
            streams = DynamoDbStreams(clients, settings.place)
            consumer = StreamConsumer(
                adapter=DynamoDbStreamsAdapter(streams, now=time.time),
                sink=sink,
                settings=settings.stream,
                table_name=table.name,
                region=REGION,
                clock=time.monotonic,
                random=random.Random(1),
                observer=sink,
            )
            task = asyncio.create_task(consumer.run())
            try:
                async with asyncio.timeout(_LIMIT_SECONDS):
                    await sink.started.wait()
                await _write(table, names, sink, bench.options.seconds)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
    note = f"{len(sink.seconds)} writes"
    bench.add("stream", "visible → queued, p50", percentile(sink.seconds, 0.5), "s", at_most=0.15, note=note)
    bench.add("stream", "visible → queued, p99", percentile(sink.seconds, 0.99), "s", at_most=0.5)


async def _write(table: Table, names: list[str], sink: _Sink, seconds: float) -> None:
    chance = random.Random(2)
    for number in range(int(seconds * _RATE)):
        name = names[number % len(names)]
        # The record may be read before the answer is: then it was queued at once.
        sink.waiting[name] = time.monotonic()
        await table.mark(name, str(number + 1))
        if name in sink.waiting:
            sink.waiting[name] = time.monotonic()
        # Off the consumer's rhythm, or every write would meet the poll in the same phase.
        await asyncio.sleep(chance.uniform(0.5, 1.5) / _RATE)
    deadline = time.monotonic() + _LIMIT_SECONDS
    while sink.waiting and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    if sink.waiting:
        raise RuntimeError(f"never queued: {sorted(sink.waiting)}")
