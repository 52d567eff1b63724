import copy
from typing import Any

from gco_stream_reconciler.informer.compaction import ValuePool, compact

DEPLOYMENT: dict[str, Any] = {
    "kind": "Deployment",
    "apiVersion": "apps/v1",
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
    kept = compact(DEPLOYMENT, "Deployment", ValuePool())
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
    kept = compact(original, "Deployment", ValuePool())
    kept["spec"]["template"]["spec"]["containers"][0]["args"].append("c")
    kept["metadata"]["annotations"]["new"] = "x"
    assert original == DEPLOYMENT


def test_compacting_twice_changes_nothing() -> None:
    once = compact(DEPLOYMENT, "Deployment", ValuePool())
    assert compact(once, "Deployment", ValuePool()) == once


def test_an_autoscalers_status_goes_as_it_changes_every_few_seconds() -> None:
    obj = {"metadata": {"name": "a"}, "spec": {}, "status": {"currentMetrics": [], "currentReplicas": 2}}
    assert "status" not in compact(obj, "HorizontalPodAutoscaler", ValuePool())


def test_an_ingress_keeps_the_address_of_its_load_balancer() -> None:
    status = {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}
    obj = {"metadata": {"name": "a"}, "status": status}
    assert compact(obj, "Ingress", ValuePool())["status"] == status


def test_an_annotation_map_that_becomes_empty_goes() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    obj = {"metadata": {"name": "a", "annotations": annotations}}
    assert "annotations" not in compact(obj, "Service", ValuePool())["metadata"]


def test_values_of_an_unexpected_type_are_kept_or_dropped_but_break_nothing() -> None:
    obj = {"metadata": {"name": "a", "annotations": None}, "spec": [None, 1.5], "status": "gone"}
    kept = compact(obj, "Deployment", ValuePool())
    assert kept["spec"] == [None, 1.5]
    assert "status" not in kept


def test_equal_strings_of_different_objects_are_one() -> None:
    pool = ValuePool()
    image = "registry.example/vllm:1"
    one, other = (
        compact({"metadata": {"name": "a"}, "spec": {"image": "".join(list(image))}}, "Deployment", pool)
        for _ in range(2)
    )
    assert one["spec"]["image"] is other["spec"]["image"]


def test_equal_parts_of_different_objects_are_one() -> None:
    pool = ValuePool()
    one, other = (
        compact(
            {"metadata": {"name": name}, "spec": {"ports": [{"port": 8080, "name": "http"}], "of": name}},
            "Service",
            pool,
        )
        for name in ("a", "b")
    )
    assert one["spec"]["ports"] is other["spec"]["ports"]
    assert one["spec"] == {"ports": [{"port": 8080, "name": "http"}], "of": "a"}
    assert other["spec"] == {"ports": [{"port": 8080, "name": "http"}], "of": "b"}


def test_values_that_are_equal_to_python_only_stay_apart() -> None:
    pool = ValuePool()
    values: list[Any] = [1, True, 1.0, "1", 0, False, None, "", [], {}, [0], [False], [[]], [{}], {"a": 1}]
    for value in [*values, {"a": True}, {"a": 1.0}, 2**40, float(2**40)]:
        kept = compact({"metadata": {"name": "a"}, "spec": {"value": value}}, "Service", pool)
        assert repr(kept["spec"]["value"]) == repr(value)


def test_the_order_of_fields_stays() -> None:
    pool = ValuePool()
    for names in (("a", "b"), ("b", "a")):
        spec = dict.fromkeys(names, "x")
        assert list(compact({"metadata": {"name": "a"}, "spec": spec}, "Service", pool)["spec"]) == [*names]


def test_the_pool_is_bounded() -> None:
    pool = ValuePool(limit=10, tree_limit=5)
    for number in range(1_000):
        assert pool.share(f"s{number}") == f"s{number}"
        assert pool.share_number(number) == number
        assert pool.share_map(["a"], [number]) == {"a": number}
        assert pool.share_list([number]) == [number]
    assert len(pool) <= 25
