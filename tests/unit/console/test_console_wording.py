import pytest

from gco_stream_reconciler.console.wording import NOTHING, clock_time, duration, instant, number


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, NOTHING),
        (-1, "0.0 s"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (12.3, "12 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (172_800, "2 d"),
    ],
)
def test_a_duration_is_as_exact_as_a_person_wants_it(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_times_name_their_zone() -> None:
    assert instant(0) == "1970-01-01T00:00:00Z"
    assert clock_time(1_763_740_800) == "16:00:00 UTC"


def test_one_is_singular() -> None:
    assert (number(1, "key"), number(1200, "key")) == ("1 key", "1,200 keys")
