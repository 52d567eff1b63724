"""`python -m tests.simulation --seeds 100 --start 0 --jobs 2`: run seeds, say which failed and how to see them again."""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator

from tests.simulation.running import say, with_fixed_hashes
from tests.simulation.scenario import Outcome
from tests.simulation.seeds import outcomes_of

STORY_LINES = 120


class Sum:
    """What the seeds so far have shown."""

    def __init__(self) -> None:
        self.seeds = self.failed = self.commands = self.faults = self.kills = 0
        self.simulated_seconds = 0.0
        self.slowest = (0.0, 0)
        self._began = time.perf_counter()

    def add(self, outcome: Outcome) -> None:
        """One more seed."""
        self.seeds += 1
        self.failed += bool(outcome.findings)
        self.commands += outcome.commands
        self.faults += outcome.faults
        self.kills += outcome.kills
        self.simulated_seconds += outcome.simulated_seconds
        self.slowest = max(self.slowest, (outcome.settled_after, -outcome.seed))

    def told(self) -> str:
        """All of it in one line."""
        return (
            f"{self.seeds} seeds, {self.failed} failed; {self.simulated_seconds / 3600:.1f} simulated hours "
            f"in {time.perf_counter() - self._began:.0f} s; {self.commands} commands, {self.faults} faults, "
            f"{self.kills} ends of processes; slowest to settle: {self.slowest[0]:.0f} s (seed {-self.slowest[1]})"
        )


def main() -> int:
    """Exit code 1 where a seed has found something."""
    asked = _asked()
    seeds = range(asked.start, asked.start + asked.seeds)
    found = Sum()
    outcomes = outcomes_of(seeds, jobs=asked.jobs, aloud=asked.aloud, minutes=asked.minutes)
    for outcome in _with_progress(outcomes, found, asked.every):
        if asked.digests:
            say(f"{outcome.seed} {outcome.digest}")
        if outcome.findings:
            _tell(outcome, story=not asked.aloud and not asked.keep_going)
            if not asked.keep_going:
                break
    say(found.told())
    return 1 if found.failed else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the seeds")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two lines of progress")
    parser.add_argument("--aloud", action="store_true", help="print the whole story as it happens")
    parser.add_argument("--minutes", type=float, help="length of the storm, in simulated minutes")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first seed that fails")
    parser.add_argument("--digests", action="store_true", help="print each seed's fingerprint")
    asked = parser.parse_args()
    if asked.aloud and asked.jobs > 1:
        parser.error("stories told at the same time cannot be followed: --aloud goes with --jobs 1")
    return asked


def _with_progress(outcomes: Iterable[Outcome], found: Sum, every: float) -> Iterator[Outcome]:
    due = time.perf_counter() + every
    for outcome in outcomes:
        found.add(outcome)
        if time.perf_counter() >= due:
            due = time.perf_counter() + every
            say(f"so far: {found.told()}")
        yield outcome


def _tell(outcome: Outcome, *, story: bool) -> None:
    if story:
        say("\n".join(outcome.story[-STORY_LINES:]))
    say(f"seed {outcome.seed} failed: {outcome.findings[0]}")
    again = f"make simulate SEEDS=1 START={outcome.seed} ARGS=--aloud"
    say(f"again, with the whole story: {again}")


if __name__ == "__main__":
    with_fixed_hashes("tests.simulation")
    sys.exit(main())
