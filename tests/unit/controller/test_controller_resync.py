"""The periodic resync on a table and a cache in memory: what it queues, and what a failed scan does not."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from gco_stream_reconciler.controller.inventory import Inventory
from gco_stream_reconciler.controller.orphan_look import OrphanLook
from gco_stream_reconciler.controller.resync import Resync
from gco_stream_reconciler.controller.status import StatusReporter
from gco_stream_reconciler.controller.table_identity import TableIdentity
from gco_stream_reconciler.errors import (
    PermissionDeniedError,
    ReconcilerError,
    TableNotFoundError,
    TableReplacedError,
    UnavailableError,
)
from gco_stream_reconciler.planning.orphans import OrphanWatch
from gco_stream_reconciler.planning.situation import PlanSettings
from gco_stream_reconciler.settings import LifecycleSettings
from gco_stream_reconciler.workqueue.queue import WorkQueue
from gco_stream_reconciler.workqueue.state import Lane
from tests.doubles.controller import (
    MemoryCache,
    MemoryTable,
    NullListener,
    RecordingObserver,
    now,
    recording_log,
)
from tests.doubles.workqueue import NullQueueObserver

pytestmark = pytest.mark.looptime

REGION = "us-east-1"
INTERVAL = 600.0
SPEC = {"M": {"image": {"S": "vllm/vllm-openai:v1"}, "replicas": {"N": "2"}}}


@dataclass
class Setting:
    resync: Resync
    table: MemoryTable
    cache: MemoryCache
    queue: WorkQueue
    observer: RecordingObserver
    orphans: OrphanWatch
    events: list[MutableMapping[str, Any]]
    task: asyncio.Task[None]

    def put(self, name: str, *regions: str, **attributes: Any) -> None:
        """An item that wants objects in these Regions. Nothing stands, so it differs where it is wanted."""
        self.table.put(
            name,
            **{
                "desired_state": {"S": "deploying"},
                "target_regions": {"L": [{"S": region} for region in regions]},
                "namespace": {"S": "gco-inference"},
                "spec": SPEC,
                **attributes,
            },
        )

    def stands(self, name: str, *, table_id: str = "table-1") -> None:
        """An object that this program made for an endpoint of a table."""
        labels = {
            "app": name,
            "gco.io/type": "inference",
            "gco.io/endpoint": name,
            "app.kubernetes.io/managed-by": "gco-stream-reconciler",
        }
        meta = {
            "name": name,
            "namespace": "gco-inference",
            "uid": f"uid-{name}",
            "labels": labels,
            "annotations": {"gco.io/table-id": table_id},
        }
        self.cache.objects[name] = [{"kind": "Service", "metadata": meta, "spec": {}}]

    def predecessors(self, name: str, *, canary: bool = False) -> None:
        """A Service that inference_monitor made for an endpoint, or for its canary."""
        app = f"{name}-canary" if canary else name
        labels = {"app": app, "project": "gco", "gco.io/type": "inference"}
        meta = {"name": app, "namespace": "gco-inference", "uid": f"uid-{app}", "labels": labels}
        service = {"kind": "Service", "metadata": meta, "spec": {}}
        for key in {app, name}:
            self.cache.objects.setdefault(key, []).append(service)

    def left_alone(self) -> dict[str, int]:
        """The last count of each maker's."""
        return dict(self.observer.of("orphans_left")[-2:])

    def told(self, event: str) -> list[MutableMapping[str, Any]]:
        """Log lines of one event."""
        return [each for each in self.events if each["event"] == event]

    @property
    def queued(self) -> set[str]:
        return set(self.queue.snapshot().waiting)

    @property
    def runs(self) -> list[tuple[str, int]]:
        return [(result, queued) for result, _, queued in self.observer.of("resynced")]


@asynccontextmanager
async def resyncing(*, seed: int = 7, clock: Callable[[], float] = now) -> AsyncIterator[Setting]:
    table, cache, observer = MemoryTable(), MemoryCache(), RecordingObserver()
    events: list[MutableMapping[str, Any]] = []
    log = recording_log(events)
    queue = WorkQueue(name="endpoints", clock=now, random=Random(7), observer=NullQueueObserver())
    reporter = StatusReporter(
        table=table,
        queue=queue,
        is_busy=lambda: False,
        look_again=queue.add,
        look_again_after=queue.add_after,
        region=REGION,
        reads_are_home=True,
        observer=observer,
        clock=now,
        now=lambda: 1_800_000_000.0,
        log=log,
        journal=NullListener(),
    )
    inventory, orphans = Inventory(REGION), OrphanWatch()
    settings = PlanSettings(
        region=REGION, namespaces=("gco-inference",), table_id="table-1", lifecycle=LifecycleSettings()
    )
    identity = TableIdentity(table, settings.table_id, log=log)
    resync = Resync(
        table=table,
        cache=cache,
        queue=queue,
        reporter=reporter,
        inventory=inventory,
        orphans=OrphanLook(
            table=table,
            cache=cache,
            watch=orphans,
            identity=identity,
            settings=settings,
            observer=observer,
            clock=clock,
            log=log,
        ),
        identity=identity,
        settings=settings,
        interval_seconds=INTERVAL,
        observer=observer,
        clock=clock,
        now=lambda: 1_800_000_000.0,
        random=Random(seed),
        log=log,
    )
    task = asyncio.create_task(resync.run())
    try:
        yield Setting(resync, table, cache, queue, observer, orphans, events, task)
    finally:
        task.cancel()
        with pytest.raises((asyncio.CancelledError, TableReplacedError)):
            await task


# --- What is queued -----------------------------------------------------------------------------------------------


async def test_what_differs_from_the_cluster_is_queued_and_counted_and_the_rest_is_not() -> None:
    async with resyncing() as it:
        it.put("missing", REGION)
        it.put("also-missing", REGION, "eu-west-1")
        it.put("elsewhere", "eu-west-1")
        it.resync.request("start")
        await asyncio.sleep(1)
        assert it.queued == {"missing", "also-missing"}
        assert it.runs == [("success", 2)]


async def test_what_the_cluster_holds_and_the_table_does_not_is_queued_and_confirmed_a_minute_later() -> None:
    async with resyncing() as it:
        it.put("elsewhere", "eu-west-1")
        it.stands("orphan")
        it.resync.request("start")
        await asyncio.sleep(1)
        assert it.queued == {"orphan"}
        assert it.runs == [("success", 1)]
        assert not it.orphans.is_confirmed("orphan")
        await asyncio.sleep(61)
        assert it.orphans.is_confirmed("orphan")
        assert it.observer.of("orphans_seen") == [[1], [1]]


async def test_what_another_table_wants_here_is_not_missing_from_this_one() -> None:
    async with resyncing() as it:
        it.stands("theirs", table_id="table-2")
        it.resync.request("start")
        await asyncio.sleep(1)
        assert (it.queued, it.runs) == (set(), [("success", 0)])


async def test_what_only_the_replica_does_not_show_yet_is_not_missing_from_the_table() -> None:
    async with resyncing() as it:
        it.stands("new")
        it.table.only_at_home.add("new")
        it.resync.request("start")
        await asyncio.sleep(1)
        assert (it.queued, it.orphans.candidates) == (set(), frozenset())


async def test_a_cache_that_is_out_of_touch_says_nothing_about_what_stands() -> None:
    async with resyncing() as it:
        it.stands("orphan")
        it.cache.is_stale = True
        it.resync.request("start")
        await asyncio.sleep(1)
        assert (it.queued, it.orphans.candidates) == (set(), frozenset())


async def test_an_empty_table_and_an_empty_cluster_agree() -> None:
    async with resyncing() as it:
        it.resync.request("start")
        await asyncio.sleep(1)
        assert (it.queued, it.runs) == (set(), [("success", 0)])


async def test_findings_wait_until_nothing_more_urgent_does() -> None:
    async with resyncing() as it:
        it.put("missing", REGION)
        it.stands("orphan")
        it.resync.request("start")
        await asyncio.sleep(1)
        assert it.queue.depth_by_lane() == {lane: 2 if lane is Lane.RESYNC else 0 for lane in Lane}


async def test_a_malformed_item_hides_no_other() -> None:
    async with resyncing() as it:
        it.put("broken", REGION, spec={"S": "?"})
        it.put("stranger", REGION, namespace={"S": "kube-system"})
        it.put("missing", REGION)
        it.resync.request("start")
        await asyncio.sleep(1)
        assert "missing" in it.queued
        assert [result for result, _ in it.runs] == ["success"]


async def test_what_appeared_in_the_cluster_during_the_scan_is_not_missing_from_the_table() -> None:
    async with resyncing() as it:
        for number in range(4):
            it.put(f"elsewhere-{number}", "eu-west-1")
        it.table.between_pages = lambda: it.stands("made-meanwhile")
        it.resync.request("start")
        await asyncio.sleep(1)
        assert (it.queued, it.runs) == (set(), [("success", 0)])


async def test_a_plan_that_a_bug_breaks_hides_no_other_and_is_left_to_the_workers() -> None:
    async with resyncing() as it:
        for name in ("broken", "missing"):
            it.put(name, REGION)
        it.stands("broken")
        (service,) = it.cache.objects["broken"]
        # No API server counts like this, so nothing reads it with care.
        status = {"readyReplicas": "many"}
        it.cache.objects["broken"] = [{**service, "kind": "Deployment", "status": status}]
        it.resync.request("start")
        await asyncio.sleep(1)
        assert it.queued == {"broken", "missing"}
        assert it.runs == [("success", 2)]
        (said,) = [event for event in it.events if event["event"] == "resync_look_failed_by_a_bug"]
        assert said["endpoint"] == "broken"


# --- Orphans that are left alone ----------------------------------------------------------------------------------


async def test_what_the_predecessor_or_another_table_left_is_reported_and_never_a_candidate() -> None:
    async with resyncing() as it:
        it.put("other", REGION)
        it.predecessors("old")
        it.predecessors("old", canary=True)
        it.stands("theirs", table_id="table-0")
        it.resync.request("start")
        await asyncio.sleep(200)
        assert it.queued == {"other"}
        assert it.orphans.candidates == frozenset()
        assert it.left_alone() == {"inference_monitor": 1, "another_table": 1}
        told = {line["made_by"]: line["endpoints"] for line in it.told("orphans_left_alone")}
        assert told == {"inference_monitor": ["old"], "another_table": ["theirs"]}


async def test_a_canary_of_the_predecessors_is_no_orphan_while_its_endpoint_has_an_item() -> None:
    async with resyncing() as it:
        it.put("llama", REGION)
        it.predecessors("llama", canary=True)
        it.resync.request("start")
        await asyncio.sleep(1)
        assert it.left_alone() == {"inference_monitor": 0, "another_table": 0}


async def test_what_is_left_alone_is_told_once_and_counted_until_it_is_gone() -> None:
    async with resyncing() as it:
        it.predecessors("old")
        for _ in range(3):
            it.resync.request("start")
            await asyncio.sleep(1)
        assert len(it.told("orphans_left_alone")) == 1
        it.cache.objects.clear()
        it.resync.request("start")
        await asyncio.sleep(1)
        assert it.left_alone() == {"inference_monitor": 0, "another_table": 0}


async def test_what_is_only_left_alone_asks_nothing_of_a_home_region_that_is_away() -> None:
    async with resyncing() as it:
        it.predecessors("old")
        it.table.home_faults[:] = [UnavailableError("down")] * 1000
        it.resync.request("start")
        await asyncio.sleep(1)
        assert it.runs == [("success", 0)]
        assert it.left_alone()["inference_monitor"] == 1


async def test_an_item_that_is_seen_takes_its_confirmation_away_even_in_a_scan_that_fails() -> None:
    async with resyncing() as it:
        it.stands("llama")
        it.resync.request("start")
        await asyncio.sleep(75)
        assert it.orphans.is_confirmed("llama")
        it.put("llama", REGION)
        it.put("other", REGION)
        it.put("another", REGION)
        it.table.scan_faults[:] = [None, *[UnavailableError("down")] * 1000]
        it.resync.request("test")
        await asyncio.sleep(1)
        assert it.runs[-1][0] == "failed"
        assert not it.orphans.is_confirmed("llama")
        assert it.orphans.candidates == frozenset()


# --- Another table of the same name -------------------------------------------------------------------------------


async def test_a_table_that_was_restored_before_the_second_look_ends_the_process_and_confirms_nothing() -> (
    None
):
    async with resyncing() as it:
        it.put("kept", "eu-west-1")
        it.stands("newest")
        it.resync.request("start")
        await asyncio.sleep(1)
        assert it.orphans.candidates == {"newest"}
        it.table.table_id = "table-2"
        with pytest.raises(TableReplacedError, match="start the process again"):
            await asyncio.wait_for(it.task, 90)
        assert not it.orphans.is_confirmed("newest")


async def test_a_stream_that_begins_tells_that_the_table_is_another_one() -> None:
    async with resyncing() as it:
        it.table.table_id = "table-2"
        it.resync.request("start")
        with pytest.raises(TableReplacedError):
            await asyncio.wait_for(it.task, 5)


@pytest.mark.parametrize(
    "error",
    [
        UnavailableError("down"),
        PermissionDeniedError("allow dynamodb:DescribeTable"),
        TableNotFoundError("gone"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_table_that_cannot_be_identified_ends_nothing_and_confirms_no_orphan(
    error: ReconcilerError,
) -> None:
    async with resyncing() as it:
        it.put("missing", REGION)
        it.table.home_faults[:] = [error]
        it.resync.request("start")
        await asyncio.sleep(1)
        assert it.runs == [("success", 1)]
        it.stands("orphan")
        it.table.home_faults[:] = [None, error] * 1000  # the names are known, the identity is not
        it.resync.request("start")
        await asyncio.sleep(300)
        assert it.orphans.candidates == frozenset()
        assert not it.task.done()


# --- Scans that fail ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [0, 1, 2])
@pytest.mark.parametrize("error", [UnavailableError("down"), PermissionDeniedError("allow dynamodb:Scan")])
async def test_a_scan_that_fails_tells_nothing_about_what_it_did_not_reach(
    page: int, error: UnavailableError | PermissionDeniedError
) -> None:
    async with resyncing() as it:
        for number in range(6):
            it.put(f"item-{number}", "eu-west-1")
            it.stands(f"item-{number}")
        it.stands("orphan")
        it.table.scan_faults[:] = [*[None] * page, *[error] * 1000]
        it.resync.request("start")
        await asyncio.sleep(0.5)
        reached = {f"item-{number}" for number in range(page * 2)}
        assert it.queued <= reached
        assert it.runs == [("failed", 0)]
        it.table.scan_faults.clear()
        await asyncio.sleep(10)
        assert "orphan" in it.queued
        assert it.runs[-1][0] == "success"


async def test_a_home_region_that_cannot_be_asked_confirms_no_orphan() -> None:
    async with resyncing() as it:
        it.stands("orphan")
        it.table.home_faults[:] = [UnavailableError("down")] * 1000
        it.resync.request("start")
        await asyncio.sleep(600)
        assert {result for result, _ in it.runs} == {"failed"}
        assert it.queued == set()
        assert it.orphans.candidates == frozenset()


async def test_a_failed_scan_confirms_no_orphan() -> None:
    async with resyncing() as it:
        it.stands("orphan")
        it.resync.request("start")
        await asyncio.sleep(1)
        it.table.scan_faults[:] = [UnavailableError("down")] * 1000
        await asyncio.sleep(600)
        assert it.orphans.candidates == {"orphan"}
        assert not it.orphans.is_confirmed("orphan")


async def test_a_failed_resync_is_tried_again_with_growing_pauses_and_not_in_a_circle() -> None:
    async with resyncing() as it:
        it.table.scan_faults[:] = [UnavailableError("down")] * 1000
        it.resync.request("start")
        await asyncio.sleep(3600)
        pauses = [later - earlier for earlier, later in itertools.pairwise(it.table.scans)]
        assert pauses[0] <= 1.1
        assert all(29 <= pause <= 60.1 for pause in pauses[7:])
        assert 60 <= len(pauses) <= 140
        assert {event["error"] for event in it.events} == {"down"}


async def test_a_table_that_is_gone_ends_no_resync() -> None:
    async with resyncing() as it:
        it.stands("llama")
        it.table.scan_faults[:] = [TableNotFoundError("the table does not exist")] * 3
        it.resync.request("start")
        await asyncio.sleep(30)
        assert [result for result, _ in it.runs] == ["failed", "failed", "failed", "success"]


async def test_the_reasons_of_a_failed_resync_are_those_of_the_next() -> None:
    async with resyncing() as it:
        it.table.scan_faults[:] = [UnavailableError("down")]
        it.put("missing", REGION)
        it.resync.request("trimmed")
        await asyncio.sleep(10)
        (done,) = [event for event in it.events if event["event"] == "resync_done"]
        assert (done["reasons"], done["queued"]) == (["trimmed"], 1)


async def test_after_a_success_the_pauses_are_the_intervals_again() -> None:
    async with resyncing() as it:
        it.table.scan_faults[:] = [UnavailableError("down")] * 3
        it.resync.request("start")
        await asyncio.sleep(60)
        runs = len(it.runs)
        await asyncio.sleep(INTERVAL * 0.9 - 61)
        assert len(it.runs) == runs


# --- When it runs -------------------------------------------------------------------------------------------------


async def test_several_requests_before_a_run_are_one_run() -> None:
    async with resyncing() as it:
        for reason in ("start", "late binding", "start"):
            it.resync.request(reason)
        await asyncio.sleep(1)
        assert len(it.runs) == 1


async def test_a_request_during_a_run_makes_another_after_it() -> None:
    async with resyncing() as it:
        for number in range(10):
            it.put(f"elsewhere-{number}", "eu-west-1")
        it.resync.request("start")
        await asyncio.sleep(0.025)
        it.resync.request("trimmed")
        it.resync.request("late binding")
        await asyncio.sleep(1)
        assert len(it.runs) == 2
        first_end = it.table.scans[0] + 0.05
        assert it.table.scans[1] >= first_end


@pytest.mark.parametrize("seed", range(3))
async def test_without_a_request_it_runs_at_the_interval_give_or_take_a_tenth(seed: int) -> None:
    async with resyncing(seed=seed) as it:
        await asyncio.sleep(INTERVAL * 20)
        pauses = [later - earlier for earlier, later in itertools.pairwise(it.table.scans)]
        assert 18 <= len(pauses) <= 22
        assert all(INTERVAL * 0.9 - 0.1 <= pause <= INTERVAL * 1.1 + 0.1 for pause in pauses)
        assert max(pauses) - min(pauses) > INTERVAL * 0.05


async def test_nobody_has_to_ask_for_the_first_run_which_comes_soon() -> None:
    """The stream asks for it, unless it cannot be read."""
    async with resyncing() as it:
        it.put("missing", REGION)
        await asyncio.sleep(17)
        assert "missing" in it.queued


async def test_a_table_that_is_away_for_a_day_is_asked_every_minute_all_the_time() -> None:
    async with resyncing() as it:
        it.table.scan_faults[:] = [UnavailableError("down")] * 2000
        it.resync.request("start")
        await asyncio.sleep(86_400)
        tries = it.table.scans
        assert 24 * 60 <= len(tries) <= 24 * 120 + 10
        assert it.runs[-1][0] == "failed"


async def test_a_candidate_that_a_stale_cache_leaves_unconfirmed_causes_no_scan_after_scan() -> None:
    async with resyncing() as it:
        it.stands("orphan")
        it.resync.request("start")
        await asyncio.sleep(1)
        assert it.orphans.candidates == {"orphan"}
        it.cache.is_stale = True
        before = len(it.table.scans)
        await asyncio.sleep(120)
        assert 1 <= len(it.table.scans) - before < 15
        assert not it.orphans.is_confirmed("orphan")


async def test_replicas_of_the_program_do_not_run_in_step() -> None:
    firsts = set()
    for seed in range(5):
        async with resyncing(seed=seed) as it:
            began = now()
            await asyncio.sleep(INTERVAL * 1.2)
            firsts.add(round(it.table.scans[0] - began, 3))
    assert len(firsts) == 5


async def test_ten_thousand_items_do_not_hold_the_loop() -> None:
    ticks = itertools.count()
    async with resyncing(
        clock=lambda: next(ticks) * 0.001
    ) as it:  # every look at the clock takes a millisecond
        it.table.page_size, it.table.page_seconds = 10_000, 0
        for number in range(300):
            it.put(f"elsewhere-{number}", "eu-west-1")
        turns = 0
        it.resync.request("start")
        while not it.runs:
            turns += 1
            await asyncio.sleep(0)
        assert it.runs == [("success", 0)]
        assert turns >= 50


async def test_taking_stock_is_tried_until_it_succeeds_and_queues_nothing() -> None:
    async with resyncing() as it:
        it.put("missing", REGION)
        it.stands("orphan")
        it.table.scan_faults[:] = [UnavailableError("down"), PermissionDeniedError("allow dynamodb:Scan")]
        await it.resync.take_stock()
        assert len(it.table.scans) == 3
        assert it.queued == set()
