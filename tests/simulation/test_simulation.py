"""Seeds: each is a history of commands, faults and deaths that must end well. `make simulate SEEDS=10000` runs more.

They run in a process of their own, where strings hash as in every other: a seed that fails here fails alone too.
"""

import re
import subprocess
import sys

import pytest

SEEDS = 4
FIRST = (0, 10_000, 20_000, 30_000, 40_000, 50_000)
pytestmark = pytest.mark.timeout(300)  # a busy machine takes its time; nothing here is judged by it


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)


@pytest.mark.parametrize("first", FIRST)
def test_whatever_goes_wrong_the_cluster_becomes_what_the_table_asks_for(first: int) -> None:
    done = run("--seeds", str(SEEDS), "--start", str(first))
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-3000:]


def test_a_seed_replays_exactly_alone_and_among_others() -> None:
    among = run("--seeds", "2", "--start", "41", "--digests")
    alone = run("--seeds", "1", "--start", "42", "--digests")
    pattern = r"^42 ([0-9a-f]{16})$"
    first, second = (re.search(pattern, done.stdout, re.MULTILINE) for done in (among, alone))
    assert first is not None, among.stdout[-3000:] + among.stderr[-3000:]
    assert second is not None, alone.stdout[-3000:] + alone.stderr[-3000:]
    assert first.group(1) == second.group(1)
