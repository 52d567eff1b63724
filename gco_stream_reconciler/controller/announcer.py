"""Kubernetes Events, written beside the work and never in its way."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.planning.actions import Notice
from gco_stream_reconciler.planning.observed import KubeObject

_LONGEST_LINE = 4000
# While there is more urgent work: five Events a second, each of which costs the API server as much as an apply.
_BUSY_PAUSE_SECONDS = 0.2


class EventSink(Protocol):
    """Where Events are written."""

    async def record(
        self,
        *,
        regarding: Mapping[str, str],
        reason: str,
        action: str,
        note: str,
        type_: Literal["Normal", "Warning"],
    ) -> None:
        """Write one; never raises."""


class EventAnnouncer:
    """A bounded line of notices and the task that writes them. A full line drops what comes: the status says it too.

    is_busy: whether there is more urgent work than to tell of it.
    """

    def __init__(self, sink: EventSink, *, is_busy: Callable[[], bool], log: FilteringBoundLogger) -> None:
        self._sink = sink
        self._is_busy = is_busy
        self._log = log
        self._line: asyncio.Queue[tuple[Mapping[str, str], Notice]] = asyncio.Queue(_LONGEST_LINE)

    def announce(self, regarding: KubeObject, notice: Notice) -> None:
        """Say something about an object."""
        meta = regarding["metadata"]
        about = {
            "apiVersion": str(regarding.get("apiVersion", "")),
            "kind": notice.ref.kind,
            "name": notice.ref.name,
            "namespace": notice.ref.namespace,
            "uid": str(meta.get("uid", "")),
        }
        try:
            self._line.put_nowait((about, notice))
        except asyncio.QueueFull:
            self._log.warning("event_dropped", object=str(notice.ref), reason=notice.reason)

    async def run(self) -> None:
        """Write for ever."""
        while True:
            about, notice = await self._line.get()
            if self._is_busy():
                await asyncio.sleep(_BUSY_PAUSE_SECONDS)
            await self._sink.record(
                regarding=about,
                reason=notice.reason,
                action="Reconcile",
                note=notice.text,
                type_="Warning" if notice.warning else "Normal",
            )
