import random

import pytest

from gco_stream_reconciler.workqueue.backoff import Backoff


class Highest:
    """Draws the highest number."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Lowest:
    """Draws the lowest number."""

    def uniform(self, a: float, b: float) -> float:
        return a


def test_the_ceiling_doubles_from_the_initial_to_the_maximum() -> None:
    backoff = Backoff(initial_seconds=1, maximum_seconds=300, random=Highest())
    assert [backoff.failed("a") for _ in range(11)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_full_jitter_draws_from_zero_on() -> None:
    backoff = Backoff(initial_seconds=1, maximum_seconds=300, random=Lowest())
    assert [backoff.failed("a") for _ in range(3)] == [0, 0, 0]


def test_keys_back_off_apart_from_each_other() -> None:
    backoff = Backoff(initial_seconds=1, maximum_seconds=300, random=Highest())
    backoff.failed("a")
    backoff.failed("a")
    assert backoff.failed("b") == 1
    assert (backoff.failures("a"), backoff.failures("b"), backoff.failures("c")) == (2, 1, 0)


def test_a_success_starts_the_backoff_afresh() -> None:
    backoff = Backoff(initial_seconds=1, maximum_seconds=300, random=Highest())
    backoff.failed("a")
    backoff.failed("a")
    backoff.forget("a")
    assert backoff.failures("a") == 0
    assert backoff.failed("a") == 1


@pytest.mark.parametrize("jitter", [Highest(), Lowest(), random.Random(7)])
def test_a_terminal_failure_is_slow_at_once(jitter: random.Random) -> None:
    backoff = Backoff(initial_seconds=1, maximum_seconds=300, random=jitter)
    assert 150 <= backoff.slowest("a") <= 300
    assert backoff.failures("a") == 1


def test_thousands_of_failures_neither_overflow_nor_exceed_the_maximum() -> None:
    backoff = Backoff(initial_seconds=1, maximum_seconds=300, random=Highest())
    assert max(backoff.failed("a") for _ in range(5_000)) == 300


@pytest.mark.parametrize(("initial", "maximum"), [(0, 1), (-1, 1), (2, 1)])
def test_limits_that_do_not_grow_are_refused(initial: float, maximum: float) -> None:
    with pytest.raises(ValueError, match="backoff from"):
        Backoff(initial_seconds=initial, maximum_seconds=maximum, random=Highest())
