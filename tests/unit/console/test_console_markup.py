from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.console.markup import Html, element, joined


class Reader(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text())
def test_any_text_arrives_as_that_text_and_opens_no_element(said: str) -> None:
    read = Reader(element("p", said, title=said))
    assert read.tags == [("p", {"title": said})]
    assert read.text == said


def test_markup_is_taken_as_it_is_and_everything_else_is_text() -> None:
    assert element("p", Html("<b>1</b>"), "<b>", 2, None, ["a", [element("i", "&")]]) == (
        "<p><b>1</b>&lt;b&gt;2a<i>&amp;</i></p>"
    )


def test_attributes_are_written_as_html_names_them() -> None:
    made = element("input", class_="a", data_part="b", hidden=True, disabled=False, id=None, tabindex=0)
    assert made == '<input class="a" data-part="b" hidden tabindex="0">'


def test_markup_that_is_changed_as_text_is_text_again() -> None:
    assert joined(Html("<b>").upper()) == "&lt;B&gt;"
