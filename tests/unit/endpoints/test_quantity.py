import pytest

from gco_stream_reconciler.endpoints.quantity import higher_quantity, lower_quantity, same_quantity


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1000m", "1"),
        ("4096Mi", "4Gi"),
        (1, "1"),
        ("0.5", "500m"),
        ("1e3", "1k"),
        ("1E", "1000P"),
        ("1E3", "1000"),
        (2.0, "2"),
        ("1.5Gi", "1536Mi"),
        ("+1", "1"),
    ],
)
def test_the_same_amount_in_two_notations_is_equal(one: object, other: object) -> None:
    assert same_quantity(one, other)
    assert same_quantity(other, one)


@pytest.mark.parametrize(
    ("one", "other"), [("1", "2"), ("1M", "1Mi"), ("1m", "1M"), ("1", None), (None, "0.1")]
)
def test_different_amounts_are_different(one: object, other: object) -> None:
    assert not same_quantity(one, other)


def test_text_that_is_no_quantity_equals_only_itself() -> None:
    assert same_quantity("lots", "lots")
    assert not same_quantity("lots", "1")


@pytest.mark.parametrize(
    ("one", "other", "lower", "higher"),
    [
        ("4Gi", "2Gi", "2Gi", "4Gi"),
        ("1", "500m", "500m", "1"),
        ("1", "1000m", "1", "1"),
        ("1", "lots", "1", "1"),
    ],
)
def test_the_lower_and_the_higher_of_two(one: str, other: str, lower: str, higher: str) -> None:
    assert lower_quantity(one, other) == lower
    assert higher_quantity(one, other) == higher
