"""Rule 2 on a planned cluster: removal on time, return, and what is said of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint, Exposure, Problem, State
from gco_stream_reconciler.planning.actions import Apply, Delete, Plan
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.watchdog import ANNOTATION_WATCHDOG
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import (
    AUTOSCALER,
    AUTOSCALING,
    DEPLOYMENT,
    INGRESS,
    SERVICE,
    SETTINGS,
    done,
    endpoint,
    reported,
    reporting,
    running,
    settle,
)


def clock_of(cluster: PlannedCluster) -> str | None:
    text: str | None = cluster.objects[SERVICE]["metadata"]["annotations"].get(ANNOTATION_WATCHDOG)
    return text


def test_the_ingress_goes_when_nothing_was_ready_for_the_threshold_and_is_looked_at_on_time() -> None:
    item, cluster = running()
    cluster.make_ready(ready=0)
    item, plans = settle(item, cluster, ready=False)
    assert plans[-1].requeue_after == pytest.approx(300)
    cluster.now += 299
    item, plans = settle(item, cluster, ready=False)
    assert INGRESS in cluster.objects
    assert plans[-1].requeue_after == pytest.approx(1)
    cluster.now += 1
    item, plans = settle(item, cluster, ready=False)
    assert INGRESS not in cluster.objects
    assert done(cluster) == ["Annotate Service", "Delete Ingress", "Annotate Service"]
    assert reported(item).exposure == Exposure.REMOVED_BY_WATCHDOG
    assert "; the Ingress was taken away" in (reported(item).message or "")
    assert "it is back" not in (reported(item).message or "")
    (notice,) = [notice for plan in plans for notice in plan.notices]
    assert (notice.reason, notice.warning) == ("RemovedByWatchdog", True)


def test_it_comes_back_with_readiness_and_the_clock_is_cleared_after_a_minute_of_it() -> None:
    item, cluster = running()
    cluster.make_ready(ready=0)
    item, _ = settle(item, cluster, ready=False)
    cluster.now += 300
    item, _ = settle(item, cluster, ready=False)
    cluster.now += 1000
    cluster.make_ready(ready=1)
    item, plans = settle(item, cluster, ready=False)
    assert INGRESS in cluster.objects
    assert reported(item).exposure == Exposure.EXPOSED
    assert "the Ingress was taken away; it is back" in (reported(item).message or "")
    assert plans[-1].requeue_after == pytest.approx(60)
    cluster.now += 60
    item, _ = settle(item, cluster, ready=False)
    assert clock_of(cluster) is None
    assert reported(item).message is None or "watchdog" not in (reported(item).message or "")


def test_after_a_second_removal_readiness_has_to_last_before_it_comes_back() -> None:
    item, cluster = running()
    for ready, seconds in ((0, 300), (2, 10), (0, 1)):
        cluster.make_ready(ready=ready)
        item, _ = settle(item, cluster, ready=False)
        cluster.now += seconds
        item, _ = settle(item, cluster, ready=False)
    assert INGRESS not in cluster.objects
    cluster.make_ready()
    item, plans = settle(item, cluster, ready=False)
    assert INGRESS not in cluster.objects, "the predecessor's other flaw: gone and back in one pass"
    assert plans[-1].requeue_after == pytest.approx(60)
    cluster.now += 60
    settle(item, cluster, ready=False)
    assert INGRESS in cluster.objects


def test_the_clock_survives_a_restart_since_it_stands_in_the_cluster() -> None:
    item, cluster = running()
    cluster.make_ready(ready=0)
    item, _ = settle(item, cluster, ready=False)
    cluster.now += 300
    decided = plan(item, cluster.observed(fetched=True), cluster.now, SETTINGS)
    assert [type(action).__name__ for action in decided.actions] == ["Delete", "Annotate"]


def malformed(item: Endpoint) -> Endpoint:
    return replace(item, spec=None, problems=(Problem("spec.image", "", "is required"),))


def as_it_is(item: Endpoint) -> Endpoint:
    return item


@pytest.mark.parametrize("changed", [as_it_is, malformed])
def test_what_the_cache_says_of_the_pods_is_confirmed_by_a_read_before_the_ingress_goes(
    changed: Callable[[Endpoint], Endpoint],
) -> None:
    item, cluster = running()
    item = changed(item)
    cluster.make_ready(ready=0)
    item, _ = settle(item, cluster, ready=False)
    cluster.now += 300
    decided = plan(item, cluster.observed(), cluster.now, SETTINGS)
    assert (decided.reads, decided.actions) == ((DEPLOYMENT,), ())
    cluster.make_ready()
    read = replace(cluster.observed(), fetched=frozenset({DEPLOYMENT}))
    decided = plan(item, read, cluster.now, SETTINGS)
    assert INGRESS not in [action.ref for action in decided.actions], "the cache lagged"


@pytest.mark.parametrize("changed", [as_it_is, malformed])
def test_the_removal_waits_for_no_read_in_the_home_region(changed: Callable[[Endpoint], Endpoint]) -> None:
    item, cluster = running()
    item = changed(item)
    cluster.make_ready(ready=0)
    item, _ = settle(item, cluster, ready=False)
    decided = plan(item, cluster.observed(fetched=True), cluster.now + 300, SETTINGS)
    assert INGRESS in [action.ref for action in decided.actions]
    assert not decided.confirm_in_home


def test_what_else_goes_with_it_is_confirmed_in_the_home_region() -> None:
    item, cluster = running(spec_changes={"autoscaling": AUTOSCALING})
    cluster.make_ready(ready=0)
    item, _ = settle(item, cluster, ready=False)
    assert item.spec is not None
    item = replace(item, spec=replace(item.spec, autoscaling=None))
    decided = plan(item, cluster.observed(fetched=True), cluster.now + 300, SETTINGS)
    assert {INGRESS, AUTOSCALER} <= {action.ref for action in decided.actions if isinstance(action, Delete)}
    assert decided.confirm_in_home


def test_a_change_of_the_spec_starts_it_afresh() -> None:
    item, cluster = running()
    cluster.make_ready(ready=0)
    item, _ = settle(item, cluster, ready=False)
    cluster.now += 200
    changed = reporting(endpoint(spec_changes={"port": 9000}), reported(item))
    cluster.make_ready(ready=0)
    item, plans = settle(changed, cluster, ready=False)
    assert plans[-1].requeue_after == pytest.approx(300)


def test_a_stop_clears_it() -> None:
    item, cluster = running()
    cluster.make_ready(ready=0)
    item, _ = settle(item, cluster, ready=False)
    settle(replace(item, desired_state=DesiredState.STOPPED), cluster)
    assert clock_of(cluster) is None


def test_a_malformed_item_does_not_keep_a_dead_endpoint_on_the_load_balancer() -> None:
    item, cluster = running()
    item = replace(item, spec=None, problems=(Problem("spec.image", "", "is required"),))
    cluster.make_ready(ready=0)
    item, _ = settle(item, cluster, ready=False)
    cluster.now += 300
    item, _ = settle(item, cluster, ready=False)
    assert INGRESS not in cluster.objects
    assert reported(item).state == State.ERROR
    assert reported(item).exposure == Exposure.REMOVED_BY_WATCHDOG


def test_a_stale_cache_removes_nothing() -> None:
    item, cluster = running()
    cluster.make_ready(ready=0)
    item, _ = settle(item, cluster, ready=False)
    decided = plan(item, cluster.observed(stale=True), cluster.now + 400, SETTINGS)
    assert "Delete" not in [type(action).__name__ for action in decided.actions]


def test_an_endpoint_of_zero_replicas_has_no_watchdog() -> None:
    item, cluster = running()
    item = replace(item, spec=replace(item.spec, replicas=0), spec_hash="0" * 12)  # type: ignore[type-var]
    item, _ = settle(item, cluster)
    cluster.now += 1000
    _, plans = settle(item, cluster)
    assert plans[-1].requeue_after is None
    assert clock_of(cluster) is None


def decided_after_reads(item: Endpoint, observed: Observed, now: float) -> Plan:
    """The plan once the reads that it asks for have found nothing new."""
    decided = plan(item, observed, now, SETTINGS)
    while decided.reads:
        observed = replace(observed, fetched=observed.fetched | set(decided.reads))
        decided = plan(item, observed, now, SETTINGS)
    return decided


def look_while_the_deployment_is_refused(item: Endpoint, cluster: PlannedCluster) -> None:
    """One look of the controller at whose end the API server has refused the Deployment, and what came after it."""
    decided = decided_after_reads(item, cluster.observed(), cluster.now)
    for stage in decided.stages:
        let_in = tuple(a for a in stage if not (isinstance(a, Apply) and a.ref == DEPLOYMENT))
        cluster.execute(Plan(stages=(let_in,)))
        if let_in != stage:
            return


def test_a_spec_that_the_api_server_refuses_does_not_stop_it() -> None:
    item, cluster = running()
    changed = reporting(endpoint(spec_changes={"resource_limits": {"cpu": "1m"}}), reported(item))
    cluster.make_ready(ready=0)
    look_while_the_deployment_is_refused(changed, cluster)
    assert INGRESS in cluster.objects
    cluster.now += 301
    for _ in range(2):
        look_while_the_deployment_is_refused(changed, cluster)
    assert INGRESS not in cluster.objects


def looked_at_for_a_while(item: Endpoint, cluster: PlannedCluster) -> None:
    """Looks that are further apart than the threshold, with every object read by name that there is."""
    for _ in range(4):
        cluster.execute(decided_after_reads(item, cluster.observed(fetched=True), cluster.now))
        cluster.now += 301


@pytest.mark.parametrize(
    ("namespace", "problems"),
    [("other", ()), (None, (Problem("namespace", "X", "is no name"),))],
    ids=["another", "malformed"],
)
def test_a_namespace_that_was_changed_does_not_keep_a_dead_endpoint_on_the_load_balancer(
    namespace: str | None, problems: tuple[Problem, ...]
) -> None:
    item, cluster = running()
    cluster.make_ready(ready=0)
    looked_at_for_a_while(replace(item, namespace=namespace, problems=problems), cluster)
    assert INGRESS not in cluster.objects


@pytest.mark.parametrize("deployment_is", ["gone", "scaled to zero"])
def test_a_malformed_item_without_pods_does_not_stay_on_the_load_balancer(deployment_is: str) -> None:
    item, cluster = running()
    item = replace(item, spec=None, problems=(Problem("spec.image", "", "is required"),))
    if deployment_is == "gone":
        del cluster.objects[DEPLOYMENT]
    else:
        cluster.objects[DEPLOYMENT]["spec"]["replicas"] = 0
        cluster.make_ready()
    looked_at_for_a_while(item, cluster)
    assert INGRESS not in cluster.objects
