"""An event loop whose clock jumps to the next timer, and whose order of events depends on nothing outside."""

import asyncio
import contextvars
import selectors
from collections.abc import Mapping
from typing import Any

START = 10_000.0


class StuckError(RuntimeError):
    """Nothing is left that could ever happen."""


class _NoWaiting(selectors.BaseSelector):
    """A selector whose files never have anything: to wait is to move the clock."""

    def __init__(self) -> None:
        self.now = START
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
        if timeout is None:
            raise StuckError("every task waits for another")
        self.now += max(0.0, timeout)
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


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs as fast as its tasks do; `time()` is virtual seconds."""

    def __init__(self) -> None:
        self._jumps = _NoWaiting()
        super().__init__(self._jumps)
        self._clock_resolution = 1e-6
        self._made = 0
        self.set_task_factory(_make)

    def time(self) -> float:
        return self._jumps.now

    def numbered(self, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        self._made += 1
        return _Task(self._made, coroutine, loop=self, **options)


def _make(
    loop: asyncio.AbstractEventLoop,
    coroutine: Any,
    *,
    context: contextvars.Context | None = None,
) -> asyncio.Task[Any]:
    assert isinstance(loop, VirtualLoop)
    return loop.numbered(coroutine, context=context)
