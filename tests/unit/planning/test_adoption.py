"""Rule 12: what inference_monitor made is taken over without restarting a Pod."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint, State
from gco_stream_reconciler.planning.actions import AbsorbManagers, Apply, ObjectRef
from gco_stream_reconciler.planning.adoption import ANNOTATION_KEPT, absorbed
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import (
    AUTOSCALING,
    DEPLOYMENT,
    INGRESS,
    SERVICE,
    SETTINGS,
    done,
    endpoint,
    reported,
    reporting,
    settle,
)
from tests.doubles.predecessor import predecessors_manifests

FIELDS = {"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {}}}}}
THEIRS = {
    "manager": "OpenAPI-Generator",
    "operation": "Update",
    "apiVersion": "apps/v1",
    "fieldsType": "FieldsV1",
    "fieldsV1": FIELDS,
}


def predecessors_cluster(item: Endpoint) -> PlannedCluster:
    """What inference_monitor had made for an item: its own labels only, no annotations of ours."""
    cluster = PlannedCluster()
    for obj in predecessors_manifests(item, SETTINGS.context):
        meta = obj["metadata"]
        del meta["annotations"]
        meta.update(uid=f"old-{obj['kind']}", generation=1)
        meta["managedFields"] = [{**THEIRS, "apiVersion": obj["apiVersion"]}]
        ref = ObjectRef(obj["kind"], meta["namespace"], meta["name"])
        cluster.objects[ref] = obj
    cluster.make_ready()
    return cluster


def test_an_equivalent_template_is_taken_over_as_revision_0_and_no_pod_restarts() -> None:
    cluster = predecessors_cluster(endpoint())
    before = copy.deepcopy(cluster.objects[DEPLOYMENT]["spec"]["template"])
    item, plans = settle(endpoint(), cluster)
    meta = cluster.objects[DEPLOYMENT]["metadata"]
    assert cluster.objects[DEPLOYMENT]["spec"]["template"] == before
    assert meta["annotations"]["gco.io/template-revision"] == "0"
    assert meta["labels"]["app.kubernetes.io/managed-by"] == "gco-stream-reconciler"
    assert meta["uid"] == "old-Deployment"
    assert reported(item).state == State.RUNNING
    assert {notice.reason for plan in plans for notice in plan.notices} == {"Adopted"}


def test_its_field_managers_are_absorbed_before_an_object_is_applied() -> None:
    cluster = predecessors_cluster(endpoint())
    settle(endpoint(), cluster)
    for kind in ("Deployment", "Service", "Ingress"):
        actions = [action for action in cluster.history if action.ref.kind == kind]
        assert [type(action) for action in actions] == [AbsorbManagers, Apply], kind


def test_replicas_are_handed_to_an_autoscaler_before_their_owner_is_absorbed() -> None:
    item = endpoint(spec_changes={"autoscaling": AUTOSCALING})
    cluster = predecessors_cluster(item)
    settle(item, cluster)
    order = done(cluster)
    assert order[0] == "SetReplicas Deployment"
    assert order.index("AbsorbManagers Deployment") < order.index("Apply Deployment")
    assert cluster.objects[DEPLOYMENT]["spec"]["replicas"] == 2


def test_a_different_template_stays_and_the_difference_is_said() -> None:
    cluster = predecessors_cluster(endpoint())
    container = cluster.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]
    container["livenessProbe"]["initialDelaySeconds"] = 900
    before = copy.deepcopy(cluster.objects[DEPLOYMENT]["spec"]["template"])
    item, _ = settle(endpoint(), cluster)
    item, _ = settle(item, cluster)
    assert cluster.objects[DEPLOYMENT]["spec"]["template"] == before
    assert "livenessProbe.initialDelaySeconds" in (reported(item).message or "")
    assert "AbsorbManagers Deployment" not in done(cluster), "its fields must not fall to us and go"
    assert ANNOTATION_KEPT in cluster.objects[DEPLOYMENT]["metadata"]["annotations"]


def test_a_field_that_would_go_counts_as_a_difference() -> None:
    cluster = predecessors_cluster(endpoint())
    live = cluster.objects[DEPLOYMENT]
    live["spec"]["template"]["spec"]["hostNetwork"] = True
    live["spec"]["template"]["spec"]["dnsPolicy"] = "ClusterFirst"
    fields = {"f:spec": {"f:template": {"f:spec": {"f:hostNetwork": {}, "f:dnsPolicy": {}}}}}
    live["metadata"]["managedFields"] = [{**THEIRS, "fieldsV1": fields}]
    item, _ = settle(endpoint(), cluster)
    assert "differs at spec.template.spec.hostNetwork" in (reported(item).message or "")


def test_a_kept_template_is_rendered_anew_when_its_inputs_in_the_spec_change() -> None:
    cluster = predecessors_cluster(endpoint())
    cluster.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]["workingDir"] = "/x"
    fields = {
        "f:spec": {
            "f:template": {"f:spec": {"f:containers": {'k:{"name":"inference"}': {"f:workingDir": {}}}}}
        }
    }
    cluster.objects[DEPLOYMENT]["metadata"]["managedFields"] = [{**THEIRS, "fieldsV1": fields}]
    item, _ = settle(endpoint(), cluster)
    scaled = replace(item, spec=replace(item.spec, replicas=3), spec_hash="1" * 12)  # type: ignore[type-var]
    item, _ = settle(scaled, cluster)
    template = cluster.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]
    assert template["workingDir"] == "/x", "scaling restarts nothing"
    assert cluster.objects[DEPLOYMENT]["spec"]["replicas"] == 3
    cluster.history.clear()
    settle(reporting(endpoint(spec_changes={"port": 9000}), reported(item)), cluster)
    template = cluster.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]
    assert template["ports"][0]["containerPort"] == 9000
    assert "startupProbe" in template
    assert "workingDir" not in template
    assert done(cluster)[0] == "AbsorbManagers Deployment"
    assert ANNOTATION_KEPT not in cluster.objects[DEPLOYMENT]["metadata"]["annotations"]


def test_its_ingress_stays_although_nothing_is_ready_and_comes_under_the_watchdog() -> None:
    cluster = predecessors_cluster(endpoint())
    cluster.make_ready(ready=0)
    item, plans = settle(endpoint(), cluster, ready=False)
    assert INGRESS in cluster.objects
    assert plans[-1].requeue_after == pytest.approx(300)
    cluster.now += 300
    settle(item, cluster, ready=False)
    assert INGRESS not in cluster.objects


@pytest.mark.parametrize("state", [DesiredState.STOPPED, DesiredState.DELETED])
def test_its_objects_are_stopped_and_deleted_as_ours_are(state: DesiredState) -> None:
    cluster = predecessors_cluster(endpoint())
    item, _ = settle(endpoint(desired_state=state), cluster)
    assert INGRESS not in cluster.objects
    assert reported(item).state == state.value
    if state is DesiredState.DELETED:
        assert cluster.objects == {}


def test_a_kept_template_keeps_its_port_in_the_service() -> None:
    cluster = predecessors_cluster(endpoint())
    settle(endpoint(spec_changes={"port": 9000}), cluster)  # changed long ago, and never applied
    container = cluster.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]
    assert container["ports"][0]["containerPort"] == 8000, "no Pod restarts"
    assert cluster.objects[SERVICE]["spec"]["ports"][0]["targetPort"] == 8000


def test_a_kept_template_keeps_its_health_path_in_the_ingress() -> None:
    cluster = predecessors_cluster(endpoint(spec_changes={"health_check_path": "/health"}))
    settle(endpoint(spec_changes={"health_check_path": "/ready"}), cluster)
    container = cluster.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]
    kept = container["readinessProbe"]["httpGet"]["path"]
    assert kept.endswith("/health"), "no Pod restarts"
    annotations = cluster.objects[INGRESS]["metadata"]["annotations"]
    assert annotations["alb.ingress.kubernetes.io/healthcheck-path"] == kept


def test_environment_variables_keep_the_predecessors_order_so_that_no_pod_restarts() -> None:
    item = endpoint(spec_changes={"env": {"A": "1", "B": "2"}})
    cluster = predecessors_cluster(item)
    cluster.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]["env"].reverse()
    before = copy.deepcopy(cluster.objects[DEPLOYMENT]["spec"]["template"])
    item, _ = settle(item, cluster)
    assert cluster.objects[DEPLOYMENT]["spec"]["template"] == before
    assert "differs at spec.template.spec.containers[inference].env(order)" in (reported(item).message or "")


def entry(manager: str, operation: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {**THEIRS, "manager": manager, "operation": operation, "fieldsV1": fields, **more}


def test_absorbing_unites_the_fields_of_the_predecessor_with_ours_and_leaves_others_alone() -> None:
    ours = entry("gco-stream-reconciler", "Apply", {"f:spec": {"f:a": {}}})
    theirs = entry("OpenAPI-Generator", "Update", {"f:spec": {"f:b": {"f:c": {}}}})
    status = entry("OpenAPI-Generator", "Update", {"f:status": {}}, subresource="status")
    edit = entry("kubectl-edit", "Update", {"f:spec": {"f:d": {}}})
    found = absorbed([edit, ours, theirs, status], "apps/v1")
    assert found is not None
    assert found[0]["fieldsV1"] == {"f:spec": {"f:a": {}, "f:b": {"f:c": {}}}}
    assert (found[0]["manager"], found[0]["operation"]) == ("gco-stream-reconciler", "Apply")
    assert found[1:] == [edit, status]


def test_there_is_nothing_to_absorb_twice() -> None:
    once = absorbed([entry("OpenAPI-Generator", "Update", {"f:spec": {}})], "apps/v1")
    assert once is not None
    assert absorbed(once, "apps/v1") is None
