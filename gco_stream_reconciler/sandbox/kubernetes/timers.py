"""Timers that end with their owner."""

import asyncio
from collections.abc import Callable
from typing import Any


class Timers:
    """Calls to make later. Invariant: after `stop` none is made."""

    def __init__(self) -> None:
        self._pending: set[asyncio.TimerHandle] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._loop = asyncio.get_running_loop()

    def stop(self) -> None:
        """Make no more calls."""
        self._loop = None
        for timer in self._pending:
            timer.cancel()
        self._pending.clear()

    @property
    def running(self) -> bool:
        """Whether calls are made."""
        return self._loop is not None

    def now(self) -> float:
        """Loop time in seconds; 0 when stopped."""
        return 0.0 if self._loop is None else self._loop.time()

    def later(self, seconds: float, action: Callable[..., None], *args: Any) -> asyncio.TimerHandle | None:
        """Call `action` after so many seconds; None when stopped."""
        if self._loop is None:
            return None

        def act() -> None:
            self._pending.discard(timer)
            action(*args)

        timer = self._loop.call_later(seconds, act)
        self._pending.add(timer)
        return timer

    def cancel(self, timer: asyncio.TimerHandle | None) -> None:
        """Forget a call."""
        if timer is not None:
            timer.cancel()
            self._pending.discard(timer)
