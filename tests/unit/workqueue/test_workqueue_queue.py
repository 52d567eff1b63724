import asyncio
import math
import random

import pytest

from gco_stream_reconciler.workqueue.ports import QueueObserver
from gco_stream_reconciler.workqueue.queue import QueueShutDown, WorkQueue
from gco_stream_reconciler.workqueue.state import Lane

pytestmark = pytest.mark.looptime


class Recorder:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.adds = 0
        self.waited: list[float] = []
        self.worked: list[float] = []
        self.retries = 0

    def added(self) -> None:
        self.adds += 1

    def got(self, waited_seconds: float) -> None:
        self.waited.append(waited_seconds)

    def done(self, worked_seconds: float) -> None:
        self.worked.append(worked_seconds)

    def retried(self) -> None:
        self.retries += 1


def now() -> float:
    return asyncio.get_running_loop().time()


def make(observer: QueueObserver | None = None, seed: int = 1) -> WorkQueue:
    return WorkQueue(name="test", clock=now, random=random.Random(seed), observer=observer or Recorder())


async def test_a_key_added_twice_is_handed_out_once() -> None:
    queue = make()
    queue.add("a")
    queue.add("a")
    assert await queue.get() == "a"
    assert queue.depth() == 0


async def test_a_readded_key_in_process_is_queued_again_when_done() -> None:
    queue = make()
    queue.add("a")
    await queue.get()
    queue.add("a")
    assert queue.depth() == 0
    queue.done("a")
    assert await queue.get() == "a"


async def test_a_waiting_worker_gets_a_key_as_soon_as_it_is_added() -> None:
    queue = make()
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(5)
    queue.add("a")
    assert await worker == "a"
    assert now() == 5


async def test_done_wakes_a_waiting_worker_for_the_key_that_comes_again() -> None:
    queue = make()
    queue.add("a")
    await queue.get()
    queue.add("a")
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(1)
    assert not worker.done()
    queue.done("a")
    assert await worker == "a"


async def test_a_worker_cancelled_as_it_is_woken_leaves_the_key_to_another() -> None:
    queue = make()
    first = asyncio.create_task(queue.get())
    second = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    first.cancel()
    assert await second == "a"
    assert first.cancelled()


async def test_a_worker_cancelled_before_it_is_woken_leaves_the_key_to_another() -> None:
    queue = make()
    first = asyncio.create_task(queue.get())
    second = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    first.cancel()
    queue.add("a")
    assert await second == "a"
    assert first.cancelled()


async def test_a_delayed_key_comes_on_time_and_not_before() -> None:
    queue = make()
    queue.add_after("a", 10)
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(9.9)
    assert not worker.done()
    await worker
    assert now() == pytest.approx(10)


async def test_of_several_times_asked_for_the_earliest_counts() -> None:
    queue = make()
    queue.add_after("a", 10)
    queue.add_after("a", 3)
    queue.add_after("a", 20)
    await queue.get()
    assert now() == pytest.approx(3)
    queue.done("a")
    await asyncio.sleep(30)
    assert queue.depth() == 0


async def test_delayed_keys_need_one_timer_and_come_in_order() -> None:
    queue = make()
    for seconds in (5, 1, 3):
        queue.add_after(f"after-{seconds}", seconds)
    order = []
    for _ in range(3):
        order.append((await queue.get(), round(now(), 3)))
    assert order == [("after-1", 1), ("after-3", 3), ("after-5", 5)]


async def test_a_delay_of_nothing_or_less_adds_at_once() -> None:
    queue = make()
    queue.add_after("a", 0)
    queue.add_after("b", -5)
    assert [await queue.get(), await queue.get()] == ["a", "b"]


@pytest.mark.parametrize("seconds", [math.inf, math.nan])
async def test_a_delay_without_end_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="delay of"):
        make().add_after("a", seconds)


async def test_a_live_change_overtakes_the_retry_of_the_same_key() -> None:
    queue = make()
    queue.retry("a", error="boom", terminal=True)
    queue.add("a")
    await queue.get()
    assert now() == 0


async def test_a_failing_key_is_never_given_up_and_never_faster_than_its_backoff() -> None:
    queue = make(seed=3)
    queue.add("a")
    delays = []
    for _ in range(200):
        key = await queue.get()
        began = now()
        delays.append(queue.retry(key, error="boom"))
        queue.done(key)
        assert await queue.get() == key
        assert now() - began == pytest.approx(delays[-1], abs=1e-6)
        queue.done(key)
        queue.add(key)
    assert queue.retries("a") == 200
    assert 100 < sum(delays[50:]) / 150 < 200
    queue.forget("a")
    assert queue.retries("a") == 0


async def test_a_terminal_failure_waits_at_the_slow_end_at_once() -> None:
    assert 150 <= make().retry("a", error="forbidden", terminal=True) <= 300


async def test_the_other_sides_retry_after_is_the_least_delay_up_to_an_hour() -> None:
    queue = make()
    assert queue.retry("a", error="throttled", retry_after_seconds=42) == 42
    assert queue.retry("b", error="throttled", retry_after_seconds=1e9) == 3_600


async def test_metrics_follow_client_go() -> None:
    observer = Recorder()
    queue = make(observer)
    queue.add("a")
    queue.add("a")
    await asyncio.sleep(2)
    await queue.get()
    queue.add("a")
    await asyncio.sleep(3)
    assert queue.unfinished_work_seconds(now()) == 3
    assert queue.longest_running_seconds(now()) == 3
    queue.retry("a", error="boom", retry_after_seconds=10)
    queue.done("a")
    await asyncio.sleep(1)
    assert queue.oldest_age(now()) == 4
    await queue.get()
    assert (observer.adds, observer.waited, observer.worked, observer.retries) == (2, [2, 4], [3], 1)
    queue.done("a")
    assert (
        queue.oldest_age(now())
        == queue.unfinished_work_seconds(now())
        == queue.longest_running_seconds(now())
        == 0
    )
    await asyncio.sleep(20)
    assert observer.adds == 3


async def test_a_row_of_failures_ages_from_its_first_until_the_next_success() -> None:
    queue = make()
    assert queue.longest_failing_seconds(now()) == queue.failing_seconds("a") == 0
    queue.retry("a", error="no")
    await asyncio.sleep(5)
    queue.retry("b", error="no")
    queue.retry("a", error="still no")
    await asyncio.sleep(2)
    assert queue.longest_failing_seconds(now()) == queue.failing_seconds("a") == 7
    assert queue.failing_seconds("b") == 2
    queue.forget("a")
    assert queue.longest_failing_seconds(now()) == 2
    queue.retry("a", error="again no")
    assert queue.failing_seconds("a") == 0
    failures, at = queue.snapshot().failures, queue.snapshot().at
    assert {key: at - failure.since for key, failure in failures.items()} == {"a": 0, "b": 2}


async def test_a_snapshot_shows_who_waits_who_is_in_process_who_comes_later_and_who_failed() -> None:
    queue = make()
    queue.add("busy")
    await queue.get()
    queue.add("waits", Lane.RESYNC)
    queue.add_after("later", 30)
    await asyncio.sleep(4)
    queue.retry("failed", error="x" * 10_000, retry_after_seconds=40)
    snapshot = queue.snapshot()
    assert snapshot.processing == {"busy": 4}
    assert snapshot.waiting == {"waits": ("RESYNC", 4)}
    assert list(snapshot.delayed.items()) == [("later", ("TIMER", 26)), ("failed", ("TIMER", 40))]
    assert snapshot.failures["failed"].count == 1
    assert len(snapshot.failures["failed"].error) == 500
    assert queue.depth_by_lane()[Lane.RESYNC] == 1


async def test_after_shutdown_nothing_is_taken_in_and_what_waits_is_still_handed_out() -> None:
    queue = make()
    queue.add("a")
    queue.shut_down()
    queue.add("b")
    queue.add_after("c", 1)
    assert await queue.get() == "a"
    queue.done("a")
    with pytest.raises(QueueShutDown):
        await queue.get()


async def test_shutdown_ends_every_waiting_worker() -> None:
    queue = make()
    workers = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(1)
    queue.shut_down()
    results = await asyncio.gather(*workers, return_exceptions=True)
    assert [type(result) for result in results] == [QueueShutDown] * 3


async def test_a_drain_waits_for_the_work_in_process() -> None:
    queue = make()
    queue.add("a")
    await queue.get()
    queue.add("a")
    drain = asyncio.create_task(queue.drain(10))
    await asyncio.sleep(2)
    queue.done("a")
    await asyncio.sleep(1)
    assert not drain.done()
    assert await queue.get() == "a"
    queue.done("a")
    assert await drain
    assert now() == 3


async def test_a_drain_gives_up_at_its_deadline() -> None:
    queue = make()
    queue.add("a")
    await queue.get()
    assert not await queue.drain(10)
    assert now() == 10


async def test_an_idle_queue_drains_at_once_even_with_delayed_keys() -> None:
    queue = make()
    queue.add_after("a", 100)
    assert await queue.drain(10)
    assert now() == 0
