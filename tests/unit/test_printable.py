import pytest

from gco_stream_reconciler.printable import escaped, shortened


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("größer als 4 GiB", "größer als 4 GiB"),
        ("größer\nals", r"größer\nals"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\u202eright to left", r"\u202eright to left"),
        ("\ud800", r"\ud800"),
        ("", ""),
    ],
)
def test_only_what_cannot_be_printed_is_escaped(text: str, said: str) -> None:
    assert escaped(text) == said


def test_a_longer_text_ends_in_an_ellipsis_within_the_limit() -> None:
    assert (shortened("four", 4), shortened("fives", 4)) == ("four", "fiv…")
