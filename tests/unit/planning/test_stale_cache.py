"""A cache that is out of touch with the API server: nothing is destroyed on its word, and nothing is forgotten over it."""

from dataclasses import replace

import pytest

from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint, Exposure
from gco_stream_reconciler.planning.plan import plan
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import SETTINGS, done, reported, reporting, running, settle
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
