"""Endpoints that come and go, each under a name of its own: what is left of them in the process that did the work."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import generate_latest

from tests.simulation.holdings import CAPACITY, Holdings, objects_in_process, resident_kib
from tests.simulation.loop import VirtualLoop
from tests.simulation.play import Play
from tests.simulation.running import say
from tests.simulation.world import World, simulated_settings

BATCH = 50
MARK = "cyc-"
REST_SECONDS = 1000.0
"""Longer than the longest memory: a failed reconcile's backoff, and three resyncs."""
BOUNDED: Mapping[str, int] = {
    **CAPACITY,
    # A text is remembered as name and as value.
    "ValuePool._strings": 2 * CAPACITY["ValuePool._strings"],
    "_Series.name": 4_096,
    # Drops of the minute before the last one; the next drop takes them away.
    "RecentReads._dropped": 2_048,
}
"""What may still know a name, and how many texts at most."""


@dataclass(frozen=True)
class After:
    """What was seen at the end. named: texts with a name of the cycles, by owner."""

    cycles: int
    named: Mapping[str, int]
    in_metrics: int
    objects: tuple[int, ...]
    resident: tuple[int, ...]
    findings: tuple[str, ...]


async def cycle(count: int, *, batch: int = BATCH, aloud: bool = False) -> After:
    """Make, run, delete and purge `count` endpoints, some at a time."""
    settings = simulated_settings(resync_seconds=120, idle_poll_seconds=3.0, workers=16)
    world = World("cycles", settings, ready_seconds=2.0, ingress_seconds=2.0)
    objects, resident = [], []
    sealed: list[str] = []
    async with world.running():
        keeper = asyncio.create_task(_keep_one(world))
        play = Play(world)
        play.writer.deploy("stays")
        await play.rest()
        for first in range(0, count, batch):
            await _come_and_go(
                play, [f"{MARK}{number:05d}" for number in range(first, min(first + batch, count))]
            )
            sealed = _forget(world, sealed)
            if (first + batch) % 1000 == 0 or first + batch >= count:
                objects.append(objects_in_process())
                resident.append(resident_kib())
                if aloud:
                    say(
                        f"{first + batch:6d} cycles  {objects[-1]:7d} objects  {resident[-1] / 1024:6.1f} MiB resident"
                    )
        await world.pause(REST_SECONDS)
        keeper.cancel()
        application = world.replicas[-1].application
        named = dict(Holdings(application, name=MARK).named)
        in_metrics = generate_latest(application.registry).decode().count(MARK)
    return After(
        count,
        named,
        in_metrics,
        tuple(objects),
        tuple(resident),
        (*world.findings, *_left(named, in_metrics)),
    )


async def _come_and_go(play: Play, names: list[str]) -> None:
    for name in names:
        play.writer.deploy(name, replicas=1)
    await play.rest()
    for name in names:
        play.writer.delete(name)
    items = play.world.table.items
    await play.until(lambda: not any(name in items for name in names), "the purge")


def _forget(world: World, sealed: list[str]) -> list[str]:
    """The world's own past: it is not what is measured. sealed: shards that were sealed the last time; returns the next."""
    world.table.history.clear()
    world.stream.forget(sealed)
    world.table.looked_at.clear()
    world.server.forget_past(0)
    return world.stream.roll_all()


async def _keep_one(world: World) -> None:
    while True:
        if not any(replica.alive for replica in world.replicas):
            world.start()
        await asyncio.sleep(1.0)


def _left(named: Mapping[str, int], in_metrics: int) -> list[str]:
    found = [
        f"{owner} holds {texts} names of endpoints that are gone (bound {BOUNDED.get(owner, 0)})"
        for owner, texts in sorted(named.items())
        if texts > BOUNDED.get(owner, 0)
    ]
    return found + ([f"{in_metrics} names in the metrics"] if in_metrics else [])


def told(after: After) -> str:
    """In some lines."""
    lines = [f"{after.cycles} endpoints came and went; names still held, all bounded unless told below:"]
    lines += [f"{texts:7d}  {owner}" for owner, texts in sorted(after.named.items())]
    return "\n".join([*lines, f"{after.in_metrics:7d}  metrics"])


def perform(count: int, *, batch: int = BATCH) -> After:
    """Run alone."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(cycle(count, batch=batch))
