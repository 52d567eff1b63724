"""What happens to the processes, at random: each has a task of its own, and each task chance of its own."""

import asyncio
import signal
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from tests.chaos.processes import Process
from tests.chaos.world import Server, World

GRACE_SECONDS = 25.0
_LEASE_SECONDS = 15.0


@dataclass
class Fates:
    """Does it, and counts it. `problems` are what must not happen: ends that nobody caused, ends that took too long."""

    world: World
    seed: int
    stop: asyncio.Event
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    slowest_end_seconds: float = 0.0
    controllers: dict[int, Process] = field(default_factory=dict)

    def start(self, number: int) -> None:
        """Start a replica."""
        self.controllers[number] = self.world.controller(number)

    async def of_controller(self, number: int) -> None:
        """Kill, stop, suspend and restart one replica until `stop`."""
        chance = Random(f"{self.seed}-controller-{number}")
        while not await self._stopped_within(chance.uniform(2, 20)):
            process = self.controllers[number]
            if (code := process.code()) is not None:
                self.problems.append(f"{process.name} ended by itself with {code}: {process.tail()[-400:]}")
                self.start(number)
                continue
            match chance.choice(["kill", "kill", "terminate", "pause", "long pause"]):
                case "kill":
                    await self._kill(process)
                    await self._stopped_within(chance.uniform(0, 5))
                    self.start(number)
                case "terminate":
                    await self.terminate(process)
                    await self._stopped_within(chance.uniform(0, 5))
                    self.start(number)
                case "pause":
                    await self._pause(process, chance.uniform(0.5, 10), "controller paused within its lease")
                case "long pause":
                    seconds = _LEASE_SECONDS + chance.uniform(1, 10)
                    await self._pause(process, seconds, "controller paused past its lease")

    async def of_server(self, server: Server) -> None:
        """Suspend a server now and then until `stop`; it runs in the end."""
        chance = Random(f"{self.seed}-{server.name}")
        while not await self._stopped_within(chance.uniform(10, 40)):
            server.suspend()
            self.counts[f"{server.name} suspended"] += 1
            try:
                await self._stopped_within(chance.choice([chance.uniform(0.5, 4), chance.uniform(4, 20)]))
            finally:
                server.resume()

    async def terminate(self, process: Process) -> None:
        """SIGTERM: it must end in order, and in time."""
        self.counts["SIGTERM"] += 1
        loop = asyncio.get_running_loop()
        began = loop.time()
        process.signal(signal.SIGTERM)
        try:
            code = await process.ended(GRACE_SECONDS * 2)
        except TimeoutError:
            self.problems.append(f"{process.name} did not end after SIGTERM")
            await process.end()
            return
        seconds = loop.time() - began
        self.slowest_end_seconds = max(self.slowest_end_seconds, seconds)
        if code != 0 or seconds > GRACE_SECONDS:
            self.problems.append(f"{process.name} ended with {code}, {seconds:.1f} s after SIGTERM")
        await process.end()

    async def _kill(self, process: Process) -> None:
        self.counts["SIGKILL"] += 1
        process.signal(signal.SIGKILL)
        code = await process.ended(10)
        if code != -signal.SIGKILL:
            self.problems.append(f"{process.name} ended with {code} before it was killed")
        await process.end()

    async def _pause(self, process: Process, seconds: float, what: str) -> None:
        self.counts[what] += 1
        process.signal(signal.SIGSTOP)
        try:
            await self._stopped_within(seconds)
        finally:
            process.signal(signal.SIGCONT)

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.stop.wait()
        except TimeoutError:
            return False
        return True
