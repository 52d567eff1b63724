"""One seed's history: commands and faults by chance, then calm, then proof that all is well."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from tests.simulation.end_state import unsettled
from tests.simulation.faults import GROUPS
from tests.simulation.invariants import Invariants
from tests.simulation.loop import StuckError, VirtualLoop
from tests.simulation.peer import other_region
from tests.simulation.replica import Replica
from tests.simulation.table import Item
from tests.simulation.world import NAMESPACE, World, simulated_settings
from tests.simulation.writer import RandomWriter

NAMES = ("alpha", "beta", "beta-canary", "gamma")
CONVERGED_WITHIN = 4000.0
QUIET_RESYNCS = 3
LONG_MINUTES = 240
RARE_RESYNC = 3000.0
NOTICED_WITHIN = 45.0
"""A command is looked at this soon where nothing fails; a shard that is listed late waits for the next audit, 30 s."""
REST_SECONDS = 95.0
"""Longer than anything in the cluster takes without a sign."""


@dataclass(frozen=True)
class Outcome:
    """What a seed has shown."""

    seed: int
    findings: tuple[str, ...]
    story: tuple[str, ...]
    digest: str
    simulated_seconds: float
    faults: int
    kills: int
    commands: int
    settled_after: float


@dataclass(frozen=True)
class Weather:
    """How a seed's world behaves."""

    minutes: float
    processes: int
    rate: float
    kills: float
    cuts: float
    skews: float
    churn: float
    command_pause: float
    strangers: bool
    usurpers: bool
    slowest: float

    @classmethod
    def of(cls, random: Random, minutes: float | None) -> "Weather":
        calm = random.random() < 0.1
        found = cls(
            minutes=minutes or random.choice((2, 4, 10)),
            processes=random.choice((1, 1, 2, 2, 3)),
            rate=0.0 if calm else random.choice((0.01, 0.03, 0.08, 0.2)),
            kills=random.choice((0, 0, 90.0, 240.0)),
            cuts=random.choice((0, 0, 120.0)),
            skews=random.choice((0, 0, 120.0)),
            churn=random.choice((0, 30.0, 120.0)),
            command_pause=random.choice((3.0, 15.0, 60.0)),
            strangers=random.random() < 0.25,
            usurpers=random.random() < 0.25,
            slowest=random.choice((0.02, 0.05, 0.05, 0.4)),
        )
        return found if minutes is None else found.over_a_day()

    def over_a_day(self) -> "Weather":
        """The same things, as rare as they are when nobody hurries them."""
        return replace(
            self,
            processes=min(2, self.processes),
            rate=min(0.01, self.rate),
            kills=self.kills * 40,
            cuts=self.cuts * 40,
            skews=self.skews * 40,
            churn=max(1800.0, self.churn * 20),
            command_pause=self.command_pause * 60,
        )


class Scenario:
    """Runs one seed."""

    def __init__(self, seed: int, *, aloud: bool = False, minutes: float | None = None) -> None:
        self.seed = seed
        self._random = Random(f"{seed}/scenario")
        self.weather = Weather.of(self._random, minutes)
        self._aloud = aloud
        self._kills = 0
        self._commands = 0
        self._settled = 0.0

    async def run(self) -> Outcome:
        """The whole history."""
        random, weather = self._random, self.weather
        leases = random.choice(((15, 10, 2), (30, 20, 5)))
        settings = simulated_settings(
            workers=random.choice((1, 2, 8)),
            resync_seconds=random.choice((60, 120, RARE_RESYNC)),
            idle_poll_seconds=random.choice((0.5, 3.0, 5.0)) if weather.minutes < LONG_MINUTES else 10.0,
            lease_seconds=leases[0],
            renew_deadline_seconds=leases[1],
            renew_interval_seconds=leases[2],
            backoff_maximum_seconds=random.choice((30, 300)),
        )
        world = World(
            str(self.seed),
            settings,
            ready_seconds=random.choice((2.0, 20.0, 90.0)),
            ingress_seconds=random.choice((1.0, 10.0, 400.0)),
            aloud=self._aloud,
        )
        world.story.tell("weather", str(weather))
        invariants = Invariants(world, slack=65.0 if weather.skews else 10.0)
        if weather.strangers:
            plant_strangers(world, invariants)
        world.faults.rates = {
            group: weather.rate * random.choice((0, 0.3, 1, 1)) * (0.3 if group == "lease" else 1)
            for group in GROUPS
        }
        if weather.usurpers:
            world.interrupts.append(self._usurper(world, invariants))
        async with world.running():
            writer = RandomWriter(world, Random(f"{self.seed}/writer"), NAMES)
            await self._storm(world, writer)
            await self._calm(world, writer)
        return Outcome(
            self.seed,
            tuple(world.findings),
            tuple(world.story.lines),
            world.story.digest,
            world.story.elapsed,
            world.faults.count,
            self._kills,
            self._commands,
            self._settled,
        )

    # --- Storm ------------------------------------------------------------------------------------------------

    async def _storm(self, world: World, writer: RandomWriter) -> None:
        weather = self.weather
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(other_region(world, Random(f"{self.seed}/peer"))),
                group.create_task(self._keep_processes(world)),
                group.create_task(
                    self._every(world, "commands", weather.command_pause, lambda _: self._command(writer))
                ),
                group.create_task(self._every(world, "kills", weather.kills, lambda r: self._kill(world, r))),
                group.create_task(self._every(world, "cuts", weather.cuts, lambda r: self._cut(world, r))),
                group.create_task(self._every(world, "skews", weather.skews, lambda r: self._skew(world, r))),
                group.create_task(
                    self._every(world, "churn", weather.churn, lambda r: self._churn(world, r))
                ),
                group.create_task(self._every(world, "health", 100.0, lambda r: self._sicken(world, r))),
            ]
            await world.pause(weather.minutes * 60)
            for task in tasks:
                task.cancel()

    def _command(self, writer: RandomWriter) -> None:
        self._commands += 1
        writer.step()

    async def _every(self, world: World, name: str, seconds: float, act: Callable[[Random], None]) -> None:
        if not seconds:
            return
        random = Random(f"{self.seed}/{name}")
        while await world.pause(random.expovariate(1 / seconds)):
            act(random)

    async def _keep_processes(self, world: World) -> None:
        """What a Deployment of the controller does: a process that has ended is followed by another."""
        random = Random(f"{self.seed}/processes")
        while True:
            alive = [replica for replica in world.replicas if replica.alive]
            if len(alive) < self.weather.processes:
                wrong = self.weather.skews and world.faults.active
                world.start(
                    slowest=self.weather.slowest if world.faults.active else 0.05,
                    skew=random.uniform(-30.0, 30.0) if wrong else 0.0,
                )
            if not await world.pause(random.uniform(0.5, 10.0)):
                return

    def _kill(self, world: World, random: Random) -> None:
        alive = [replica for replica in world.replicas if replica.alive]
        if not alive:
            return
        self._kills += 1
        leader = world.leader()
        victim = leader if leader is not None and random.random() < 0.7 else random.choice(alive)
        choice = random.random()
        if choice < 0.3:
            victim.stop()
        elif choice < 0.6:
            victim.kill("at any moment")
        else:
            when, count = random.choice(("before", "after")), [random.randrange(1, 6)]

            def interrupt(replica: object, moment: str, what: str) -> None:
                if replica is victim and moment == when:
                    count[0] -= 1
                    if count[0] == 0:
                        victim.kill(f"{when} {what}")
                        world.interrupts.remove(interrupt)

            world.interrupts.append(interrupt)

    def _usurper(self, world: World, invariants: Invariants) -> Callable[[Replica, str, str], None]:
        """Somebody who takes an object's name in the very moment before it is deleted."""
        random = Random(f"{self.seed}/usurper")

        def interrupt(replica: Replica, moment: str, what: str) -> None:
            verb, kind, name = what.split(" ") if what.count(" ") == 2 else ("", "", "")
            if moment != "before" or verb != "delete" or kind != "Service" or random.random() > 0.2:
                return
            store, found = world.server.store, BY_NAME["Service"]
            if (kind, NAMESPACE, name) not in store.objects or not replica.alive:
                return
            world.story.tell("stranger", f"takes the name of {kind} {name}")
            store.delete(found, NAMESPACE, name)
            spec = {"selector": {"app": "theirs"}, "ports": [{"port": 80}]}
            store.create(found, NAMESPACE, {"metadata": {"name": name}, "spec": spec}, manager="somebody")
            invariants.strangers.add((kind, NAMESPACE, name))

        return interrupt

    def _cut(self, world: World, random: Random) -> None:
        alive = [replica for replica in world.replicas if replica.alive]
        if not alive:
            return
        victim = random.choice(alive)
        until = world.clock() + random.choice((3.0, 12.0, 40.0, 130.0))
        there, back = random.choice(((True, True), (False, True), (True, False)))
        world.story.tell("network", f"{victim.name} cut off until {until:.0f}, there {there}, back {back}")
        if there:
            victim.link.cut_until = until
        if back:
            victim.link.cut_back_until = until

    def _skew(self, world: World, random: Random) -> None:
        alive = [replica for replica in world.replicas if replica.alive]
        if alive:
            victim = random.choice(alive)
            victim.skew = random.uniform(-30.0, 30.0)
            world.story.tell("clock", f"{victim.name} is wrong by {victim.skew:.1f} s")

    def _churn(self, world: World, random: Random) -> None:
        """What happens to streams and histories without anybody's fault."""
        stream = world.stream
        what = random.choice(("roll", "roll", "split", "trim", "old", "expire", "renew", "compact"))
        world.story.tell("churn", what)
        match what:
            case "roll":
                stream.roll()
            case "split":
                stream.roll(children=2)
            case "trim":
                stream.trim()
            case "old":
                stream.forget_old_shards()
            case "expire":
                stream.expire_iterators()
            case "renew":
                stream.renew()
            case "compact":
                world.server.forget_history()

    def _sicken(self, world: World, random: Random) -> None:
        name = random.choice(NAMES)
        if random.random() < 0.5:
            world.story.tell("pods", f"{name} crash")
            world.cluster.fail(NAMESPACE, name)
        else:
            world.story.tell("pods", f"{name} recover")
            world.cluster.heal(NAMESPACE, name)

    # --- Calm -------------------------------------------------------------------------------------------------

    async def _calm(self, world: World, writer: RandomWriter) -> None:
        """No more faults: everything must come to rest in time, and then stay at rest."""
        world.faults.active = False
        world.interrupts.clear()
        for replica in world.replicas:
            replica.link.cut_until = replica.link.cut_back_until = float("-inf")
            replica.skew = 0.0
            replica.link.slowest = 0.05
        for name in NAMES:
            world.cluster.heal(NAMESPACE, name)
        # Events that were lost without a trace are found when the history ends.
        world.server.forget_history()
        writer.mend()
        world.story.tell("weather", "calm")
        began = world.clock()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(other_region(world, Random(f"{self.seed}/peer2"))),
                group.create_task(self._keep_processes(world)),
            ]
            await self._settle(world, began)
            await self._notice(world, writer)
            for task in tasks:
                task.cancel()

    async def _notice(self, world: World, writer: RandomWriter) -> None:
        """Where no resync comes to the rescue: no command gets lost while shards roll over."""
        if world.settings.controller.resync_seconds < RARE_RESYNC:
            return
        random = Random(f"{self.seed}/notice")
        written: dict[str, float] = {}

        def listen(actor: str, name: str, old: Item | None, new: Item | None) -> None:
            # A command that only says again what is so (start a running one) moves nothing but the time.
            if actor == "writer" and {**(old or {}), "updated_at": 0} != {**(new or {}), "updated_at": 0}:
                written[name] = world.clock()

        world.table.listeners.append(listen)
        for _ in range(6):
            written.clear()
            world.story.tell("weather", "who notices?")
            for _ in range(random.choice((1, 2, 3))):
                if random.random() < 0.5:
                    world.stream.roll(children=random.choice((1, 2)))
                for _ in range(random.choice((1, 2))):
                    self._command(writer)
                    await world.pause(random.choice((0.0, 0.02, 0.1, 1.0)))
            if not await world.pause(NOTICED_WITHIN):
                return
            for name, at in written.items():
                if world.table.looked_at.get(name, 0.0) < at and world.leader() is not None:
                    world.found(f"nobody has looked at {name} within {NOTICED_WITHIN:.0f} s of its change")
        world.table.listeners.remove(listen)
        writer.mend()
        await self._settle(world, world.clock())

    async def _settle(self, world: World, began: float) -> None:
        problems: list[str] = []
        while world.clock() - began < CONVERGED_WITHIN:
            before = world.server.changes, sum(world.table.writes.values())
            if not await world.pause(REST_SECONDS):
                return
            if before != (world.server.changes, sum(world.table.writes.values())):
                continue
            problems = unsettled(world, strangers=self.weather.strangers or self.weather.usurpers)
            if world.leader() is None:
                problems.append("nobody leads")
            if not problems:
                break
        else:
            world.found(f"not settled {CONVERGED_WITHIN:.0f} s after the last fault: {problems}")
            return
        self._settled = world.clock() - began
        await self._rest(world)

    async def _rest(self, world: World) -> None:
        before = world.server.writes, sum(world.table.writes.values())
        resyncs = min(400.0, QUIET_RESYNCS * 1.1 * world.settings.controller.effective_resync_seconds)
        if not await world.pause(resyncs):
            return
        after = world.server.writes, sum(world.table.writes.values())
        if after != before:
            world.found(
                f"{after[0] - before[0]} writes to the cluster and {after[1] - before[1]} to the table at rest"
            )
        problems = unsettled(world, strangers=self.weather.strangers or self.weather.usurpers)
        if problems:
            world.found(f"not settled any more: {problems}")


def plant_strangers(world: World, invariants: Invariants) -> None:
    """Objects of similar names that are nobody's of ours, here and in another namespace."""
    store = world.server.store
    store.add_namespace("elsewhere")
    ours = {"app": "alpha", "project": "gco", "gco.io/type": "inference"}
    for namespace, name, labels in (
        ("elsewhere", "alpha", ours),
        (NAMESPACE, "alpha2", {"app": "alpha2"}),
        (NAMESPACE, "gamma-canary", {"app": "somebody"}),
        (NAMESPACE, "alph", {"app": "alpha"}),
    ):
        meta = {"name": name, "labels": labels}
        spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
        store.create(BY_NAME["Service"], namespace, {"metadata": meta, "spec": spec}, manager="somebody")
        invariants.strangers.add(("Service", namespace, name))
        pods = {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "c", "image": "nginx:1"}]},
        }
        workload = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": pods}
        store.create(
            BY_NAME["Deployment"], namespace, {"metadata": meta, "spec": workload}, manager="somebody"
        )
        invariants.strangers.add(("Deployment", namespace, name))


def simulate(seed: int, *, aloud: bool = False, minutes: float | None = None) -> Outcome:
    """Run one seed from beginning to end."""
    scenario = Scenario(seed, aloud=aloud, minutes=minutes)
    try:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(scenario.run())
    except StuckError as error:
        return Outcome(seed, (f"stuck: {error}",), (), "", 0.0, 0, 0, 0, 0.0)
