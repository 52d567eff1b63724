"""Workers on the real queue, with a reconciler that does as told."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

import pytest

from gco_stream_reconciler.controller.reconciler import Reconciler
from gco_stream_reconciler.controller.workers import Worker
from gco_stream_reconciler.errors import TableReplacedError, TerminalError, ThrottledError, UnavailableError
from gco_stream_reconciler.workqueue.queue import QueueShutDown, WorkQueue
from tests.doubles.controller import NullListener, RecordingObserver, now, recording_log
from tests.doubles.workqueue import NullQueueObserver

pytestmark = pytest.mark.looptime

Behaviour = Callable[[], Any]
INITIAL, MAXIMUM = 1.0, 300.0


@dataclass
class ScriptedReconciler:
    """What a key's reconcile does: return or raise what the callable does; None otherwise."""

    does: dict[str, Behaviour] = field(default_factory=dict)
    seconds: float = 0.01
    looks: list[tuple[float, str]] = field(default_factory=list)
    at_work: Counter[str] = field(default_factory=Counter)
    most_at_work: Counter[str] = field(default_factory=Counter)

    async def reconcile(self, key: str) -> float | None:
        self.looks.append((now(), key))
        self.at_work[key] += 1
        self.most_at_work |= self.at_work
        try:
            if self.seconds:
                await asyncio.sleep(self.seconds)
        finally:
            self.at_work[key] -= 1
        found: float | None = self.does.get(key, lambda: None)()
        return found

    def times(self, key: str) -> list[float]:
        return [when for when, which in self.looks if which == key]

    def pauses(self, key: str) -> list[float]:
        times = self.times(key)
        return [later - earlier for earlier, later in itertools.pairwise(times)]


class HeardTrouble:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def failed(self, key: str, error: Exception, began: float) -> None:
        assert began <= now()
        self.heard.append((key, str(error)))

    def over(self, key: str) -> None:
        self.heard.append((key, "over"))


@dataclass
class Setting:
    queue: WorkQueue
    reconciler: ScriptedReconciler
    observer: RecordingObserver
    events: list[MutableMapping[str, Any]] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    trouble: HeardTrouble = field(default_factory=HeardTrouble)


@asynccontextmanager
async def working(workers: int = 1, **does: Behaviour) -> AsyncIterator[Setting]:
    queue = WorkQueue(
        name="endpoints",
        clock=now,
        random=Random(7),
        observer=NullQueueObserver(),
        backoff_initial_seconds=INITIAL,
        backoff_maximum_seconds=MAXIMUM,
    )
    it = Setting(queue, ScriptedReconciler(does), RecordingObserver())
    for _ in range(workers):
        worker = Worker(
            queue=queue,
            # The one method that is used.
            reconciler=cast("Reconciler", it.reconciler),
            observer=it.observer,
            clock=now,
            log=recording_log(it.events),
            journal=NullListener(),
            trouble=it.trouble,
        )
        it.tasks.append(asyncio.create_task(worker.run()))
    try:
        yield it
    finally:
        for task in it.tasks:
            task.cancel()
        ended = await asyncio.gather(*it.tasks, return_exceptions=True)
        assert {type(one) for one in ended} <= {asyncio.CancelledError, QueueShutDown}
        queue.validate()


def failing(error: Exception) -> Behaviour:
    def fail() -> None:
        raise error

    return fail


async def test_a_key_is_reconciled_once_for_each_time_it_was_added() -> None:
    async with working() as it:
        it.queue.add("llama")
        await asyncio.sleep(1)
        it.queue.add("llama")
        await asyncio.sleep(1)
        assert len(it.reconciler.looks) == 2
        assert [result for result, _ in it.observer.of("reconciled")] == ["success", "success"]


@pytest.mark.parametrize(
    "error", [UnavailableError("down"), TerminalError("never"), ZeroDivisionError("a bug")]
)
async def test_a_key_that_fails_for_ever_backs_off_and_does_not_stop_the_others(error: Exception) -> None:
    async with working(bad=failing(error)) as it:
        it.queue.add("bad")
        for number in range(100):
            it.queue.add("good")
            await asyncio.sleep(36)
            assert len(it.reconciler.times("good")) == number + 1
        assert 10 <= len(it.reconciler.times("bad")) <= 60  # of an hour


async def test_another_table_of_the_same_name_ends_the_worker() -> None:
    async with working(bad=failing(TableReplacedError("another table"))) as it:
        it.queue.add("bad")
        with pytest.raises(TableReplacedError):
            await asyncio.wait_for(asyncio.shield(it.tasks[0]), 5)
        it.tasks.clear()


async def test_the_pauses_of_a_failing_key_grow_from_the_first_to_the_longest_backoff() -> None:
    async with working(bad=failing(UnavailableError("down"))) as it:
        it.queue.add("bad")
        await asyncio.sleep(7200)
        pauses = it.reconciler.pauses("bad")
        for number, pause in enumerate(pauses):
            assert pause <= min(INITIAL * 2**number, MAXIMUM) + 0.1
        assert max(pauses) > MAXIMUM / 2


async def test_what_only_new_input_can_end_goes_to_the_slow_end_at_once() -> None:
    for error in (TerminalError("never"), ZeroDivisionError("a bug")):
        async with working(bad=failing(error)) as it:
            it.queue.add("bad")
            await asyncio.sleep(3600)
            assert min(it.reconciler.pauses("bad")) >= MAXIMUM / 2


async def test_new_input_ends_the_pause_of_a_failing_key() -> None:
    async with working(bad=failing(TerminalError("never"))) as it:
        it.queue.add("bad")
        await asyncio.sleep(1)
        it.queue.add("bad")
        await asyncio.sleep(1)
        assert len(it.reconciler.times("bad")) == 2


async def test_the_other_sides_wish_to_wait_is_granted() -> None:
    async with working(bad=failing(ThrottledError("slow down", retry_after_seconds=500))) as it:
        it.queue.add("bad")
        await asyncio.sleep(499)
        assert len(it.reconciler.times("bad")) == 1
        await asyncio.sleep(2)
        assert len(it.reconciler.times("bad")) == 2


async def test_a_success_starts_the_backoff_afresh() -> None:
    fails = [*[UnavailableError("down")] * 8, None, UnavailableError("down")]

    def reconcile() -> None:
        error = fails.pop(0) if fails else None
        if error is not None:
            raise error

    async with working(key=reconcile) as it:
        it.queue.add("key")
        await asyncio.sleep(3600)
        assert len(it.reconciler.times("key")) == 9
        it.queue.add("key")
        await asyncio.sleep(INITIAL + 0.1)
        assert len(it.reconciler.times("key")) == 11


async def test_a_key_is_looked_at_again_when_time_alone_changes_its_plan() -> None:
    async with working(key=lambda: 100.0) as it:
        it.queue.add("key")
        await asyncio.sleep(350)
        assert it.reconciler.pauses("key") == pytest.approx([100.01] * 3, abs=0.01)


async def test_a_key_that_changes_while_it_is_at_work_is_looked_at_again_and_never_by_two_at_once() -> None:
    async with working(workers=4) as it:
        it.reconciler.seconds = 1
        for _ in range(10):
            it.queue.add("key")
            await asyncio.sleep(0.15)
        await asyncio.sleep(5)
        assert it.reconciler.most_at_work["key"] == 1
        assert 2 <= len(it.reconciler.times("key")) <= 3
        assert it.reconciler.times("key")[-1] >= it.reconciler.times("key")[0] + 1


async def test_different_keys_are_at_work_side_by_side() -> None:
    async with working(workers=3) as it:
        it.reconciler.seconds = 1
        for key in ("a", "b", "c", "d"):
            it.queue.add(key)
        await asyncio.sleep(0.5)
        assert sorted(key for _, key in it.reconciler.looks) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("does", "result"),
    [
        (lambda: None, "success"),
        (failing(UnavailableError("down")), "retry"),
        (failing(TerminalError("never")), "terminal"),
        (failing(ZeroDivisionError("a bug")), "bug"),
    ],
)
async def test_each_result_is_measured_with_its_duration(does: Behaviour, result: str) -> None:
    async with working(key=does) as it:
        it.reconciler.seconds = 2
        it.queue.add("key")
        await asyncio.sleep(2.1)
        assert it.observer.of("reconciled") == [[result, pytest.approx(2, abs=0.01)]]


async def test_a_failure_is_logged_with_its_endpoint_its_reason_and_the_next_try() -> None:
    async with working(key=failing(UnavailableError("the API server is away"))) as it:
        it.queue.add("key")
        await asyncio.sleep(0.1)
        (event,) = it.events
    assert event["level"] == "warning"
    assert (event["endpoint"], event["error"]) == ("key", "the API server is away")
    assert 0 <= event["retry_in_seconds"] <= INITIAL


async def test_trouble_hears_of_each_failure_and_of_its_end() -> None:
    fails = [UnavailableError("down"), UnavailableError("still down")]

    def reconcile() -> None:
        if fails:
            raise fails.pop(0)

    async with working(key=reconcile) as it:
        it.queue.add("key")
        await asyncio.sleep(60)
        assert it.trouble.heard == [("key", "down"), ("key", "still down"), ("key", "over")]


async def test_a_cancelled_worker_gives_its_key_back() -> None:
    async with working() as it:
        it.reconciler.seconds = 100
        it.queue.add("key")
        await asyncio.sleep(1)
        it.tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await it.tasks[0]
        assert it.queue.snapshot().processing == {}
        assert it.observer.seen == []


async def test_a_queue_that_is_shut_down_is_worked_empty_and_ends_the_worker() -> None:
    async with working() as it:
        for key in ("a", "b", "c"):
            it.queue.add(key)
        it.queue.shut_down()
        with pytest.raises(QueueShutDown):
            await it.tasks[0]
        assert [key for _, key in it.reconciler.looks] == ["a", "b", "c"]


async def test_looks_that_never_wait_do_not_hold_the_loop() -> None:
    async with working() as it:
        it.reconciler.seconds = 0
        for number in range(100):
            it.queue.add(f"quiet-{number}")
        most = 0
        while it.queue.depth():
            before = len(it.reconciler.looks)
            await asyncio.sleep(0)
            most = max(most, len(it.reconciler.looks) - before)
        assert len(it.reconciler.looks) == 100
        assert most <= 2
