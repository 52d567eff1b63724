"""Rule 9 on a planned cluster: a canary comes, takes traffic while it is ready, and goes."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gco_stream_reconciler.endpoints.model import Canary, DesiredState, Endpoint, State
from gco_stream_reconciler.planning.actions import ObjectRef
from gco_stream_reconciler.planning.canary import weight_on
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.rivals import Claim, Rivals
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import (
    DEPLOYMENT,
    INGRESS,
    NAMESPACE,
    SERVICE,
    SETTINGS,
    done,
    endpoint,
    reported,
    running,
    settle,
)
from tests.unit.planning.test_adoption import predecessors_cluster

NAME = "llama-canary"
CANARY_DEPLOYMENT = ObjectRef("Deployment", NAMESPACE, NAME)
CANARY_SERVICE = ObjectRef("Service", NAMESPACE, NAME)
CANARY = Canary(image="vllm/vllm-openai:v2", weight=10, replicas=1)


def with_canary(item: Endpoint, canary: Canary | None = CANARY, **spec: Any) -> Endpoint:
    assert item.spec is not None
    changed = replace(item.spec, canary=canary, **spec)
    return replace(item, spec=changed, spec_hash=f"{hash(repr(changed)) & 0xFFFFFFFFFFFF:012x}")


def running_with_canary(**spec: Any) -> tuple[Endpoint, PlannedCluster]:
    item, cluster = running()
    item, _ = settle(with_canary(item, **spec), cluster)
    cluster.history.clear()
    return item, cluster


def weight(cluster: PlannedCluster) -> int | None:
    return weight_on(cluster.objects[INGRESS], "llama")


def test_it_gets_traffic_only_when_it_is_ready_and_its_service_stands() -> None:
    item, cluster = running()
    item, _ = settle(with_canary(item), cluster, ready=False)
    assert done(cluster) == ["Apply canary Deployment", "Apply canary Service"]
    assert weight(cluster) is None
    status = reported(item).canary
    assert status is not None
    assert (status.state, status.weight_desired, status.weight_applied) == (State.CREATING, 10, 0)
    cluster.make_ready()
    item, plans = settle(item, cluster, ready=False)
    assert done(cluster)[2:] == ["Apply Ingress"]
    assert weight(cluster) == 10
    status = reported(item).canary
    assert status is not None
    assert (status.state, status.replicas_ready, status.weight_applied) == (State.RUNNING, 1, 10)
    assert [notice.reason for plan in plans for notice in plan.notices] == ["CanaryWeightChanged"]


def test_its_first_pod_runs_its_own_image() -> None:
    _, cluster = running_with_canary()
    pod = cluster.objects[CANARY_DEPLOYMENT]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "vllm/vllm-openai:v2"


def test_the_weights_are_those_of_the_spec_and_sum_to_a_hundred() -> None:
    _, cluster = running_with_canary()
    annotations = cluster.objects[INGRESS]["metadata"]["annotations"]
    action = json.loads(annotations["alb.ingress.kubernetes.io/actions.weighted-routing"])
    groups = {group["serviceName"]: group["weight"] for group in action["forwardConfig"]["targetGroups"]}
    assert groups == {"llama": 90, NAME: 10}


def test_a_changed_weight_changes_the_ingress_alone() -> None:
    item, cluster = running_with_canary()
    settle(with_canary(item, replace(CANARY, weight=25)), cluster)
    assert done(cluster) == ["Apply Ingress"]
    assert weight(cluster) == 25


def test_it_loses_its_traffic_with_its_last_ready_pod_at_once() -> None:
    item, cluster = running_with_canary()
    cluster.make_ready(name=NAME, ready=0)
    item, plans = settle(item, cluster, ready=False)
    assert done(cluster) == ["Apply Ingress"]
    assert weight(cluster) is None
    assert plans[0].requeue_after is None
    status = reported(item).canary
    assert status is not None
    assert status.weight_applied == 0
    assert CANARY_DEPLOYMENT in cluster.objects


def test_a_new_image_of_it_takes_no_traffic_before_a_pod_of_it_is_ready() -> None:
    item, cluster = running_with_canary()
    item = with_canary(item, replace(CANARY, image="vllm/vllm-openai:v3"))
    settle(item, cluster, ready=False)
    assert done(cluster) == ["Apply Ingress", "Apply canary Deployment"], "its traffic goes first"
    assert weight(cluster) is None
    cluster.objects[CANARY_DEPLOYMENT]["status"] = {
        "observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "readyReplicas": 1,
    }  # fmt: skip
    settle(item, cluster, ready=False)
    assert weight(cluster) is None, "the one ready Pod may be the old one"
    cluster.make_ready()
    settle(item, cluster, ready=False)
    assert weight(cluster) == 10


def test_a_service_of_it_that_was_deleted_by_hand_is_not_named_for_a_moment() -> None:
    item, cluster = running_with_canary()
    del cluster.objects[CANARY_SERVICE]
    settle(item, cluster)
    assert done(cluster) == ["Apply Ingress", "Apply canary Service", "Apply Ingress"]
    assert weight(cluster) == 10


def test_on_removal_traffic_goes_first_then_time_passes_then_the_objects_go() -> None:
    item, cluster = running_with_canary()
    item, plans = settle(with_canary(item, None), cluster)
    assert done(cluster) == ["Apply Ingress", "Annotate canary Service"]
    assert plans[-1].requeue_after == pytest.approx(15)
    status = reported(item).canary
    assert status is not None
    assert (status.state, status.weight_desired) == (State.DELETING, 0)
    cluster.now += 14
    item, _ = settle(item, cluster)
    assert CANARY_SERVICE in cluster.objects
    cluster.now += 1
    item, plans = settle(item, cluster)
    assert done(cluster)[2:] == ["Delete canary Service", "Delete canary Deployment"]
    assert reported(item).canary is None
    assert any(decided.confirm_in_home for decided in plans)


def test_the_ingress_is_read_back_before_its_service_goes() -> None:
    item, cluster = running_with_canary()
    item, _ = settle(with_canary(item, None), cluster)
    cluster.now += 15
    assert plan(item, cluster.observed(), cluster.now, SETTINGS).reads == (INGRESS,)


def test_a_canary_that_returns_within_the_settling_time_stays() -> None:
    item, cluster = running_with_canary()
    item, _ = settle(with_canary(item, None), cluster)
    cluster.now += 5
    item, _ = settle(with_canary(item), cluster)
    assert weight(cluster) == 10
    item, plans = settle(with_canary(item, None), cluster)
    assert plans[-1].requeue_after == pytest.approx(15), "the time before does not count"
    assert CANARY_DEPLOYMENT in cluster.objects


def test_promotion_rolls_the_primary_to_its_image_and_removes_it() -> None:
    item, cluster = running_with_canary()
    item, _ = settle(with_canary(item, None, image="vllm/vllm-openai:v2"), cluster)
    pod = cluster.objects[DEPLOYMENT]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "vllm/vllm-openai:v2"
    assert done(cluster)[0] == "Apply Ingress"
    cluster.now += 15
    settle(item, cluster)
    assert CANARY_DEPLOYMENT not in cluster.objects


def test_without_an_ingress_it_goes_at_once() -> None:
    item, cluster = running()
    item, _ = settle(with_canary(item), cluster)
    cluster.make_ready(name="llama", ready=0)
    item, _ = settle(item, cluster, ready=False)
    cluster.now += 300
    item, _ = settle(item, cluster, ready=False)
    assert INGRESS not in cluster.objects, "the watchdog took it, canary or not"
    item, _ = settle(with_canary(item, None), cluster, ready=False)
    assert CANARY_DEPLOYMENT not in cluster.objects


def test_the_weights_stay_through_the_watchdogs_grace() -> None:
    item, cluster = running_with_canary()
    cluster.make_ready(name="llama", ready=0)
    item, _ = settle(item, cluster, ready=False)
    assert weight(cluster) == 10


@pytest.mark.parametrize("state", [DesiredState.STOPPED, DesiredState.DELETED])
def test_a_stop_and_a_deletion_take_the_ingress_first_and_the_canary_after(state: DesiredState) -> None:
    item, cluster = running_with_canary()
    cluster.holds = frozenset({"Ingress"})
    item, _ = settle(replace(item, desired_state=state), cluster)
    assert done(cluster) == ["Delete Ingress"]
    cluster.release("Ingress")
    settle(item, cluster)
    order = done(cluster)
    assert order.index("Delete canary Service") < order.index("Delete canary Deployment")
    assert CANARY_SERVICE not in cluster.objects


def claim(name: str, created: str, **changes: Any) -> Claim:
    base = Claim(name, NAMESPACE, created, f"/inference/{name}", has_canary=False)
    return replace(base, **changes)


def test_an_older_endpoint_of_its_name_prevents_it_and_the_primary_goes_on() -> None:
    item, cluster = running()
    rivals = Rivals(canary_namesake=claim(NAME, "2026-10-01T00:00:00+00:00"), canary_name_is_an_item=True)
    item, _ = settle(with_canary(item), cluster, rivals=rivals)
    assert done(cluster) == []
    assert reported(item).state == State.RUNNING
    assert f"endpoint {NAME} is older" in (reported(item).message or "")
    status = reported(item).canary
    assert status is not None
    assert status.state == State.ERROR


def test_a_canary_that_stands_is_not_given_up_for_a_younger_endpoint_of_its_name() -> None:
    item, cluster = running_with_canary()
    rivals = Rivals(canary_namesake=claim(NAME, "2026-12-01T00:00:00+00:00"), canary_name_is_an_item=True)
    settle(item, cluster, rivals=rivals)
    assert done(cluster) == []
    host = claim("llama", "2026-11-01T09:00:00+00:00", has_canary=True)
    other = replace(endpoint(), name=NAME, ingress_path=f"/inference/{NAME}")
    decided = plan(other, cluster.observed(), cluster.now, SETTINGS, Rivals(canary_host=host))
    assert not decided.stages
    assert decided.status is not None
    assert decided.status.state == State.ERROR


def test_foo_never_touches_the_objects_of_foo_canary() -> None:
    """A flaw of the predecessor: deleting endpoint `foo` deleted endpoint `foo-canary`."""
    cluster = PlannedCluster()
    other = replace(endpoint(), name=NAME, ingress_path=f"/inference/{NAME}")
    settle(other, cluster)
    item, _ = settle(endpoint(), cluster)
    before = {ref: obj for ref, obj in cluster.objects.items() if ref.name.endswith(NAME)}
    assert len(before) == 3
    rivals = Rivals(canary_namesake=claim(NAME, "2026-11-01T09:00:00+00:00"), canary_name_is_an_item=True)
    item, _ = settle(replace(item, desired_state=DesiredState.DELETED), cluster, rivals=rivals)
    assert reported(item).state == State.DELETED
    assert cluster.objects == before


@pytest.mark.parametrize("state", [DesiredState.DEPLOYING, DesiredState.STOPPED, DesiredState.DELETED])
def test_what_the_predecessor_made_for_an_endpoint_of_its_name_is_not_taken_for_it(
    state: DesiredState,
) -> None:
    """Its item is gone from the table, so no rival tells; its Ingress does, which no canary has."""
    item, cluster = running()
    stray = replace(endpoint(), name=NAME, ingress_path=f"/inference/{NAME}")
    theirs = predecessors_cluster(stray).objects
    for obj in theirs.values():
        obj["metadata"]["uid"] += "-stray"
    cluster.objects.update(theirs)
    item, _ = settle(replace(item, desired_state=state), cluster)
    cluster.now += 60
    settle(item, cluster)
    assert {ref: cluster.objects.get(ref) for ref in theirs} == theirs


def test_no_weighted_forward_names_a_primary_service_that_is_gone_or_going() -> None:
    item, cluster = running_with_canary()
    del cluster.objects[SERVICE]  # to make it again may fail for long: a quota, a policy
    settle(item, cluster)
    assert done(cluster) == ["Apply Ingress", "Apply Service", "Apply Ingress"]
    assert weight(cluster) == 10
    cluster.history.clear()
    cluster.objects[SERVICE]["metadata"]["deletionTimestamp"] = "2026-11-01T09:00:00Z"
    settle(item, cluster)
    assert done(cluster) == ["Apply Ingress"]
    assert weight(cluster) is None
