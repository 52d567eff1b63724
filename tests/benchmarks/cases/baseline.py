"""The polling baseline on the same machine in the same run, so that figures can be read as ratios."""

import asyncio
import sys
import time

from tests.benchmarks.cases.common import Bench
from tests.benchmarks.cluster import KINDS
from tests.benchmarks.counting import Relay
from tests.benchmarks.polling import INTERVAL_SECONDS
from tests.benchmarks.processes import Child
from tests.benchmarks.report import percentile
from tests.benchmarks.scene import Reactions, Scene, scene

CASES = ("baseline",)
_RATE = 1.0
_PASSES = 4


async def run(bench: Bench) -> None:
    """Burst, reaction and steady state of the baseline, and the ratios to what this run has measured."""
    async with scene(bench.options, bench.aws, "poll") as stage:
        url = stage.server.connection()[0]
        async with Relay(url) as kubernetes, Relay(stage.aws.url) as aws:
            plain = url.startswith("http:")
            kubeconfig = bench.options.folder / "baseline-kubeconfig"
            text = stage.server.kubeconfig.read_text("utf-8")
            kubeconfig.write_text(text.replace(url, kubernetes.url) if plain else text, "utf-8")
            log = bench.options.folder / "baseline.log"
            log.unlink(missing_ok=True)
            environment = {
                **aws_environment(stage, aws.url),
                "KUBECONFIG": str(kubeconfig),
                "INFERENCE_ENDPOINTS_TABLE_NAME": stage.table.name,
                "INFERENCE_NAMESPACE": stage.cluster.namespace,
            }
            child = Child([sys.executable, "-m", "tests.benchmarks.polling"], log, environment=environment)
            try:
                await _measure(bench, stage, child, kubernetes, aws)
            finally:
                await asyncio.to_thread(child.end)
    _ratios(bench)


def aws_environment(stage: Scene, url: str) -> dict[str, str]:
    """The process's environment, with AWS where the relay is."""
    import os  # noqa: PLC0415

    return {**os.environ, **stage.aws.environment, "AWS_ENDPOINT_URL": url}


async def _measure(bench: Bench, stage: Scene, child: Child, kubernetes: Relay, aws: Relay) -> None:
    # In the middle of a pause, the mean case.
    await asyncio.sleep(INTERVAL_SECONDS / 2)
    began = time.monotonic()
    await stage.deploy(bench.options.standing)
    while not all(len(stage.cluster.names[kind]) >= len(stage.names) for kind in KINDS):
        child.check()
        await asyncio.sleep(0.05)
    bench.add("baseline", "burst, everything there", time.monotonic() - began, "s")
    measured = Reactions(stage)
    await asyncio.sleep(INTERVAL_SECONDS)
    await measured.run(_RATE, max(bench.options.seconds, INTERVAL_SECONDS * 2), child.check)
    note = f"{len(measured.seconds)} writes at {_RATE:g}/s"
    bench.add("baseline", "write → applied, p50", percentile(measured.seconds, 0.5), "s", note=note)
    bench.add("baseline", "write → applied, p99", percentile(measured.seconds, 0.99), "s")
    kubernetes.counts.clear()
    aws.counts.clear()
    began, cpu = time.monotonic(), child.cpu_seconds()
    await asyncio.sleep(INTERVAL_SECONDS * _PASSES)
    minutes, cpu = (time.monotonic() - began) / 60, child.cpu_seconds() - cpu
    bench.add("baseline", "Kubernetes calls a minute", sum(kubernetes.counts.values()) / minutes, "/min")
    bench.add("baseline", "table writes a minute", aws.counts["UpdateItem"] / minutes, "/min")
    bench.add("baseline", "CPU while nothing changes", 100 * cpu / (minutes * 60), "% of a core")
    bench.report.details["baseline_passes"] = child.log.read_text("utf-8").splitlines()


def _ratios(bench: Bench) -> None:
    pairs = (
        ("burst", "burst", "Ingresses too", "burst, everything there"),
        ("reaction p50", "reaction 1/s", "write → applied, p50", "write → applied, p50"),
        ("reaction p99", "reaction 1/s", "write → applied, p99", "write → applied, p99"),
        ("Kubernetes calls", "steady", "Kubernetes calls a minute", "Kubernetes calls a minute"),
    )
    for name, case, ours, theirs in pairs:
        mine, other = bench.report.value(case, ours), bench.report.value("baseline", theirs)
        if mine and other:
            bench.add("ratio", f"baseline / ours: {name}", other / mine, "times")
