"""The work queue: `QueueState` and `Failures` on an event loop."""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Callable

from gco_stream_reconciler.workqueue.backoff import Backoff, Uniform
from gco_stream_reconciler.workqueue.failures import Failures
from gco_stream_reconciler.workqueue.ports import QueueObserver, Snapshot
from gco_stream_reconciler.workqueue.state import Lane, QueueState

_MAXIMUM_RETRY_AFTER_SECONDS = 3600.0
# A timer that fires a rounding error too early must not be set for no time at all, again and again.
_SHORTEST_TIMER_SECONDS = 0.001


class QueueShutDown(Exception):  # noqa: N818 - a state of affairs that ends a worker's loop, as in asyncio, no error
    """The queue has been shut down and nothing waits any more."""


class WorkQueue:
    """Keys for workers.

    `clock` is monotonic, in seconds, and runs as fast as the event loop's. Not for use from other threads.
    """

    def __init__(
        self,
        *,
        name: str,
        clock: Callable[[], float],
        random: Uniform,
        observer: QueueObserver,
        backoff_initial_seconds: float = 1.0,
        backoff_maximum_seconds: float = 300.0,
    ) -> None:
        self.name = name
        self._clock = clock
        self._observer = observer
        self._state = QueueState()
        self._failures = Failures(
            Backoff(
                initial_seconds=backoff_initial_seconds,
                maximum_seconds=backoff_maximum_seconds,
                random=random,
            )
        )
        self._getters: deque[asyncio.Future[None]] = deque()
        self._drainers: list[asyncio.Future[None]] = []
        # One timer, for the earliest delayed key.
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = math.inf
        self._shut_down = False

    # --- Intake -----------------------------------------------------------------------------------------------

    def add(self, key: str, lane: Lane = Lane.LIVE) -> None:
        """Have a worker look at this key. Without effect after shut_down."""
        if self._shut_down:
            return
        if self._state.add(key, lane, self._clock()):
            self._observer.added()
            if self._getters:
                self._wake()

    def add_resync(self, key: str) -> None:
        """Have a worker look at this key when nothing more urgent waits."""
        self.add(key, Lane.RESYNC)

    def add_after(self, key: str, seconds: float) -> None:
        """Add a key later; of several times asked for, the earliest counts. Without effect after shut_down.

        Raises ValueError for a delay that is not finite.
        """
        if not math.isfinite(seconds):
            raise ValueError(f"queue {self.name}: delay of {seconds} seconds for {key!r}")
        if self._shut_down:
            return
        if seconds <= 0:
            self.add(key, Lane.TIMER)
        elif self._state.add_at(key, self._clock() + seconds, Lane.TIMER):
            self._set_timer()

    def retry(
        self, key: str, *, error: str, terminal: bool = False, retry_after_seconds: float | None = None
    ) -> float:
        """Count a failure of a key and add it after its backoff; returns the delay in seconds.

        A terminal failure goes to the slow end at once. `retry_after_seconds` is the least delay (the other side's
        Retry-After), up to an hour.
        """
        delay = self._failures.failed(key, self._clock(), error=error, terminal=terminal)
        if retry_after_seconds is not None:
            delay = max(delay, min(retry_after_seconds, _MAXIMUM_RETRY_AFTER_SECONDS))
        self._observer.retried()
        self.add_after(key, delay)
        return delay

    def forget(self, key: str) -> None:
        """The key has succeeded, or its endpoint is gone: its backoff starts afresh."""
        self._failures.forget(key)

    def retries(self, key: str) -> int:
        """Failures of a key since its last success."""
        return self._failures.retries(key)

    def failing_seconds(self, key: str) -> float:
        """How long ago the first of a key's failures since its last success came; 0 if there is none."""
        return self._failures.failing_seconds(key, self._clock())

    # --- Workers ----------------------------------------------------------------------------------------------

    async def get(self) -> str:
        """The next key, for the caller alone until it calls `done`.

        Raises QueueShutDown when the queue is shut down and nothing waits.
        """
        while not self._state:
            if self._shut_down:
                raise QueueShutDown(f"queue {self.name} is shut down")
            await self._wait_for_a_key()
        key, waited = self._state.get(self._clock())
        self._observer.got(waited)
        return key

    async def _wait_for_a_key(self) -> None:
        getter = asyncio.get_running_loop().create_future()
        self._getters.append(getter)
        try:
            await getter
        except BaseException:
            if getter.done() and not getter.cancelled():
                # Woken and cancelled in the same moment: the key is still in the queue, another must look.
                self._wake()
            else:
                # A wake-up that came between the cancellation and this line has removed it already.
                with contextlib.suppress(ValueError):
                    self._getters.remove(getter)
            raise

    def done(self, key: str) -> None:
        """End the processing of a key; it waits again if it was added meanwhile. Raises KeyError if not in process."""
        worked, again = self._state.done(key, self._clock())
        self._observer.done(worked)
        if again:
            self._wake()
        elif self._shut_down and self._state.idle:
            self._end_drain()

    def _wake(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return

    # --- Delayed keys -----------------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        due = self._state.next_due()
        if due is not None and due < self._timer_due:
            self._clear_timer()
            delay = max(_SHORTEST_TIMER_SECONDS, due - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)
            self._timer_due = due

    def _clear_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._timer_due = math.inf

    def _on_timer(self) -> None:
        self._clear_timer()
        for _ in range(self._state.add_due(self._clock())):
            self._observer.added()
            self._wake()
        self._set_timer()

    # --- Shutdown ---------------------------------------------------------------------------------------------

    def shut_down(self) -> None:
        """Stop intake. Waiting keys are still handed out; delayed ones are given up."""
        self._shut_down = True
        self._clear_timer()
        while self._getters:
            self._wake()
        if self._state.idle:
            self._end_drain()

    async def drain(self, deadline_seconds: float) -> bool:
        """Shut down and wait until nothing waits or is in process; False if the deadline passed first."""
        self.shut_down()
        if self._state.idle:
            return True
        drainer = asyncio.get_running_loop().create_future()
        self._drainers.append(drainer)
        try:
            async with asyncio.timeout(deadline_seconds):
                await drainer
        except TimeoutError:
            return False
        finally:
            self._drainers.remove(drainer)
        return True

    def _end_drain(self) -> None:
        for drainer in self._drainers:
            if not drainer.done():
                drainer.set_result(None)

    # --- For people and scrapes -------------------------------------------------------------------------------

    def depth(self) -> int:
        """Waiting keys."""
        return len(self._state)

    def waiting_in(self, lane: Lane) -> int:
        """Keys that wait in one lane."""
        return self._state.waiting_in(lane)

    def in_process(self) -> int:
        """Keys that workers have."""
        return self._state.in_process

    def depth_by_lane(self) -> dict[Lane, int]:
        """Waiting keys of each lane."""
        return self._state.depth_by_lane()

    def oldest_age(self, now: float) -> float:
        """How long the longest waiting key has waited; 0 if none waits."""
        oldest = self._state.oldest_added()
        return 0.0 if oldest is None else now - oldest

    def unfinished_work_seconds(self, now: float) -> float:
        """Time spent so far on all keys in process."""
        return sum((now - started for started in self._state.processing().values()), 0.0)

    def longest_running_seconds(self, now: float) -> float:
        """Time spent so far on the key that has been in process longest."""
        return max((now - started for started in self._state.processing().values()), default=0.0)

    def longest_failing_seconds(self, now: float) -> float:
        """Age of the oldest row of failures without a success; 0 if no key fails."""
        return self._failures.longest_failing_seconds(now)

    def snapshot(self) -> Snapshot:
        """Everything, in order, for a debug page."""
        now = self._clock()
        return Snapshot(
            waiting={key: (lane.name, now - added) for key, (lane, added) in self._state.waiting().items()},
            processing={key: now - started for key, started in self._state.processing().items()},
            delayed={
                key: (lane.name, due - now)
                for key, (due, lane) in sorted(self._state.delayed().items(), key=lambda each: each[1])
            },
            failures=self._failures.snapshot(),
            at=now,
        )

    def validate(self) -> None:
        """Raise AssertionError where an invariant does not hold."""
        self._state.validate()
