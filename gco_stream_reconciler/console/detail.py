"""The page of one endpoint. Pure."""

from typing import Any
from urllib.parse import quote

from gco_stream_reconciler.console.documents import place_in_queue
from gco_stream_reconciler.console.layout import (
    badge,
    canary_split,
    crumbs,
    facts,
    moment_and_age,
    page,
    part,
    row,
    section,
    standing,
    table,
)
from gco_stream_reconciler.console.markup import Child, Html, element, joined
from gco_stream_reconciler.console.plain import public, text
from gco_stream_reconciler.console.views import (
    About,
    EndpointDetail,
    EndpointRow,
    LeadershipView,
    PlannedAction,
    PlanView,
    QueueView,
)
from gco_stream_reconciler.console.wording import NOTHING, duration


def detail_page(
    detail: EndpointDetail, queue: QueueView, leadership: LeadershipView, about: About, *, now: float
) -> Html:
    """The whole document."""
    parts = detail_parts(detail, queue, leadership, now=now)
    name = detail.row.name
    return page(
        title=f"{name} · {about.cluster or about.region}",
        about=about,
        fragment=f"/fragment/endpoints/{quote(name, safe='')}",
        sections=joined(
            crumbs(element("a", "as JSON", href=f"/debug/endpoints/{quote(name, safe='')}")),
            element("h1", name),
            *(part(each, parts[each]) for each in ("state", "plan", "actions", "errors", "objects")),
        ),
        state=parts["standing"],
    )


def detail_parts(
    detail: EndpointDetail, queue: QueueView, leadership: LeadershipView, *, now: float
) -> dict[str, Html]:
    """What the script replaces: name of the part → its content."""
    return {
        "standing": standing(leadership, now=now),
        "state": _state(detail, queue),
        "plan": section("plan", "Plan", _plan(detail.plan)),
        "actions": section("actions", "Last actions", _actions(detail, now=now)),
        "errors": section("errors", "Recent errors", _errors(detail, now=now)),
        "objects": section("objects", "Desired and observed", _objects(detail)),
    }


def unknown_endpoint_page(name: str, about: About) -> Html:
    """There is no such endpoint."""
    return page(
        title="Unknown endpoint",
        about=about,
        fragment="",
        sections=joined(
            crumbs(),
            element("h1", "Unknown endpoint"),
            element("p", "No endpoint named ", element("code", name), " is known in this Region."),
        ),
        state=Html(""),
    )


# --- State --------------------------------------------------------------------------------------------------------


def _state(detail: EndpointDetail, queue: QueueView) -> Html:
    shown = detail.row
    return section(
        "state",
        "State",
        facts(_facts(shown, queue)),
        element("p", shown.error, class_="error") if shown.error else None,
        element("p", shown.message) if shown.message else None,
        element("h3", "Why") if detail.why else None,
        element("ul", [element("li", each) for each in detail.why], class_="why") if detail.why else None,
    )


def _facts(shown: EndpointRow, queue: QueueView) -> list[tuple[str, Child]]:
    pairs: list[tuple[str, Child]] = [
        ("State", badge(shown.state)),
        ("Wanted", shown.desired_state or NOTHING),
        ("Ready", f"{shown.replicas_ready}/{shown.replicas_desired}"),
        ("Exposure", badge(shown.exposure) if shown.exposure else NOTHING),
    ]
    if shown.canary is not None:
        pairs.append(("Canary", canary_split(shown.canary)))
    return [*pairs, ("Queue", _queue_words(shown.name, queue)), ("Namespace", shown.namespace or NOTHING)]


def _queue_words(name: str, queue: QueueView) -> str:
    place: dict[str, Any] = place_in_queue(name, queue)
    words = []
    if "in_process" in place:
        words.append(f"in process for {duration(place['in_process'].age_seconds)}")
    if "waiting" in place:
        entry = place["waiting"]
        words.append(f"waits for {duration(entry.age_seconds)} ({entry.lane.lower()})")
    if "delayed" in place:
        words.append(f"looked at in {duration(place['delayed'].due_in_seconds)}")
    if "failing" in place:
        entry = place["failing"]
        words.append(
            f"failed {entry.failures} times in {duration(entry.failing_for_seconds)} since its last success"
        )
    return ", ".join(words) or "not queued"


# --- Plan, actions, errors ----------------------------------------------------------------------------------------


def _plan(plan: PlanView) -> Html:
    later = plan.requeue_after_seconds
    return joined(
        table(
            "What would be done now, stage by stage",
            ("Stage", "Action", "Object", "Because"),
            (
                _planned(stage, action)
                for stage, actions in enumerate(plan.stages, start=1)
                for action in actions
            ),
            empty="Nothing is to be done: the objects are as they should be.",
        ),
        element("p", f"Time alone changes this plan in {duration(later)}.", class_="empty")
        if later is not None
        else None,
    )


def _planned(stage: int, action: PlannedAction) -> Html:
    return row(stage, action.action, action.target, ", ".join(action.reasons))


def _actions(detail: EndpointDetail, *, now: float) -> Html:
    return table(
        "Last actions, newest first",
        ("When", "Action", "Object", "Because", "Result"),
        (
            row(
                moment_and_age(each.at, now=now),
                each.action,
                each.target,
                each.reason,
                element(
                    "td", each.result, ": " if each.error else None, each.error, class_=_tone(each.result)
                ),
            )
            for each in detail.actions
        ),
        empty="Nothing was done since this replica leads.",
    )


def _tone(result: str) -> str | None:
    return None if result == "done" else "error"


def _errors(detail: EndpointDetail, *, now: float) -> Html:
    return table(
        "Reconciles that failed, newest first",
        ("When", "Error"),
        (
            row(moment_and_age(each.at, now=now), element("td", each.error, class_="error"))
            for each in detail.errors
        ),
        empty="No reconcile failed since this replica leads.",
    )


# --- Desired and observed -----------------------------------------------------------------------------------------


def _objects(detail: EndpointDetail) -> Html:
    return joined(
        _folded("Desired: the item in the table", detail.desired),
        [_folded(title, found) for title, found in detail.observed.items()],
        element("p", "No object of this endpoint stands.", class_="empty") if not detail.observed else None,
        element("p", "Values of environment variables are not shown.", class_="empty"),
    )


def _folded(title: str, value: Any) -> Html:
    return element("details", element("summary", title), element("pre", text(public(value)), tabindex=0))
