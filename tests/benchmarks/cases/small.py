"""Cases with a thousand standing endpoints."""

import asyncio
import math
import time

from tests.benchmarks.cases.common import STANDING, Bench, at_size, reaction_figures, reactions
from tests.benchmarks.cluster import KINDS, until
from tests.benchmarks.controller import Controller, total
from tests.benchmarks.counting import Relay
from tests.benchmarks.report import percentile
from tests.benchmarks.scene import Scene, scene

CASES = ("burst", "reaction", "drift", "rss", "steady")
_RATES = (1.0, 20.0, 100.0)
_PRIMARY = ("Deployment", "Service")
_WARM_UP = 50
_BURST_SECONDS = 10.0
_STEADY_SECONDS = 300.0
_LEAD_SECONDS = 5.0


async def run(bench: Bench) -> None:
    """One scene for all of them: each case finds what the one before it has left standing."""
    async with scene(bench.options, bench.aws, "small") as stage:
        async with stage.controller() as controller:
            await _burst(bench, stage, controller)
            await stage.quiet(controller)
            if bench.wants("reaction"):
                await _reaction(bench, stage, controller)
            if bench.wants("drift"):
                await _drift(bench, stage, controller)
            if bench.wants("rss"):
                await _rss(bench, stage, controller)
            await stage.quiet(controller)
        if bench.wants("steady"):
            await _steady(bench, stage)


async def _burst(bench: Bench, stage: Scene, controller: Controller) -> None:
    # A few endpoints first, so that connections and code paths are warm, as they are in a controller that runs.
    await stage.deploy(_WARM_UP)
    await stage.applied(KINDS, controller)
    await stage.quiet(controller)
    count = bench.options.standing
    before, cpu, began = await controller.metrics(), controller.child.cpu_seconds(), time.monotonic()
    served = stage.server.child.cpu_seconds() if stage.server.child else 0.0
    writing = asyncio.create_task(stage.deploy(count))
    await writing
    wrote = time.monotonic() - began
    primary = await stage.applied(_PRIMARY, controller) - began
    everything = await stage.applied(KINDS, controller) - began
    cpu = controller.child.cpu_seconds() - cpu
    served = (stage.server.child.cpu_seconds() if stage.server.child else math.nan) - served
    await stage.quiet(controller)
    after = await controller.metrics()
    if not bench.wants("burst"):
        return
    note = f"{count:,} endpoints; writing them took {wrote:.1f} s"
    goal = at_size(count, STANDING, _BURST_SECONDS)
    bench.add("burst", "Deployments and Services", primary, "s", at_most=goal, note=note)
    bench.add("burst", "Ingresses too", everything, "s", at_most=goal, note="after the Pods are ready")
    bench.add("burst", "controller CPU", cpu, "s", note=f"API server {served:.1f} s")
    name = "gco_reconcile_duration_seconds_count"
    looks = (total(after, name) - total(before, name)) / count
    bench.add("burst", "reconciles per endpoint", looks, "", note="until everything has come to rest")


async def _reaction(bench: Bench, stage: Scene, controller: Controller) -> None:
    for rate in _RATES:
        found = await reactions(stage, controller, rate, max(bench.options.seconds, 20 / rate))
        case = f"reaction {rate:g}/s"
        reaction_figures(bench, case, found, len(stage.names))
        bench.add(case, "CPU per change", found.cpu_per_change * 1000, "ms")
        bench.add(case, "CPU per 1,000 reconciles", found.cpu_per_reconcile * 1000, "s")
        await stage.quiet(controller)


async def _drift(bench: Bench, stage: Scene, controller: Controller) -> None:
    services, images = [], []
    for number in range(bench.options.drifts):
        name = stage.names[number * 13 % len(stage.names)]
        services.append(await _service_back(stage, controller, name))
        images.append(await _image_back(stage, controller, name))
        await asyncio.sleep(0.2)
    await stage.quiet(controller)
    for what, seconds in (("deleted Service is back", services), ("edited image is put right", images)):
        bench.add("drift", f"{what}, p50", percentile(seconds, 0.5), "s")
        bench.add("drift", f"{what}, longest", max(seconds), "s", at_most=1, note=f"of {len(seconds)}")


async def _service_back(stage: Scene, controller: Controller, name: str) -> float:
    gone = asyncio.Event()

    def heard(event: str, kind: str, obj: dict[str, dict[str, str]]) -> None:
        if kind == "Service" and obj["metadata"]["name"] == name and event == "DELETED":
            gone.set()

    stage.cluster.listeners.append(heard)
    began = time.monotonic()
    await stage.cluster.delete("Service", name)
    async with asyncio.timeout(30):
        await gone.wait()
    stage.cluster.listeners.remove(heard)
    stands = stage.cluster.names["Service"]
    return await until(f"Service {name}", lambda: name in stands, 60, controller.check) - began


async def _image_back(stage: Scene, controller: Controller, name: str) -> float:
    images: list[str] = []

    def heard(event: str, kind: str, obj: dict[str, dict[str, str]]) -> None:
        if kind == "Deployment" and obj["metadata"]["name"] == name and event == "MODIFIED":
            spec: dict = obj["spec"]  # type: ignore[type-arg]
            images.append(spec["template"]["spec"]["containers"][0]["image"])

    stage.cluster.listeners.append(heard)
    began = time.monotonic()
    await stage.cluster.set_image(name, "example.com/edited:by-hand")
    edited = "example.com/edited:by-hand"
    done = await until(
        f"image of {name}",
        lambda: edited in images and any(image != edited for image in images[images.index(edited) :]),
        60,
        controller.check,
    )
    stage.cluster.listeners.remove(heard)
    return done - began


async def _rss(bench: Bench, stage: Scene, controller: Controller) -> None:
    series: list[float] = []
    work = asyncio.create_task(reactions(stage, controller, 20, bench.options.steady_seconds))
    while not work.done():
        series.append(round(controller.child.rss_mib(), 1))
        await asyncio.sleep(1)
    await work
    tenth = max(1, len(series) // 10)
    first, last = sum(series[:tenth]) / tenth, sum(series[-tenth:]) / tenth
    note = f"over {len(series)} s at 20 writes/s"
    bench.add("rss", f"RSS, {len(stage.names):,} endpoints", last, "MiB", note=note)
    bench.add("rss", "growth", last - first, "MiB", note="mean of the last tenth less that of the first")
    bench.report.details["rss_mib_every_second"] = series


async def _steady(bench: Bench, stage: Scene) -> None:
    """A fresh controller on what stands already, every call of it counted on the way."""
    url = stage.server.connection()[0]
    if url.startswith("https:"):
        bench.report.failures["steady"] = "needs an API server over plain HTTP: calls are counted on the wire"
        return
    kubeconfig = bench.options.folder / "relayed-kubeconfig"
    async with Relay(url) as kubernetes, Relay(stage.aws.url) as aws:
        text = stage.server.kubeconfig.read_text("utf-8").replace(url, kubernetes.url)
        kubeconfig.write_text(text, "utf-8")
        environment = {**stage.aws.environment, "AWS_ENDPOINT_URL": aws.url}
        async with stage.controller(
            environment=environment, kubeconfig=kubeconfig, resync_seconds=60
        ) as controller:
            await stage.quiet(controller)
            await asyncio.sleep(_LEAD_SECONDS)
            bench.report.details["steady_start_calls"] = {**kubernetes.counts, **aws.counts}
            kubernetes.counts.clear()
            aws.counts.clear()
            before, cpu, began = await controller.metrics(), controller.child.cpu_seconds(), time.monotonic()
            await asyncio.sleep(bench.options.steady_seconds)
            minutes = (time.monotonic() - began) / 60
            after, cpu = await controller.metrics(), controller.child.cpu_seconds() - cpu
            k, a = dict(kubernetes.counts), dict(aws.counts)
    bench.report.details["steady_calls"] = {"kubernetes": k, "aws": a, "minutes": minutes}
    leases = sum(count for call, count in k.items() if "leases" in call)
    writes = sum(
        count for call, count in k.items() if call.split()[0] not in ("GET", "WATCH") and "leases" not in call
    )
    gets = sum(
        count
        for call, count in k.items()
        if call.startswith("GET ") and call.endswith("/name") and "leases" not in call
    )
    note = f"in {minutes * 60:.0f} s with {len(stage.names):,} endpoints"
    # A shorter look need not contain a resync, which is what a write would come from.
    long_enough = bench.options.steady_seconds >= _STEADY_SECONDS
    goal = at_size(len(stage.names), STANDING, 0) if long_enough else None
    bench.add("steady", "Kubernetes writes, leases apart", writes, "", at_most=goal, note=note)
    bench.add("steady", "Kubernetes reads of single objects", gets, "", at_most=goal)
    bench.add(
        "steady", "Kubernetes calls a minute", sum(k.values()) / minutes, "/min", note=f"leases {leases}"
    )
    bench.add("steady", "table writes", a.get("UpdateItem", 0), "", at_most=goal)
    bench.add("steady", "table reads of single items", a.get("GetItem", 0), "", at_most=goal)
    name = "gco_resync_duration_seconds_count"
    resyncs = total(after, name) - total(before, name)
    bench.add("steady", "Scan calls", a.get("Scan", 0), "", note=f"{resyncs:.0f} resyncs")
    bench.add("steady", "GetRecords calls a minute", a.get("GetRecords", 0) / minutes, "/min")
    bench.add("steady", "controller CPU", 100 * cpu / (minutes * 60), "% of a core")
