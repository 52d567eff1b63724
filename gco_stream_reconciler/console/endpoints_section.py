"""The endpoints on the overview: filter, states, table, pages. Pure."""

from collections.abc import Iterable
from urllib.parse import urlencode

from gco_stream_reconciler.console.layout import badge, canary_split, endpoint_link, row, shortened, table
from gco_stream_reconciler.console.markup import Html, element, joined
from gco_stream_reconciler.console.selection import Selection
from gco_stream_reconciler.console.views import EndpointRow
from gco_stream_reconciler.console.wording import number


def filter_form(selection: Selection) -> Html:
    """The filter: a form of its own, which the script only makes quicker."""
    return element(
        "form",
        element("label", "Filter", for_="q"),
        element(
            "input",
            type="search",
            id="q",
            name="q",
            value=selection.query,
            placeholder="name, state, exposure, error …",
            autocomplete="off",
            spellcheck="false",
        ),
        element("button", "Show", type="submit"),
        action="/",
        method="get",
        role="search",
    )


def endpoints_part(selection: Selection) -> Html:
    """One page of the endpoints that match."""
    return joined(
        element("p", _count(selection), class_="count", role="status"),
        element(
            "ul",
            [
                element("li", element("a", badge(state), f" {count:,}", href=f"/?{urlencode({'q': state})}"))
                for state, count in selection.states
            ],
            class_="states",
            aria_label="States",
        ),
        table(
            "Endpoints of this Region",
            ("Endpoint", "State", "Wanted", "Ready", "Exposure", "Canary", "Last error or message"),
            (_endpoint(each, selection) for each in selection.rows),
            empty="No endpoint matches."
            if selection.total
            else "The table holds no endpoint for this Region.",
        ),
        _pages(selection),
    )


def _count(selection: Selection) -> str:
    if selection.query:
        return f"{selection.matching:,} of {number(selection.total, 'endpoint')}"
    return number(selection.total, "endpoint")


def _endpoint(each: EndpointRow, selection: Selection) -> Html:
    said = element("td", shortened(each.error), class_="error") if each.error else shortened(each.message)
    return row(
        joined(
            endpoint_link(each.name),
            [" ", element("small", each.namespace)] if selection.several_namespaces else None,
        ),
        badge(each.state),
        each.desired_state,
        f"{each.replicas_ready}/{each.replicas_desired}",
        badge(each.exposure) if each.exposure else None,
        canary_split(each.canary),
        said,
    )


def _pages(selection: Selection) -> Html | None:
    if selection.pages == 1:
        return None
    return element("nav", _page_links(selection), aria_label="Pages of endpoints", class_="pages")


def _page_links(selection: Selection) -> Iterable[Html]:
    if selection.page > 1:
        yield element(
            "a",
            "Previous",
            rel="prev",
            href=f"/?{query_string(selection, page=selection.page - 1)}#h-endpoints",
        )
    yield element("span", f"Page {selection.page:,} of {selection.pages:,}")
    if selection.page < selection.pages:
        yield element(
            "a", "Next", rel="next", href=f"/?{query_string(selection, page=selection.page + 1)}#h-endpoints"
        )


def query_string(selection: Selection, *, page: int) -> str:
    """A page of the same filter, for a URL."""
    return urlencode({"q": selection.query, "page": page})
