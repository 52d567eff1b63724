import pytest
from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.sandbox.kubernetes.quantities import amount, canonical


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("1000m", "1"), ("1500m", "1500m"), ("0.5", "500m"), ("4096Mi", "4Gi"), ("1.5Gi", "1536Mi"), ("0", "0"), ("0Gi", "0"),
        ("1e3", "1k"), ("12E", "12E"), ("1000000", "1M"), ("100M", "100M"), ("1024", "1024"), ("-1", "-1"), ("1n", "1n"),
        ("0.1n", "1n"), ("+5", "5"), (".5", "500m"), ("1.", "1"), ("128974848000m", "128974848"), ("1024Ki", "1Mi"),
    ],
)  # fmt: skip
def test_a_quantity_is_kept_in_its_canonical_form(written: str, kept: str) -> None:
    assert canonical(written) == kept


@pytest.mark.parametrize("text", ["", "a", "1 Gi", "1gi", "1KiB", "--1", "1e", "0x1", "\u0661"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match"):
        amount(text)


@given(st.integers(0, 10**12), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi"]))
def test_the_canonical_form_means_the_same_and_is_its_own(number: int, suffix: str) -> None:
    written = f"{number}{suffix}"
    assert amount(canonical(written)) == amount(written)
    assert canonical(canonical(written)) == canonical(written)
