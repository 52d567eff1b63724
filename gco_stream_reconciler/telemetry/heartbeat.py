"""The event loop's pulse: late callbacks mean that something blocks it."""

import asyncio
from collections.abc import Callable, Iterable

from gco_stream_reconciler.telemetry.health import Reason

_INTERVAL_SECONDS = 0.5
_DEAD_AFTER_SECONDS = 20.0


class Heartbeat:
    """Measures how late a timer fires. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float], observe: Callable[[float], None]) -> None:
        self._clock = clock
        self._observe = observe
        self._beat = clock()

    async def run(self) -> None:
        """Beat for ever."""
        while True:
            began = self._clock()
            await asyncio.sleep(_INTERVAL_SECONDS)
            self._beat = self._clock()
            self._observe(max(0.0, self._beat - began - _INTERVAL_SECONDS))

    def check(self) -> Iterable[Reason]:
        """A reason when the last beat is too long ago: the pulse's task has died or was starved."""
        age = self._clock() - self._beat
        if age > _DEAD_AFTER_SECONDS:
            yield Reason(
                "event loop", f"no beat for {age:.0f} s", "the process hangs; it is restarted by its probe"
            )
