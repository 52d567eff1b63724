"""What an endpoint's status says while retryable failures follow one another."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest

from gco_stream_reconciler.controller.recent_reads import FRESH_SECONDS, RecentReads
from gco_stream_reconciler.controller.status import StatusReporter
from gco_stream_reconciler.controller.trouble import (
    FAILING_SECONDS,
    FAILURES_IN_A_ROW,
    KEEPS_FAILING,
    SAID_AGAIN_SECONDS,
    LastingTrouble,
    with_trouble,
)
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import RegionStatus, State
from gco_stream_reconciler.endpoints.status import encode_region_status
from gco_stream_reconciler.errors import LeaseNotHeldError, TerminalError, UnavailableError
from gco_stream_reconciler.workqueue.queue import WorkQueue
from tests.doubles.controller import MemoryTable, NullListener, RecordingObserver, recording_log
from tests.doubles.workqueue import NullQueueObserver

REGION = "us-east-1"
RUNNING = RegionStatus(
    state="running", replicas_ready=1, replicas_desired=2, observed_spec="abc", message="slow"
)
ITEM: dict[str, Any] = {
    "endpoint_name": {"S": "llama"},
    "created_at": {"S": "2026-11-01T09:00:00+00:00"},
    "desired_state": {"S": "running"},
    "target_regions": {"L": [{"S": REGION}]},
    "spec": {"M": {"image": {"S": "vllm/vllm-openai:v1"}, "replicas": {"N": "2"}}},
}


def item(status: RegionStatus | None = RUNNING, **attributes: Any) -> dict[str, Any]:
    reported = {} if status is None else {REGION: encode_region_status(status)}
    return {**ITEM, "region_status": {"M": reported}, **attributes}


@dataclass
class Setting:
    """One key that fails when it is told to, at the times that it is told."""

    time: float = 1000.0
    events: list[MutableMapping[str, Any]] = field(default_factory=list)
    reads: bool = True
    item: dict[str, Any] = field(default_factory=item)

    def __post_init__(self) -> None:
        self.queue, status_queue = (
            WorkQueue(name=name, clock=self.clock, random=Random(7), observer=NullQueueObserver())
            for name in ("endpoints", "status")
        )
        self.recent = RecentReads(self.clock)
        self.reporter = StatusReporter(
            table=MemoryTable(),
            queue=status_queue,
            is_busy=lambda: False,
            look_again=lambda _: None,
            look_again_after=lambda *_: None,
            region=REGION,
            reads_are_home=True,
            observer=RecordingObserver(),
            clock=self.clock,
            now=self.clock,
            log=recording_log(self.events),
            journal=NullListener(),
        )
        self.trouble = LastingTrouble(
            failures=self.queue,
            recent=self.recent,
            reporter=self.reporter,
            region=REGION,
            clock=self.clock,
        )

    def clock(self) -> float:
        return self.time

    def fail(
        self, error: Exception | str = "it answered 500", *, times: int = 1, each_takes: float = 0.0
    ) -> None:
        error = UnavailableError(error) if isinstance(error, str) else error
        for _ in range(times):
            began = self.time
            if self.reads:
                self.recent.put(decode_endpoint(self.item), began)
            self.time += each_takes
            self.queue.retry("llama", error=str(error), retry_after_seconds=3600)
            self.trouble.failed("llama", error, began)

    def succeed(self) -> None:
        self.queue.forget("llama")
        self.trouble.over("llama")

    @property
    def said(self) -> list[str]:
        return [event["message"] for event in self.events if event["event"] == "endpoint_status_changed"]


@pytest.fixture
async def it() -> Any:
    setting = Setting()
    yield setting
    setting.queue.shut_down()


async def test_failures_that_may_pass_are_said_once_when_they_are_ten_in_a_row(it: Setting) -> None:
    it.fail(times=FAILURES_IN_A_ROW - 1)
    assert it.said == []
    it.fail(times=5)
    assert it.said == ["keeps failing and is tried again: it answered 500"]
    assert it.events[0]["reason"] == "keeps failing"


async def test_few_failures_are_said_once_they_last(it: Setting) -> None:
    it.fail()
    it.time += FAILING_SECONDS
    it.fail()
    assert it.said == []
    it.time += 1
    it.fail()
    assert it.said == [KEEPS_FAILING + "it answered 500"]


async def test_a_success_between_them_begins_the_count_anew(it: Setting) -> None:
    for _ in range(3):
        it.fail(times=FAILURES_IN_A_ROW - 1)
        it.succeed()
    assert it.said == []


async def test_what_varies_in_an_error_is_not_said_again_however_long_it_lasts(it: Setting) -> None:
    for number in range(40):
        it.fail(
            f"POST http://10.0.0.{number}:4{number:03}/x answered 500 after {number}.5 s, id 0f-{number}a"
        )
        it.time += SAID_AGAIN_SECONDS
    assert len(it.said) == 1


async def test_two_errors_that_alternate_are_not_said_with_each_try(it: Setting) -> None:
    it.fail(times=FAILURES_IN_A_ROW)
    for _ in range(100):
        it.fail("reset by peer")
        it.fail("it timed out")
    assert len(it.said) == 1
    it.time += SAID_AGAIN_SECONDS
    it.fail("it timed out")
    assert it.said[1:] == [KEEPS_FAILING + "it timed out"]


async def test_the_next_row_of_failures_is_said_again(it: Setting) -> None:
    it.fail(times=FAILURES_IN_A_ROW)
    it.succeed()
    endpoint = it.reporter.with_known_status(decode_endpoint(it.item), it.time)
    it.reporter.report(endpoint, RUNNING)
    it.fail(times=FAILURES_IN_A_ROW)
    assert it.said == [KEEPS_FAILING + "it answered 500", "slow", KEEPS_FAILING + "it answered 500"]


async def test_nothing_is_said_of_an_item_that_was_not_read_or_has_changed_or_was_read_long_ago(
    it: Setting,
) -> None:
    it.reads = False
    it.fail(times=2 * FAILURES_IN_A_ROW)
    it.recent.put(decode_endpoint(it.item), it.time)
    it.recent.drop("llama")
    it.fail()
    it.time += 1
    it.recent.put(decode_endpoint(it.item), it.time)
    it.time += FRESH_SECONDS + 1
    it.fail()
    assert it.said == []


async def test_a_try_that_takes_long_is_said_too(it: Setting) -> None:
    it.fail(times=FAILURES_IN_A_ROW, each_takes=FRESH_SECONDS + 20)
    assert len(it.said) == 1


@pytest.mark.parametrize("error", [TerminalError("never"), LeaseNotHeldError("not ours")])
async def test_what_is_said_elsewhere_or_by_another_is_not_said_here(it: Setting, error: Exception) -> None:
    it.fail(error, times=2 * FAILURES_IN_A_ROW)
    assert it.said == []


def test_state_and_numbers_stay_as_last_reported_and_the_note_is_bounded() -> None:
    status = with_trouble(decode_endpoint(item()), REGION, "x" * 5000)
    assert status is not None
    assert replace(status, message="slow") == RUNNING
    assert len(status.message or "") == 600


def test_an_endpoint_that_fails_from_the_beginning_is_being_created() -> None:
    status = with_trouble(decode_endpoint(item(None)), REGION, "no")
    assert status is not None
    assert (status.state, status.replicas_ready, status.replicas_desired) == (State.CREATING, 0, 2)
    assert status.message == KEEPS_FAILING + "no"


@pytest.mark.parametrize(
    "attributes", [{"target_regions": {"L": [{"S": "eu-west-1"}]}}, {"desired_state": {"S": "deleted"}}]
)
def test_a_region_that_has_never_reported_and_has_nothing_to_make_stays_silent(attributes: Any) -> None:
    assert with_trouble(decode_endpoint(item(None, **attributes)), REGION, "no") is None
