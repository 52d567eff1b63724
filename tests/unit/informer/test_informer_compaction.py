import copy
from typing import Any

from gco_stream_reconciler.informer.compaction import StringPool, compact

DEPLOYMENT: dict[str, Any] = {
    "metadata": {
        "name": "llama",
        "namespace": "ns",
        "uid": "u",
        "resourceVersion": "7",
        "generation": 3,
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{...}",
            "gco.io/applied": "abc",
        },
        "managedFields": [{"manager": "kubectl"}],
    },
    "spec": {
        "replicas": 2,
        "template": {"spec": {"containers": [{"name": "inference", "args": ["a", "b"]}]}},
    },
    "status": {
        "observedGeneration": 3,
        "replicas": 2,
        "readyReplicas": 1,
        "updatedReplicas": 2,
        "availableReplicas": 1,
        "unavailableReplicas": 1,
        "collisionCount": 4,
        "conditions": [
            {
                "type": "Progressing",
                "status": "False",
                "reason": "ProgressDeadlineExceeded",
                "message": "too slow",
                "lastUpdateTime": "2026-01-01T00:00:00Z",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
    },
}


def test_bulk_goes_and_what_decisions_are_made_from_stays() -> None:
    kept = compact(DEPLOYMENT, "Deployment", StringPool())
    assert kept == {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {
            "name": "llama",
            "namespace": "ns",
            "uid": "u",
            "resourceVersion": "7",
            "generation": 3,
            "annotations": {"gco.io/applied": "abc"},
        },
        "spec": DEPLOYMENT["spec"],
        "status": {
            "observedGeneration": 3,
            "replicas": 2,
            "readyReplicas": 1,
            "updatedReplicas": 2,
            "availableReplicas": 1,
            "unavailableReplicas": 1,
            "conditions": [
                {
                    "type": "Progressing",
                    "status": "False",
                    "reason": "ProgressDeadlineExceeded",
                    "message": "too slow",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }
            ],
        },
    }


def test_the_callers_object_is_left_alone_and_shares_nothing_mutable() -> None:
    original = copy.deepcopy(DEPLOYMENT)
    kept = compact(original, "Deployment", StringPool())
    kept["spec"]["template"]["spec"]["containers"][0]["args"].append("c")
    kept["metadata"]["annotations"]["new"] = "x"
    assert original == DEPLOYMENT


def test_compacting_twice_changes_nothing() -> None:
    once = compact(DEPLOYMENT, "Deployment", StringPool())
    assert compact(once, "Deployment", StringPool()) == once


def test_an_autoscalers_status_goes_as_it_changes_every_few_seconds() -> None:
    obj = {"metadata": {"name": "a"}, "spec": {}, "status": {"currentMetrics": [], "currentReplicas": 2}}
    assert "status" not in compact(obj, "HorizontalPodAutoscaler", StringPool())


def test_an_ingress_keeps_the_address_of_its_load_balancer() -> None:
    status = {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}
    obj = {"metadata": {"name": "a"}, "status": status}
    assert compact(obj, "Ingress", StringPool())["status"] == status


def test_an_annotation_map_that_becomes_empty_goes() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    obj = {"metadata": {"name": "a", "annotations": annotations}}
    assert "annotations" not in compact(obj, "Service", StringPool())["metadata"]


def test_values_of_an_unexpected_type_are_kept_or_dropped_but_break_nothing() -> None:
    obj = {"metadata": {"name": "a", "annotations": None}, "spec": [None, 1.5], "status": "gone"}
    kept = compact(obj, "Deployment", StringPool())
    assert kept["spec"] == [None, 1.5]
    assert "status" not in kept


def test_equal_strings_of_different_objects_are_one() -> None:
    pool = StringPool()
    image = "registry.example/vllm:1"
    one, other = (
        compact({"metadata": {"name": "a"}, "spec": {"image": "".join(list(image))}}, "Deployment", pool)
        for _ in range(2)
    )
    assert one["spec"]["image"] is other["spec"]["image"]


def test_the_pool_is_bounded() -> None:
    pool = StringPool(limit=10)
    for number in range(1_000):
        assert pool.share(f"s{number}") == f"s{number}"
    assert len(pool) <= 10
