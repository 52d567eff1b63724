"""One key, one look: what the reconciler does, in which order, what it says, and what it leaves alone."""

import asyncio
import copy
from collections.abc import Callable
from typing import Any

import pytest

from gco_stream_reconciler.controller.cleanup import CleanupRefusedError
from gco_stream_reconciler.controller.item_writer import LOOK_AGAIN_SECONDS
from gco_stream_reconciler.controller.recent_reads import FRESH_SECONDS
from gco_stream_reconciler.errors import (
    ConditionFailedError,
    InvalidObjectError,
    PermissionDeniedError,
    ReconcilerError,
    UnavailableError,
)
from gco_stream_reconciler.planning.orphans import CONFIRMED_AFTER_SECONDS
from tests.doubles.controller import now
from tests.doubles.planning_story import NAMESPACE, REGION
from tests.unit.controller.reconciling import EPOCH, LEASE, WHOLE, Setting, at_work, reconciling

pytestmark = pytest.mark.looptime


# --- Promotion and purge ------------------------------------------------------------------------------------------


async def test_a_new_endpoint_is_made_reported_and_promoted() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        assert it.stands() == WHOLE
        assert it.status().state == "running"
        assert it.looks == ["llama"], "its own report may have been the last one that was awaited"
        assert it.table.items["llama"]["desired_state"] == {"S": "running"}
        assert it.observer.of("item_written") == [["promote", "success"]]


async def test_a_deleted_endpoint_goes_is_reported_and_purged() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        it.change(desired_state={"S": "deleted"})
        await it.settle()
        assert it.stands() == set()
        assert it.table.items == {}
        assert it.observer.of("item_written") == [["promote", "success"], ["purge", "success"]]


async def test_a_deletion_that_was_commanded_is_in_no_ledger() -> None:
    async with reconciling(limit=0) as it:
        it.put()
        await it.settle()
        it.change(desired_state={"S": "deleted"})
        await it.settle()
        assert it.table.items == {}
        assert LEASE not in it.cluster.objects


async def test_a_promotion_is_not_decided_again_on_the_read_from_before_it() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        assert it.table.home_reads == ["llama"]
        await asyncio.sleep(0.1)
        await it.reconciler.reconcile("llama")
        assert it.table.home_reads == ["llama"]


async def test_a_promotion_that_somebody_was_faster_than_is_looked_at_again_soon() -> None:
    async with reconciling() as it:
        it.put()
        while not it.looks:  # until the report stands
            await it.reconciler.reconcile("llama")
            await asyncio.sleep(0.1)
        it.table.write_faults[:] = [ConditionFailedError("somebody was faster")]
        assert await it.reconciler.reconcile("llama") == LOOK_AGAIN_SECONDS
        assert await it.reconciler.reconcile("llama") is None
        assert it.table.items["llama"]["desired_state"] == {"S": "running"}


# --- Objects whose item is gone -----------------------------------------------------------------------------------


async def test_objects_whose_item_is_gone_are_not_touched_before_two_looks_agree() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        it.take_item_away()
        await it.reconciler.reconcile("llama")
        assert len(it.resyncs) == 1, "a look at the whole table is asked for"
        it.watch.look({"llama"}, now())
        for _ in range(5):
            await asyncio.sleep(CONFIRMED_AFTER_SECONDS)  # time alone confirms nothing
            await it.reconciler.reconcile("llama")
        assert it.stands() == WHOLE
        assert it.cluster.deletions == []
        assert len(it.resyncs) == 1, "a candidate asks for no further look"


async def confirm_gone(it: Setting, name: str = "llama") -> None:
    """Two complete looks, a minute apart, miss the item."""
    it.watch.look({name}, now())
    await asyncio.sleep(CONFIRMED_AFTER_SECONDS)
    assert it.watch.look({name}, now()) == {name}


async def test_confirmed_orphans_are_admitted_and_then_deleted_in_order() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        it.take_item_away()
        await confirm_gone(it)
        it.cluster.began.clear()
        await it.settle()
        assert it.written_to_the_cluster() == [
            ("apply", "Lease"),
            ("delete", "Ingress"),
            ("delete", "Service"),
            ("delete", "Deployment"),
        ]
        assert it.stands() == set()
        assert it.table.items == {}, "nothing is said of it"


async def test_orphans_that_the_limit_refuses_stay_whole() -> None:
    async with reconciling(limit=0) as it:
        it.put()
        await it.settle()
        it.take_item_away()
        await confirm_gone(it)
        with pytest.raises(CleanupRefusedError, match="DELETION_LIMIT"):
            await it.reconciler.reconcile("llama")
        assert it.stands() == WHOLE
        assert it.cluster.deletions == []
        assert it.observer.of("cleanup_refused") == [[]]


async def test_orphans_are_not_deleted_without_their_ledger() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        it.take_item_away()
        await confirm_gone(it)
        it.cluster.faults["Lease"] = [None, UnavailableError("the ledger was not written")]
        with pytest.raises(UnavailableError):
            await it.reconciler.reconcile("llama")
        assert it.stands() == WHOLE


async def test_orphans_that_are_only_to_be_reported_stay_whole() -> None:
    async with reconciling(deletes_orphans=False) as it:
        it.put()
        await it.settle()
        it.take_item_away()
        await confirm_gone(it)
        await it.reconciler.reconcile("llama")
        assert it.stands() == WHOLE


async def test_an_item_that_is_back_in_the_home_region_saves_its_objects() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        item = it.take_item_away()
        await confirm_gone(it)
        it.table.items["llama"] = item  # made again a moment ago
        it.table.only_at_home.add("llama")
        await it.settle()
        assert it.stands() == WHOLE
        assert it.cluster.deletions == []
        assert LEASE not in it.cluster.objects


async def test_a_deletion_on_a_replicas_word_is_given_up_when_the_home_region_says_otherwise() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        it.change(desired_state={"S": "deleted"})
        shown, at_home = it.table.items["llama"], copy.deepcopy(it.table.items["llama"])
        at_home["desired_state"] = {"S": "running"}
        it.table.home_items["llama"] = at_home
        await it.reconciler.reconcile("llama")
        assert shown["desired_state"] == {"S": "deleted"}
        assert it.stands() == WHOLE
        assert it.cluster.deletions == []


async def test_an_item_that_only_a_replica_still_shows_is_neither_obeyed_nor_remembered() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        it.change(desired_state={"S": "deleted"})
        it.table.home_items["llama"] = None
        await asyncio.sleep(0.1)
        await it.reconciler.reconcile("llama")
        assert it.cluster.deletions == [], "without an item only two looks may decide"
        it.table.items.clear()  # the replica has caught up
        it.table.home_reads.clear()
        await it.reconciler.reconcile("llama")
        assert it.table.home_reads == []
        assert it.stands() == WHOLE


async def test_nothing_more_is_written_of_an_item_that_is_gone() -> None:
    async with reconciling() as it:
        it.put()
        it.table.write_faults[:] = [UnavailableError("away")] * 100
        await it.reconciler.reconcile("llama")
        await asyncio.sleep(0.1)
        it.take_item_away()
        await it.reconciler.reconcile("llama")
        tries = len(it.table.writes)
        assert tries >= 1
        await asyncio.sleep(600)
        assert len(it.table.writes) == tries


async def test_a_region_that_is_no_target_any_more_counts_in_the_limit() -> None:
    async with reconciling(limit=0) as it:
        it.put()
        await it.settle()
        it.change(target_regions={"L": [{"S": "eu-west-1"}]})
        with pytest.raises(CleanupRefusedError):
            await it.reconciler.reconcile("llama")
        await asyncio.sleep(0.1)
        assert it.stands() == WHOLE
        assert it.status().state == "error"
        assert "DELETION_LIMIT" in (it.status().error or "")


async def look_while_it_is_refused(it: Setting) -> None:
    with pytest.raises(CleanupRefusedError):
        await it.reconciler.reconcile("llama")
    await asyncio.sleep(0.1)


async def test_the_watchdog_goes_on_while_a_clean_up_is_refused() -> None:
    async with reconciling(limit=0) as it:
        it.put()
        await it.settle()
        it.change(target_regions={"L": [{"S": "eu-west-1"}]})
        it.make_ready(0)
        await look_while_it_is_refused(it)
        ((name, seconds),) = it.later
        assert (name, round(seconds)) == ("llama", 300), "the backoff alone may be longer"
        await asyncio.sleep(seconds)
        await look_while_it_is_refused(it)
        assert it.stands() == WHOLE - {"Ingress"}
        assert (it.status().state, it.status().exposure) == ("error", "removed-by-watchdog")
        assert "DELETION_LIMIT" in (it.status().error or "")
        assert [event["reason"] for event in it.events.written if event["type_"] == "Warning"] == [
            "Refused",
            "RemovedByWatchdog",
            "Refused",
        ]
        assert it.observer.of("watchdog_removed") == [[]]


async def test_a_clean_up_that_is_let_go_on_takes_the_rest() -> None:
    async with reconciling(limit=0) as it:
        it.put()
        await it.settle()
        it.change(target_regions={"L": [{"S": "eu-west-1"}]})
        it.make_ready(0)
        for _ in range(2):
            await look_while_it_is_refused(it)
            await asyncio.sleep(300)
        held = it.cluster.objects
    async with reconciling(limit=5) as it:
        it.cluster.objects.update(held)
        it.put(target_regions={"L": [{"S": "eu-west-1"}]})
        await it.settle()
        assert it.stands() == set()
        assert it.status().state == "deleted"


async def test_the_watchdog_does_not_wait_for_the_home_region() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        it.make_ready(0)
        await it.reconciler.reconcile("llama")
        it.table.home_is_away = True
        await asyncio.sleep(301)
        await it.reconciler.reconcile("llama")
        assert it.stands() == WHOLE - {"Ingress"}


@pytest.mark.parametrize("wanted", ["stopped", "deleted"])
async def test_the_watchdog_goes_on_while_an_end_waits_for_the_home_region(wanted: str) -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        it.change(desired_state={"S": wanted})
        it.make_ready(0)
        it.table.home_is_away = True
        with pytest.raises(UnavailableError):
            await it.reconciler.reconcile("llama")
        assert it.stands() == WHOLE
        ((_, seconds),) = it.later
        await asyncio.sleep(seconds)
        with pytest.raises(UnavailableError):
            await it.reconciler.reconcile("llama")
        assert it.stands() == WHOLE - {"Ingress"}
        assert it.status().state == "running", "an outage of the table is nothing that the endpoint has done"
        it.table.home_is_away = False
        await it.reconciler.reconcile("llama")
        assert it.stands() == (set() if wanted == "deleted" else WHOLE - {"Ingress"})


# --- Refusals and outages -----------------------------------------------------------------------------------------


async def test_what_the_api_server_refuses_is_said_in_the_status() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        it.change(spec={"M": {"image": {"S": "vllm/vllm-openai:v2"}, "replicas": {"N": "2"}}})
        it.cluster.faults["Deployment"] = [InvalidObjectError("limits.cpu: must be at least the request")]
        with pytest.raises(InvalidObjectError):
            await it.reconciler.reconcile("llama")
        await asyncio.sleep(0.1)
        assert it.status().state == "error"
        assert it.status().error == "limits.cpu: must be at least the request"
        await it.settle()
        assert it.status().state == "running"
        assert it.status().error is None


def refuse_deployments(applied: dict[str, Any]) -> None:
    if applied["kind"] == "Deployment":
        raise InvalidObjectError("no")


async def test_a_refused_spec_keeps_the_watchdogs_time_and_does_not_stop_it() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        it.make_ready(0)
        it.change(spec={"M": {"image": {"S": "vllm/vllm-openai:v2"}, "replicas": {"N": "2"}}})
        it.cluster.webhook = refuse_deployments
        with pytest.raises(InvalidObjectError):
            await it.reconciler.reconcile("llama")
        ((name, seconds),) = it.later
        assert (name, round(seconds)) == ("llama", 300), "the backoff alone may be longer"
        await asyncio.sleep(seconds)
        for _ in range(2):
            with pytest.raises(InvalidObjectError):
                await it.reconciler.reconcile("llama")
        assert it.stands() == {"Deployment", "Service"}


CANARY_SPEC = {
    "M": {
        "image": {"S": "vllm/vllm-openai:v1"},
        "replicas": {"N": "2"},
        "autoscaling": {"M": {"enabled": {"BOOL": True}}},
        "canary": {"M": {"image": {"S": "vllm/vllm-openai:v2"}, "weight": {"N": "10"}}},
    }
}


def no_canaries(error: ReconcilerError) -> Callable[[dict[str, Any]], None]:
    """The API server answers so to a canary's Deployment."""

    def webhook(applied: dict[str, Any]) -> None:
        if (applied["kind"], applied["metadata"]["name"]) == ("Deployment", "llama-canary"):
            raise error
        at_work(applied)

    return webhook


async def test_a_canary_that_is_refused_stops_nothing_of_its_primary_and_is_said_in_the_status() -> None:
    async with reconciling() as it:
        it.cluster.webhook = no_canaries(InvalidObjectError("the image is not allowed"))
        it.put(spec=CANARY_SPEC)
        for _ in range(4):
            with pytest.raises(InvalidObjectError):  # so the key backs off
                await it.reconciler.reconcile("llama")
            await asyncio.sleep(0.1)
        assert it.stands() == {"Deployment", "Service", "HorizontalPodAutoscaler", "Ingress"}
        status = it.status()
        assert (status.state, status.exposure) == ("running", "exposed")
        assert status.message == "canary: the image is not allowed"
        assert status.canary is not None
        assert (status.canary.state, status.canary.weight_applied) == ("error", 0)
        it.cluster.webhook = at_work
        await it.settle()
        assert it.status().message is None


async def test_an_outage_that_meets_the_canary_alone_is_tried_again_and_not_said() -> None:
    async with reconciling() as it:
        it.cluster.webhook = no_canaries(UnavailableError("away"))
        it.put(spec=CANARY_SPEC)
        for _ in range(4):
            with pytest.raises(UnavailableError):
                await it.reconciler.reconcile("llama")
            await asyncio.sleep(0.1)
        assert "Ingress" in it.stands()
        assert (it.status().state, it.status().message) == ("running", None)
        # A note would stand there and be overwritten by the plan's status with each try.
        assert it.recent.latest("llama") is None


async def test_a_read_that_is_forbidden_is_said_in_the_status() -> None:
    async with reconciling() as it:
        it.put()
        it.cluster.faults["Deployment"] = [PermissionDeniedError("grant get on deployments")]
        with pytest.raises(PermissionDeniedError):
            await it.reconciler.reconcile("llama")
        await asyncio.sleep(0.1)
        assert (it.status().state, it.status().error) == ("error", "grant get on deployments")


async def test_an_outage_is_not_said_in_the_status() -> None:
    async with reconciling() as it:
        it.put()
        it.cluster.faults["Service"] = [None, UnavailableError("the API server is away")]
        with pytest.raises(UnavailableError):
            await it.reconciler.reconcile("llama")
        await asyncio.sleep(0.1)
        assert it.table.status("llama", REGION) is None


async def test_a_reaction_is_measured_from_the_write_though_the_first_look_failed() -> None:
    async with reconciling() as it:
        it.put()
        it.reactions.changed("llama", EPOCH + now())
        it.cluster.faults["Deployment"] = [UnavailableError("the API server is away")]
        with pytest.raises(UnavailableError):
            await it.reconciler.reconcile("llama")
        await asyncio.sleep(7)
        await it.settle()
        assert it.observer.of("reacted") == [[pytest.approx(7, abs=0.5)]]


# --- Reads and notices --------------------------------------------------------------------------------------------


async def test_the_echoes_of_a_change_share_its_read_until_a_change_record_drops_it() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        it.recent.drop("llama")
        await asyncio.sleep(0.1)
        await it.reconciler.reconcile("llama")
        it.table.items["llama"]["spec"]["M"]["image"] = {"S": "vllm/vllm-openai:v2"}
        await it.reconciler.reconcile("llama")
        assert it.image() == "vllm/vllm-openai:v1", "read a moment ago"
        it.recent.drop("llama")  # the change record
        await it.reconciler.reconcile("llama")
        assert it.image() == "vllm/vllm-openai:v2"


async def test_without_a_change_record_a_read_is_remembered_for_seconds_only() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        it.table.items["llama"]["spec"]["M"]["image"] = {"S": "vllm/vllm-openai:v2"}
        await asyncio.sleep(FRESH_SECONDS)
        await it.reconciler.reconcile("llama")
        assert it.image() == "vllm/vllm-openai:v2"


async def test_who_waits_for_the_path_of_an_item_that_goes_is_looked_at_again() -> None:
    async with reconciling() as it:
        for name in ("llama", "second"):
            it.put(name, ingress_path={"S": "/same"})
            await it.settle(name)
        it.looks.clear()
        it.take_item_away()
        await it.reconciler.reconcile("llama")
        assert it.looks == ["second"]


async def test_notices_become_events_at_the_objects_that_they_are_about() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        deployment = it.cluster.objects["Deployment", NAMESPACE, "llama"]
        (created, exposed) = it.events.written
        assert (created["reason"], exposed["reason"]) == ("Created", "Exposed")
        assert created["regarding"]["uid"] == deployment["metadata"]["uid"]
        assert exposed["regarding"]["kind"] == "Ingress"
        it.change(desired_state={"S": "deleted"})
        await it.settle()
        gone = it.events.written[-1]
        assert (gone["reason"], gone["regarding"]["uid"]) == ("Deleted", deployment["metadata"]["uid"])


async def test_a_removal_by_the_watchdog_is_a_warning_and_is_counted() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        it.make_ready(0)
        await it.settle()
        await asyncio.sleep(300)
        await it.settle()
        assert it.stands() == {"Deployment", "Service"}
        last = it.events.written[-1]
        assert (last["reason"], last["type_"]) == ("RemovedByWatchdog", "Warning")
        assert it.observer.of("watchdog_removed") == [[]]


async def test_a_refusal_is_said_in_an_event_once_and_not_with_every_look() -> None:
    async with reconciling() as it:
        it.put()
        await it.settle()
        it.events.written.clear()
        it.change(spec={"M": {"image": {"S": ""}}})
        for _ in range(3):
            await it.reconciler.reconcile("llama")
            await asyncio.sleep(FRESH_SECONDS)
        assert [event["reason"] for event in it.events.written] == ["Refused"]
