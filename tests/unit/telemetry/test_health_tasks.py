"""Which eternal tasks live."""

import asyncio

import pytest

from gco_stream_reconciler.telemetry.health import TaskWatch

pytestmark = pytest.mark.looptime


async def for_ever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise ValueError("the wire is cut")


async def finish() -> None:
    """End at once."""


async def test_tasks_that_live_are_no_reason() -> None:
    watch = TaskWatch()
    task = asyncio.create_task(for_ever(), name="resync")
    with watch.watching(task):
        await asyncio.sleep(1)
        assert list(watch.check()) == []
    task.cancel()


async def test_a_task_that_returned_failed_or_was_cancelled_is_named_with_how_it_ended() -> None:
    watch = TaskWatch()
    cancelled = asyncio.create_task(for_ever(), name="events")
    tasks = (
        asyncio.create_task(finish(), name="resync"),
        asyncio.create_task(fail(), name="worker-1"),
        cancelled,
    )
    with watch.watching(*tasks):
        cancelled.cancel()
        await asyncio.sleep(1)
        found = {reason.part: reason.problem for reason in watch.check()}
        assert found == {
            "task resync": "has returned",
            "task worker-1": "failed: ValueError: the wire is cut",
            "task events": "was cancelled",
        }
        assert all(reason.remedy for reason in watch.check())


async def test_after_the_block_a_task_may_end() -> None:
    watch = TaskWatch()
    one, other = asyncio.create_task(for_ever(), name="one"), asyncio.create_task(for_ever(), name="other")
    with watch.watching(one):
        with watch.watching(other):
            pass
        other.cancel()
        await asyncio.sleep(1)
        assert list(watch.check()) == []
    one.cancel()


async def test_several_tasks_of_one_name_are_watched_each() -> None:
    watch = TaskWatch()
    tasks = [asyncio.create_task(finish(), name="worker") for _ in range(2)]
    with watch.watching(*tasks):
        await asyncio.sleep(1)
        assert len(list(watch.check())) == 2
