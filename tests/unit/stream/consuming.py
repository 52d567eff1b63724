"""A consumer of a scripted stream that runs while a test looks at it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from gco_stream_reconciler.settings import StreamSettings
from gco_stream_reconciler.stream.consumer import StreamConsumer
from tests.doubles.stream import CountingObserver, ScriptedStream, SinkDouble


def consumer_of(
    stream: ScriptedStream, sink: SinkDouble, seed: int = 1, idle_poll_seconds: float = 0.25
) -> StreamConsumer:
    return StreamConsumer(
        adapter=stream,
        sink=sink,
        settings=StreamSettings(idle_poll_seconds=idle_poll_seconds),
        table_name="endpoints",
        region="us-east-1",
        clock=asyncio.get_running_loop().time,
        random=Random(seed),
        observer=CountingObserver(),
    )


@asynccontextmanager
async def running(consumer: StreamConsumer) -> AsyncIterator[None]:
    task = asyncio.create_task(consumer.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def consuming(
    stream: ScriptedStream, idle_poll_seconds: float = 0.25, seconds: float = 1
) -> AsyncIterator[SinkDouble]:
    """The test begins so many seconds after the consumer."""
    sink = SinkDouble({})
    async with running(consumer_of(stream, sink, idle_poll_seconds=idle_poll_seconds)):
        await asyncio.sleep(seconds)
        yield sink
