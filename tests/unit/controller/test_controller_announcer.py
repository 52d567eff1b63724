"""Kubernetes Events beside the work: in order, and never in its way."""

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import Any

import pytest

from gco_stream_reconciler.controller.announcer import EventAnnouncer
from gco_stream_reconciler.planning.actions import Notice, ObjectRef
from tests.doubles.controller import recording_log

pytestmark = pytest.mark.looptime

REF = ObjectRef("Deployment", "gco-inference", "llama")
OBJECT: dict[str, Any] = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"uid": "u"}}


class SlowSink:
    def __init__(self) -> None:
        self.written: list[Mapping[str, Any]] = []

    async def record(self, **event: Any) -> None:
        await asyncio.sleep(1)
        self.written.append(event)


async def test_notices_are_written_in_order_while_the_work_goes_on() -> None:
    sink = SlowSink()
    announcer = EventAnnouncer(sink, is_busy=lambda: False, log=recording_log([]))
    task = asyncio.create_task(announcer.run())
    announcer.announce(OBJECT, Notice(REF, "Created", "made"))
    announcer.announce(OBJECT, Notice(REF, "Refused", "no", warning=True))
    assert sink.written == []
    await asyncio.sleep(2.5)
    task.cancel()
    assert [(event["reason"], event["type_"], event["note"]) for event in sink.written] == [
        ("Created", "Normal", "made"),
        ("Refused", "Warning", "no"),
    ]
    assert sink.written[0]["regarding"] == {
        "apiVersion": "apps/v1", "kind": "Deployment", "name": "llama", "namespace": "gco-inference", "uid": "u",
    }  # fmt: skip


async def test_a_full_line_drops_and_says_so() -> None:
    events: list[MutableMapping[str, Any]] = []
    announcer = EventAnnouncer(SlowSink(), is_busy=lambda: False, log=recording_log(events))
    for _ in range(4001):
        announcer.announce(OBJECT, Notice(REF, "Created", "made"))
    assert [event["event"] for event in events] == ["event_dropped"]


async def test_while_there_is_more_urgent_work_events_come_slowly() -> None:
    sink, busy = SlowSink(), [True]
    announcer = EventAnnouncer(sink, is_busy=lambda: busy[0], log=recording_log([]))
    for _ in range(10):
        announcer.announce(OBJECT, Notice(REF, "Created", "made"))
    task = asyncio.create_task(announcer.run())
    await asyncio.sleep(6.1)
    assert len(sink.written) == 5
    busy[0] = False
    await asyncio.sleep(5.2)
    assert len(sink.written) == 10
    task.cancel()
