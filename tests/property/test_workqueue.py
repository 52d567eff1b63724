"""The work queue against a model of client-go's semantics."""

import asyncio
import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gco_stream_reconciler.workqueue.queue import QueueShutDown, WorkQueue
from gco_stream_reconciler.workqueue.state import PATIENCE_SECONDS, Lane, QueueState
from tests.doubles.workqueue import NullQueueObserver

KEYS = st.sampled_from(["a", "b", "c", "d", "e", "f"])
LANES = st.sampled_from(list(Lane))
SECONDS = st.sampled_from([0.0, 0.25, 1.0, 10.0, 16.0, 31.0, 61.0])


class QueueMachine(RuleBasedStateMachine):
    """Model: the dirty set with lane and time of each key, the processing set, the earliest delayed adds."""

    def __init__(self) -> None:
        super().__init__()
        self.state = QueueState()
        self.now = 1000.0
        self.dirty: dict[str, tuple[Lane, float]] = {}
        self.processing: dict[str, float] = {}
        self.delayed: dict[str, tuple[float, Lane]] = {}
        self.aged_turns = 0

    def _model_add(self, key: str, lane: Lane) -> bool:
        new = key not in self.dirty
        held_lane, held_time = self.dirty.get(key, (lane, self.now))
        self.dirty[key] = (min(lane, held_lane), held_time)
        return new

    @rule(key=KEYS, lane=LANES)
    def add(self, key: str, lane: Lane) -> None:
        assert self.state.add(key, lane, self.now) is self._model_add(key, lane)

    @rule(key=KEYS, seconds=SECONDS, lane=LANES)
    def add_at(self, key: str, seconds: float, lane: Lane) -> None:
        self._add_at(key, self.now + seconds, lane)

    @rule(key=KEYS, times=st.sampled_from([8, 66]))
    def add_at_earlier_and_earlier(self, key: str, times: int) -> None:
        """Each leaves an outdated entry behind; so many that they must be cleared away."""
        for number in range(times):
            self._add_at(key, self.now + 30.0 - number / 4, Lane.TIMER)

    def _add_at(self, key: str, due: float, lane: Lane) -> None:
        held = self.delayed.get(key)
        new = held is None or due < held[0]
        assert self.state.add_at(key, due, lane) is new
        lane = lane if held is None else min(lane, held[1])
        self.delayed[key] = (due if held is None else min(due, held[0]), lane)
        assert self.state.next_due() == min(due for due, _ in self.delayed.values())

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        due = [key for key, (at, _) in self.delayed.items() if at <= self.now]
        added = sum(self._model_add(key, self.delayed.pop(key)[1]) for key in due)
        assert self.state.add_due(self.now) == added

    def _waiting(self) -> dict[str, tuple[Lane, float]]:
        return {key: held for key, held in self.dirty.items() if key not in self.processing}

    @precondition(lambda self: self._waiting())
    @rule()
    def get(self) -> None:
        waiting = self._waiting()
        key, waited = self.state.get(self.now)
        lane, added = waiting[key]
        assert waited == self.now - added
        best = min(lane for lane, _ in waiting.values())
        if lane == best:
            self.aged_turns = 0
        else:
            assert waited >= PATIENCE_SECONDS[lane], "a key overtook a better lane without having waited"
            self.aged_turns += 1
        assert self.aged_turns <= 1, "aged keys took two turns in a row"
        del self.dirty[key]
        self.processing[key] = self.now

    @precondition(lambda self: not self._waiting())
    @rule()
    def get_from_an_empty_queue(self) -> None:
        with pytest.raises(LookupError):
            self.state.get(self.now)

    @precondition(lambda self: self.processing)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.processing)))
        worked, again = self.state.done(key, self.now)
        assert worked == self.now - self.processing.pop(key)
        assert again is (key in self.dirty)

    @invariant()
    def agrees_with_the_model(self) -> None:
        self.state.validate()
        assert self.state.waiting() == self._waiting()
        assert self.state.processing() == self.processing
        assert self.state.delayed() == self.delayed
        assert len(self.state) == len(self._waiting())
        assert self.state.idle is (not self._waiting() and not self.processing)

    def teardown(self) -> None:
        """Nothing is lost: everything dirty and delayed comes out in the end."""
        expected = set(self.dirty) | set(self.delayed)
        self.now += 1_000.0
        self.state.add_due(self.now)
        for key in list(self.processing):
            self.state.done(key, self.now)
        handed_out = []
        while len(self.state):
            key, _ = self.state.get(self.now)
            handed_out.append(key)
            self.state.done(key, self.now)
        assert sorted(handed_out) == sorted(expected)
        self.state.validate()


QueueMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestQueue = QueueMachine.TestCase


class Run:
    """Producers and workers on one queue, with cancellations; what was added and worked on, when."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock = asyncio.get_running_loop().time
        self.queue = WorkQueue(
            name="test", clock=self.clock, random=self.random, observer=NullQueueObserver()
        )
        self.added: dict[str, float] = {}
        self.started: dict[str, float] = {}
        self.busy: set[str] = set()
        self.failures = 0

    async def produce(self) -> None:
        for _ in range(60):
            key = f"k{self.random.randrange(8)}"
            if self.random.random() < 0.3:
                self.queue.add_after(key, self.random.uniform(-1, 5))
                self.added[key] = max(self.added.get(key, 0.0), self.clock())
            else:
                self.queue.add(key, self.random.choice(list(Lane)))
                self.added[key] = self.clock()
            await asyncio.sleep(self.random.choice([0, 0, 0.01, 0.5]))

    async def work(self) -> None:
        while True:
            key = await self.queue.get()
            assert key not in self.busy, f"two workers on {key}"
            self.busy.add(key)
            self.started[key] = self.clock()
            try:
                await asyncio.sleep(self.random.choice([0, 0.005, 0.3]))
                if self.random.random() < 0.2:
                    self.failures += 1
                    self.queue.retry(key, error="injected")
                else:
                    self.queue.forget(key)
            finally:
                self.busy.discard(key)
                self.queue.done(key)

    async def steal_and_cancel(self) -> None:
        """Getters that give up at once, also in the very moment in which they are woken."""
        for _ in range(40):
            getter = asyncio.create_task(self.queue.get())
            for _ in range(self.random.randrange(3)):
                await asyncio.sleep(0)
            if not getter.cancel():
                self.queue.add(key := getter.result())
                self.queue.done(key)
            else:
                try:
                    key = await getter
                except asyncio.CancelledError:
                    pass
                else:
                    self.queue.add(key)
                    self.queue.done(key)
            await asyncio.sleep(self.random.choice([0, 0.1]))


@pytest.mark.looptime
@pytest.mark.parametrize("batch", range(10))
async def test_no_add_is_lost_and_no_key_has_two_workers_whatever_the_interleaving(batch: int) -> None:
    for seed in range(batch * 20, batch * 20 + 20):
        run = Run(seed)
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(run.work()) for _ in range(3)]
            async with asyncio.TaskGroup() as sources:
                sources.create_task(run.produce())
                sources.create_task(run.produce())
                sources.create_task(run.steal_and_cancel())
            await asyncio.sleep(3_600)
            assert run.queue.depth() == 0, f"seed {seed}: {run.queue.snapshot()}"
            for key, added in run.added.items():
                assert run.started.get(key, -1.0) >= added, f"seed {seed}: the last add of {key} was lost"
            assert not run.queue.snapshot().failures, f"seed {seed}: a failing key was given up"
            assert run.failures > 0
            run.queue.validate()
            for worker in workers:
                worker.cancel()
        assert await run.queue.drain(1.0), f"seed {seed}"
        with pytest.raises(QueueShutDown):
            await run.queue.get()
