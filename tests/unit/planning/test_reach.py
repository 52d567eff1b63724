"""Rule 11: Service and Ingress follow the Pods, not the spec, while Pods of two templates stand side by side."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from gco_stream_reconciler.endpoints.model import Canary, Endpoint
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.reach import ANNOTATION_REACH, Reach, decode_reach
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import (
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
from tests.unit.planning.test_canary_story import (
    CANARY,
    CANARY_DEPLOYMENT,
    CANARY_SERVICE,
    running_with_canary,
    weight,
    with_canary,
)

VLLM = "/inference/llama/health"
TGI = "ghcr.io/huggingface/text-generation-inference:3"


def changed(item: Endpoint, **fields: Any) -> Endpoint:
    """The item with another spec and what it had reported."""
    assert item.spec is not None
    spec = replace(item.spec, **fields)
    return replace(item, spec=spec, spec_hash=f"{hash(repr(spec)) & 0xFFFFFFFFFFFF:012x}")


def port(cluster: PlannedCluster, ref: Any = SERVICE) -> int:
    found: int = cluster.objects[ref]["spec"]["ports"][0]["targetPort"]
    return found


def health_path(cluster: PlannedCluster) -> str:
    annotations = cluster.objects[INGRESS]["metadata"]["annotations"]
    found: str = annotations["alb.ingress.kubernetes.io/healthcheck-path"]
    return found


def reached(cluster: PlannedCluster) -> tuple[int, str]:
    return port(cluster), health_path(cluster)


def rolling_out(cluster: PlannedCluster, *, pods: int, updated: int, ready: int, name: str = "llama") -> None:
    """A rollout of the present template has come so far."""
    deployment = next(
        obj for ref, obj in cluster.objects.items() if ref.kind == "Deployment" and ref.name == name
    )
    deployment["status"] = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": pods,
        "updatedReplicas": updated,
        "readyReplicas": ready,
    }


CHANGES = [
    ({"port": 9000}, (9000, VLLM)),
    ({"health_check_path": "/v2/ok"}, (8000, "/inference/llama/v2/ok")),
    ({"image": TGI}, (8000, "/health")),
    ({"args": ("--root-path", "/other")}, (8000, "/other/health")),
    ({"port": 9000, "image": TGI, "health_check_path": "/ok"}, (9000, "/ok")),
]


@pytest.mark.parametrize(("change", "then"), CHANGES)
def test_old_pods_stay_reached_until_a_new_one_is_ready(
    change: dict[str, Any], then: tuple[int, str]
) -> None:
    item, cluster = running()
    item, _ = settle(changed(item, **change), cluster, ready=False)
    assert (done(cluster), reached(cluster)) == (["Apply Deployment"], (8000, VLLM))
    assert "port 8000, health path /inference/llama/health" in (reported(item).message or "")
    rolling_out(cluster, pods=3, updated=1, ready=2)
    item, _ = settle(item, cluster, ready=False)
    assert reached(cluster) == (8000, VLLM), "the model of the new Pod is loading"
    rolling_out(cluster, pods=3, updated=1, ready=3)
    item, _ = settle(item, cluster, ready=False)
    assert reached(cluster) == then
    assert reported(item).message is None
    rolling_out(cluster, pods=3, updated=1, ready=2)
    settle(item, cluster, ready=False)
    assert reached(cluster) == then, "there is no way back"


def test_a_ready_pod_of_which_template_is_uncertain_is_taken_for_an_old_one() -> None:
    item, cluster = running()
    item, _ = settle(changed(item, port=9000), cluster, ready=False)
    rolling_out(cluster, pods=3, updated=1, ready=1)
    settle(item, cluster, ready=False)
    assert port(cluster) == 8000


@pytest.mark.parametrize("ready", [False, True])
def test_a_status_of_the_generation_before_says_nothing_of_the_new_template(ready: bool) -> None:
    item, cluster = running()
    cluster.make_ready(ready=2 if ready else 0)
    settle(changed(item, port=9000), cluster, ready=False)
    assert port(cluster) == (8000 if ready else 9000), "where no Pod is ready there is none to wait for"


def test_where_the_old_pods_die_the_new_ones_are_not_waited_for() -> None:
    item, cluster = running()
    item, _ = settle(changed(item, image=TGI), cluster, ready=False)
    rolling_out(cluster, pods=3, updated=1, ready=0)
    settle(item, cluster, ready=False)
    assert health_path(cluster) == "/health"


def test_a_change_that_is_taken_back_moves_nothing() -> None:
    item, cluster = running()
    new, _ = settle(changed(item, port=9000), cluster, ready=False)
    rolling_out(cluster, pods=3, updated=1, ready=2)
    settle(reporting(item, reported(new)), cluster)
    assert done(cluster) == ["Apply Deployment", "Apply Deployment"]


def test_of_three_templates_in_a_row_the_ready_pods_are_reached() -> None:
    item, cluster = running()
    item, _ = settle(changed(item, port=9000), cluster, ready=False)
    rolling_out(cluster, pods=3, updated=1, ready=2)
    item, _ = settle(changed(item, port=9100), cluster, ready=False)
    assert port(cluster) == 8000
    rolling_out(cluster, pods=3, updated=1, ready=3)
    settle(item, cluster, ready=False)
    assert port(cluster) == 9100


def test_an_ingress_that_comes_during_a_rollout_asks_where_the_ready_pods_answer() -> None:
    item, cluster = running()
    del cluster.objects[INGRESS]
    settle(changed(item, image=TGI), cluster, ready=False)
    assert reached(cluster) == (8000, VLLM)


@pytest.mark.parametrize("at", ["spec", "record", "applied"])
def test_a_service_that_is_edited_by_hand_is_put_right_in_the_midst_of_a_rollout(at: str) -> None:
    item, cluster = running()
    item, _ = settle(changed(item, env={"A": "2"}), cluster, ready=False)
    rolling_out(cluster, pods=3, updated=1, ready=2)
    service = cluster.objects[SERVICE]
    if at == "spec":
        service["spec"]["ports"][0]["targetPort"] = 1
    elif at == "record":
        service["metadata"]["annotations"][ANNOTATION_REACH] = "1 /nowhere"
    else:
        del service["metadata"]["annotations"]
        service["spec"]["ports"][0]["targetPort"] = 1
    settle(item, cluster, ready=False)
    assert reached(cluster) == (8000, VLLM)


def test_a_service_without_a_record_is_right_before_its_deployment_changes() -> None:
    item, cluster = running()
    service = cluster.objects[SERVICE]
    del service["metadata"]["annotations"][ANNOTATION_REACH]
    settle(changed(item, port=9000, image=TGI), cluster, ready=False)
    assert reached(cluster) == (8000, VLLM)
    assert cluster.objects[SERVICE]["metadata"]["annotations"][ANNOTATION_REACH] == f"8000 {VLLM}"
    assert done(cluster) == ["Apply Deployment", "Apply Service"]


def test_the_service_that_remembers_is_not_the_last_to_know() -> None:
    """A crash between the two applies of a stage must not lose where the old Pods are reached."""
    item, cluster = running()
    decided = plan(changed(item, port=9000), cluster.observed(), cluster.now, SETTINGS)
    assert [action.ref for action in decided.actions] == [DEPLOYMENT]
    assert cluster.objects[SERVICE]["metadata"]["annotations"][ANNOTATION_REACH] == f"8000 {VLLM}"


# --- The canary ---------------------------------------------------------------------------------------------------


def test_a_canary_is_not_reached_at_a_path_that_the_load_balancer_does_not_ask() -> None:
    item, cluster = running_with_canary()
    item, _ = settle(changed(item, health_check_path="/ok"), cluster, ready=False)
    assert weight(cluster) is None, "it has no ready Pod of its present template"
    rolling_out(cluster, pods=1, updated=1, ready=1, name="llama-canary")
    rolling_out(cluster, pods=3, updated=1, ready=2)
    item, _ = settle(item, cluster, ready=False)
    assert (weight(cluster), health_path(cluster)) == (None, VLLM), "one path is asked of both"
    rolling_out(cluster, pods=3, updated=1, ready=3)
    settle(item, cluster, ready=False)
    assert (weight(cluster), health_path(cluster)) == (10, "/inference/llama/ok")


def test_the_canarys_service_follows_its_own_pods() -> None:
    item, cluster = running_with_canary()
    item, _ = settle(changed(item, port=9000), cluster, ready=False)
    assert (port(cluster), port(cluster, CANARY_SERVICE)) == (8000, 8000)
    rolling_out(cluster, pods=2, updated=1, ready=2, name="llama-canary")
    item, _ = settle(item, cluster, ready=False)
    assert (port(cluster), port(cluster, CANARY_SERVICE)) == (8000, 9000)
    assert weight(cluster) == 10


def test_a_canarys_other_image_changes_nothing_about_how_it_is_reached() -> None:
    item, cluster = running_with_canary()
    before = copy.deepcopy(cluster.objects[CANARY_SERVICE])
    settle(with_canary(item, Canary(image=TGI, weight=CANARY.weight, replicas=1)), cluster)
    assert cluster.objects[CANARY_SERVICE] == before
    assert CANARY_DEPLOYMENT in {action.ref for action in cluster.history}


# --- The record ---------------------------------------------------------------------------------------------------


def test_a_record_is_read_as_it_was_written() -> None:
    reach = Reach(8000, "/inference/llama/health check")
    assert decode_reach(reach.encoded()) == reach


@pytest.mark.parametrize(
    "text", [None, "", "8000", "8000 ", "0 /a", "65536 /a", "-1 /a", "²  /a", "9" * 5000, "a /b"]
)
def test_a_record_that_cannot_be_read_is_none(text: str | None) -> None:
    assert decode_reach(text) is None


def test_a_new_endpoint_is_reached_as_the_spec_says() -> None:
    cluster = PlannedCluster()
    settle(endpoint(spec_changes={"port": 9000}), cluster)
    assert reached(cluster) == (9000, VLLM)
