"""Cases with ten thousand endpoints: the start from nothing, and full resyncs."""

import asyncio
import math
import time

from tests.benchmarks.cases.common import LARGE, Bench, Found, at_size, reaction_figures, reactions
from tests.benchmarks.cluster import KINDS
from tests.benchmarks.controller import Controller, total
from tests.benchmarks.report import percentile
from tests.benchmarks.scene import Scene, scene

CASES = ("coldstart", "resync", "growth")
_RESYNC_SECONDS = 60.0
_RESYNCS = "gco_resync_duration_seconds"
_PROBE_SECONDS = 0.02
_IDLE_SECONDS = 15.0
_GROWTH_RATE = 10.0
_FEW = 100
_RSS_MIB = 300.0
_LIMIT_SECONDS = 1800.0


async def run(bench: Bench) -> None:
    """One scene for all of them, after one with few endpoints: the emulator is busy for long when a large table goes."""
    few = await _few(bench) if bench.wants("growth") else None
    async with scene(bench.options, bench.aws, "large") as stage:
        await stage.deploy(bench.options.large)
        began = time.monotonic()
        async with stage.controller() as controller:
            await _cold_start(bench, stage, controller, began)
            await stage.quiet(controller)
        async with stage.controller(resync_seconds=_RESYNC_SECONDS) as controller:
            await stage.quiet(controller)
            goal = at_size(len(stage.names), LARGE, _RSS_MIB)
            bench.add("coldstart", "RSS after a restart", controller.child.rss_mib(), "MiB", at_most=goal)
            if bench.wants("resync"):
                await _resync(bench, stage, controller)
        if few is not None:
            # After the first resync, and with the default interval to the next: what one costs is its own case.
            async with stage.controller() as controller:
                await _one_resync(controller)
                await stage.quiet(controller)
                many = await reactions(stage, controller, _GROWTH_RATE, bench.options.seconds)
            _growth(bench, few, many)


async def _cold_start(bench: Bench, stage: Scene, controller: Controller, began: float) -> None:
    rss: list[float] = []
    primary = await stage.applied(("Deployment", "Service"), controller, _LIMIT_SECONDS) - began
    rss.append(controller.child.rss_mib())
    everything = await stage.applied(KINDS, controller, _LIMIT_SECONDS) - began
    cpu = controller.child.cpu_seconds()
    served = stage.server.child.cpu_seconds() if stage.server.child else math.nan
    await stage.quiet(controller)
    rss.append(controller.child.rss_mib())
    note = f"{len(stage.names):,} endpoints in the table, nothing in the cluster"
    bench.add("coldstart", "Deployments and Services", primary, "s", note=note)
    bench.add("coldstart", "Ingresses too", everything, "s")
    bench.add("coldstart", "controller CPU", cpu, "s", note=f"API server {served:.0f} s")
    bench.add(
        "coldstart", "RSS, highest seen", max(rss), "MiB", at_most=at_size(len(stage.names), LARGE, _RSS_MIB)
    )


async def _resync(bench: Bench, stage: Scene, controller: Controller) -> None:
    quiet = await _one_resync(controller)
    idle = await _idle_rate(controller)
    cpu = quiet["cpu"] - idle * quiet["window"]
    count = len(stage.names)
    size = f"{count:,} endpoints, nothing to do"
    lag = f"/healthz, of {quiet['probes']:.0f}; upper bound"
    bench.add("resync", "CPU", cpu, "s", at_most=at_size(count, LARGE, 15), note=size)
    bench.add("resync", "duration", quiet["seconds"], "s")
    bench.add(
        "resync", "loop lag p99", quiet["lag"] * 1000, "ms", at_most=at_size(count, LARGE, 50), note=lag
    )
    writing = asyncio.create_task(reactions(stage, controller, 5, _RESYNC_SECONDS * 1.4))
    busy = await _one_resync(controller)
    found = await writing
    during = [
        seconds
        for seconds, at in zip(found.seconds, found.began, strict=True)
        if busy["ended"] - busy["seconds"] <= at <= busy["ended"]
    ]
    note = f"{len(during)} of {len(found.seconds)} writes fell into it"
    bench.add(
        "resync",
        "reaction during it, p50",
        percentile(during, 0.5),
        "s",
        at_most=at_size(count, LARGE, 0.2),
        note=note,
    )
    bench.add(
        "resync", "reaction during it, p99", percentile(during, 0.99), "s", at_most=at_size(count, LARGE, 1)
    )
    await stage.quiet(controller)


async def _one_resync(controller: Controller) -> dict[str, float]:
    """Probe until the next resync has ended; its figures."""
    lags: list[float] = []
    metrics = await controller.metrics()
    count, took = total(metrics, f"{_RESYNCS}_count"), total(metrics, f"{_RESYNCS}_sum")
    began, cpu, looked = time.monotonic(), controller.child.cpu_seconds(), time.monotonic()
    while True:
        lags.append(await controller.probe())
        await asyncio.sleep(_PROBE_SECONDS)
        if time.monotonic() - looked > 0.5:
            looked = time.monotonic()
            metrics = await controller.metrics()
            if total(metrics, f"{_RESYNCS}_count") > count:
                break
    ended = time.monotonic()
    seconds = total(metrics, f"{_RESYNCS}_sum") - took
    # Only probes that fell into the resync: a quiet minute before it would flatter the percentile.
    inside = lags[-max(10, int(seconds / (_PROBE_SECONDS + 0.003))) :]
    return {
        "cpu": controller.child.cpu_seconds() - cpu,
        "window": ended - began,
        "seconds": seconds,
        "ended": ended,
        "lag": percentile(inside, 0.99),
        "probes": len(inside),
    }


async def _idle_rate(controller: Controller) -> float:
    """CPU seconds a second while nothing happens but the same probing."""
    began, cpu = time.monotonic(), controller.child.cpu_seconds()
    while time.monotonic() - began < _IDLE_SECONDS:
        await controller.probe()
        await asyncio.sleep(_PROBE_SECONDS)
    return (controller.child.cpu_seconds() - cpu) / (time.monotonic() - began)


async def _few(bench: Bench) -> Found:
    async with scene(bench.options, bench.aws, "few") as stage, stage.controller() as controller:
        await stage.deploy(_FEW)
        await stage.applied(KINDS, controller)
        await stage.quiet(controller)
        return await reactions(stage, controller, _GROWTH_RATE, bench.options.seconds)


def _growth(bench: Bench, few: Found, many: Found) -> None:
    """The cost of a change with few and with many endpoints standing."""
    size = bench.options.large
    reaction_figures(bench, f"growth {size:,}", many, size)
    reaction_figures(bench, f"growth {_FEW}", few, _FEW)
    bench.add("growth", f"CPU per change, {_FEW} endpoints", few.cpu_per_change * 1000, "ms")
    bench.add("growth", f"CPU per change, {size:,} endpoints", many.cpu_per_change * 1000, "ms")
    ratio = many.cpu_per_change / few.cpu_per_change
    bench.add("growth", "ratio", ratio, "", note="1 = the cost of a change does not depend on how many stand")
