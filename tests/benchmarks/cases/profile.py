"""Where the processor's time goes: a burst and a stretch of changes under a profiler; the profile is kept."""

import asyncio
import time

from tests.benchmarks.cases.common import Bench, reactions, say
from tests.benchmarks.cluster import KINDS
from tests.benchmarks.scene import scene

CASES = ("profile",)


async def run(bench: Bench) -> None:
    """The figures of a profiled process are no figures, so nothing is reported but where the profile is."""
    file = bench.options.folder / "profile"
    async with (
        scene(bench.options, bench.aws, "profile") as stage,
        stage.controller(profile=file) as controller,
    ):
        began = time.monotonic()
        await stage.deploy(bench.options.standing)
        await stage.applied(KINDS, controller)
        say(f"  burst under the profiler: {time.monotonic() - began:.1f} s")
        await stage.quiet(controller)
        await reactions(stage, controller, 20, bench.options.seconds / 2)
    await asyncio.sleep(0)
    kept = sorted(each.name for each in bench.options.folder.glob("profile.*"))
    bench.report.details["profiles"] = kept
    say(f"  kept: {', '.join(kept) or 'nothing'}")
