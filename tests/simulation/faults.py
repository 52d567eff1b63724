"""What goes wrong, and how often. Every choice comes from one seeded generator."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

KUBE_WRITE = ("429", "500", "503", "reset before", "reset after", "hang before", "hang after", "504 after")
KUBE_READ = ("429", "500", "503", "reset before", "hang before", "slow")
WATCH_OPEN = ("500", "hang before", "410")
WATCH_EVENT = ("cut", "freeze", "repeat", "drop", "lag", "410")
TABLE_READ = ("throttle", "500", "reset before", "hang before", "slow")
TABLE_WRITE = ("throttle", "500", "reset before", "reset after", "hang before", "hang after")
STREAM = ("throttle", "500", "reset before", "hang before", "expired", "repeat")

GROUPS: Mapping[str, tuple[str, ...]] = {
    "kube write": KUBE_WRITE,
    "kube read": KUBE_READ,
    "lease": ("500", "reset before", "reset after", "hang before", "hang after"),
    "watch open": WATCH_OPEN,
    "watch event": WATCH_EVENT,
    "table read": TABLE_READ,
    "table write": TABLE_WRITE,
    "stream": STREAM,
}


UNDELAYED = 0.4


@dataclass
class Faults:
    """rates: chance of a fault in a call of a group. Nothing goes wrong while `active` is False.

    forced: what the next calls of a group do instead, first come first served; None passes a call.
    """

    random: Random
    rates: dict[str, float] = field(default_factory=dict)
    active: bool = True
    count: int = 0
    forced: dict[str, list[str | None]] = field(default_factory=dict)

    def draw(self, group: str) -> str | None:
        """The fault of a call, mostly None."""
        if self.forced.get(group):
            return self.forced[group].pop(0)
        rate = self.rates.get(group, 0.0)
        if not self.active or not rate or self.random.random() >= rate:
            return None
        self.count += 1
        return self.random.choice(GROUPS[group])


class Link:
    """One process's way to everything else.

    dead: the process is gone: what it sends is never heard. cut_until: virtual time until which nothing gets through.
    watches_held_at: the version after which its watches are told nothing, None for no such limit.
    """

    def __init__(self, random: Random, *, slowest: float = 0.05) -> None:
        self._random = random
        self.slowest = slowest
        self.dead = False
        self.cut_until = float("-inf")
        self.cut_back_until = float("-inf")
        self.watches_held_at: int | None = None

    async def there(self) -> None:
        """A request's way; never arrives through a cut."""
        await self._pass(self.cut_until)

    async def back(self) -> None:
        """An answer's way."""
        await self._pass(self.cut_back_until)

    async def _pass(self, cut_until: float) -> None:
        # Some calls take no time at all, so that nothing rests on a task being suspended.
        if self._random.random() > UNDELAYED:
            await asyncio.sleep(self._random.uniform(0.001, self.slowest))
        if self.dead or asyncio.get_running_loop().time() < cut_until:
            await never()


async def never() -> None:
    """An answer that does not come."""
    await asyncio.get_running_loop().create_future()
