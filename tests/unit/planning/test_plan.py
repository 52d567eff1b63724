"""Scenarios of the lifecycle rules, carried out on a planned cluster: what is done, in which order, what is said."""

from dataclasses import replace
from typing import Any

import pytest

from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import (
    DesiredState,
    Endpoint,
    Exposure,
    Problem,
    State,
)
from gco_stream_reconciler.manifests.deployment import deployment
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning.actions import Apply, Delete, ObjectRef, Plan, SetReplicas
from gco_stream_reconciler.planning.desired import ANNOTATION_APPLIED, ANNOTATION_REPLICAS_BY
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.plan import plan
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import (
    AUTOSCALER,
    AUTOSCALING,
    DEPLOYMENT,
    INGRESS,
    NAMESPACE,
    REGION,
    SERVICE,
    SETTINGS,
    done,
    endpoint,
    reported,
    reporting,
    running,
    settle,
)


class TestDeploy:
    def test_nothing_is_applied_before_its_name_was_looked_at(self) -> None:
        decided = plan(endpoint(), Observed(), 0, SETTINGS)
        assert set(decided.reads) == {DEPLOYMENT, SERVICE}
        assert not decided.stages
        assert decided.status is None

    def test_the_ingress_comes_only_with_the_first_ready_pod(self) -> None:
        cluster = PlannedCluster()
        item, _ = settle(endpoint(), cluster, ready=False)
        assert cluster.kinds() == {"Deployment", "Service"}
        assert reported(item).state == State.CREATING
        assert reported(item).exposure == Exposure.WAITING
        cluster.make_ready(ready=1)
        item, _ = settle(item, cluster, ready=False)
        assert cluster.kinds() == {"Deployment", "Service", "Ingress"}
        assert reported(item).exposure == Exposure.EXPOSED
        assert reported(item).state == State.CREATING
        cluster.make_ready()
        item, _ = settle(item, cluster, ready=False)
        assert (reported(item).state, reported(item).replicas_ready) == (State.RUNNING, 2)

    def test_a_settled_endpoint_plans_nothing(self) -> None:
        item, cluster = running()
        decided = plan(item, cluster.observed(), cluster.now, SETTINGS)
        assert not decided.stages
        assert not decided.reads
        assert decided.requeue_after is None
        assert decided.status == reported(item)

    def test_a_loss_of_readiness_does_not_leave_running_and_keeps_the_ingress(self) -> None:
        item, cluster = running()
        cluster.make_ready(ready=0)
        item, _ = settle(item, cluster, ready=False)
        assert reported(item).state == State.RUNNING
        assert reported(item).replicas_ready == 0
        assert done(cluster) == ["Annotate Service"], "nothing but the watchdog's clock"

    def test_running_is_not_reported_while_only_old_pods_are_ready(self) -> None:
        item, cluster = running()
        item = reporting(endpoint(spec_changes={"port": 9000}), reported(item))
        item, _ = settle(item, cluster, ready=False)
        cluster.make_ready(updated=1)
        item, _ = settle(item, cluster, ready=False)
        assert reported(item).state == State.UPDATING
        cluster.make_ready()
        item, _ = settle(item, cluster, ready=False)
        assert reported(item).state == State.RUNNING

    def test_zero_replicas_run_nothing_expose_nothing_and_are_running(self) -> None:
        cluster = PlannedCluster()
        item, _ = settle(endpoint(), cluster)
        spec = replace(item.spec, replicas=0)  # type: ignore[type-var]
        item = replace(item, spec=spec, spec_hash="0" * 12)
        cluster.history.clear()
        item, _ = settle(item, cluster)
        assert done(cluster) == ["Delete Ingress", "Apply Deployment"]
        assert (reported(item).state, reported(item).replicas_desired) == (State.RUNNING, 0)
        assert reported(item).exposure == Exposure.WAITING

    def test_scaling_to_zero_waits_for_the_ingress_to_be_gone(self) -> None:
        item, cluster = running()
        cluster.holds = frozenset({"Ingress"})
        item = replace(item, spec=replace(item.spec, replicas=0), spec_hash="0" * 12)  # type: ignore[type-var]
        item, plans = settle(item, cluster)
        assert cluster.objects[DEPLOYMENT]["spec"]["replicas"] == 2
        assert plans[-1].requeue_after is not None
        cluster.release("Ingress")
        item, _ = settle(item, cluster)
        assert cluster.objects[DEPLOYMENT]["spec"]["replicas"] == 0

    def test_a_stalled_rollout_is_explained_by_its_pods(self) -> None:
        item, cluster = running()
        status = cluster.objects[DEPLOYMENT]["status"]
        status.update(
            updatedReplicas=1,
            conditions=[{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}],
        )
        observed = cluster.observed()
        assert plan(item, observed, cluster.now, SETTINGS).needs_pods == DEPLOYMENT
        pods = [
            {"status": {"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}}
        ] * 2
        decided = plan(item, replace(observed, pods=pods), cluster.now, SETTINGS)
        assert decided.status is not None
        assert (decided.status.message or "").startswith("rollout stalled: ImagePullBackOff (2)")


class TestChange:
    def test_every_changed_field_reaches_its_object_in_one_pass(self) -> None:
        item, cluster = running()
        changed = reporting(
            endpoint(spec_changes={"port": 9000, "health_check_path": "/ok"}, ingress_path="/v2"),
            reported(item),
        )
        cluster.make_ready(
            ready=0
        )  # while Pods of the old template are ready, two of the fields wait for the new
        settle(changed, cluster)
        applied = [each for each in done(cluster) if each.startswith("Apply")]
        assert sorted(applied) == ["Apply Deployment", "Apply Ingress", "Apply Service"]

    def test_a_dropped_field_is_applied_away_although_no_wanted_field_differs(self) -> None:
        item, cluster = running()
        item = reporting(endpoint(spec_changes={"env": {}}), reported(item))
        settle(item, cluster)
        assert done(cluster) == ["Apply Deployment"]
        first = cluster.history[0]
        assert isinstance(first, Apply)
        assert first.reasons == ("wanted state changed",)

    def test_a_field_edited_by_hand_comes_back_and_its_value_is_not_said(self) -> None:
        item, cluster = running()
        container = cluster.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]
        container["env"][0]["value"] = "stolen"
        decided = plan(item, cluster.observed(), cluster.now, SETTINGS)
        (action,) = decided.actions
        assert isinstance(action, Apply)
        assert action.reasons == ("spec.template.spec.containers[inference].env[TOKEN].value",)
        assert "hunter2" not in str(action.reasons)

    def test_what_another_manager_added_stays(self) -> None:
        item, cluster = running()
        pod = cluster.objects[DEPLOYMENT]["spec"]["template"]["spec"]
        pod["containers"].append({"name": "sidecar", "image": "proxy:1"})
        assert not plan(item, cluster.observed(), cluster.now, SETTINGS).stages

    def test_a_deleted_service_is_made_again(self) -> None:
        item, cluster = running()
        del cluster.objects[SERVICE]
        settle(item, cluster)
        assert done(cluster) == ["Apply Service"]

    def test_an_object_that_is_being_deleted_is_made_again_only_when_it_is_gone(self) -> None:
        item, cluster = running()
        cluster.objects[DEPLOYMENT]["metadata"]["deletionTimestamp"] = "2026-11-01T09:00:00Z"
        item, _ = settle(item, cluster, ready=False)
        assert done(cluster) == ["Annotate Service"], "its Pods are going, which the watchdog notes"
        del cluster.objects[DEPLOYMENT]
        settle(item, cluster)
        assert [each for each in done(cluster) if each.startswith("Apply")] == ["Apply Deployment"]

    def test_an_upgraded_controller_restarts_no_pod(self) -> None:
        item, cluster = running()
        old = desired_in_revision_0(item)
        cluster.objects[DEPLOYMENT]["spec"]["template"] = old["spec"]["template"]
        cluster.objects[DEPLOYMENT]["metadata"]["annotations"].update(old["metadata"]["annotations"])
        settle(item, cluster)
        assert cluster.objects[DEPLOYMENT]["spec"]["template"] == old["spec"]["template"]
        changed = reporting(endpoint(spec_changes={"port": 9001}), reported(item))
        settle(changed, cluster)
        container = cluster.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]
        assert "startupProbe" in container, (
            "a template that the spec changes is rendered in the newest revision"
        )


def desired_in_revision_0(item: Endpoint) -> dict[str, Any]:
    return deployment(item, SETTINGS.context, role=Role.PRIMARY, replicas=2, revision=0)


class TestAutoscaling:
    def test_a_new_endpoint_starts_at_the_minimum_and_hands_its_replicas_over(self) -> None:
        cluster = PlannedCluster()
        item, _ = settle(endpoint(spec_changes={"autoscaling": AUTOSCALING}), cluster)
        assert cluster.kinds() == {"Deployment", "Service", "Ingress", "HorizontalPodAutoscaler"}
        order = done(cluster)
        assert order.index("SetReplicas Deployment") < order.index("Apply HorizontalPodAutoscaler")
        last = [a for a in cluster.history if isinstance(a, Apply) and a.ref == DEPLOYMENT][-1]
        assert "replicas" not in last.manifest["spec"]
        assert cluster.objects[DEPLOYMENT]["spec"]["replicas"] == 2
        assert reported(item).replicas_desired == 2

    def test_replicas_chosen_by_the_autoscaler_are_left_alone(self) -> None:
        cluster = PlannedCluster()
        item, _ = settle(endpoint(spec_changes={"autoscaling": AUTOSCALING}), cluster)
        cluster.history.clear()
        cluster.objects[DEPLOYMENT]["spec"]["replicas"] = 5
        cluster.make_ready()
        settle(item, cluster)
        assert done(cluster) == []

    def test_switching_it_on_hands_the_live_value_over_without_force(self) -> None:
        item, cluster = running()
        settle(reporting(endpoint(spec_changes={"autoscaling": AUTOSCALING}), reported(item)), cluster)
        handover = cluster.history[0]
        assert isinstance(handover, SetReplicas)
        assert (handover.replicas, handover.force) == (2, False)
        assert done(cluster) == [
            "SetReplicas Deployment",
            "Apply Deployment",
            "Apply HorizontalPodAutoscaler",
        ]

    def test_switching_it_off_deletes_it_before_our_replicas_return(self) -> None:
        cluster = PlannedCluster()
        item, _ = settle(endpoint(spec_changes={"autoscaling": AUTOSCALING}), cluster)
        cluster.objects[DEPLOYMENT]["spec"]["replicas"] = 6
        cluster.history.clear()
        settle(reporting(endpoint(), reported(item)), cluster)
        assert done(cluster) == ["Delete HorizontalPodAutoscaler", "Apply Deployment"]
        assert cluster.objects[DEPLOYMENT]["spec"]["replicas"] == 2
        assert cluster.objects[DEPLOYMENT]["metadata"]["annotations"][ANNOTATION_REPLICAS_BY] == "spec"

    def test_a_start_raises_an_autoscaled_deployment_from_zero(self) -> None:
        cluster = PlannedCluster()
        item, _ = settle(endpoint(spec_changes={"autoscaling": AUTOSCALING}), cluster)
        item, _ = settle(replace(item, desired_state=DesiredState.STOPPED), cluster)
        assert cluster.objects[DEPLOYMENT]["spec"]["replicas"] == 0
        assert AUTOSCALER not in cluster.objects
        item, _ = settle(replace(item, desired_state=DesiredState.RUNNING), cluster)
        assert cluster.objects[DEPLOYMENT]["spec"]["replicas"] == 2
        assert AUTOSCALER in cluster.objects


class TestStop:
    def test_traffic_goes_first_and_pods_only_when_the_ingress_is_gone(self) -> None:
        item, cluster = running()
        cluster.holds = frozenset({"Ingress"})
        item = replace(item, desired_state=DesiredState.STOPPED)
        item, plans = settle(item, cluster)
        assert done(cluster) == ["Delete Ingress"]
        assert reported(item).state == State.STOPPING
        assert plans[-1].requeue_after == pytest.approx(300)
        cluster.release("Ingress")
        item, _ = settle(item, cluster)
        assert done(cluster) == ["Delete Ingress", "SetReplicas Deployment"]
        assert (reported(item).state, reported(item).exposure) == (State.STOPPED, Exposure.STOPPED)
        assert SERVICE in cluster.objects

    def test_an_ingress_that_never_goes_holds_the_gpus_for_five_minutes_only(self) -> None:
        item, cluster = running()
        cluster.holds = frozenset({"Ingress"})
        item, _ = settle(replace(item, desired_state=DesiredState.STOPPED), cluster)
        cluster.now += 301
        item, _ = settle(item, cluster)
        assert cluster.objects[DEPLOYMENT]["spec"]["replicas"] == 0
        assert "still being deleted after 300 s" in (reported(item).message or "")

    def test_a_malformed_spec_does_not_prevent_a_stop(self) -> None:
        item, cluster = running()
        item = replace(
            item,
            desired_state=DesiredState.STOPPED,
            spec=None,
            problems=(Problem("spec.image", "", "is required"),),
        )
        item, _ = settle(item, cluster)
        assert reported(item).state == State.STOPPED
        assert cluster.objects[DEPLOYMENT]["spec"]["replicas"] == 0

    def test_an_endpoint_never_deployed_here_is_stopped_without_any_object(self) -> None:
        cluster = PlannedCluster()
        item, _ = settle(endpoint(desired_state=DesiredState.STOPPED), cluster)
        assert done(cluster) == []
        assert reported(item).state == State.STOPPED

    def test_a_start_brings_back_what_was(self) -> None:
        item, cluster = running()
        item, _ = settle(replace(item, desired_state=DesiredState.STOPPED), cluster)
        item, _ = settle(replace(item, desired_state=DesiredState.RUNNING), cluster)
        assert cluster.objects[DEPLOYMENT]["spec"]["replicas"] == 2
        assert INGRESS in cluster.objects
        assert reported(item).state == State.RUNNING

    def test_pods_stay_while_nobody_has_looked_whether_the_ingress_is_really_gone(self) -> None:
        item, cluster = running()
        observed = cluster.observed()
        hidden = {ref: obj for ref, obj in observed.objects.items() if ref != INGRESS}
        item = replace(item, desired_state=DesiredState.STOPPED)
        decided = plan(item, Observed(objects=hidden), cluster.now, SETTINGS)
        assert decided.reads == (INGRESS,)
        assert not decided.stages


class TestDelete:
    def test_everything_goes_in_order_and_is_reported_only_when_seen_gone(self) -> None:
        item, cluster = running()
        cluster.holds = frozenset({"Ingress", "Deployment"})
        item = replace(item, desired_state=DesiredState.DELETED)
        item, _ = settle(item, cluster, ready=False)
        assert done(cluster) == ["Delete Ingress"]
        cluster.release("Ingress")
        item, _ = settle(item, cluster, ready=False)
        assert done(cluster) == ["Delete Ingress", "Delete Service", "Delete Deployment"]
        assert reported(item).state == State.DELETING
        last = cluster.history[-1]
        assert isinstance(last, Delete)
        assert last.propagation == "Foreground"
        cluster.release("Deployment")
        decided = plan(item, cluster.observed(), cluster.now, SETTINGS)
        assert {DEPLOYMENT, SERVICE, INGRESS, AUTOSCALER} <= set(decided.reads), (
            "the cache's word is not enough"
        )
        item, _ = settle(item, cluster)
        assert reported(item).state == State.DELETED

    def test_the_item_is_confirmed_at_home_before_anything_is_destroyed(self) -> None:
        item, cluster = running()
        decided = plan(
            replace(item, desired_state=DesiredState.DELETED), cluster.observed(), cluster.now, SETTINGS
        )
        assert decided.stages
        assert decided.confirm_in_home

    def test_a_stale_cache_deletes_nothing(self) -> None:
        item, cluster = running()
        for state in (DesiredState.DELETED, DesiredState.STOPPED):
            stale = cluster.observed(stale=True)
            assert not plan(replace(item, desired_state=state), stale, cluster.now, SETTINGS).stages

    def test_a_region_that_is_no_longer_a_target_cleans_up(self) -> None:
        item, cluster = running()
        item, _ = settle(replace(item, target_regions=("eu-west-1",)), cluster)
        assert cluster.objects == {}
        assert reported(item).state == State.DELETED

    def test_a_region_that_never_was_a_target_does_and_says_nothing(self) -> None:
        assert plan(endpoint(target_regions=("eu-west-1",)), Observed(), 0, SETTINGS) == Plan()

    def test_a_deleted_endpoint_that_is_revived_comes_back(self) -> None:
        item, cluster = running()
        item, _ = settle(replace(item, desired_state=DesiredState.DELETED), cluster)
        item, _ = settle(replace(item, desired_state=DesiredState.DEPLOYING), cluster)
        assert reported(item).state == State.RUNNING

    def test_pods_that_are_going_do_not_count_when_it_is_revived(self) -> None:
        """Found by the simulation: a new Service was exposed on the word of the old Deployment."""
        item, cluster = running()
        cluster.holds = frozenset({"Deployment"})
        item, _ = settle(replace(item, desired_state=DesiredState.DELETED), cluster, ready=False)
        assert cluster.kinds() == {"Deployment"}
        item, _ = settle(replace(item, desired_state=DesiredState.DEPLOYING), cluster, ready=False)
        assert cluster.kinds() == {"Deployment", "Service"}, "no Ingress before a Pod of the new one is ready"

    def test_a_deployment_that_is_being_deleted_is_neither_running_nor_exposed_nor_promoted(self) -> None:
        item, cluster = running()
        cluster.holds = frozenset({"Deployment"})
        item, _ = settle(replace(item, desired_state=DesiredState.DELETED), cluster)
        assert cluster.kinds() == {"Deployment"}
        revived = replace(item, desired_state=DesiredState.DEPLOYING, target_regions=(REGION,))
        item, plans = settle(revived, cluster)
        assert reported(item).state != State.RUNNING
        assert INGRESS not in cluster.objects
        assert [decided.table_write for decided in plans if decided.table_write] == []

    def test_a_name_too_long_for_its_canary_is_still_looked_for_before_it_is_said_to_be_gone(self) -> None:
        item = decode_endpoint(
            {
                "endpoint_name": {"S": "x" * 60},
                "desired_state": {"S": "deleted"},
                "target_regions": {"L": [{"S": REGION}]},
                "namespace": {"S": NAMESPACE},
                "spec": {"M": {"image": {"S": "a:1"}, "canary": {"M": {"image": {"S": "a:2"}}}}},
            }
        )
        assert item.problems
        decided = plan(item, Observed(), 0, SETTINGS)
        assert ObjectRef("Deployment", NAMESPACE, "x" * 60) in decided.reads
        assert decided.status is None


class TestRefusal:
    def test_a_malformed_item_is_an_error_with_its_reason_and_touches_nothing(self) -> None:
        item, cluster = running()
        item = replace(item, spec=None, problems=(Problem("spec.replicas", "-1", "must be 0 or more"),))
        item, _ = settle(item, cluster)
        assert done(cluster) == []
        assert reported(item).state == State.ERROR
        assert reported(item).error == "spec.replicas: -1: must be 0 or more"
        assert reported(item).replicas_ready == 2

    def test_a_namespace_that_is_not_ours_to_write_to_is_refused(self) -> None:
        decided = plan(endpoint(namespace="kube-system"), Observed(), 0, SETTINGS)
        assert decided.status is not None
        assert decided.status.state == State.ERROR
        assert "kube-system" in (decided.status.error or "")
        assert not decided.stages

    def test_a_changed_namespace_is_refused_while_objects_stand_in_the_old_one(self) -> None:
        item, cluster = running()
        settings = replace(SETTINGS, namespaces=(NAMESPACE, "other"))
        decided = plan(replace(item, namespace="other"), cluster.observed(), 0, settings)
        assert not decided.stages
        assert decided.status is not None
        assert "a namespace cannot change" in (decided.status.error or "")

    def test_a_strangers_object_of_the_same_name_is_never_touched(self) -> None:
        stranger = {
            "kind": "Service",
            "metadata": {"name": "llama", "namespace": NAMESPACE, "uid": "s", "labels": {}},
        }
        observed = Observed(objects={SERVICE: stranger}, fetched=frozenset({SERVICE, DEPLOYMENT}))
        for state in DesiredState:
            fetched = frozenset({SERVICE, DEPLOYMENT, INGRESS, AUTOSCALER}) | all_possible(state)
            decided = plan(endpoint(desired_state=state), replace(observed, fetched=fetched), 0, SETTINGS)
            assert not decided.stages, state
        decided = plan(endpoint(), observed, 0, SETTINGS)
        assert decided.status is not None
        assert "Service gco-inference/llama" in (decided.status.error or "")

    def test_labels_that_were_taken_off_are_put_back_after_a_look_at_the_field_managers(self) -> None:
        item, cluster = running()
        labels = cluster.objects[DEPLOYMENT]["metadata"]["labels"]
        del labels["app.kubernetes.io/managed-by"], labels["gco.io/endpoint"]
        observed = cluster.observed()
        assert plan(item, observed, 0, SETTINGS).reads == (DEPLOYMENT,)
        managed = [{"manager": "gco-stream-reconciler", "operation": "Apply"}]
        cluster.objects[DEPLOYMENT]["metadata"]["managedFields"] = managed
        decided = plan(item, replace(cluster.observed(), fetched=frozenset({DEPLOYMENT})), 0, SETTINGS)
        assert [action.ref for action in decided.actions] == [DEPLOYMENT]

    @pytest.mark.parametrize(
        "spec",
        [
            {"M": {"image": {"S": "a:1"}, "env": {"L": [{"M": {"value": {"S": "hunter2"}}}]}}},
            {"M": {"image": {"S": "a:1"}, "env": {"S": "HF_TOKEN=hunter2"}}},
            {"M": {"image": {"S": "a:1"}, "args": {"S": "--api-key=hunter2"}}},
            {"S": '{"env": {"HF_TOKEN": "hunter2"}}'},
            {"L": [{"M": {"env": {"M": {"T": {"S": "hunter2"}}}}}]},
        ],
        ids=["env is a list", "env is text", "args are text", "spec is text", "spec is a list"],
    )
    def test_no_secret_of_a_malformed_spec_is_said(self, spec: dict[str, Any]) -> None:
        item = decode_endpoint(
            {
                "endpoint_name": {"S": "llama"},
                "desired_state": {"S": "deploying"},
                "target_regions": {"L": [{"S": REGION}]},
                "namespace": {"S": NAMESPACE},
                "spec": spec,
            }
        )
        decided = plan(item, Observed(), 0, SETTINGS)
        assert decided.status is not None
        assert decided.status.state == State.ERROR
        assert "spec" in (decided.status.error or "")
        assert "hunter2" not in f"{decided}{item.problems}"

    def test_malformed_target_regions_are_an_error_everywhere(self) -> None:
        item = endpoint(
            target_regions=None, problems=(Problem("target_regions", "us-east-1", "must be a list"),)
        )
        decided = plan(item, Observed(), 0, SETTINGS)
        assert decided.status is not None
        assert decided.status.state == State.ERROR
        assert not decided.stages

    def test_malformed_target_regions_do_not_prevent_a_stop_where_objects_stand(self) -> None:
        item, cluster = running()
        item = replace(
            item,
            desired_state=DesiredState.STOPPED,
            target_regions=None,
            problems=(Problem("target_regions", "", "is required"),),
        )
        item, _ = settle(item, cluster)
        assert reported(item).state == State.STOPPED


def all_possible(_: DesiredState) -> frozenset[ObjectRef]:
    canary = ("Deployment", "Service")
    return frozenset(ObjectRef(kind, NAMESPACE, "llama-canary") for kind in canary)


class TestMarks:
    def test_the_mark_of_the_last_apply_is_on_every_object(self) -> None:
        _, cluster = running()
        for ref, obj in cluster.objects.items():
            assert len(obj["metadata"]["annotations"][ANNOTATION_APPLIED]) == 16, ref

    def test_a_plan_is_a_function_of_its_arguments(self) -> None:
        item, cluster = running()
        changed = reporting(endpoint(spec_changes={"port": 9000}), reported(item))
        assert plan(changed, cluster.observed(), 1, SETTINGS) == plan(
            changed, cluster.observed(), 1, SETTINGS
        )
