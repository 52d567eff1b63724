"""`python -m tests.chaos --minutes 5`: chaos, then peace, then the comparison. Exit code 1 where something was lost."""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import aiohttp

from gco_stream_reconciler.sandbox.table import Writer
from tests.chaos.commands import SECRET, Commands
from tests.chaos.comparison import items_of, lost, objects_of, table_id_of, undone
from tests.chaos.deaths import Deaths
from tests.chaos.fates import Fates
from tests.chaos.world import NAMESPACE, World, world

_LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/inference-monitor-leader"
# Worst case: a key that failed a few times waits for its backoff, or the next resync.
_SETTLE_SECONDS = 300.0
# What no log may hold: "this must not happen", and a value out of an environment.
_BUGS = (
    "reconcile_failed_by_a_bug", "work_outlives_the_lease", "this is a bug", "Traceback", SECRET,
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a run has shown. failures: empty where all went well."""

    lines: list[str]
    failures: list[str]


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long the chaos lasts")
    parser.add_argument("--endpoints", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--output", type=Path, default=Path("artefacts/chaos"), help="folder of the logs")
    options = parser.parse_args()
    say(f"seed {options.seed}: it decides who is killed when, and what is written; not how fast they are")
    options.output.mkdir(parents=True, exist_ok=True)
    for old in options.output.glob("*.log"):
        old.unlink()
    outcome = asyncio.run(_run(options))
    say("\n".join(["", *outcome.lines, *(f"FAILED: {failure}" for failure in outcome.failures)]))
    say(
        "result: "
        + (f"{len(outcome.failures)} failures" if outcome.failures else "nothing lost, nothing wrong")
    )
    return 1 if outcome.failures else 0


def say(text: str) -> None:
    """One line of progress, or some of the report."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def _run(options: argparse.Namespace) -> Outcome:
    folder: Path = options.output
    async with world(folder) as here:
        say(f"table: {here.table_kind}; cluster: sandbox API server; logs in {folder}")
        names = [f"endpoint-{number}" for number in range(options.endpoints)]
        commands = Commands(Writer(here.table.url), Random(f"{options.seed}-writer"), names)
        stop = asyncio.Event()
        fates = Fates(here, options.seed, stop)
        deaths = Deaths(here.api.url, commands.asked_for)
        following = asyncio.create_task(deaths.follow(), name="watch of Deployments")
        try:
            await _chaos(fates, commands, stop, options.minutes * 60)
            say("peace: waiting until table and cluster agree")
            return await _peace(here, fates, commands, deaths, options.minutes)
        finally:
            following.cancel()
            await asyncio.gather(*(process.end() for process in fates.controllers.values()))


async def _chaos(fates: Fates, commands: Commands, stop: asyncio.Event, seconds: float) -> None:
    for number in (1, 2):
        fates.start(number)
    async with asyncio.TaskGroup() as group:
        group.create_task(commands.write_until(stop), name="writer")
        for number in (1, 2):
            group.create_task(fates.of_controller(number), name=f"fate of controller {number}")
        for server in (fates.world.api, fates.world.table):
            group.create_task(fates.of_server(server), name=f"fate of the {server.name}")
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(30.0, left))
            say(f"{max(0.0, left - 30):5.0f} s left; {commands.counts.total()} writes; {dict(fates.counts)}")
        stop.set()


async def _peace(here: World, fates: Fates, commands: Commands, deaths: Deaths, minutes: float) -> Outcome:
    await commands.make_all_well_formed()
    table_id = await asyncio.to_thread(table_id_of, commands.writer)
    began = time.monotonic()
    while True:
        items = await asyncio.to_thread(items_of, commands.writer)
        objects = await objects_of(here.api.url)
        open_work = undone(items, objects, table_id) + lost(commands.wishes, items, objects)
        if not open_work or time.monotonic() - began > _SETTLE_SECONDS:
            break
        await asyncio.sleep(1)
    settled = time.monotonic() - began
    transitions = await _transitions(here)
    for process in fates.controllers.values():
        await fates.terminate(process)
    bugs = {bug: _count(here, lambda line, bug=bug: bug in line) for bug in _BUGS}  # type: ignore[misc]
    lines = [
        f"chaos: {minutes:g} min, {len(commands.names)} endpoints, table {here.table_kind}",
        f"writes: {commands.counts.total()} {dict(sorted(commands.counts.items()))}",
        f"slowest write: {commands.slowest_seconds:.1f} s (the table was suspended)",
        f"done to the processes: {dict(sorted(fates.counts.items()))}",
        f"slowest end after SIGTERM: {fates.slowest_end_seconds:.1f} s; changes of leader: {transitions}",
        f"Deployments made: {deaths.made}, gone: {deaths.gone}, gone without a command: {len(deaths.wrong)}",
        f"breaks of the watch that saw this, caught up by a listing: {deaths.breaks}",
        f"agreed after {settled:.1f} s: {len(items)} items, {len(objects)} objects, lost or undone: {len(open_work)}",
        f"log lines: {_count(here, lambda _: True)}, of bugs: {sum(bugs.values())}",
    ]
    failures = [
        *fates.problems,
        *(f"deleted without a command: {each}" for each in deaths.wrong),
        *(f"lost or undone: {each}" for each in open_work),
        *(f"logged {count} times: {bug}" for bug, count in bugs.items() if count),
    ]
    return Outcome(lines, failures)


def _count(here: World, holds: Callable[[str], bool]) -> int:
    logs = (path.read_text("utf-8", "replace") for path in here.folder.glob("controller-*.log"))
    return sum(1 for log in logs for line in log.splitlines() if holds(line))


async def _transitions(here: World) -> int:
    async with aiohttp.ClientSession(here.api.url) as session, session.get(_LEASE) as response:
        lease = await response.json()
    return int(lease["spec"].get("leaseTransitions", 0))


if __name__ == "__main__":
    sys.exit(main())
