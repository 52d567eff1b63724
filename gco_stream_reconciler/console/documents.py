"""The JSON behind `/debug/`. Pure. Every document has gone through `public`, so it holds no secret."""

from typing import Any

from gco_stream_reconciler.console.plain import Json, plain, public
from gco_stream_reconciler.console.views import (
    EndpointDetail,
    EndpointRow,
    LeadershipView,
    QueueView,
    StreamView,
)
from gco_stream_reconciler.console.wording import instant


def queue_document(queue: QueueView, *, now: float) -> Json:
    """`/debug/queue`: waiting, in process, delayed with the due time, failing with the last error."""
    due = {each.key: each.due_in_seconds for each in queue.delayed}
    return public(
        {
            "at": instant(now),
            "counts": {
                "waiting": len(queue.waiting),
                "in_process": len(queue.in_process),
                "delayed": len(queue.delayed),
                "failing": len(queue.failing),
            },
            "waiting": queue.waiting,
            "in_process": queue.in_process,
            "delayed": [_object(each, due_at=instant(now + each.due_in_seconds)) for each in queue.delayed],
            "failing": [_object(each, next_try_in_seconds=due.get(each.key)) for each in queue.failing],
        }
    )


def endpoints_document(rows: tuple[EndpointRow, ...], *, matching: int, page: int, pages: int) -> Json:
    """`/debug/endpoints`: one page of the rows."""
    return public({"matching": matching, "page": page, "pages": pages, "endpoints": rows})


def endpoint_document(detail: EndpointDetail, queue: QueueView, *, now: float) -> Json:
    """`/debug/endpoints/{name}`: desired, observed, plan, last actions and errors, why, and its place in the queue."""
    return public(
        {
            "at": instant(now),
            "name": detail.row.name,
            "row": detail.row,
            "why": detail.why,
            "queue": place_in_queue(detail.row.name, queue),
            "desired": detail.desired,
            "observed": detail.observed,
            "plan": detail.plan,
            "actions": [_object(each, at=instant(each.at)) for each in detail.actions],
            "errors": [_object(each, at=instant(each.at)) for each in detail.errors],
        }
    )


def shards_document(stream: StreamView, leadership: LeadershipView, *, now: float) -> Json:
    """`/debug/shards`: the stream, its shards, and whether this replica is the one to read them."""
    return public(
        {
            "at": instant(now),
            "leadership": leadership,
            "arn": stream.arn,
            "lag_seconds": stream.lag_seconds,
            "polled_age_seconds": stream.polled_age_seconds,
            "last_error": stream.last_error,
            "shards": stream.shards,
        }
    )


def place_in_queue(name: str, queue: QueueView) -> dict[str, Any]:
    """Where the queue has a key: every part of it that holds it."""
    parts: dict[str, Any] = {}
    for part in ("waiting", "in_process", "delayed", "failing"):
        for entry in getattr(queue, part):
            if entry.key == name:
                parts[part] = entry
    return parts


def _object(value: Any, **more: Any) -> dict[str, Any]:
    fields = plain(value)
    if not isinstance(fields, dict):
        raise TypeError(f"{type(value).__name__} is no object")
    return {**fields, **more}
