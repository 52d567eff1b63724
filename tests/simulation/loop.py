"""An event loop whose clock jumps to the next timer, and whose order of events depends on nothing outside.

Timers are asyncio's own in what they do and in which order; they are stripped to what a run of some ten thousand of them
needs, as there is no file to wait for and no debug mode.
"""

import asyncio
import contextvars
import selectors
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Any

START = 10_000.0
_RESOLUTION = 1e-6
_LONGEST_JUMP = 24 * 3600.0
# As in asyncio: fewer cancelled timers than this are left where they are.
_FEW_TIMERS = 100


class StuckError(RuntimeError):
    """Nothing is left that could ever happen."""


class _NoFiles(selectors.BaseSelector):
    """What the loop registers its own pipe with; nothing ever comes of it."""

    def __init__(self) -> None:
        self._keys: dict[int, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = selectors.SelectorKey(fileobj, _number(fileobj), events, data)
        self._keys[key.fd] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(_number(fileobj))

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys[_number(fileobj)]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def close(self) -> None:
        self._keys.clear()


def _number(fileobj: Any) -> int:
    return fileobj if isinstance(fileobj, int) else int(fileobj.fileno())


class _Task(asyncio.Task[Any]):
    """A task that sets hold in the order of making, not of memory."""

    def __init__(self, number: int, coroutine: Any, **options: Any) -> None:
        self._number = number
        super().__init__(coroutine, **options)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class _Soon:
    """A callback whose turn is next. cancelled ones are passed over."""

    __slots__ = ("args", "callback", "context", "is_cancelled")

    def __init__(
        self, callback: Callable[..., Any], args: tuple[Any, ...], context: contextvars.Context
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled


class _Timer(float):
    """A callback with its time, which is what it is compared by."""

    __slots__ = ("args", "callback", "context", "is_cancelled", "is_scheduled", "loop")
    loop: "VirtualLoop"
    callback: Any
    args: Any
    context: contextvars.Context
    is_cancelled: bool
    is_scheduled: bool

    def cancel(self) -> None:
        if not self.is_cancelled:
            self.is_cancelled = True
            self.callback = self.args = None
            if self.is_scheduled:
                self.loop.cancelled_timers += 1

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return float(self)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs as fast as its tasks do; `time()` is virtual seconds. cancelled_timers: those that are still in the heap."""

    def __init__(self) -> None:
        self.now = START
        self.cancelled_timers = 0
        self._timers: list[_Timer] = []
        self._next: deque[_Soon | _Timer] = deque()
        self._made = 0
        super().__init__(_NoFiles())
        self.create_future = partial(asyncio.Future, loop=self)  # type: ignore[method-assign]
        self.set_task_factory(_make)

    def time(self) -> float:
        return self.now

    # Asked for at the making of every future.
    get_debug = staticmethod(bool)  # type: ignore[assignment]

    def numbered(self, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        self._made += 1
        return _Task(self._made, coroutine, loop=self, **options)

    # --- What asyncio asks for --------------------------------------------------------------------------------

    def call_soon(self, callback: Any, *args: Any, context: contextvars.Context | None = None) -> Any:
        if self._closed:
            self._check_closed()
        handle = _Soon(callback, args, contextvars.copy_context() if context is None else context)
        self._next.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        if self._closed:
            self._check_closed()
        timer = _Timer(when)
        timer.loop, timer.callback, timer.args = self, callback, args
        timer.context = contextvars.copy_context() if context is None else context
        timer.is_cancelled, timer.is_scheduled = False, True
        heappush(self._timers, timer)
        return timer

    # --- Turns ------------------------------------------------------------------------------------------------

    def _run_once(self) -> None:
        """Turn after turn until somebody stops the loop, in the order of asyncio's own `_run_once`."""
        ready = self._next
        while True:
            self._drop_cancelled()
            timers = self._timers
            if not ready and not self._stopping:
                if not timers:
                    raise StuckError("every task waits for another")
                self.now += min(max(0.0, timers[0] - self.now), _LONGEST_JUMP)
            end = self.now + _RESOLUTION
            while timers and timers[0] < end:
                timer = heappop(timers)
                timer.is_scheduled = False
                ready.append(timer)
            for _ in range(len(ready)):
                handle = ready.popleft()
                if not handle.is_cancelled:
                    try:
                        handle.context.run(handle.callback, *handle.args)
                    except (SystemExit, KeyboardInterrupt):
                        raise
                    except BaseException as error:  # noqa: BLE001 - as asyncio does
                        self.call_exception_handler({"message": "a callback failed", "exception": error})
            if self._stopping:
                return

    def _drop_cancelled(self) -> None:
        timers = self._timers
        if len(timers) > _FEW_TIMERS and self.cancelled_timers / len(timers) > 0.5:
            kept = []
            for timer in timers:
                if timer.is_cancelled:
                    timer.is_scheduled = False
                else:
                    kept.append(timer)
            heapify(kept)
            self._timers = kept
            self.cancelled_timers = 0
            return
        while timers and timers[0].is_cancelled:
            self.cancelled_timers -= 1
            heappop(timers).is_scheduled = False


def _make(
    loop: asyncio.AbstractEventLoop,
    coroutine: Any,
    *,
    context: contextvars.Context | None = None,
) -> asyncio.Task[Any]:
    assert isinstance(loop, VirtualLoop)
    return loop.numbered(coroutine, context=context)
