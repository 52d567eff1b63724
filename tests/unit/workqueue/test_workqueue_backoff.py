import random

import pytest

from gco_stream_reconciler.workqueue.backoff import Backoff, Uniform


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
    assert [backoff.after(failures) for failures in range(11)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_full_jitter_draws_from_zero_on() -> None:
    backoff = Backoff(initial_seconds=1, maximum_seconds=300, random=Lowest())
    assert [backoff.after(failures) for failures in range(3)] == [0, 0, 0]


@pytest.mark.parametrize("jitter", [Highest(), Lowest(), random.Random(7)])
def test_the_slow_end_is_the_upper_half_of_the_longest_delay(jitter: Uniform) -> None:
    assert 150 <= Backoff(initial_seconds=1, maximum_seconds=300, random=jitter).slowest() <= 300


@pytest.mark.parametrize(("initial", "maximum"), [(0, 1), (-1, 1), (2, 1)])
def test_limits_that_do_not_grow_are_refused(initial: float, maximum: float) -> None:
    with pytest.raises(ValueError, match="backoff from"):
        Backoff(initial_seconds=initial, maximum_seconds=maximum, random=Highest())
