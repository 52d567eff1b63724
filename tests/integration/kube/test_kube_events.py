import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import structlog

from gco_stream_reconciler.kube.events import EventRecorder
from tests.doubles.scripted_api_server import (
    Answer,
    ScriptedServer,
    client_of,
    nothing,
    refuses,
    says,
    scripted_server,
)

EVENT = {"kind": "Event", "apiVersion": "events.k8s.io/v1", "metadata": {"name": "a.1"}}
PATH = "/apis/events.k8s.io/v1/namespaces/rec/events"
GONE = refuses(404, "NotFound", 'events.events.k8s.io "a.1" not found', {"name": "a.1", "kind": "events"})


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def regarding(uid: str = "u1", name: str = "a") -> dict[str, str]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "namespace": "rec", "uid": uid}


async def removed(
    recorder: EventRecorder, note: str = "zero ready replicas for 300 s", **changes: Any
) -> None:
    told = {"reason": "WatchdogRemovedIngress", "action": "RemoveIngress", **changes}
    await recorder.record(regarding=told.pop("regarding", regarding()), note=note, type_="Warning", **told)


@asynccontextmanager
async def recorder_against(*answers: Answer) -> AsyncIterator[tuple[EventRecorder, ScriptedServer, Clock]]:
    async with scripted_server(*answers) as server, client_of(server.url) as client:
        clock = Clock()
        recorder = EventRecorder(
            client,
            instance="gco-stream-reconciler/pod-1",
            clock=clock,
            wall_clock=lambda: datetime(2026, 11, 21, 1, tzinfo=UTC),
            random=random.Random(1),
            log=structlog.get_logger(),
            timeout_seconds=0.3,
        )
        yield recorder, server, clock


async def test_an_event_is_written_as_the_api_server_wants_it() -> None:
    async with recorder_against(says(EVENT, 201)) as (recorder, server, _):
        await removed(recorder)
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("POST", PATH)
    assert asked.body.pop("metadata")["namespace"] == "rec"
    assert asked.body == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "eventTime": "2026-11-21T01:00:00.000000Z",
        "reportingController": "gco.io/stream-reconciler",
        "reportingInstance": "gco-stream-reconciler/pod-1",
        "action": "RemoveIngress",
        "reason": "WatchdogRemovedIngress",
        "type": "Warning",
        "regarding": regarding(),
        "note": "zero ready replicas for 300 s",
    }


async def test_the_same_said_again_counts_up_the_series() -> None:
    async with recorder_against(says(EVENT)) as (recorder, server, _):
        for _ in range(3):
            await removed(recorder)
        name = server.asked[0].body["metadata"]["name"]
    assert [(asked.method, asked.path) for asked in server.asked[1:]] == [("PATCH", f"{PATH}/{name}")] * 2
    assert server.asked[2].headers["Content-Type"] == "application/merge-patch+json"
    assert server.asked[2].body == {"series": {"count": 3, "lastObservedTime": "2026-11-21T01:00:00.000000Z"}}


async def test_another_reason_or_object_is_another_event() -> None:
    async with recorder_against(says(EVENT)) as (recorder, server, _):
        await removed(recorder)
        await removed(recorder, reason="Other")
        await removed(recorder, regarding=regarding("u2"))
    assert [asked.method for asked in server.asked] == ["POST"] * 3
    assert len({asked.body["metadata"]["name"] for asked in server.asked}) == 3


async def test_after_a_long_pause_a_new_event_begins() -> None:
    async with recorder_against(says(EVENT)) as (recorder, server, clock):
        await removed(recorder)
        clock.now += 361
        await removed(recorder)
    assert [asked.method for asked in server.asked] == ["POST", "POST"]


async def test_nothing_is_remembered_of_objects_that_nothing_is_said_about_any_more() -> None:
    async with recorder_against(says(EVENT, 201)) as (recorder, _, clock):
        for number in range(5):
            await removed(recorder, regarding=regarding(uid=f"u{number}"))
        clock.now += 24 * 3600
        await removed(recorder, regarding=regarding(uid="last"))
        assert {subject.uid for subject in recorder._series} == {"last"}
        assert set(recorder._buckets) == {"last"}


async def test_an_event_that_has_expired_is_made_again() -> None:
    async with recorder_against(says(EVENT), GONE, says(EVENT)) as (recorder, server, _):
        for _ in range(3):
            await removed(recorder)
    assert [asked.method for asked in server.asked] == ["POST", "PATCH", "POST", "PATCH"][: len(server.asked)]
    assert len(server.asked) == 4
    assert server.asked[3].body["series"]["count"] == 2


async def test_one_object_cannot_flood_the_api_server_and_the_others_are_not_held_up() -> None:
    async with recorder_against(says(EVENT)) as (recorder, server, clock):
        for _ in range(100):
            await removed(recorder)
        assert len(server.asked) == 25
        await removed(recorder, regarding=regarding("u2"))
        assert len(server.asked) == 26
        clock.now += 301
        await removed(recorder)
    assert server.asked[-1].body["series"]["count"] == 101


async def test_a_note_is_one_printable_line_of_at_most_1024_bytes() -> None:
    async with recorder_against(says(EVENT)) as (recorder, server, _):
        await removed(recorder, "a\nb\x1b[0m" + "é" * 2000)
    note = server.asked[0].body["note"]
    assert note.startswith("a\\nb\\x1b[0mé")
    assert note.isprintable()
    assert 1000 < len(note.encode()) <= 1024


async def test_nothing_about_an_event_is_ever_raised() -> None:
    answers = [
        nothing,
        refuses(403, "Forbidden", "cannot create events"),
        says("bad gateway", 502),
        says("<html>"),
    ]
    for answer in answers:
        async with recorder_against(answer) as (recorder, server, _):
            with structlog.testing.capture_logs() as logs:
                await removed(recorder)
            assert len(server.asked) == 1
            assert [log["event"] for log in logs] == ["event_not_written"]
    async with recorder_against(says(EVENT)) as (recorder, _, _):
        with structlog.testing.capture_logs() as logs:
            await removed(recorder, regarding={"kind": "Deployment"})
            await removed(recorder, regarding={**regarding("u3"), "namespace": "../x"})
        assert [log["event"] for log in logs] == ["event_not_written"] * 2


async def test_names_of_events_are_valid_for_the_longest_object_names() -> None:
    async with recorder_against(says(EVENT)) as (recorder, server, _):
        await removed(recorder, regarding=regarding(name="a" * 199 + "." + "b" * 53))
        await removed(recorder)
        await removed(recorder, regarding=regarding(name="a" * 199 + "." + "b" * 53))
    assert all(len(asked.body["metadata"]["name"]) <= 253 for asked in server.asked if asked.method == "POST")
    assert server.asked[-1].path.startswith(f"{PATH}/{'a' * 199}.")
