import pytest

from gco_stream_reconciler.endpoints.moments import instant


@pytest.mark.parametrize(
    "text",
    [
        "2027-01-15T08:00:00+00:00",
        "2027-01-15T08:00:00Z",
        "2027-01-15T09:00:00+01:00",
        "2027-01-15T08:00:00",
        "2027-01-15 08:00:00",
    ],
)
def test_a_moment_is_the_same_in_every_zone_and_without_one_it_is_in_utc(text: str, zone: str) -> None:
    assert instant(text) == 1_800_000_000.0


def test_fractions_of_a_second_count() -> None:
    assert instant("2027-01-15T08:00:00.25+00:00") == 1_800_000_000.25


@pytest.mark.parametrize("text", [None, "", "yesterday", "1800000000.0", "2027-02-30T00:00:00Z"])
def test_what_is_no_moment_is_none(text: str | None) -> None:
    assert instant(text) is None


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]
)
def test_the_ends_of_the_calendar_are_moments_too(text: str, zone: str) -> None:
    assert instant(text) is not None
