"""Rules 11 and 14: Service and Ingress follow the Pods of a rollout though the item is refused by then."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from gco_stream_reconciler.endpoints.model import Endpoint, Problem, State
from gco_stream_reconciler.planning.actions import Apply, ObjectRef, Plan
from gco_stream_reconciler.planning.desired import ANNOTATION_APPLIED
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.reach import ANNOTATION_REACH
from gco_stream_reconciler.planning.rivals import Claim, Rivals
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import (
    DEPLOYMENT,
    INGRESS,
    NAMESPACE,
    SERVICE,
    SETTINGS,
    done,
    reported,
    reporting,
    running,
    settle,
)
from tests.unit.planning.test_canary_story import (
    CANARY_DEPLOYMENT,
    CANARY_SERVICE,
    NAME,
    running_with_canary,
    weight,
)
from tests.unit.planning.test_reach import CHANGES, VLLM, changed, health_path, port, reached, rolling_out

ASKED = (DEPLOYMENT, SERVICE, INGRESS)
BOTH = {"port": 9000, "health_check_path": "/ok"}
OK = "/inference/llama/ok"


def malformed(item: Endpoint) -> Endpoint:
    """The item after somebody has misspelt its replicas."""
    problem = Problem("spec.replicas", "two", "must be a whole number")
    return replace(item, spec=None, spec_hash="badbadbadbad", problems=(problem,))


def refused_rollout(**change: Any) -> tuple[Endpoint, Endpoint, PlannedCluster]:
    """The item as it was asked for, as it is refused, and a rollout of which no Pod is ready yet."""
    item, cluster = running()
    asked_for, _ = settle(changed(item, **(change or BOTH)), cluster, ready=False)
    rolling_out(cluster, pods=3, updated=1, ready=2)
    item, _ = settle(malformed(asked_for), cluster, ready=False)
    assert reached(cluster) == (8000, VLLM)
    cluster.history.clear()
    return asked_for, item, cluster


def take_over(cluster: PlannedCluster) -> None:
    """A Pod of the new template gets ready."""
    rolling_out(cluster, pods=3, updated=1, ready=3)


def read_by_name(item: Endpoint, cluster: PlannedCluster, *refs: ObjectRef, stale: bool = False) -> Plan:
    observed = Observed(objects=cluster.objects, fetched=frozenset(refs), stale=stale)
    return plan(item, observed, cluster.now, SETTINGS)


@pytest.mark.parametrize(("change", "then"), CHANGES)
def test_they_follow_when_a_new_pod_is_ready_and_not_before(
    change: dict[str, Any], then: tuple[int, str]
) -> None:
    _, item, cluster = refused_rollout(**change)
    item, _ = settle(item, cluster, ready=False)
    assert done(cluster) == [], "the model of the new Pod is loading"
    take_over(cluster)
    item, _ = settle(item, cluster, ready=False)
    assert reached(cluster) == then
    assert set(done(cluster)) <= {"Apply Service", "Apply Ingress"}
    assert reported(item).state == State.ERROR
    rolling_out(cluster, pods=3, updated=1, ready=2)
    settle(item, cluster, ready=False)
    assert reached(cluster) == then, "there is no way back"


def test_they_follow_while_another_endpoint_has_the_path() -> None:
    asked_for, _, cluster = refused_rollout()
    older = Claim("older", NAMESPACE, "2020-01-01T00:00:00+00:00", "/inference/llama", has_canary=False)
    take_over(cluster)
    item, _ = settle(asked_for, cluster, ready=False, rivals=Rivals(by_path=(older,)))
    assert (reported(item).state, reached(cluster)) == (State.ERROR, (9000, OK))


def test_nothing_else_of_them_changes() -> None:
    _, item, cluster = refused_rollout()
    before = copy.deepcopy(cluster.objects)
    take_over(cluster)
    settle(item, cluster, ready=False)
    before[INGRESS]["metadata"]["annotations"]["alb.ingress.kubernetes.io/healthcheck-path"] = OK
    before[SERVICE]["metadata"]["annotations"][ANNOTATION_REACH] = f"9000 {OK}"
    before[SERVICE]["spec"]["ports"][0]["targetPort"] = 9000
    for ref in (INGRESS, SERVICE):
        for obj in (before[ref], cluster.objects[ref]):
            obj["metadata"]["annotations"].pop(ANNOTATION_APPLIED, None)
            del obj["metadata"]["generation"]
        assert cluster.objects[ref] == before[ref]


def test_what_others_put_on_them_does_not_become_ours() -> None:
    _, item, cluster = refused_rollout()
    for ref in (SERVICE, INGRESS):
        live = cluster.objects[ref]
        live["metadata"]["labels"]["team"] = live["metadata"]["annotations"]["example.com/owner"] = "vision"
    cluster.objects[INGRESS]["spec"]["tls"] = [{"hosts": ["example.com"]}]
    take_over(cluster)
    actions = read_by_name(item, cluster, *ASKED).actions
    assert {action.ref for action in actions} == {SERVICE, INGRESS}
    for action in actions:
        assert isinstance(action, Apply)
        assert "team" not in action.manifest["metadata"]["labels"]
        assert "example.com/owner" not in action.manifest["metadata"]["annotations"]
        assert "tls" not in action.manifest["spec"]
        uid = cluster.objects[action.ref]["metadata"]["uid"]
        assert action.manifest["metadata"]["uid"] == uid, "it must not come back from the dead"


@pytest.mark.parametrize("stale", [False, True])
def test_everything_it_is_decided_from_is_read_by_name_first(*, stale: bool) -> None:
    _, item, cluster = refused_rollout()
    assert read_by_name(item, cluster, stale=stale).reads == ()
    take_over(cluster)
    assert set(read_by_name(item, cluster, stale=stale).reads) == set(ASKED)
    refs = {action.ref for action in read_by_name(item, cluster, *ASKED, stale=stale).actions}
    assert refs == {SERVICE, INGRESS}


def test_the_service_that_remembers_comes_last() -> None:
    """A crash or a refusal between the two must not leave the Ingress behind."""
    _, item, cluster = refused_rollout()
    take_over(cluster)
    decided = read_by_name(item, cluster, *ASKED)
    assert [[action.ref for action in stage] for stage in decided.stages] == [[INGRESS], [SERVICE]]
    cluster.execute(replace(decided, stages=decided.stages[:1]))
    assert [action.ref for action in read_by_name(item, cluster, *ASKED).actions] == [SERVICE]


def test_the_same_spec_mended_moves_nothing() -> None:
    asked_for, item, cluster = refused_rollout()
    take_over(cluster)
    item, _ = settle(item, cluster, ready=False)
    cluster.history.clear()
    settle(reporting(asked_for, reported(item)), cluster, ready=False)
    assert (done(cluster), reached(cluster)) == (["Apply Ingress"], (9000, OK)), "its mark comes back"


def test_another_port_in_the_mended_spec_waits_for_its_own_pods() -> None:
    asked_for, item, cluster = refused_rollout()
    take_over(cluster)
    item, _ = settle(item, cluster, ready=False)
    mended = changed(reporting(asked_for, reported(item)), port=9100)
    mended, _ = settle(mended, cluster, ready=False)
    rolling_out(cluster, pods=3, updated=1, ready=2)
    mended, _ = settle(mended, cluster, ready=False)
    assert reached(cluster) == (9000, OK)
    take_over(cluster)
    settle(mended, cluster, ready=False)
    assert reached(cluster) == (9100, OK)


@pytest.mark.parametrize("gone", [SERVICE, INGRESS], ids=str)
def test_what_is_gone_is_not_made_again(gone: ObjectRef) -> None:
    _, item, cluster = refused_rollout()
    del cluster.objects[gone]
    take_over(cluster)
    settle(item, cluster, ready=False)
    assert gone not in cluster.objects
    assert done(cluster) == ([] if gone == SERVICE else ["Apply Service"])


def test_what_is_being_deleted_is_left_alone() -> None:
    _, item, cluster = refused_rollout()
    for ref in (SERVICE, INGRESS):
        cluster.objects[ref]["metadata"]["deletionTimestamp"] = "2026-11-21T11:00:00+00:00"
    take_over(cluster)
    settle(item, cluster, ready=False)
    assert done(cluster) == []


@pytest.mark.parametrize("ref", [SERVICE, INGRESS, DEPLOYMENT], ids=str)
def test_objects_of_somebody_else_are_left_alone(ref: ObjectRef) -> None:
    _, item, cluster = refused_rollout()
    cluster.objects[ref]["metadata"]["labels"]["gco.io/endpoint"] = "another"
    take_over(cluster)
    settle(item, cluster, ready=False)
    applied = [action.ref for action in cluster.history if isinstance(action, Apply)]
    assert applied == ([SERVICE] if ref == INGRESS else [])


@pytest.mark.parametrize("record", [None, "nonsense"])
def test_a_service_without_a_record_is_left_alone(record: str | None) -> None:
    _, item, cluster = refused_rollout()
    annotations = cluster.objects[SERVICE]["metadata"]["annotations"]
    del annotations[ANNOTATION_REACH]
    if record is not None:
        annotations[ANNOTATION_REACH] = record
    take_over(cluster)
    settle(item, cluster, ready=False)
    assert done(cluster) == []


def test_a_service_and_an_ingress_that_were_edited_by_hand_stay_where_nothing_has_moved() -> None:
    item, cluster = running()
    item, _ = settle(malformed(item), cluster)
    cluster.objects[SERVICE]["spec"]["ports"][0]["targetPort"] = 1
    cluster.objects[INGRESS]["metadata"]["annotations"]["alb.ingress.kubernetes.io/healthcheck-path"] = "/by"
    settle(item, cluster)
    assert (done(cluster), reached(cluster)) == ([], (1, "/by"))


def test_the_fields_of_an_ingress_of_the_predecessor_are_taken_over_first() -> None:
    _, item, cluster = refused_rollout()
    labels = cluster.objects[INGRESS]["metadata"]["labels"]
    for name in ("app.kubernetes.io/managed-by", "gco.io/endpoint", "gco.io/role"):
        del labels[name]
    take_over(cluster)
    settle(item, cluster, ready=False)
    assert done(cluster) == ["AbsorbManagers Ingress", "Apply Ingress", "Apply Service"]


# --- The canary ---------------------------------------------------------------------------------------------------


def test_the_canarys_service_follows_its_own_pods() -> None:
    item, cluster = running_with_canary()
    item, _ = settle(changed(item, port=9000), cluster, ready=False)
    item, _ = settle(malformed(item), cluster, ready=False)
    rolling_out(cluster, pods=2, updated=1, ready=2, name=NAME)
    item, _ = settle(item, cluster, ready=False)
    assert (port(cluster), port(cluster, CANARY_SERVICE)) == (8000, 9000)
    take_over(cluster)
    settle(item, cluster, ready=False)
    assert (port(cluster), port(cluster, CANARY_SERVICE)) == (9000, 9000)


@pytest.mark.parametrize("alive", [True, False])
def test_its_share_is_decided_on_its_own(*, alive: bool) -> None:
    item, cluster = running_with_canary()
    item, _ = settle(malformed(item), cluster)
    for ref in (DEPLOYMENT, CANARY_DEPLOYMENT):
        container = cluster.objects[ref]["spec"]["template"]["spec"]["containers"][0]
        for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
            container.get(probe, {}).get("httpGet", {})["path"] = "/by/hand"
    if not alive:
        cluster.make_ready(name=NAME, ready=0)
    settle(item, cluster, ready=False)
    assert (weight(cluster), health_path(cluster)) == (10 if alive else None, "/by/hand")
    assert cluster.objects[INGRESS]["metadata"]["labels"].get("gco.io/canary") == ("true" if alive else None)
