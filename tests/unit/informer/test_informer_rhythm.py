import random
from collections.abc import Callable

import pytest

from gco_stream_reconciler.errors import ThrottledError, UnavailableError
from gco_stream_reconciler.informer.rhythm import Rhythm

DOWN = UnavailableError("connection refused")
MOMENT = 1_000.0


class Longest:
    """A generator of chance that always draws the longest wait."""

    def uniform(self, a: float, b: float) -> float:
        return b


def rhythm() -> Rhythm:
    return Rhythm(Longest())


@pytest.mark.parametrize(
    ("begin", "until"),
    [(Rhythm.listing_begins, Rhythm.until_listing), (Rhythm.watch_begins, Rhythm.until_watch)],
    ids=["listing", "watch"],
)
def test_the_first_may_begin_at_once_and_the_next_a_second_after_it(
    begin: Callable[[Rhythm, float], None], until: Callable[[Rhythm, float], float]
) -> None:
    paced = rhythm()
    assert until(paced, MOMENT) == 0
    begin(paced, MOMENT)
    assert until(paced, MOMENT + 0.25) == 0.75
    assert until(paced, MOMENT + 1) == 0
    assert until(paced, MOMENT + 0.9995) == 0, "a wait that no clock could measure"


def test_listings_and_watches_do_not_hold_each_other_up() -> None:
    paced = rhythm()
    paced.listing_begins(MOMENT)
    assert paced.until_watch(MOMENT) == 0


def test_pauses_double_up_to_half_a_minute() -> None:
    paced = rhythm()
    assert [paced.back_off(DOWN) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_thousands_of_failures_do_not_overflow() -> None:
    paced = rhythm()
    assert max(paced.back_off(DOWN) for _ in range(5_000)) == 30


@pytest.mark.parametrize(("asked", "paused"), [(20.0, 20.0), (0.5, 1.0), (3_600.0, 300.0)])
def test_a_server_that_asks_for_more_time_gets_it_within_bounds(asked: float, paused: float) -> None:
    assert rhythm().back_off(ThrottledError("429", retry_after_seconds=asked)) == paused


@pytest.mark.parametrize(("lived", "failures"), [(29.9, 1), (30.0, 0)])
def test_only_a_watch_that_lasted_ends_a_row_of_failures(lived: float, failures: int) -> None:
    paced = rhythm()
    paced.back_off(DOWN)
    paced.watch_begins(MOMENT)
    paced.watch_ended(MOMENT + lived)
    assert paced.failures == failures


def test_the_fifth_failure_in_a_row_asks_for_a_listing() -> None:
    paced = rhythm()
    asked = []
    for _ in range(6):
        paced.back_off(DOWN)
        asked.append(paced.needs_listing)
    assert asked == [False, False, False, False, True, True]


def test_five_older_listings_in_a_row_are_believed_at_the_next() -> None:
    paced = rhythm()
    for _ in range(4):
        paced.listing_was_older()
    assert not paced.history_restarted
    paced.listing_was_older()
    assert paced.history_restarted
    paced.listing_was_taken()
    assert not paced.history_restarted


def test_a_watch_that_ends_within_the_second_was_short() -> None:
    paced = rhythm()
    paced.watch_begins(MOMENT)
    assert paced.watch_was_short(MOMENT + 0.99)
    assert not paced.watch_was_short(MOMENT + 1)


def test_a_listing_is_fresh_for_half_a_minute() -> None:
    paced = rhythm()
    assert not paced.listed_lately(MOMENT)
    paced.listing_begins(MOMENT)
    assert paced.listed_lately(MOMENT + 29.9)
    assert not paced.listed_lately(MOMENT + 30)


def test_it_is_stale_before_the_first_sign_of_life_and_a_minute_and_a_half_after_the_last() -> None:
    paced = rhythm()
    assert (paced.stale_for(MOMENT), paced.is_stale(MOMENT)) == (float("inf"), True)
    paced.alive(MOMENT)
    assert (paced.stale_for(MOMENT + 90), paced.is_stale(MOMENT + 90)) == (90, False)
    assert paced.is_stale(MOMENT + 90.1)


def test_a_clock_that_is_read_before_the_sign_of_life_shows_no_negative_age() -> None:
    paced = rhythm()
    paced.alive(MOMENT)
    assert paced.stale_for(MOMENT - 1) == 0


def test_watches_last_five_to_ten_minutes_each_another_time() -> None:
    paced = Rhythm(random.Random(1))
    lengths = {paced.length_of_watch() for _ in range(50)}
    assert len(lengths) == 50
    assert all(300 <= each <= 600 for each in lengths)
