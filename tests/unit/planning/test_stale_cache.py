"""A cache that is out of touch with the API server: nothing is destroyed on its word, and nothing is forgotten over it."""

import copy
from dataclasses import replace

import pytest

from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint, Exposure, State
from gco_stream_reconciler.planning.actions import Plan
from gco_stream_reconciler.planning.plan import plan
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import (
    DEPLOYMENT,
    REGION,
    SETTINGS,
    done,
    reported,
    reporting,
    running,
    settle,
)
from tests.unit.planning.test_canary_story import running_with_canary, with_canary


def without_readiness_for(seconds: float) -> tuple[Endpoint, PlannedCluster]:
    """An exposed endpoint whose Pods have been unready for so long."""
    item, cluster = running()
    cluster.make_ready(ready=0)
    item, _ = settle(item, cluster, ready=False)
    cluster.now += seconds
    cluster.history.clear()
    return item, cluster


def test_a_removal_by_the_watchdog_that_is_held_up_writes_nothing_again_and_again() -> None:
    item, cluster = without_readiness_for(400)
    for _ in range(5):
        decided = plan(item, cluster.observed(stale=True), cluster.now, SETTINGS)
        cluster.execute(decided)
        item = reporting(item, decided.status)
    assert done(cluster) == []


def test_a_removal_by_the_watchdog_that_is_held_up_is_not_reported_as_done() -> None:
    item, cluster = without_readiness_for(400)
    decided = plan(item, cluster.observed(stale=True), cluster.now, SETTINGS)
    item = reporting(item, decided.status)
    assert reported(item).exposure == Exposure.EXPOSED
    assert "taken away" not in (reported(item).message or "")


@pytest.mark.parametrize("state", [DesiredState.STOPPED, DesiredState.DELETED, DesiredState.RUNNING])
def test_what_is_held_up_is_looked_at_again(state: DesiredState) -> None:
    item, cluster = without_readiness_for(400)
    decided = plan(replace(item, desired_state=state), cluster.observed(stale=True), cluster.now, SETTINGS)
    assert not decided.stages
    assert decided.requeue_after is not None


def test_a_canarys_removal_that_is_held_up_is_looked_at_again() -> None:
    item, cluster = running_with_canary()
    item, _ = settle(with_canary(item, None), cluster)
    cluster.now += 20
    decided = plan(item, cluster.observed(stale=True), cluster.now, SETTINGS)
    assert not decided.stages
    assert decided.requeue_after is not None


def test_what_was_held_up_is_done_once_the_cache_is_in_touch_again() -> None:
    item, cluster = without_readiness_for(400)
    held_up = plan(item, cluster.observed(stale=True), cluster.now, SETTINGS)
    cluster.execute(held_up)
    settle(reporting(item, held_up.status), cluster, ready=False)
    assert "Delete Ingress" in done(cluster)


def planned_again_with_reads(
    item: Endpoint, cluster: PlannedCluster, truth: PlannedCluster, *, stale: bool = False
) -> Plan:
    """The plan after the reads that it asks for: the cache holds `cluster`, the API server `truth`."""
    observed = cluster.observed(stale=stale)
    asked = plan(item, observed, cluster.now, SETTINGS)
    assert asked.reads
    assert not asked.stages
    objects = {ref: obj for ref, obj in observed.objects.items() if ref not in asked.reads}
    objects.update({ref: truth.objects[ref] for ref in asked.reads if ref in truth.objects})
    fetched = replace(observed, objects=objects, fetched=frozenset(asked.reads))
    return plan(item, fetched, cluster.now, SETTINGS)


def test_an_ingress_is_not_made_for_a_service_that_only_the_cache_has() -> None:
    item, cluster = running()
    cluster.objects = {ref: obj for ref, obj in cluster.objects.items() if ref.kind != "Ingress"}
    truth = copy.deepcopy(cluster)
    truth.objects = {ref: obj for ref, obj in truth.objects.items() if ref.kind != "Service"}
    decided = planned_again_with_reads(item, cluster, truth)
    assert [str(action.ref) for action in decided.actions] == ["Service gco-inference/llama"]


def test_an_ingress_is_not_made_for_pods_that_only_the_cache_has_ready() -> None:
    item, cluster = running()
    cluster.objects = {ref: obj for ref, obj in cluster.objects.items() if ref.kind != "Ingress"}
    truth = copy.deepcopy(cluster)
    truth.make_ready(ready=0)
    decided = planned_again_with_reads(item, cluster, truth)
    assert "Ingress" not in [action.ref.kind for action in decided.actions]


def test_a_canary_gets_no_traffic_that_only_the_cache_has_ready() -> None:
    item, cluster = running_with_canary()
    before_the_canary = running()[1]
    ingress = next(ref for ref in cluster.objects if ref.kind == "Ingress")
    cluster.objects[ingress] = before_the_canary.objects[ingress]
    truth = copy.deepcopy(cluster)
    gone = [ref for ref in truth.objects if ref.name.endswith("-canary") and ref.kind == "Service"]
    for ref in gone:
        del truth.objects[ref]
    decided = planned_again_with_reads(item, cluster, truth)
    assert gone[0] in [action.ref for action in decided.actions]
    assert ingress not in [action.ref for action in decided.actions]


def said_to_be_creating() -> tuple[Endpoint, PlannedCluster]:
    """An endpoint of which all stands and is ready, and of which somebody has reported otherwise."""
    item, cluster = running()
    return reporting(item, replace(reported(item), state=State.CREATING, replicas_ready=0)), cluster


@pytest.mark.parametrize("ready", [2, 1, 0])
def test_that_an_endpoint_runs_is_said_anew_only_after_a_read_by_name(ready: int) -> None:
    item, cluster = said_to_be_creating()
    truth = copy.deepcopy(cluster)
    truth.make_ready(ready=ready)
    status = planned_again_with_reads(item, cluster, truth, stale=True).status
    assert status is not None
    assert (status.state == State.RUNNING, status.replicas_ready) == (ready == 2, ready)


def test_a_deployment_is_not_promoted_on_a_stale_caches_word() -> None:
    item, cluster = said_to_be_creating()
    item = replace(item, target_regions=(REGION,))
    decided = plan(item, cluster.observed(stale=True), cluster.now, SETTINGS)
    assert (decided.reads, decided.status, decided.table_write) == ((DEPLOYMENT,), None, None)


def test_what_was_reported_to_run_is_not_read_by_name_for_a_stale_cache() -> None:
    item, cluster = running()
    decided = plan(item, cluster.observed(stale=True), cluster.now, SETTINGS)
    assert not decided.reads
