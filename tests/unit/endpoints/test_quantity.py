import pytest

from gco_stream_reconciler.planning.quantity import same_quantity


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
