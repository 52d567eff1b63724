"""Rules 9 and 14: a canary that dies while its item is refused loses its traffic, and nothing else changes."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from gco_stream_reconciler.endpoints.model import Endpoint, Problem, State
from gco_stream_reconciler.planning.actions import Apply, Delete, ObjectRef, Plan
from gco_stream_reconciler.planning.desired import ANNOTATION_APPLIED
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.rivals import Claim, Rivals
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import INGRESS, NAMESPACE, SERVICE, SETTINGS, done, reported, settle
from tests.unit.planning.test_canary_story import (
    CANARY_DEPLOYMENT,
    CANARY_SERVICE,
    NAME,
    running_with_canary,
    weight,
    with_canary,
)

WEIGHTS = "alb.ingress.kubernetes.io/actions.weighted-routing"
ASKED = {INGRESS, SERVICE, CANARY_DEPLOYMENT, CANARY_SERVICE}


def malformed(item: Endpoint) -> Endpoint:
    """The item after `canary --weight 100`."""
    problem = Problem("spec.canary.weight", "100", "must be from 1 to 99")
    return replace(item, spec=None, spec_hash="badbadbadbad", problems=(problem,))


def refused_with_canary() -> tuple[Endpoint, PlannedCluster]:
    item, cluster = running_with_canary()
    item, _ = settle(malformed(item), cluster)
    assert weight(cluster) == 10
    cluster.history.clear()
    return item, cluster


def kill_canary(cluster: PlannedCluster) -> None:
    cluster.make_ready(name=NAME, ready=0)


def read_by_name(item: Endpoint, cluster: PlannedCluster, *refs: ObjectRef, stale: bool = False) -> Plan:
    observed = Observed(objects=cluster.objects, fetched=frozenset(refs), stale=stale)
    return plan(item, observed, cluster.now, SETTINGS)


def test_it_loses_its_traffic_while_the_item_is_malformed() -> None:
    item, cluster = refused_with_canary()
    kill_canary(cluster)
    item, plans = settle(item, cluster, ready=False)
    assert done(cluster) == ["Apply Ingress"]
    assert weight(cluster) is None
    assert reported(item).state == State.ERROR
    assert CANARY_DEPLOYMENT in cluster.objects, "it is asked for as little as it is refused"
    (notice,) = [each for each in plans[0].notices if each.ref == INGRESS]
    assert (notice.reason, notice.warning) == ("CanaryWeightChanged", True)


def test_it_loses_its_traffic_while_another_endpoint_has_the_path() -> None:
    item, cluster = running_with_canary()
    older = Claim("older", NAMESPACE, "2020-01-01T00:00:00+00:00", "/inference/llama", has_canary=False)
    rivals = Rivals(by_path=(older,))
    item, _ = settle(item, cluster, rivals=rivals)
    kill_canary(cluster)
    settle(item, cluster, ready=False, rivals=rivals)
    assert weight(cluster) is None


def test_nothing_else_of_the_ingress_changes() -> None:
    item, cluster = refused_with_canary()
    before: dict[str, Any] = copy.deepcopy(cluster.objects[INGRESS])
    kill_canary(cluster)
    settle(item, cluster, ready=False)
    after = cluster.objects[INGRESS]
    for name in (WEIGHTS, ANNOTATION_APPLIED):
        del before["metadata"]["annotations"][name]
    del before["metadata"]["labels"]["gco.io/canary"]
    before["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"] = {
        "name": "llama",
        "port": {"number": 80},
    }
    del before["metadata"]["generation"], after["metadata"]["generation"]
    assert after == before


def test_what_others_put_on_the_ingress_does_not_become_ours() -> None:
    item, cluster = refused_with_canary()
    live = cluster.objects[INGRESS]
    live["metadata"]["labels"]["team"] = live["metadata"]["annotations"]["example.com/owner"] = "vision"
    live["spec"]["tls"] = [{"hosts": ["example.com"]}]
    kill_canary(cluster)
    (action,) = read_by_name(item, cluster, *ASKED).actions
    assert isinstance(action, Apply)
    assert "team" not in action.manifest["metadata"]["labels"]
    assert "example.com/owner" not in action.manifest["metadata"]["annotations"]
    assert "tls" not in action.manifest["spec"]
    assert action.manifest["metadata"]["uid"] == live["metadata"]["uid"], (
        "it must not come back from the dead"
    )


@pytest.mark.parametrize("stale", [False, True])
def test_everything_it_is_decided_from_is_read_by_name_first(*, stale: bool) -> None:
    item, cluster = refused_with_canary()
    kill_canary(cluster)
    assert set(read_by_name(item, cluster, stale=stale).reads) == ASKED
    assert [action.ref for action in read_by_name(item, cluster, *ASKED, stale=stale).actions] == [INGRESS]


@pytest.mark.parametrize("gone", [CANARY_DEPLOYMENT, CANARY_SERVICE, SERVICE], ids=str)
def test_a_weighted_forward_does_not_go_on_naming_what_is_gone(gone: ObjectRef) -> None:
    item, cluster = refused_with_canary()
    del cluster.objects[gone]
    settle(item, cluster, ready=False)
    assert weight(cluster) is None


def test_one_that_is_ready_keeps_its_share() -> None:
    item, cluster = refused_with_canary()
    settle(item, cluster)
    assert done(cluster) == []
    assert weight(cluster) == 10


def test_its_return_changes_nothing_until_the_item_is_well_formed_again() -> None:
    item, cluster = running_with_canary()
    well_formed = item
    item, _ = settle(malformed(item), cluster)
    kill_canary(cluster)
    item, _ = settle(item, cluster, ready=False)
    item, _ = settle(item, cluster)
    assert weight(cluster) is None
    settle(replace(well_formed, region_status=item.region_status), cluster)
    assert weight(cluster) == 10


def test_a_well_formed_item_without_a_canary_is_applied_too() -> None:
    item, cluster = running_with_canary()
    well_formed = with_canary(item, None)
    item, _ = settle(malformed(item), cluster)
    kill_canary(cluster)
    item, _ = settle(item, cluster, ready=False)
    settle(replace(well_formed, region_status=item.region_status), cluster)
    annotations = cluster.objects[INGRESS]["metadata"]["annotations"]
    assert ANNOTATION_APPLIED in annotations
    assert WEIGHTS not in annotations


def test_the_watchdog_comes_first_where_the_primary_is_dead_too() -> None:
    item, cluster = refused_with_canary()
    cluster.make_ready(ready=0)
    item, _ = settle(item, cluster, ready=False)
    assert weight(cluster) is None
    cluster.now += 300
    _, plans = settle(item, cluster, ready=False)
    assert [type(action) for action in plans[0].actions if action.ref == INGRESS] == [Delete]


def test_the_fields_of_an_ingress_of_the_predecessor_are_taken_over_first() -> None:
    item, cluster = refused_with_canary()
    meta = cluster.objects[INGRESS]["metadata"]
    for name in ("app.kubernetes.io/managed-by", "gco.io/endpoint", "gco.io/role"):
        del meta["labels"][name]
    kill_canary(cluster)
    settle(item, cluster, ready=False)
    assert done(cluster) == ["AbsorbManagers Ingress", "Apply Ingress"]
    assert weight(cluster) is None


def test_an_ingress_of_somebody_else_is_left_alone() -> None:
    item, cluster = refused_with_canary()
    cluster.objects[INGRESS]["metadata"]["labels"]["gco.io/endpoint"] = "another"
    kill_canary(cluster)
    settle(item, cluster, ready=False)
    assert done(cluster) == []
