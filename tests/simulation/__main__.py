"""`python -m tests.simulation --seeds 100 --start 0`: run seeds, say which failed and how to see them again."""

import argparse
import sys
import time

from tests.simulation.running import say, with_fixed_hashes
from tests.simulation.scenario import Outcome, simulate

STORY_LINES = 120


def main() -> int:
    """Exit code 1 where a seed has found something."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--aloud", action="store_true", help="print the whole story as it happens")
    parser.add_argument("--minutes", type=float, help="length of the storm, in simulated minutes")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first seed that fails")
    parser.add_argument("--digests", action="store_true", help="print each seed's fingerprint")
    asked = parser.parse_args()
    began, outcomes, failed = time.perf_counter(), [], 0
    for seed in range(asked.start, asked.start + asked.seeds):
        outcome = simulate(seed, aloud=asked.aloud, minutes=asked.minutes)
        outcomes.append(outcome)
        if asked.digests:
            say(f"{seed} {outcome.digest}")
        if outcome.findings:
            failed += 1
            _tell(outcome, story=not asked.aloud and not asked.keep_going)
            if not asked.keep_going:
                break
    _sum_up(outcomes, failed, time.perf_counter() - began)
    return 1 if failed else 0


def _tell(outcome: Outcome, *, story: bool) -> None:
    if story:
        say("\n".join(outcome.story[-STORY_LINES:]))
    say(f"seed {outcome.seed} failed: {outcome.findings[0]}")
    again = f"make simulate SEEDS=1 START={outcome.seed} ARGS=--aloud"
    say(f"again, with the whole story: {again}")


def _sum_up(outcomes: list[Outcome], failed: int, seconds: float) -> None:
    hours = sum(outcome.simulated_seconds for outcome in outcomes) / 3600
    slowest = max(outcomes, key=lambda outcome: outcome.settled_after)
    say(
        f"{len(outcomes)} seeds, {failed} failed; {hours:.1f} simulated hours in {seconds:.0f} s; "
        f"{sum(outcome.commands for outcome in outcomes)} commands, {sum(outcome.faults for outcome in outcomes)} faults, "
        f"{sum(outcome.kills for outcome in outcomes)} ends of processes; "
        f"slowest to settle: {slowest.settled_after:.0f} s (seed {slowest.seed})"
    )


if __name__ == "__main__":
    with_fixed_hashes("tests.simulation")
    sys.exit(main())
