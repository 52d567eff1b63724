"""The status reporter with its own writers, on the real queue and a table in memory."""

import asyncio
import copy
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest

from gco_stream_reconciler.controller.status import REPLICA_LAG_SECONDS, StatusReporter
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import Endpoint, RegionStatus
from gco_stream_reconciler.endpoints.status import decode_region_status, encode_region_status
from gco_stream_reconciler.errors import PermissionDeniedError, ThrottledError, UnavailableError
from gco_stream_reconciler.workqueue.queue import QueueShutDown, WorkQueue
from tests.doubles.controller import MemoryTable, NullListener, RecordingObserver, now, recording_log
from tests.doubles.workqueue import NullQueueObserver

pytestmark = pytest.mark.looptime

REGION = "us-east-1"
CREATED = "2026-11-01T09:00:00+00:00"
HOUR = 3600.0
EPOCH = 1_800_000_000.0  # 2027-01-15T08:00:00Z
CREATING = RegionStatus(state="creating", replicas_desired=2)
RUNNING = RegionStatus(state="running", replicas_ready=2, replicas_desired=2)
ERROR = RegionStatus(state="error", error="no such image")
DELETED = RegionStatus(state="deleted")


@dataclass
class Setting:
    reporter: StatusReporter
    table: MemoryTable
    queue: WorkQueue
    observer: RecordingObserver
    looked_again: list[str]
    events: list[MutableMapping[str, Any]] = field(default_factory=list)
    busy: list[bool] = field(default_factory=list)
    """Whether there is more urgent work."""

    def read(self, name: str = "llama") -> Endpoint:
        """The endpoint as a reconcile that begins now sees it."""
        return self.reporter.with_known_status(decode_endpoint(self.table.items[name]), now())

    def report(self, status: RegionStatus, name: str = "llama") -> None:
        self.reporter.report(self.read(name), status)

    def stands(self, name: str = "llama") -> RegionStatus | None:
        return decode_region_status(self.table.status(name, REGION))

    @property
    def results(self) -> list[str]:
        return [result for (result,) in self.observer.of("status_written")]


@asynccontextmanager
async def reporting(*, writers: int = 2, reads_are_home: bool = True) -> AsyncIterator[Setting]:
    table, observer, again = MemoryTable(), RecordingObserver(), list[str]()
    busy = [False]
    events: list[MutableMapping[str, Any]] = []
    queue = WorkQueue(name="status", clock=now, random=Random(7), observer=NullQueueObserver())

    def look_again_after(name: str, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, again.append, name)

    reporter = StatusReporter(
        table=table,
        queue=queue,
        is_busy=lambda: busy[0],
        look_again=again.append,
        look_again_after=look_again_after,
        region=REGION,
        reads_are_home=reads_are_home,
        observer=observer,
        clock=now,
        now=lambda: EPOCH,
        log=recording_log(events),
        journal=NullListener(),
    )
    for name in ("llama", "mistral"):
        table.put(name, created_at={"S": CREATED}, desired_state={"S": "running"})
    tasks = [asyncio.create_task(reporter.write_forever()) for _ in range(writers)]
    try:
        yield Setting(reporter, table, queue, observer, again, events, busy)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(one) for one in ended} <= {asyncio.CancelledError, QueueShutDown}
        assert queue.snapshot().processing == {}


async def test_a_new_status_is_written_with_the_time_of_its_writing() -> None:
    async with reporting() as it:
        it.report(RUNNING)
        await asyncio.sleep(1)
        assert it.stands() == replace(RUNNING, last_sync="2027-01-15T08:00:00+00:00")
        assert it.results == ["success"]


async def test_statuses_that_wait_for_more_urgent_work_become_one_write_of_the_newest() -> None:
    async with reporting() as it:
        it.busy[0] = True
        it.report(replace(RUNNING, replicas_ready=1))
        await asyncio.sleep(4)
        assert it.table.writes == []
        assert it.read().region_status[REGION].replicas_ready == 1
        it.report(RUNNING)
        await asyncio.sleep(2)
        it.busy[0] = False
        await asyncio.sleep(0.6)
        assert it.results == ["success"]
        assert it.stands() == replace(RUNNING, last_sync="2027-01-15T08:00:00+00:00")


async def test_a_status_waits_for_ten_seconds_at_most_whatever_comes_after_it() -> None:
    async with reporting() as it:
        it.busy[0] = True
        for second in range(10):
            assert it.table.writes == []
            it.report(replace(RUNNING, replicas_ready=second))
            await asyncio.sleep(1)
        await asyncio.sleep(0.6)
        assert it.results == ["success"]


async def test_what_waits_is_written_at_once_when_time_is_short() -> None:
    async with reporting() as it:
        it.busy[0] = True
        it.report(RUNNING)
        await asyncio.sleep(0.1)
        it.reporter.hurry()
        assert await it.queue.drain(1)
        assert it.results == ["success"]


async def test_a_status_that_says_nothing_new_is_not_written() -> None:
    async with reporting() as it:
        said = encode_region_status(replace(RUNNING, last_sync="2026-11-01T09:00:00+00:00"))
        it.table.items["llama"]["region_status"] = {"M": {REGION: said}}
        it.report(RUNNING)
        await asyncio.sleep(1)
        assert it.table.writes == []
        it.report(replace(RUNNING, replicas_ready=1))
        await asyncio.sleep(1)
        it.report(replace(RUNNING, replicas_ready=1))
        await asyncio.sleep(1)
        assert len(it.table.writes) == 1


async def test_other_regions_entries_do_not_matter_and_stay() -> None:
    async with reporting() as it:
        other = encode_region_status(RUNNING)
        it.table.items["llama"]["region_status"] = {"M": {"eu-west-1": other}}
        it.report(RUNNING)
        await asyncio.sleep(1)
        assert it.table.status("llama", "eu-west-1") == other
        assert it.results == ["success"]


async def test_a_write_that_hangs_holds_up_neither_the_reports_nor_other_endpoints_writes() -> None:
    async with reporting() as it:
        it.table.held.add("llama")
        it.report(RUNNING)
        it.report(RUNNING, "mistral")  # returns at once: it is no coroutine
        await asyncio.sleep(1)
        assert it.stands("mistral") is not None
        assert it.stands("llama") is None


async def test_of_several_reports_before_a_write_only_the_newest_is_written() -> None:
    async with reporting() as it:
        for status in (CREATING, ERROR, RUNNING):
            it.report(status)
        await asyncio.sleep(1)
        assert len(it.table.writes) == 1
        assert (it.stands() or CREATING).state == "running"


async def test_a_report_during_a_write_is_written_after_it_and_never_beside_it() -> None:
    async with reporting(writers=4) as it:
        it.table.held.add("llama")
        it.report(CREATING)
        await asyncio.sleep(1)
        it.report(RUNNING)
        await asyncio.sleep(1)
        assert len(it.table.writes) == 1
        it.table.held.clear()
        await asyncio.sleep(1)
        assert len(it.table.writes) == 2
        assert (it.stands() or CREATING).state == "running"


async def test_a_failed_write_is_tried_again_with_backoff_until_it_succeeds() -> None:
    async with reporting() as it:
        it.table.write_faults[:] = [UnavailableError("down")] * 6
        it.report(RUNNING)
        await asyncio.sleep(600)
        assert it.results == ["retry"] * 6 + ["success"]
        assert it.stands() is not None
        assert len({when for when, _ in it.table.writes}) == 7
        assert it.queue.snapshot().failures == {}


async def test_the_tables_wish_to_wait_is_granted() -> None:
    async with reporting() as it:
        it.table.write_faults[:] = [ThrottledError("slow down", retry_after_seconds=100)]
        it.report(RUNNING)
        await asyncio.sleep(99)
        assert it.results == ["retry"]
        await asyncio.sleep(2)
        assert it.results == ["retry", "success"]


async def test_a_missing_permission_is_logged_and_tried_again_slowly() -> None:
    async with reporting() as it:
        it.table.write_faults[:] = [PermissionDeniedError("allow dynamodb:UpdateItem")] * 1000
        it.report(RUNNING)
        await asyncio.sleep(3600)
        assert 10 <= len(it.table.writes) <= 30
        failures = [event for event in it.events if event["event"] == "status_write_failed"]
        assert failures[0]["error"] == "allow dynamodb:UpdateItem"
        it.table.write_faults.clear()
        await asyncio.sleep(300)
        assert it.stands() is not None


async def test_a_newer_report_is_what_the_next_try_writes() -> None:
    async with reporting() as it:
        it.table.write_faults[:] = [ThrottledError("slow down", retry_after_seconds=100)]
        it.report(CREATING)
        await asyncio.sleep(1)
        it.report(RUNNING)
        await asyncio.sleep(200)
        assert (it.stands() or CREATING).state == "running"
        assert it.results == ["retry", "success"]


async def test_a_lost_condition_gives_the_status_up_and_has_the_endpoint_looked_at_again() -> None:
    async with reporting() as it:
        it.report(RUNNING)
        again = it.table.put("llama", created_at={"S": "2026-11-02T09:00:00+00:00"})
        before = dict(again)
        await asyncio.sleep(3600)
        assert it.results == ["conflict"]
        assert it.looked_again == ["llama"]
        assert it.table.items["llama"] == before
        assert it.read().region_status == {}


async def test_a_status_of_an_item_that_is_gone_is_given_up() -> None:
    async with reporting() as it:
        it.report(RUNNING)
        del it.table.items["llama"]
        await asyncio.sleep(60)
        assert it.results == ["conflict"]
        assert "llama" not in it.table.items


async def test_a_replica_that_goes_on_showing_a_purged_item_is_not_asked_in_a_circle() -> None:
    async with reporting(reads_are_home=False) as it:
        shown, ends = decode_endpoint(it.table.items["llama"]), now() + 20
        del it.table.items["llama"]
        it.looked_again.append("llama")
        while now() < ends:
            if it.looked_again:  # as a reconcile would
                it.looked_again.clear()
                it.reporter.report(it.reporter.with_known_status(shown, now()), RUNNING)
            await asyncio.sleep(0.01)
        assert 10 <= len(it.table.writes) <= 25
        assert set(it.results) == {"conflict"}


async def test_deleted_is_said_only_of_an_item_that_is_to_be_deleted() -> None:
    async with reporting() as it:
        it.table.items["llama"]["desired_state"] = {"S": "deleted"}
        it.report(DELETED)
        it.table.items["llama"]["desired_state"] = {"S": "running"}  # somebody thought better of it
        await asyncio.sleep(1)
        assert it.results == ["conflict"]
        assert it.stands() is None


async def test_a_region_that_was_removed_says_deleted_whatever_the_others_are_to_do() -> None:
    async with reporting() as it:
        it.report(DELETED)
        it.table.items["llama"]["desired_state"] = {"S": "stopped"}
        await asyncio.sleep(1)
        assert it.results == ["success"]


@pytest.mark.parametrize(("desired", "status"), [("deploying", RUNNING), ("deleted", DELETED)])
async def test_a_report_that_may_have_been_the_last_one_awaited_has_the_endpoint_looked_at_again(
    desired: str, status: RegionStatus
) -> None:
    async with reporting() as it:
        it.table.items["llama"]["desired_state"] = {"S": desired}
        it.report(CREATING)
        await asyncio.sleep(1)
        assert it.looked_again == []
        it.report(status)
        await asyncio.sleep(1)
        assert it.looked_again == ["llama"]


# --- What is known of one's own statuses --------------------------------------------------------------------------


async def test_what_is_about_to_be_written_counts_as_said() -> None:
    async with reporting() as it:
        it.table.held.add("llama")
        it.report(RUNNING)
        await asyncio.sleep(1)
        assert it.read().region_status == {REGION: RUNNING}
        it.report(RUNNING)
        it.table.held.clear()
        await asyncio.sleep(1)
        assert len(it.table.writes) == 1


async def test_a_read_that_began_before_the_write_ended_does_not_bring_the_old_status_back() -> None:
    async with reporting() as it:
        old, began = decode_endpoint(it.table.items["llama"]), now()
        it.report(RUNNING)
        await asyncio.sleep(1)
        assert it.reporter.with_known_status(old, began).region_status[REGION].state == "running"
        assert it.reporter.with_known_status(old, now()).region_status == {}


async def test_a_replica_that_lags_does_not_bring_the_old_status_back_for_a_while() -> None:
    async with reporting(reads_are_home=False) as it:
        old = decode_endpoint(it.table.items["llama"])
        it.report(RUNNING)
        await asyncio.sleep(REPLICA_LAG_SECONDS - 1)
        assert it.reporter.with_known_status(old, now()).region_status[REGION].state == "running"
        await asyncio.sleep(2)
        assert it.reporter.with_known_status(old, now()).region_status == {}


async def test_a_status_that_is_thrown_away_at_home_is_written_again_once_the_replica_cannot_lag_any_more() -> (
    None
):
    """A concurrent write to the item in another Region wins with the status as it was before."""
    async with reporting(reads_are_home=False) as it:
        it.report(replace(RUNNING, replicas_ready=1))
        await asyncio.sleep(60)
        before = copy.deepcopy(it.table.items["llama"])
        it.report(RUNNING)
        await asyncio.sleep(5)
        it.table.items["llama"] = before
        it.report(RUNNING)  # by its record
        await asyncio.sleep(1)
        assert (it.stands(), it.looked_again) != (RUNNING, ["llama"])
        await asyncio.sleep(REPLICA_LAG_SECONDS)
        assert it.looked_again == ["llama"]
        it.report(RUNNING)
        await asyncio.sleep(1)
        standing = it.stands()
        assert standing is not None
        assert standing.replicas_ready == RUNNING.replicas_ready


async def test_what_the_replica_shows_of_what_was_written_is_not_looked_at_again() -> None:
    async with reporting(reads_are_home=False) as it:
        it.report(RUNNING)
        await asyncio.sleep(1)
        it.report(RUNNING)
        await asyncio.sleep(2 * REPLICA_LAG_SECONDS)
        assert it.looked_again == []


async def test_a_read_from_before_the_write_is_no_reason_to_look_again() -> None:
    """As the remembered one is, which serves the echoes of the very change that was reported."""
    async with reporting(reads_are_home=False) as it:
        read = decode_endpoint(it.table.items["llama"]), now()
        it.reporter.report(it.reporter.with_known_status(*read), RUNNING)
        await asyncio.sleep(1)
        assert it.reporter.with_known_status(*read).region_status == {REGION: RUNNING}
        await asyncio.sleep(2 * REPLICA_LAG_SECONDS)
        assert it.looked_again == []


async def test_a_replica_that_shows_nothing_for_an_hour_is_written_for_at_each_resync_and_no_more() -> None:
    async with reporting(reads_are_home=False) as it:
        it.table.items["llama"]["desired_state"] = {"S": "deploying"}
        shown = decode_endpoint(it.table.items["llama"])
        read_at, resync_at, ends = -HOUR, now(), now() + HOUR
        while now() < ends:
            if now() >= resync_at:
                resync_at, read_at = resync_at + 300, now()
            elif not it.looked_again:
                await asyncio.sleep(0.5)
                continue
            elif now() - read_at > 10:  # what was read is remembered for so long
                read_at = now()
            it.looked_again.clear()
            it.reporter.report(it.reporter.with_known_status(shown, read_at), RUNNING)
        assert len(it.table.writes) == 12


async def test_what_was_known_of_an_item_says_nothing_about_one_that_was_made_again() -> None:
    async with reporting(reads_are_home=False) as it:
        it.report(RUNNING)
        await asyncio.sleep(1)
        it.table.put("llama", created_at={"S": "2026-11-02T09:00:00+00:00"})
        assert it.read().region_status == {}
        it.table.held.add("llama")
        it.report(ERROR)
        await asyncio.sleep(1)
        it.table.put("llama", created_at={"S": "2026-11-03T09:00:00+00:00"})
        assert it.read().region_status == {}


async def test_other_regions_statuses_are_read_as_they_stand() -> None:
    async with reporting() as it:
        it.table.items["llama"]["region_status"] = {"M": {"eu-west-1": encode_region_status(ERROR)}}
        it.table.held.add("llama")
        it.report(RUNNING)
        assert it.read().region_status == {"eu-west-1": ERROR, REGION: RUNNING}


async def test_an_endpoint_that_is_gone_is_forgotten_and_nothing_more_is_written_of_it() -> None:
    async with reporting() as it:
        it.table.write_faults[:] = [UnavailableError("down")]
        it.report(RUNNING)
        await asyncio.sleep(0.011)
        it.reporter.forget("llama")
        await asyncio.sleep(60)
        assert it.results == ["retry"]
        assert it.read().region_status == {}


async def test_ones_own_statuses_are_recognised_in_change_records() -> None:
    async with reporting() as it:
        raw = encode_region_status(replace(RUNNING, last_sync="2026-11-01T09:00:00+00:00"))
        assert not it.reporter.is_ours("llama", raw)
        it.table.held.add("llama")
        it.report(RUNNING)
        assert it.reporter.is_ours("llama", raw)  # about to be written
        it.table.held.clear()
        await asyncio.sleep(1)
        assert it.reporter.is_ours("llama", raw)  # written
        assert not it.reporter.is_ours("llama", encode_region_status(ERROR))
        assert not it.reporter.is_ours("mistral", raw)
        assert not it.reporter.is_ours("llama", {"S": "?"})
        assert not it.reporter.is_ours("llama", None)


async def test_a_change_of_status_is_logged_once() -> None:
    async with reporting() as it:
        it.table.write_faults[:] = [UnavailableError("down")] * 3
        it.report(ERROR)
        it.report(ERROR)
        await asyncio.sleep(60)
        (changed,) = [event for event in it.events if event["event"] == "endpoint_status_changed"]
        assert (changed["endpoint"], changed["old"], changed["new"], changed["error"]) == (
            "llama",
            None,
            "error",
            "no such image",
        )
