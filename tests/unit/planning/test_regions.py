"""Rules 5 and 7: when the item itself is written, and who is waited for."""

from dataclasses import replace

import pytest

from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint, RegionStatus
from gco_stream_reconciler.planning.actions import TableWrite
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.regions import awaited, due_table_write
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import REGION, SETTINGS, endpoint, reported, running, settle

OTHER = "eu-west-1"
THIRD = "ap-south-1"


def reports(item: Endpoint, **states: str) -> Endpoint:
    names = {"here": REGION, "other": OTHER, "third": THIRD}
    found = {names[key]: RegionStatus(state, observed_spec=item.spec_hash) for key, state in states.items()}
    return replace(item, region_status={**item.region_status, **found})


@pytest.mark.parametrize(
    ("states", "due"),
    [
        ({"here": "running", "other": "running"}, TableWrite.PROMOTE),
        ({"here": "running", "other": "creating"}, None),
        ({"here": "running", "other": "error"}, None),
        ({"here": "running"}, None),  # absent is not yet: the predecessor looked only at those present
        ({}, None),
        (
            {"here": "running", "other": "running", "third": "creating"},
            TableWrite.PROMOTE,
        ),  # no target any more
    ],
)
def test_promotion_waits_for_every_target_region(states: dict[str, str], due: TableWrite | None) -> None:
    assert due_table_write(reports(endpoint(), **states)) is due


def test_running_for_an_older_spec_is_not_enough() -> None:
    item = reports(endpoint(), here="running", other="running")
    stale = replace(item.region_status[OTHER], observed_spec="old")
    item = replace(item, region_status={**item.region_status, OTHER: stale})
    assert awaited(item) == (f"{OTHER} (running)",)


@pytest.mark.parametrize(
    ("last_sync", "due"),
    [
        ("2026-11-01T09:00:01+00:00", True),
        ("2026-11-01T08:59:59+00:00", False),
        ("2026-11-01T09:00:01", True),  # what Python's utcnow writes
        ("2026-11-01T08:59:59", False),
    ],
)
def test_the_predecessors_report_counts_if_it_is_younger_than_the_last_write(
    last_sync: str, due: bool, zone: str
) -> None:
    item = reports(endpoint(), here="running")
    item = replace(
        item, region_status={**item.region_status, OTHER: RegionStatus("running", last_sync=last_sync)}
    )
    assert (due_table_write(item) is TableWrite.PROMOTE) is due


@pytest.mark.parametrize(
    ("targets", "states", "due"),
    [
        ((REGION, OTHER), {"here": "deleted", "other": "deleted"}, True),
        ((REGION, OTHER), {"here": "deleted"}, False),
        ((REGION, OTHER), {"here": "deleted", "other": "deleting"}, False),
        ((REGION,), {"here": "deleted", "other": "running"}, False),  # a Region that was removed
        ((), {}, True),
        ((), {"other": "deleting"}, False),
    ],
)
def test_the_item_goes_when_no_region_has_anything_left(
    targets: tuple[str, ...], states: dict[str, str], due: bool
) -> None:
    item = reports(endpoint(desired_state=DesiredState.DELETED, target_regions=targets), **states)
    assert (due_table_write(item) is TableWrite.PURGE) is due


@pytest.mark.parametrize("state", [DesiredState.RUNNING, DesiredState.STOPPED])
def test_other_states_write_no_item(state: DesiredState) -> None:
    item = reports(endpoint(desired_state=state), here="deleted", other="deleted")
    assert due_table_write(item) is None


def test_malformed_targets_prevent_both() -> None:
    item = endpoint(desired_state=DesiredState.DELETED, target_regions=None)
    assert due_table_write(reports(item, here="deleted")) is None


def test_the_message_names_the_regions_that_are_awaited() -> None:
    item, _ = running()
    assert reported(item).message == f"awaited: {OTHER} (no report yet)"


def test_promotion_is_planned_only_when_this_region_is_at_rest() -> None:
    item, cluster = running()
    item = reports(item, other="running")
    assert plan(item, cluster.observed(), cluster.now, SETTINGS).table_write is TableWrite.PROMOTE
    cluster.objects.popitem()
    assert plan(item, cluster.observed(), cluster.now, SETTINGS).table_write is None


def confirmed(item: Endpoint, observed: Observed) -> Observed:
    """After the reads that the plan asks for, which have found nothing new."""
    asked = plan(item, observed, 0, SETTINGS).reads
    assert asked
    return replace(observed, fetched=frozenset(asked))


def test_purge_is_planned_only_when_nothing_stands_here() -> None:
    item, cluster = running()
    item = reports(replace(item, desired_state=DesiredState.DELETED), here="deleted", other="deleted")
    assert plan(item, cluster.observed(), cluster.now, SETTINGS).table_write is None
    empty = plan(item, confirmed(item, Observed()), cluster.now, SETTINGS)
    assert empty.table_write is TableWrite.PURGE


def test_a_region_that_was_removed_purges_too() -> None:
    item = endpoint(desired_state=DesiredState.DELETED, target_regions=(OTHER,))
    item = reports(item, here="deleted", other="deleted")
    assert plan(item, confirmed(item, Observed()), 0, SETTINGS).table_write is TableWrite.PURGE


@pytest.mark.parametrize("targets", [(REGION, OTHER), (OTHER,)], ids=["a target", "no target any more"])
@pytest.mark.parametrize("here", ["deleted", None], ids=["reported deleted", "reported nothing"])
def test_a_purge_comes_after_a_look_by_name_at_what_may_have_been_made_since_the_last_report(
    targets: tuple[str, ...], here: str | None
) -> None:
    item, cluster = running()
    gone = replace(item, desired_state=DesiredState.DELETED, target_regions=targets, region_status={})
    gone = reports(gone, other="deleted")
    if here is not None:
        gone = reports(gone, here=here, other="deleted")
    asked = plan(gone, Observed(), 0, SETTINGS)
    assert (set(asked.reads) >= set(cluster.objects), asked.table_write) == (True, None)
    decided = plan(gone, Observed(fetched=frozenset(asked.reads), objects=cluster.objects), 0, SETTINGS)
    assert decided.table_write is None
    assert [str(action.ref) for action in decided.actions] == ["Ingress gco-inference/inference-llama"]
    nothing = plan(gone, Observed(fetched=frozenset(asked.reads)), 0, SETTINGS)
    waits_for_itself = here is None and REGION in targets
    assert nothing.table_write is (None if waits_for_itself else TableWrite.PURGE)


def test_a_deletion_settles_to_deleted_and_says_who_is_awaited() -> None:
    item, cluster = running()
    item, _ = settle(replace(item, desired_state=DesiredState.DELETED), cluster)
    assert cluster.objects == PlannedCluster().objects
    assert reported(item).message == f"awaited: {OTHER} (no report yet)"
