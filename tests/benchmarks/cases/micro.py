"""Queue and cache by themselves, each in a fresh interpreter."""

import asyncio
import json
import sys

from tests.benchmarks.cases.common import Bench

CASES = ("queue", "cache")


async def run(bench: Bench) -> None:
    """Run the children one after the other."""
    if bench.wants("queue"):
        found = await _child("queue")
        bench.add("queue", "deduplicated adds", found["adds"], "/s", at_least=200_000)
        bench.add("queue", "add/get/done cycles with metrics", found["cycles"], "/s", at_least=50_000)
    if bench.wants("cache"):
        found = await _child("cache", str(bench.options.large))
        note = f"{bench.options.large:,} endpoints, {found['objects']:,.0f} objects"
        bench.add("cache", "memory", found["mib"], "MiB", note=note)
        bench.add("cache", "per endpoint", found["mib"] * 1024 / bench.options.large, "KiB")
        bench.add("cache", "time to fill", found["seconds"], "s")


async def _child(*arguments: str) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.children", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output = (await process.communicate())[0]
    if process.returncode:
        raise RuntimeError(f"{arguments[0]}: ended with {process.returncode}")
    found: dict[str, float] = json.loads(output)
    return found
