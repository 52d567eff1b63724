"""Which endpoints a person wants to see, and in what order. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gco_stream_reconciler.console.views import EndpointRow

ROWS_A_PAGE = 200
_QUERY_LIMIT = 200
_PAGE_DIGITS = 6
# What may want somebody's attention comes first, what asks for nothing last.
_ORDER = ("error", "deleting", "stopping", "pending", "creating", "updating", "running", "stopped", "deleted")


@dataclass(frozen=True, slots=True)
class Selection:
    """One page of the endpoints that match.

    matching: how many match on all pages. total: how many there are. states: state → endpoints in it, of all.
    several_namespaces: whether they are not all in one.
    """

    rows: tuple[EndpointRow, ...]
    query: str
    page: int
    pages: int
    matching: int
    total: int
    states: tuple[tuple[str, int], ...]
    several_namespaces: bool


def select(rows: Sequence[EndpointRow], *, query: str = "", page: int = 1) -> Selection:
    """The endpoints in which every word of the query occurs, trouble first, then by name."""
    asked = query.strip()[:_QUERY_LIMIT]
    words = asked.casefold().split()
    found = sorted((row for row in rows if matches(row, words)) if words else rows, key=_rank)
    pages = max(1, -(-len(found) // ROWS_A_PAGE))
    shown = min(max(1, page), pages)
    first = (shown - 1) * ROWS_A_PAGE
    return Selection(
        rows=tuple(found[first : first + ROWS_A_PAGE]),
        query=asked,
        page=shown,
        pages=pages,
        matching=len(found),
        total=len(rows),
        states=_states(rows),
        several_namespaces=len({row.namespace for row in rows}) > 1,
    )


def page_number(text: str) -> int:
    """The page a URL asks for; 1 for what is no number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _PAGE_DIGITS else 1


def matches(row: EndpointRow, words: Iterable[str]) -> bool:
    """Whether every word (casefolded) occurs in what the row shows."""
    shown = " ".join(
        (
            row.name,
            row.namespace,
            row.desired_state,
            row.state,
            row.exposure,
            "canary" if row.canary else "",
            row.error,
            row.message,
        )
    ).casefold()
    return all(word in shown for word in words)


def _states(rows: Iterable[EndpointRow]) -> tuple[tuple[str, int], ...]:
    counts = Counter(row.state for row in rows)
    return tuple(sorted(counts.items(), key=lambda each: (_place(each[0]), each[0])))


def _rank(row: EndpointRow) -> tuple[int, str]:
    if row.error or row.exposure == "removed-by-watchdog":
        return (0, row.name)
    dips = row.state == "running" and row.replicas_ready < row.replicas_desired
    return (1 if dips else _place(row.state), row.name)


def _place(state: str) -> int:
    return _ORDER.index(state) if state in _ORDER else 1
