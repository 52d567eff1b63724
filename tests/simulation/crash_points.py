"""Sieve's first pattern: the process dies right before and right after every write of every story.

`python -m tests.simulation.crash_points` performs all of them; the tests perform a share.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

from tests.simulation.play import STORIES, Ending, perform
from tests.simulation.running import say, with_fixed_hashes


def crash_points(reference: Ending) -> list[tuple[str, int]]:
    """Every moment at which a process can die with something written or about to be."""
    return [(when, number) for number in range(1, reference.writes + 1) for when in ("before", "after")]


def problems(reference: Ending, crashed: Ending) -> Iterator[str]:
    """What a crash has changed for good."""
    yield from crashed.findings
    for key in sorted({*reference.made, *crashed.made}):
        if crashed.made.get(key, 0) > reference.made.get(key, 0):
            yield f"{key} was made {crashed.made[key]} times instead of {reference.made.get(key, 0)}"
    for what in sorted({*reference.state, *crashed.state}):
        yield from differences(what, reference.state.get(what), crashed.state.get(what))


def differences(where: str, one: Any, other: Any) -> Iterator[str]:
    """The fields in which two ends differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from differences(f"{where}.{key}", one.get(key), other.get(key))
    elif one != other:
        yield f"{where} ends as {other!r} instead of {one!r}"


def main() -> int:
    """Exit code 1 where a crash was not survived."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--story", choices=sorted(STORIES))
    parser.add_argument("--at", help="one crash point: before:3")
    asked = parser.parse_args()
    began, performed, failed = time.perf_counter(), 0, 0
    for name, story in STORIES.items():
        if asked.story not in (None, name):
            continue
        reference = perform(story, aloud=asked.at == "none")
        found = list(reference.findings)
        points = crash_points(reference)
        if asked.at:
            points = [(when, int(number)) for when, _, number in [asked.at.partition(":")] if number]
        for point in points:
            crashed = perform(story, kill_at=point, aloud=asked.at is not None)
            performed += 1
            for problem in problems(reference, crashed):
                failed += 1
                say(f"{name}, killed {point[0]} write {point[1]}: {problem[:400]}")
        failed += len(found)
        say(f"{name}: {reference.writes} writes, {len(points)} crash points {found or ''}")
    say(f"{performed} crash points, {failed} problems, {time.perf_counter() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    with_fixed_hashes("tests.simulation.crash_points")
    sys.exit(main())
