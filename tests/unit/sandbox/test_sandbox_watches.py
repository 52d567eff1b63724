import asyncio

import pytest

from gco_stream_reconciler.sandbox.kubernetes.history import Event, Watcher
from gco_stream_reconciler.sandbox.kubernetes.watches import _batches

pytestmark = pytest.mark.looptime


async def test_a_bookmark_never_runs_ahead_of_an_event_of_the_same_moment() -> None:
    watcher, event = Watcher(1), Event("MODIFIED", 2, {}, None)
    stream = _batches(watcher, 300, 60)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_at(60, watcher.events.put_nowait, event)
    assert await waiting == [event]
    assert await anext(stream) is None
    await stream.aclose()
