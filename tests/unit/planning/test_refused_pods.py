"""Pods that admission refuses (a quota, Pod Security, a policy): the Deployment has the reason long before its deadline."""

from dataclasses import replace
from typing import Any

import pytest

from gco_stream_reconciler.endpoints.model import Canary, Endpoint, State
from gco_stream_reconciler.planning.actions import ObjectRef
from gco_stream_reconciler.planning.plan import plan
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import DEPLOYMENT, NAMESPACE, SETTINGS, running

QUOTA = 'pods "llama-7f9c-x2" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1'
STALLED = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


def refused(said: str, status: str = "True") -> list[dict[str, str]]:
    return [{"type": "ReplicaFailure", "status": status, "reason": "FailedCreate", "message": said}]


def told(item: Endpoint, cluster: PlannedCluster, pods: list[dict[str, Any]] | None = None) -> list[str]:
    """What the status says besides which Regions are awaited."""
    decided = plan(item, replace(cluster.observed(), pods=pods), cluster.now, SETTINGS)
    assert decided.status is not None
    notes = (decided.status.message or "").split("; ")
    return [note for note in notes if not note.startswith("awaited: ")]


def one_pod_fails(cluster: PlannedCluster, conditions: list[dict[str, str]]) -> None:
    cluster.objects[DEPLOYMENT]["status"].update(updatedReplicas=1, conditions=conditions)


def test_they_are_told_at_once_with_the_reason_and_only_as_long_as_it_holds() -> None:
    item, cluster = running()
    one_pod_fails(cluster, refused(QUOTA))
    assert told(item, cluster) == [f"Pods are refused: {QUOTA}"]
    one_pod_fails(cluster, refused(QUOTA, "False"))
    assert told(item, cluster) == []


def test_a_refusal_from_before_a_change_of_the_template_is_not_told() -> None:
    """The Deployment keeps the condition until its controller has looked at the change."""
    item, cluster = running()
    one_pod_fails(cluster, refused(QUOTA))
    cluster.objects[DEPLOYMENT]["metadata"]["generation"] = 2
    cluster.objects[DEPLOYMENT]["status"]["observedGeneration"] = 1
    assert told(item, cluster) == []


def test_a_refusal_of_an_older_template_is_not_told_of_one_that_has_its_pods() -> None:
    """Of two ReplicaSets the older one's condition is shown while the newer has none (getReplicaFailures)."""
    item, cluster = running()
    cluster.objects[DEPLOYMENT]["status"]["conditions"] = refused(QUOTA)
    assert told(item, cluster) == []


def test_the_state_is_that_of_the_pods_which_run() -> None:
    item, cluster = running()
    one_pod_fails(cluster, refused(QUOTA))
    decided = plan(item, cluster.observed(), cluster.now, SETTINGS)
    assert decided.status is not None
    assert decided.status.state == State.RUNNING


def test_a_rollout_that_stalls_for_it_says_so_once() -> None:
    item, cluster = running()
    status = cluster.objects[DEPLOYMENT]["status"]
    status.update(updatedReplicas=1, conditions=[STALLED, *refused(QUOTA)])
    assert told(item, cluster, pods=[]) == [f"Pods are refused: {QUOTA}"]


def test_what_pods_of_a_stalled_rollout_say_is_told_too() -> None:
    item, cluster = running()
    status = cluster.objects[DEPLOYMENT]["status"]
    status.update(updatedReplicas=1, conditions=[STALLED, *refused(QUOTA)])
    waiting = {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}]}
    assert told(item, cluster, pods=[{"status": waiting}]) == [
        f"Pods are refused: {QUOTA}",
        "rollout stalled: ErrImagePull (1)",
    ]


def test_no_value_of_the_environment_is_shown() -> None:
    item, cluster = running(spec_changes={"env": {"TOKEN": "s3cr3t-token"}})
    one_pod_fails(cluster, refused("spec.containers: TOKEN=s3cr3t-token is no reference\n"))
    assert told(item, cluster) == ["Pods are refused: spec.containers: TOKEN=*** is no reference"]


@pytest.mark.parametrize(
    "who",
    [
        'admission webhook "policy" denied the request',
        "pods \"a\" is forbidden: ValidatingAdmissionPolicy 'names' with binding 'all' denied request",
    ],
)
def test_a_policys_own_words_are_left_out_since_they_may_quote_an_older_template(who: str) -> None:
    item, cluster = running(spec_changes={"env": {"TOKEN": "that-of-today"}})
    one_pod_fails(cluster, refused(f"{who}: \n\nTOKEN=that-of-yesterday"))
    left_out = "(its words are left out: they may quote the environment)"
    assert told(item, cluster) == [f"Pods are refused: {who} {left_out}"]


def test_the_canarys_are_told_as_the_canarys() -> None:
    item, cluster = running(
        spec_changes={"canary": Canary(image="vllm/vllm-openai:v2", weight=10, replicas=1)}
    )
    deployment = cluster.objects[ObjectRef("Deployment", NAMESPACE, "llama-canary")]
    deployment["status"].update(updatedReplicas=0, conditions=refused(QUOTA))
    assert told(item, cluster) == [f"canary: Pods are refused: {QUOTA}"]


def test_a_condition_without_a_message_is_told_without_a_reason() -> None:
    item, cluster = running()
    one_pod_fails(cluster, [{"type": "ReplicaFailure", "status": "True"}])
    assert told(item, cluster) == ["Pods are refused: the Deployment does not say why"]
