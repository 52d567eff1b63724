"""How often DescribeStream is called: a few times at once, then so many times a second."""

import asyncio
from collections.abc import Callable

# A call in line is looked at this often: another one's answer may have made it needless.
_GLANCE_SECONDS = 0.2
_LEAST_PAUSE_SECONDS = 0.01


class Pace:
    """`clock` is monotonic seconds.

    Invariant: `_left` calls could be made at `_counted_at`, never more than `at_once`; below zero after a big `spend`.
    """

    def __init__(self, clock: Callable[[], float], *, per_second: float, at_once: int) -> None:
        self._clock = clock
        self._per_second = per_second
        self._at_once = at_once
        self._left = float(at_once)
        self._counted_at = clock()
        self._line = asyncio.Lock()
        self.waiting = 0

    def left(self) -> float:
        """Calls that may be made now."""
        now = self._clock()
        earned = (now - self._counted_at) * self._per_second
        self._left, self._counted_at = min(self._at_once, self._left + earned), now
        return self._left

    def spend(self, calls: int) -> None:
        """Calls are made now; more than are left make the following ones wait."""
        self._left = self.left() - calls

    def seconds_until(self, calls: float) -> float:
        """How long until so many are left; 0 if they are."""
        return max(0.0, (calls - self.left()) / self._per_second)

    async def turn(self, wanted: Callable[[], bool]) -> bool:
        """Wait in line for one call; False, with nothing spent, once it is not wanted any more."""
        self.waiting += 1
        try:
            async with self._line:
                while wanted():
                    pause = self.seconds_until(1)
                    if pause == 0:
                        self.spend(1)
                        return True
                    await asyncio.sleep(min(_GLANCE_SECONDS, max(_LEAST_PAUSE_SECONDS, pause)))
                return False
        finally:
            self.waiting -= 1
