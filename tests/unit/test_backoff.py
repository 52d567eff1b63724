import pytest

from gco_stream_reconciler.backoff import ceiling


def test_the_ceiling_begins_with_the_first_pause_and_doubles_up_to_the_longest() -> None:
    assert [ceiling(failures, first=0.5, longest=15) for failures in range(7)] == [0.5, 1, 2, 4, 8, 15, 15]


@pytest.mark.parametrize("failures", [61, 1_000, 100_000])
def test_failures_for_ever_neither_overflow_nor_exceed_the_longest_pause(failures: int) -> None:
    assert ceiling(failures, first=0.1, longest=300) == 300
