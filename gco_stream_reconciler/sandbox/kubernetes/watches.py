"""The stream of events that answers a watch."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.calls import Call
from gco_stream_reconciler.sandbox.kubernetes.compact import encoded
from gco_stream_reconciler.sandbox.kubernetes.history import Event, Watcher
from gco_stream_reconciler.sandbox.kubernetes.lists import number, selected
from gco_stream_reconciler.sandbox.kubernetes.objects import Objects
from gco_stream_reconciler.sandbox.kubernetes.selectors import Matches
from gco_stream_reconciler.sandbox.kubernetes.statuses import RefusedError

Object = dict[str, Any]
View = Callable[[Object], Object]

_LONGEST_SECONDS = 1800
_NO_INITIAL_EVENTS = "a watch stream was requested by the client but the required storage feature RequestWatchProgress is disabled"


async def lines(
    store: Objects, call: Call, view: View | None, bookmark_seconds: float
) -> AsyncGenerator[list[bytes], None]:
    """Lines of the stream, in batches, until the call's timeout. Raises RefusedError before the first.

    view: how an object is shown, None for as it is stored.
    """
    matches = selected(call)
    since = number(call, "resourceVersion")
    seconds = number(call, "timeoutSeconds") or _LONGEST_SECONDS
    if call.query.get("sendInitialEvents") == "true":
        yield [_line("ERROR", RefusedError(500, _NO_INITIAL_EVENTS, "InternalError").body)]
        return
    initial = [] if since else [obj for obj in store.of_kind(call.kind, call.namespace) if matches(obj)]
    try:
        watcher = store.watch(call.kind, since or store.version)
    except RefusedError as refusal:
        yield [_line("ERROR", refusal.body)]
        return
    try:
        yield [_line("ADDED", view(obj) if view else obj) for obj in initial]
        async for batch in _batches(watcher, seconds, bookmark_seconds):
            if batch is None:
                yield [_bookmark(store, call, watcher)] if call.flag("allowWatchBookmarks") else []
            else:
                shown = (_shown(event, call, matches, view) for event in batch)
                yield [line for line in shown if line is not None]
    finally:
        store.unwatch(call.kind, watcher)


async def _batches(
    watcher: Watcher, seconds: float, bookmark_seconds: float
) -> AsyncIterator[list[Event] | None]:
    """What came, at once if several did; None when it is time for a bookmark."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    bookmark = loop.time() + bookmark_seconds
    while (now := loop.time()) < ends:
        try:
            async with asyncio.timeout(max(0.0, min(ends, bookmark) - now)):
                first = await watcher.events.get()
        except TimeoutError:
            # Not past an event that came in this very moment: a bookmark says that all before it was told.
            if loop.time() >= bookmark and watcher.events.empty():
                bookmark = loop.time() + bookmark_seconds
                yield None
            continue
        batch, ended = _drained(first, watcher)
        if batch:
            yield batch
        if ended:
            return


def _drained(event: Event | None, watcher: Watcher) -> tuple[list[Event], bool]:
    batch = []
    while event is not None:
        batch.append(event)
        if watcher.events.empty():
            return batch, False
        event = watcher.events.get_nowait()
    return batch, True


def _shown(event: Event, call: Call, matches: Matches, view: View | None) -> bytes | None:
    """The line of an event, None for one that the watch does not select.

    A change that takes an object out of the selection is its deletion, shown as it last was inside.
    """
    if call.namespace not in (None, event.obj["metadata"].get("namespace")):
        return None
    before = event.old is not None and matches(event.old)
    now = event.type != "DELETED" and matches(event.obj)
    if not now and not before:
        return None
    kind = ("MODIFIED" if before else "ADDED") if now else "DELETED"
    if event.old is not None and not now and event.type != "DELETED":
        meta = {**event.old["metadata"], "resourceVersion": str(event.version)}
        obj = {**event.old, "metadata": meta}
        return _line(kind, view(obj) if view else obj)
    if view is None:
        return b'{"type":"%s","object":%s}\n' % (kind.encode(), event.encoded)
    return _line(kind, view(event.obj))


def _bookmark(store: Objects, call: Call, watcher: Watcher) -> bytes:
    version = store.told(call.kind, watcher)
    meta = {"resourceVersion": str(version), "creationTimestamp": None}
    return _line("BOOKMARK", {"kind": call.kind.kind, "apiVersion": call.kind.api_version, "metadata": meta})


def _line(kind: str, obj: Object) -> bytes:
    return encoded({"type": kind, "object": obj}) + b"\n"
