import pytest
from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.console.selection import ROWS_A_PAGE, page_number, select
from gco_stream_reconciler.console.views import CanarySplit, EndpointRow

ROWS = [
    EndpointRow("b-runs", "team-a", "running", "running", 2, 2, "exposed"),
    EndpointRow("a-runs", "team-b", "running", "running", 1, 1, "exposed", CanarySplit(20, 20)),
    EndpointRow("off", "team-a", "stopped", "stopped"),
    EndpointRow("new", "team-a", "deploying", "creating", 0, 2, "waiting", message="Unschedulable (2)"),
    EndpointRow("broken", "team-a", "running", "error", error="image: Required value"),
    EndpointRow("hidden", "team-a", "running", "running", 0, 2, "removed-by-watchdog"),
    EndpointRow("dips", "team-a", "running", "running", 1, 2, "exposed"),
]


def names(query: str = "", page: int = 1) -> list[str]:
    return [row.name for row in select(ROWS, query=query, page=page).rows]


def test_trouble_comes_first_then_what_is_on_its_way_then_what_runs() -> None:
    assert names() == ["broken", "hidden", "dips", "new", "a-runs", "b-runs", "off"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("  runs ", ["a-runs", "b-runs"]),
        ("TEAM-B", ["a-runs"]),
        ("team-a error", ["broken"]),
        ("required image", ["broken"]),
        ("unsched", ["new"]),
        ("canary", ["a-runs"]),
        ("watchdog", ["hidden"]),
        ("nobody", []),
    ],
)
def test_every_word_of_the_filter_must_occur_in_what_the_row_shows(query: str, found: list[str]) -> None:
    assert names(query) == found


def test_the_states_are_counted_over_all_endpoints_whatever_is_filtered() -> None:
    selection = select(ROWS, query="broken")
    assert selection.states == (("error", 1), ("creating", 1), ("running", 4), ("stopped", 1))
    assert (selection.matching, selection.total) == (1, 7)


@given(st.integers(0, 3 * ROWS_A_PAGE))
def test_the_pages_hold_every_endpoint_once(count: int) -> None:
    rows = [EndpointRow(f"e{number:04d}") for number in range(count)]
    pages = select(rows).pages
    seen = [row.name for page in range(1, pages + 1) for row in select(rows, page=page).rows]
    assert seen == [row.name for row in rows]


def test_a_page_that_does_not_exist_is_the_nearest_that_does() -> None:
    assert select(ROWS, page=99).page == 1
    assert select(ROWS, page=-3).page == 1


@pytest.mark.parametrize(
    ("text", "page"), [("", 1), ("7", 7), ("-1", 1), ("x", 1), ("²", 1), ("9" * 5000, 1), ("٣", 1)]
)
def test_what_is_no_page_number_is_the_first_page(text: str, page: int) -> None:
    assert page_number(text) == page


def test_the_namespace_matters_only_where_there_are_several() -> None:
    assert select(ROWS).several_namespaces
    assert not select(ROWS[2:]).several_namespaces
