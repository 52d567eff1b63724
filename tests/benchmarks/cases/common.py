"""What cases share."""

import time
from dataclasses import dataclass

from tests.benchmarks.controller import Controller, total
from tests.benchmarks.report import Figure, Report, percentile
from tests.benchmarks.scene import Options, Reactions, Scene
from tests.benchmarks.servers import Aws

REACTION_P50_SECONDS = 0.2
REACTION_P99_SECONDS = 1.0
STANDING = 1000
LARGE = 10_000
_RECONCILES = "gco_reconcile_duration_seconds_count"


@dataclass(slots=True)
class Bench:
    """One run. cases: what was asked for."""

    options: Options
    aws: Aws
    report: Report
    cases: frozenset[str]

    def wants(self, case: str) -> bool:
        """Whether a case was asked for."""
        return case in self.cases

    def add(
        self,
        case: str,
        name: str,
        value: float,
        unit: str,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        note: str = "",
    ) -> None:
        """Report a figure, and show it at once."""
        figure = Figure(case, name, value, unit, at_most, at_least, note)
        self.report.figures.append(figure)
        say(f"  {case}: {name} {value:.4g} {unit}" + (f" (goal {figure.goal})" if figure.goal else ""))


@dataclass(frozen=True, slots=True)
class Found:
    """What a stretch of writing showed. began: when each write was (monotonic)."""

    rate: float
    seconds: list[float]
    began: list[float]
    cpu_per_change: float
    cpu_per_reconcile: float


async def reactions(stage: Scene, controller: Controller, rate: float, seconds: float) -> Found:
    """Write at a rate and see how long each effect takes."""
    before, cpu = await controller.metrics(), controller.child.cpu_seconds()
    measured = Reactions(stage)
    await measured.run(rate, seconds, controller.check)
    after, cpu = await controller.metrics(), controller.child.cpu_seconds() - cpu
    looks = max(1.0, total(after, _RECONCILES) - total(before, _RECONCILES))
    return Found(rate, measured.seconds, measured.began, cpu / max(1, len(measured.seconds)), cpu / looks)


def at_size(size: int, needed: int, goal: float) -> float | None:
    """A goal that speaks of so many endpoints; none for fewer, or a small run would seem to meet it."""
    return goal if size >= needed else None


def reaction_figures(bench: Bench, case: str, found: Found, size: int) -> None:
    """p50 and p99 with their goals, which speak of 1,000 standing endpoints."""
    goal50 = at_size(size, STANDING, REACTION_P50_SECONDS)
    goal99 = at_size(size, STANDING, REACTION_P99_SECONDS)
    note = f"{len(found.seconds):,} writes, longest {max(found.seconds, default=0):.2f} s"
    p50, p99 = percentile(found.seconds, 0.5), percentile(found.seconds, 0.99)
    bench.add(case, "write → applied, p50", p50, "s", at_most=goal50, note=note)
    bench.add(case, "write → applied, p99", p99, "s", at_most=goal99)


def say(text: str) -> None:
    """Tell whoever waits what goes on."""
    import sys  # noqa: PLC0415

    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()
