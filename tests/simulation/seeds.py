"""Many seeds, one after the other or in several processes. A seed is the same history in either."""

import multiprocessing
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from tests.simulation.scenario import Outcome, simulate

SEEDS_A_PROCESS = 250
"""A process is replaced after so many, whatever they may have left in it."""


def outcomes_of(seeds: Iterable[int], *, jobs: int, aloud: bool, minutes: float | None) -> Iterator[Outcome]:
    """The outcomes in the order of the seeds. Processes are ended when nobody asks for more."""
    run = partial(_outcome, aloud=aloud, minutes=minutes)
    if jobs == 1:
        yield from map(run, seeds)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, maxtasksperchild=SEEDS_A_PROCESS) as pool:
        yield from pool.imap(run, seeds)


def _outcome(seed: int, *, aloud: bool, minutes: float | None) -> Outcome:
    try:
        outcome = simulate(seed, aloud=aloud, minutes=minutes)
    except Exception:  # noqa: BLE001 - a seed that breaks the simulation itself is told like every other
        return Outcome(seed, (traceback.format_exc(),), (), "", 0.0, 0, 0, 0, 0.0)
    # A story is long, and read only where it ends badly.
    return outcome if outcome.findings else replace(outcome, story=())
