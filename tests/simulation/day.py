"""A day of the whole controller: shards roll over, a few things change, a few calls fail. What it holds must not grow.

`python -m tests.simulation.day`; `--cycles 10000` is the other half: so many endpoints come and go.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from tests.simulation.cycles import BATCH, cycle, told
from tests.simulation.end_state import unsettled
from tests.simulation.faults import GROUPS
from tests.simulation.holdings import CAPACITY, Holdings, objects_in_process, resident_kib
from tests.simulation.loop import VirtualLoop
from tests.simulation.running import say, with_fixed_hashes
from tests.simulation.world import World, simulated_settings
from tests.simulation.writer import RandomWriter, Writer

HOUR = 3600.0
STAYING = tuple(f"stays-{number}" for number in range(6))
CHANGING = ("alpha", "beta", "gamma")
ROLLOVER_HOURS = 4
SHARDS_KEPT_HOURS = 8
"""A third of what DynamoDB keeps, so that what is forgotten shows within the day as well."""
FAULT_RATE = 0.0005
ENTRIES_BOUND = 24
"""A structure may have so many entries more than it ever had in the hours before: something is always under way."""
SHARE_BOUND = 0.10
"""By so much may a structure grow, and all objects and tasks of the run."""
SIZE_BOUND = 512 * 1024
"""Bytes by which all that is held may grow; what has a capacity of its own (see there) takes most of it."""
EVENTS_KEPT_SECONDS = HOUR
"""As API servers do."""


@dataclass(frozen=True)
class Hour:
    """What was seen at the end of an hour. lengths: of both processes."""

    hour: int
    lengths: Mapping[str, int]
    size: int
    tasks: int
    objects: int
    resident: int
    items: int
    rollovers: int

    def told(self) -> str:
        """In one line."""
        return (
            f"{self.hour:4d} h  {self.items:3d} items  {self.rollovers:2d} rollovers  {self.size / 1024:7.0f} KiB and "
            f"{sum(self.lengths.values()):6d} entries held  {self.tasks:3d} tasks  {self.objects:7d} objects  "
            f"{self.resident / 1024:6.1f} MiB resident"
        )


class Day:
    """A run of so many hours. findings: what must not be, none if all is well."""

    def __init__(self, *, hours: int, seed: int, replicas: int, rollover_hours: int, aloud: bool) -> None:
        self._hours = hours
        self._replicas = replicas
        self._rollover_hours = rollover_hours
        self._aloud = aloud
        self._random = Random(f"{seed}/day")
        settings = simulated_settings(
            resync_seconds=300,
            idle_poll_seconds=10.0,
            lease_seconds=30,
            renew_deadline_seconds=20,
            renew_interval_seconds=5,
        )
        self.world = World(f"day-{seed}", settings)
        self.world.faults.rates = dict.fromkeys(GROUPS, FAULT_RATE)
        self.seen: list[Hour] = []
        self._rollovers = 0
        self._sealed: list[tuple[int, list[str]]] = []
        self._jobs = 0

    async def run(self) -> list[str]:
        """The whole day."""
        async with self.world.running():
            keeper = asyncio.create_task(self._keep())
            trickle = asyncio.create_task(self._trickle())
            for hour in range(1, self._hours + 1):
                if not await self.world.pause(HOUR):
                    break
                self._look(hour)
                self._turn(hour)
            trickle.cancel()
            await self._end()
            keeper.cancel()
        return [*self.world.findings, *grown(self.seen)]

    async def _keep(self) -> None:
        while True:
            if sum(replica.alive for replica in self.world.replicas) < self._replicas:
                self.world.start()
            await asyncio.sleep(1.0)

    async def _trickle(self) -> None:
        """A change every ten minutes; every other time an endpoint that nobody has seen before comes or goes."""
        writer = Writer(self.world)
        commands = RandomWriter(self.world, Random(self._random.random()), CHANGING)
        # Nobody takes items away by hand: orphans are the subject of other tests.
        commands.removals = 1
        for name in STAYING:
            writer.deploy(name)
        passing: list[str] = []
        while True:
            await asyncio.sleep(self._random.expovariate(1 / 600))
            commands.step()
            if passing:
                writer.delete(passing.pop())
            else:
                self._jobs += 1
                passing.append(f"job-{self._jobs}")
                writer.deploy(passing[-1])

    def _turn(self, hour: int) -> None:
        """What time does to stream and histories; the world forgets its own past too, so that it does not grow."""
        world = self.world
        if hour % self._rollover_hours == 0:
            self._rollovers += 1
            self._sealed.append((hour, world.stream.roll_all()))
        while self._sealed and self._sealed[0][0] + SHARDS_KEPT_HOURS <= hour:
            world.stream.forget(self._sealed.pop(0)[1])
        world.table.history.clear()
        world.table.looked_at.clear()
        world.server.forget_past(EVENTS_KEPT_SECONDS)

    def _look(self, hour: int) -> None:
        lengths: Counter[str] = Counter()
        size = 0
        for replica in self.world.replicas:
            held = Holdings(replica.application)
            lengths.update(held.lengths)
            size += held.size
        self.seen.append(
            Hour(
                hour,
                lengths,
                size,
                len(asyncio.all_tasks()),
                objects_in_process(),
                resident_kib(),
                len(self.world.table.items),
                self._rollovers,
            )
        )
        if self._aloud:
            say(self.seen[-1].told())

    async def _end(self) -> None:
        """Everything asked for has come about."""
        world = self.world
        world.faults.active = False
        RandomWriter(world, Random(0), CHANGING).mend()
        for _ in range(40):
            if not unsettled(world) or not await world.pause(60):
                return
        world.findings.append(f"not settled: {unsettled(world)}")


def grown(seen: list[Hour]) -> Iterator[str]:
    """What the later half of the hours has more of than the earlier one ever had."""
    half = len(seen) // 2
    before, after = seen[1:half], seen[half:]
    if not before:
        return
    for owner in sorted({owner for hour in seen for owner in hour.lengths}):
        most = max(hour.lengths.get(owner, 0) for hour in before)
        last = min(hour.lengths.get(owner, 0) for hour in after[-3:])
        if owner in CAPACITY:
            # Two processes at most.
            if last > 2 * CAPACITY[owner]:
                yield f"{owner} has {last} entries, more than it may"
        elif last > most + max(ENTRIES_BOUND, SHARE_BOUND * most):
            yield f"{owner} has {last} entries or more in the last three hours, {most} at most in the first half"
    for what, fixed in (("size", SIZE_BOUND), ("tasks", 0), ("objects", 0)):
        most = max(getattr(hour, what) for hour in before)
        last = min(getattr(hour, what) for hour in after[-3:])
        if last > most + (fixed or SHARE_BOUND * most):
            yield f"{what}: {last} or more in the last three hours, {most} at most in the first half"


async def a_day(
    *, hours: int, seed: int, replicas: int, rollover_hours: int = ROLLOVER_HOURS, aloud: bool = False
) -> tuple[Day, list[str]]:
    """Run one; the world must be made within the loop."""
    day = Day(hours=hours, seed=seed, replicas=replicas, rollover_hours=rollover_hours, aloud=aloud)
    return day, await day.run()


def main() -> int:
    """Exit code 1 where something has grown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--cycles", type=int, help="instead: so many endpoints are made and deleted")
    parser.add_argument("--batch", type=int, default=BATCH, help="how many of them at a time")
    asked = parser.parse_args()
    began = time.process_time()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        if asked.cycles:
            after = runner.run(cycle(asked.cycles, batch=asked.batch, aloud=True))
            findings = after.findings
            say(told(after))
        else:
            day, found = runner.run(
                a_day(hours=asked.hours, seed=asked.seed, replicas=asked.replicas, aloud=True)
            )
            findings = tuple(found)
            say(
                f"{day.world.faults.count} faults, {sum(day.world.table.writes.values())} writes to the table"
            )
    for finding in findings:
        say(f"FOUND {finding}")
    say(f"{'failed' if findings else 'flat'}; {time.process_time() - began:.1f} s of processor time")
    return 1 if findings else 0


if __name__ == "__main__":
    with_fixed_hashes("tests.simulation.day")
    sys.exit(main())
