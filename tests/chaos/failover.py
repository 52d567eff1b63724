"""`python -m tests.chaos.failover`: how long hand-overs take with real processes, and whether two ever wrote at once.

Each replica has an API server of its own before the one store, so that every request tells whose it is.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import signal
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from gco_stream_reconciler.sandbox.kubernetes.requests import Request
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.kubernetes.store import Store
from gco_stream_reconciler.sandbox.table import TABLE, Writer
from tests.chaos.processes import Process
from tests.chaos.world import NAMESPACE, REGION, start_controller
from tests.grounds.aws import AwsGround, dynamodb_local, moto, why_not_dynamodb_local

GRACEFUL_GOAL_SECONDS, CRASH_GOAL_SECONDS = 3.0, 18.0
_LEASE = "inference-monitor-leader"
_PAUSE_SECONDS = 25.0
_PATIENCE_SECONDS = 90.0
_NAMES = [f"endpoint-{number}" for number in range(20)]


@dataclass
class Replica:
    """One controller and its way to the cluster. watched: the watches of its processes before this one."""

    number: int
    server: KubernetesServer
    kubeconfig: Path
    environment: dict[str, str]
    folder: Path
    process: Process | None = None
    watched: int = 0

    def start(self) -> None:
        """Start a process."""
        self.watched = self._all_watches()
        log = self.folder / f"controller-{self.number}.log"
        name = f"controller {self.number}"
        self.process = start_controller(name, log, kubeconfig=self.kubeconfig, environment=self.environment)

    @property
    def running(self) -> Process:
        """Its process."""
        if self.process is None:
            raise RuntimeError("not started")
        return self.process

    def leases(self) -> list[float]:
        """When its writes of the Lease took effect, on the servers' clock."""
        # The request that creates it has no name.
        mine = (each for each in self._requests() if each.kind == "Lease" and each.name in ("", _LEASE))
        return [each.at for each in mine if each.status in (200, 201)]

    def writes(self) -> list[float]:
        """When its other writes took effect, or were refused."""
        return [each.at for each in self._requests() if each.kind not in ("Lease", "Event")]

    def watches(self) -> int:
        """How many watches its process has begun."""
        return self._all_watches() - self.watched

    def _all_watches(self) -> int:
        return sum(1 for each in self.server.requests if each.verb == "watch")

    def _requests(self) -> list[Request]:
        return [each for each in self.server.requests if each.is_write]


@dataclass
class Figures:
    """Seconds by kind of hand-over."""

    graceful: list[float] = field(default_factory=list)
    crash: list[float] = field(default_factory=list)
    pause: list[float] = field(default_factory=list)


def main() -> int:
    """Returns the exit code: 1 where a goal was missed or two replicas wrote at once."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.failover", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="hand-overs of each kind")
    options = parser.parse_args()
    ground = moto if why_not_dynamodb_local() else dynamodb_local
    with tempfile.TemporaryDirectory(prefix="failover-") as folder, ground() as aws:
        return asyncio.run(_run(Path(folder), aws, options.rounds))


async def _run(folder: Path, aws: AwsGround, rounds: int) -> int:
    writer = Writer(aws.url, table=TABLE)
    await asyncio.to_thread(writer.create_table)
    figures = Figures()
    async with _replicas(folder, aws.environment()) as replicas:
        writing = asyncio.create_task(_write(writer), name="writer")
        try:
            for replica in replicas:
                replica.start()
            await _until("somebody leads", lambda: any(replica.leases() for replica in replicas))
            for number in range(rounds):
                figures.graceful.append(await _graceful(replicas))
                figures.crash.append(await _crash(replicas))
                figures.pause.append(await _pause(replicas))
                _say(f"round {number + 1} of {rounds}: {figures}")
        finally:
            writing.cancel()
            for replica in replicas:
                if replica.process is not None:
                    await replica.process.end()
        changes, overlapping = _overlaps(replicas)
        total = sum(len(replica.writes()) for replica in replicas)
    _say(f"table: {aws.name}; each hand-over under 20 writes a second to {len(_NAMES)} endpoints")
    _say(f"graceful, release to acquisition: {_shown(figures.graceful)} (goal {GRACEFUL_GOAL_SECONDS:g} s)")
    _say(f"crash, SIGKILL to acquisition:    {_shown(figures.crash)} (goal {CRASH_GOAL_SECONDS:g} s)")
    _say(f"pause, SIGSTOP to acquisition:    {_shown(figures.pause)}")
    _say(
        f"writes to the cluster: {total}; changes of leader: {changes}; writes of one that had lost: {overlapping}"
    )
    in_time = max(figures.graceful) <= GRACEFUL_GOAL_SECONDS and max(figures.crash) <= CRASH_GOAL_SECONDS
    return 0 if in_time and overlapping == 0 else 1


@contextlib.asynccontextmanager
async def _replicas(folder: Path, environment: dict[str, str]) -> AsyncIterator[tuple[Replica, Replica]]:
    store = Store()
    store.add_namespace(NAMESPACE)
    async with (
        KubernetesServer(store=store) as first,
        KubernetesServer(store=store, simulate=False) as second,
    ):
        made = []
        for number, server in enumerate((first, second), 1):
            kubeconfig = folder / f"kubeconfig-{number}"
            kubeconfig.write_text(json.dumps(server.kubeconfig()), "utf-8")
            made.append(Replica(number, server, kubeconfig, environment, folder))
        yield made[0], made[1]


async def _write(writer: Writer) -> None:
    chance = Random(0)
    spec = {"image": "vllm/vllm-openai:v1", "replicas": 1}
    for name in _NAMES:
        await asyncio.to_thread(writer.deploy, name, spec, [REGION])
    while True:
        await asyncio.to_thread(writer.scale, chance.choice(_NAMES), chance.randint(1, 5))
        await asyncio.sleep(0.05)


# --- Hand-overs ---------------------------------------------------------------------------------------------------


async def _graceful(replicas: tuple[Replica, Replica]) -> float:
    leader, follower = await _both_at_work(replicas)
    leader.running.signal(signal.SIGTERM)
    taken = await _taken_by(follower)
    code = await leader.running.ended(_PATIENCE_SECONDS)
    if code != 0:
        raise RuntimeError(f"{leader.running.name} ended with {code}: {leader.running.tail()}")
    released = leader.leases()[-1]
    leader.start()
    return taken - released


async def _crash(replicas: tuple[Replica, Replica]) -> float:
    leader, follower = await _both_at_work(replicas)
    began = _now()
    leader.running.signal(signal.SIGKILL)
    taken = await _taken_by(follower)
    await leader.running.ended(_PATIENCE_SECONDS)
    leader.start()
    return taken - began


async def _pause(replicas: tuple[Replica, Replica]) -> float:
    """The leader is suspended past its lease, in the middle of its work, and goes on where it was."""
    leader, follower = await _both_at_work(replicas)
    began = _now()
    leader.running.signal(signal.SIGSTOP)
    try:
        taken = await _taken_by(follower)
        await asyncio.sleep(max(0.0, began + _PAUSE_SECONDS - _now()))
    finally:
        leader.running.signal(signal.SIGCONT)
    await _until("the new leader writes", lambda: follower.writes() and follower.writes()[-1] > taken)
    await asyncio.sleep(3)  # what the old one wants to send now, it sends in this time
    if leader.running.code() is not None:
        raise RuntimeError(f"{leader.running.name} ended: {leader.running.tail()}")
    return taken - began


async def _both_at_work(replicas: tuple[Replica, Replica]) -> tuple[Replica, Replica]:
    """Leader and follower, when the one writes and the other's cache is warm."""
    leader, follower = sorted(replicas, key=lambda each: each.leases()[-1:], reverse=True)
    now = _now()
    await _until("the leader writes", lambda: leader.writes() and leader.writes()[-1] > now)
    await _until("the follower watches", lambda: follower.watches() >= 4)
    await asyncio.sleep(3)
    return leader, follower


async def _taken_by(follower: Replica) -> float:
    before = len(follower.leases())
    await _until("the follower takes over", lambda: len(follower.leases()) > before)
    return follower.leases()[before]


async def _until(what: str, holds: Callable[[], object]) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not holds():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise RuntimeError(f"{what}: not within {_PATIENCE_SECONDS:g} s") from None


def _now() -> float:
    return asyncio.get_running_loop().time()


# --- Judgement ----------------------------------------------------------------------------------------------------


def _overlaps(replicas: tuple[Replica, Replica]) -> tuple[int, int]:
    """How often the Lease changed hands, and how many writes took effect after it had gone to the other replica."""
    leases = sorted((at, replica.number) for replica in replicas for at in replica.leases())
    writes = sorted((at, replica.number) for replica in replicas for at in replica.writes())
    changes = sum(1 for (_, one), (_, other) in itertools.pairwise(leases) if one != other)
    overlapping = 0
    holder, coming = 0, iter([*leases, (float("inf"), 0)])
    taken, next_holder = next(coming)
    for at, writer in writes:
        while taken < at:
            holder = next_holder
            taken, next_holder = next(coming)
        overlapping += writer != holder
    return changes, overlapping


def _shown(seconds: list[float]) -> str:
    return f"median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s of {len(seconds)}"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
