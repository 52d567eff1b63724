"""A process may die at any write: what it leaves is finished by the next one, and nothing is made twice for it.

All of them are performed by `make crash-points`; here is a share of each story's, the same in every run.
"""

import subprocess
import sys
from random import Random

import pytest

from tests.simulation.crash_points import crash_points, problems
from tests.simulation.play import STORIES, perform

SHARE = 2


@pytest.mark.parametrize("name", STORIES)
def test_a_process_that_dies_at_a_write_leaves_nothing_that_the_next_does_not_finish(name: str) -> None:
    reference = perform(STORIES[name])
    assert not reference.findings, reference.story[-60:]
    for point in Random(name).sample(crash_points(reference), SHARE):
        crashed = perform(STORIES[name], kill_at=point)
        found = list(problems(reference, crashed))
        again = f"python -m tests.simulation.crash_points --story {name} --at {point[0]}:{point[1]}"
        assert not found, f"{found}\nagain: {again}"


def test_a_crash_point_can_be_performed_alone() -> None:
    command = [sys.executable, "-m", "tests.simulation.crash_points", "--story", "deploy", "--at", "after:1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "killed after write 1" in done.stdout
    assert "1 crash points, 0 problems" in done.stdout
