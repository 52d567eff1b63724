"""`python -m tests.benchmarks`: runs the cases, writes the report as text and JSON."""

import argparse
import asyncio
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tests.benchmarks.cases import baseline, large, micro, profile, small, streaming
from tests.benchmarks.cases.common import Bench, say
from tests.benchmarks.report import Report
from tests.benchmarks.scene import Options
from tests.benchmarks.servers import aws_server

_STAGES: tuple[tuple[Sequence[str], Callable[[Bench], Awaitable[None]]], ...] = (
    (micro.CASES, micro.run),
    (streaming.CASES, streaming.run),
    (small.CASES, small.run),
    (baseline.CASES, baseline.run),
    (profile.CASES, profile.run),
    (large.CASES, large.run),
)
_ROUNDS = 5_000_000
_ALL = tuple(case for cases, _ in _STAGES for case in cases)


def main() -> int:
    """Returns the exit code: 1 where a case could not be measured. A missed goal is a finding, no failure."""
    parser = argparse.ArgumentParser(
        prog="make bench", description="Measure the controller against its goals."
    )
    parser.add_argument(
        "--case", action="append", choices=_ALL, help="only this case (repeatable); default: all"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, a few minutes in all")
    parser.add_argument("--standing", type=int, help="standing endpoints (1,000; quick: 300)")
    parser.add_argument("--large", type=int, help="endpoints of the large cases (10,000; quick: 1,000)")
    parser.add_argument("--output", type=Path, default=Path("artefacts/bench"), help="folder of the report")
    arguments = parser.parse_args()
    quick = arguments.quick
    options = Options(
        folder=arguments.output,
        standing=arguments.standing or (300 if quick else 1000),
        large=arguments.large or (1000 if quick else 10_000),
        seconds=10 if quick else 60,
        steady_seconds=30 if quick else 300,
        drifts=5 if quick else 20,
        quick=quick,
    )
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        report = asyncio.run(_run(options, frozenset(arguments.case or _ALL)))
    except asyncio.CancelledError:
        sys.stderr.write(f"stopped; what was measured so far is in {options.folder}\n")
        return 130
    report.save(options.folder)
    sys.stdout.write("\n" + report.text())
    sys.stdout.write(f"report: {options.folder}/report.txt and report.json\n")
    return 1 if report.failures else 0


async def _run(options: Options, cases: frozenset[str]) -> Report:
    # A signal ends the run by the way of every `finally`, so that no child is left; a shell in the background has
    # Python ignore SIGINT unless it is asked for.
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    report = Report()
    began, load = time.monotonic(), os.getloadavg()[0]
    report.conditions = {
        "when": time.strftime("%Y-%m-%d %H:%M %Z"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "load before": f"{load:.2f}",
        "speed before": _speed(),
        "product": _product(),
        "cluster": _cluster(),
        "sizes": f"{options.standing:,} standing, {options.large:,} large"
        + (", quick" if options.quick else ""),
    }
    for names, run in _STAGES:
        wanted = [name for name in names if name in cases]
        if not wanted:
            continue
        say(", ".join(wanted))
        try:
            # An emulator of its own for each: DynamoDB Local gets slower with every change that its streams remember.
            with aws_server(options.folder) as aws:
                report.conditions["table"] = aws.name
                await run(Bench(options, aws, report, cases))
        except Exception as error:  # noqa: BLE001 - one case that fails must not cost the others' figures
            report.failures[", ".join(wanted)] = f"{type(error).__name__}: {error}"
            say(f"failed: {report.failures[', '.join(wanted)]}")
        report.save(options.folder)
    report.conditions["took"] = f"{(time.monotonic() - began) / 60:.1f} min"
    report.conditions["load after"] = f"{os.getloadavg()[0]:.2f}"
    report.conditions["speed after"] = _speed()
    return report


def _speed() -> str:
    """What figures of two runs are related by: a virtual machine's speed may halve from one hour to the next."""
    began = time.process_time()
    for _ in range(_ROUNDS):
        pass
    return f"{_ROUNDS / 1e6 / (time.process_time() - began):.1f} million rounds of an empty loop a second"


def _product() -> str:
    """The commit, with a mark where the tree has changes of its own."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    command = [git, "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def _cluster() -> str:
    if os.environ.get("TEST_KUBECONFIG"):
        return "API server of TEST_KUBECONFIG"
    return "kube-apiserver" if os.environ.get("KUBEBUILDER_ASSETS") else "sandbox API server"


if __name__ == "__main__":
    sys.exit(main())
