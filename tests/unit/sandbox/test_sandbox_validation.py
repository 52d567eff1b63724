import copy
from collections.abc import Callable
from typing import Any

import pytest

from gco_stream_reconciler.sandbox.kubernetes.defaults import defaulted
from gco_stream_reconciler.sandbox.kubernetes.validation import problems

Object = dict[str, Any]
Edit = Callable[[Object], Any]

CONTAINER = {"name": "c", "image": "i", "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}}
GOOD: dict[str, Object] = {
    "Deployment": {
        "metadata": {"name": "a", "labels": {"a/b": "c"}},
        "spec": {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [CONTAINER]}},
        },
    },
    "Service": {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}},
    "Ingress": {
        "metadata": {"name": "a"},
        "spec": {
            "rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "a"}}}]}}]
        },
    },
    "HorizontalPodAutoscaler": {
        "metadata": {"name": "a"},
        "spec": {"maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "a"}},
    },
    "Lease": {"metadata": {"name": "a"}, "spec": {"leaseDurationSeconds": 1, "leaseTransitions": 0}},
    "Pod": {"metadata": {"name": "a"}, "spec": {"containers": [CONTAINER]}},
}  # fmt: skip


def pod(obj: Object) -> Object:
    found: Object = obj["spec"]["template"]["spec"]
    return found


def path(obj: Object) -> Object:
    found: Object = obj["spec"]["rules"][0]["http"]["paths"][0]
    return found


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_object_has_no_problem(kind: str) -> None:
    obj = defaulted(GOOD[kind], kind)
    assert problems(obj, None, kind) == []
    assert problems({**obj, "metadata": {**obj["metadata"], "labels": {}}}, obj, kind) == []


@pytest.mark.parametrize(
    ("kind", "edit", "field"),
    [
        ("Deployment", lambda obj: obj["metadata"].update(name="A"), "metadata.name"),
        ("Deployment", lambda obj: obj["metadata"].update(name="a" * 254), "metadata.name"),
        ("Deployment", lambda obj: obj["metadata"].update(name=""), "metadata.name"),
        ("Deployment", lambda obj: obj["metadata"].update(labels={"a": "x" * 64}), "metadata.labels"),
        ("Deployment", lambda obj: obj["metadata"].update(labels={"-a": "x"}), "metadata.labels"),
        ("Deployment", lambda obj: obj["metadata"].update(labels={"A_/b": "x"}), "metadata.labels"),
        ("Deployment", lambda obj: obj["metadata"].update(annotations={"a b": ""}), "metadata.annotations"),
        ("Deployment", lambda obj: obj["spec"].update(replicas=-1), "spec.replicas"),
        ("Deployment", lambda obj: obj["spec"].pop("selector"), "spec.selector"),
        ("Deployment", lambda obj: obj["spec"]["template"].update(metadata={}), "spec.template.metadata.labels"),
        ("Deployment", lambda obj: obj["spec"].update(strategy={"type": "Slowly"}), "spec.strategy"),
        ("Deployment", lambda obj: obj["spec"].update(strategy={"type": "Recreate", "rollingUpdate": {}}), "spec.strategy.rollingUpdate"),
        ("Deployment", lambda obj: obj["spec"].update(strategy={"rollingUpdate": {"maxSurge": "x"}}), "spec.strategy.rollingUpdate.maxSurge"),
        ("Deployment", lambda obj: obj["spec"].update(strategy={"rollingUpdate": {"maxUnavailable": -1}}), "spec.strategy.rollingUpdate.maxUnavailable"),
        ("Deployment", lambda obj: pod(obj).update(containers=[]), "spec.template.spec.containers"),
        ("Deployment", lambda obj: pod(obj)["containers"][0].pop("image"), "spec.template.spec.containers[0].image"),
        ("Deployment", lambda obj: pod(obj)["containers"][0].update(ports=[{"containerPort": 0}]), "spec.template.spec.containers[0].ports[0].containerPort"),
        ("Deployment", lambda obj: pod(obj)["containers"][0].update(env=[{}]), "spec.template.spec.containers[0].env[0].name"),
        ("Deployment", lambda obj: pod(obj)["containers"][0]["resources"]["requests"].update(cpu="2"), "spec.template.spec.containers[0].resources.requests"),
        ("Pod", lambda obj: obj["spec"].update(containers=None), "spec.containers"),
        ("Service", lambda obj: obj["metadata"].update(name="1a"), "metadata.name"),
        ("Service", lambda obj: obj["metadata"].update(name="a" * 64), "metadata.name"),
        ("Service", lambda obj: obj["spec"].update(ports=[]), "spec.ports"),
        ("Service", lambda obj: obj["spec"]["ports"][0].update(port=70000), "spec.ports[0].port"),
        ("Ingress", lambda obj: obj.update(spec={}), "spec"),
        ("Ingress", lambda obj: path(obj).pop("pathType"), "spec.rules[0].http.paths[0].pathType"),
        ("Ingress", lambda obj: path(obj).update(path="x"), "spec.rules[0].http.paths[0].path"),
        ("Ingress", lambda obj: path(obj).update(backend={}), "spec.rules[0].http.paths[0].backend"),
        ("HorizontalPodAutoscaler", lambda obj: obj["spec"].update(minReplicas=0), "spec.minReplicas"),
        ("HorizontalPodAutoscaler", lambda obj: obj["spec"].update(minReplicas=3), "spec.maxReplicas"),
        ("HorizontalPodAutoscaler", lambda obj: obj["spec"].update(scaleTargetRef={}), "spec.scaleTargetRef.name"),
        ("Lease", lambda obj: obj["spec"].update(leaseDurationSeconds=0), "spec.leaseDurationSeconds"),
        ("Lease", lambda obj: obj["spec"].update(leaseTransitions=-1), "spec.leaseTransitions"),
    ],
)  # fmt: skip
def test_one_thing_wrong_is_one_problem_at_its_field(kind: str, edit: Edit, field: str) -> None:
    obj = copy.deepcopy(GOOD[kind])
    edit(obj)
    assert {problem.field for problem in problems(defaulted(obj, kind), None, kind)} == {field}


@pytest.mark.parametrize(
    ("kind", "edit", "field"),
    [
        ("Deployment", lambda obj: obj["spec"].update(selector={"matchLabels": {}}), "spec.selector"),
        ("Service", lambda obj: obj["spec"].update(clusterIP="10.0.0.9"), "spec.clusterIPs[0]"),
    ],
)
def test_what_never_changes_is_refused_in_an_update_only(kind: str, edit: Edit, field: str) -> None:
    old = defaulted(copy.deepcopy(GOOD[kind]), kind)
    new = copy.deepcopy(old)
    edit(new)
    assert [problem.field for problem in problems(new, old, kind)] == [field]
    assert problems(new, None, kind) == []
