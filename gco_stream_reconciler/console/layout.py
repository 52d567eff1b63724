"""What every page has around it, and the pieces that several pages show. Pure."""

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from gco_stream_reconciler import printable
from gco_stream_reconciler.console.markup import Child, Html, element, joined
from gco_stream_reconciler.console.views import About, CanarySplit, LeadershipView
from gco_stream_reconciler.console.wording import clock_time, duration, instant

_TONES = {
    "running": "good",
    "error": "bad",
    "stopped": "idle",
    "deleted": "idle",
    "exposed": "good",
    "removed-by-watchdog": "bad",
    "waiting": "busy",
}
_BAR_WIDTH = 60
_TEXT_LENGTH = 200


def page(*, title: str, about: About, fragment: str, sections: Html, state: Html) -> Html:
    """A whole document. `fragment` is where the script gets the sections anew; `state` goes to the right of the top."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("title", title),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="icon", type="image/svg+xml", href="/static/icon.svg"),
        element("link", rel="stylesheet", href="/static/console.css"),
        element("script", src="/static/console.js", defer=True),
    )
    body = element(
        "body",
        element("a", "Skip to the content", href="#content", class_="skip"),
        _top(about, state),
        element("main", sections, id="content"),
        _bottom(about),
        data_fragment=fragment,
    )
    return joined(Html("<!doctype html>"), element("html", head, body, lang="en"))


def section(name: str, heading: str, *children: Child, note: Child = None) -> Html:
    """A part of the page with its heading. The script replaces what carries `data-part`."""
    return element(
        "section",
        element("div", element("h2", heading, id=f"h-{name}"), note, class_="heading"),
        *children,
        aria_labelledby=f"h-{name}",
        class_=f"s-{name}",
    )


def part(name: str, *children: Child, class_: str | None = None) -> Html:
    """A place whose content is sent anew by the fragment under the same name."""
    return element("div", *children, data_part=name, class_=class_)


def table(caption: str, headings: Sequence[str], rows: Iterable[Html], *, empty: str) -> Html:
    """A table with a caption for screen readers; a sentence where it has no row."""
    body = list(rows)
    if not body:
        return element("p", empty, class_="empty")
    return element(
        "div",
        element(
            "table",
            element("caption", caption),
            element("thead", element("tr", [element("th", heading, scope="col") for heading in headings])),
            element("tbody", body),
        ),
        class_="scroll",
        tabindex=0,
        role="region",
        aria_label=caption,
    )


def row(first: Child, *cells: Child) -> Html:
    """A table row; its first cell is its heading. A cell that is `<td>` already is taken as it is."""
    return element(
        "tr",
        element("th", first, scope="row"),
        [each if _is_cell(each) else element("td", each) for each in cells],
    )


def facts(pairs: Iterable[tuple[str, Child]]) -> Html:
    """Terms and what they are."""
    return element("dl", [element("div", element("dt", term), element("dd", what)) for term, what in pairs])


def figure(value: int | str, note: str, *, alarming: bool = False) -> Html:
    """A number to be seen from afar, and what it is about."""
    shown = f"{value:,}" if isinstance(value, int) else value
    return joined(element("b", shown, class_="alarm" if alarming and value else None), element("small", note))


def shortened(text: str) -> str:
    """A text as far as a table's row has room for it."""
    return printable.shortened(text, _TEXT_LENGTH)


def endpoint_link(name: str) -> Html:
    """An endpoint's name, as a link to its page."""
    return element("a", name, href=f"/endpoints/{quote(name, safe='')}")


def badge(word: str) -> Html:
    """A state or exposure: its word, and a mark whose colour only repeats it."""
    return element("span", word or "unknown", class_=f"b {_TONES.get(word, 'busy')}")


def moment(at: float) -> Html:
    """A time of day."""
    return element("time", clock_time(at), datetime=instant(at))


def moment_and_age(at: float, *, now: float) -> Html:
    """A time of day, and how long ago that is."""
    return joined(moment(at), " ", element("small", f"{duration(now - at)} ago"))


def crumbs(*more: Child) -> Html:
    """The way back, and what else belongs to the page."""
    return element(
        "nav",
        element("a", "All endpoints", href="/"),
        [joined(" · ", each) for each in more],
        class_="crumbs",
        aria_label="Way back",
    )


def canary_split(canary: CanarySplit | None) -> Html | None:
    """The canary's share as a bar and in words; what is wanted is said where it differs."""
    if canary is None:
        return None
    applied = min(100, max(0, canary.weight_applied))
    words = f"{canary.weight_applied} %"
    if canary.weight_wanted != canary.weight_applied:
        words += f", {canary.weight_wanted} % wanted"
    return joined(
        element(
            "svg",
            element("rect", width=_BAR_WIDTH, height=8, class_="rest"),
            element("rect", width=round(_BAR_WIDTH * applied / 100), height=8, class_="share"),
            class_="split",
            width=_BAR_WIDTH,
            height=8,
            aria_hidden="true",
        ),
        " ",
        words,
    )


def standing(leadership: LeadershipView, *, now: float) -> Html:
    """Whether this replica leads, and as of when all of the page is."""
    if leadership.leads:
        words, tone = f"{replica(leadership.identity) or 'This replica'} leads", "good"
    elif leadership.holder:
        words, tone = f"Follows {replica(leadership.holder)}", "idle"
    elif leadership.known:
        words, tone = "Nobody leads", "bad"
    else:
        words, tone = "The leader is not known yet", "idle"
    role = element("span", words, class_=f"b {tone}", title=leadership.holder or None)
    return joined(role, element("span", "as of ", moment(now), class_="as-of"))


def replica(identity: str) -> str:
    """The Pod's name in a lease's holder `program/pod/uuid`; anything else as it is."""
    pieces = identity.split("/")
    return pieces[1] if len(pieces) == len(("program", "pod", "uuid")) else identity


def _top(about: About, state: Html) -> Html:
    place = " · ".join(each for each in (about.cluster, about.region, about.table) if each)
    return element(
        "header",
        element("a", "gco-stream-reconciler", href="/", class_="brand"),
        element("p", place, class_="place"),
        part("standing", state, class_="standing"),
        element("button", "Pause updates", type="button", id="pause", hidden=True),
    )


def _bottom(about: About) -> Html:
    links = (("queue", "/debug/queue"), ("endpoints", "/debug/endpoints"), ("shards", "/debug/shards"))
    return element(
        "footer",
        element("span", "As JSON: ", [joined(element("a", name, href=href), " ") for name, href in links]),
        element("span", f"version {about.version}" if about.version else None),
    )


def _is_cell(child: Child) -> bool:
    return isinstance(child, Html) and child.startswith("<td")
