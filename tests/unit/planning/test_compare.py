import copy
from typing import Any

import pytest

from gco_stream_reconciler.planning.compare import differences


def deployment() -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "n", "labels": {"app": "a"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "a"}},
            "template": {
                "metadata": {"labels": {"app": "a"}},
                "spec": {
                    "containers": [
                        {
                            "name": "inference",
                            "image": "img:1",
                            "ports": [{"containerPort": 8000}],
                            "env": [{"name": "A", "value": "1"}, {"name": "EMPTY", "value": ""}],
                            "args": ["--x", "1"],
                            "resources": {"requests": {"cpu": "1000m", "memory": "4096Mi"}},
                        }
                    ],
                    "nodeSelector": {"pool": "gpu"},
                    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Equal", "value": "true"}],
                },
            },
        },
    }


def as_the_server_answers(wanted: dict[str, Any]) -> dict[str, Any]:
    """Defaults filled in, quantities canonical, empty text left out."""
    live = copy.deepcopy(wanted)
    live["metadata"].update(uid="u", resourceVersion="7", generation=1)
    live["spec"]["strategy"] = {"type": "RollingUpdate"}
    pod = live["spec"]["template"]["spec"]
    pod["dnsPolicy"] = "ClusterFirst"
    container = pod["containers"][0]
    container["imagePullPolicy"] = "IfNotPresent"
    container["ports"][0]["protocol"] = "TCP"
    container["resources"]["requests"] = {"cpu": "1", "memory": "4Gi"}
    del container["env"][1]["value"]
    return live


def container_of(live: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = live["spec"]["template"]["spec"]["containers"][0]
    return found


def test_defaults_canonical_quantities_and_omitted_empty_values_are_no_difference() -> None:
    wanted = deployment()
    assert differences(wanted, as_the_server_answers(wanted)) == ()


def test_what_others_add_is_no_difference() -> None:
    wanted = deployment()
    live = as_the_server_answers(wanted)
    live["spec"]["template"]["spec"]["containers"].insert(0, {"name": "sidecar", "image": "proxy:1"})
    container_of(live)  # the sidecar comes first now
    live["spec"]["template"]["spec"]["containers"][1]["env"].append({"name": "INJECTED", "value": "x"})
    live["metadata"]["labels"]["theirs"] = "1"
    live["metadata"]["annotations"] = {"theirs": "1"}
    assert differences(wanted, live) == ()


@pytest.mark.parametrize(
    ("path", "edit"),
    [
        (
            "spec.template.spec.containers[inference].image",
            lambda o: container_of(o).update(image="img:drift"),
        ),
        ("spec.replicas", lambda o: o["spec"].update(replicas=5)),
        ("metadata.labels.app", lambda o: o["metadata"]["labels"].pop("app")),
        (
            "spec.template.spec.containers[inference].env[A].value",
            lambda o: container_of(o)["env"][0].update(value="2"),
        ),
        ("spec.template.spec.containers[inference].env[A]", lambda o: container_of(o)["env"].pop(0)),
        ("spec.template.spec.containers[inference].args", lambda o: container_of(o)["args"].append("--y")),
        (
            "spec.template.spec.containers[inference].ports[8000,TCP]",
            lambda o: container_of(o)["ports"][0].update(protocol="UDP"),
        ),
        (
            "spec.template.spec.containers[inference].resources.requests.cpu",
            lambda o: container_of(o)["resources"]["requests"].update(cpu="2"),
        ),
        (
            "spec.template.spec.nodeSelector.zone",
            lambda o: o["spec"]["template"]["spec"]["nodeSelector"].update(zone="a"),
        ),
        (
            "spec.template.spec.tolerations",
            lambda o: o["spec"]["template"]["spec"]["tolerations"].append({"operator": "Exists"}),
        ),
        ("spec.template.spec.containers", lambda o: o["spec"]["template"]["spec"].pop("containers")),
    ],
)
def test_a_changed_field_of_ours_is_named_by_its_path(path: str, edit: Any) -> None:
    wanted = deployment()
    live = as_the_server_answers(wanted)
    edit(live)
    assert differences(wanted, live) == (path,)


def test_an_atomic_list_is_compared_whole_with_what_only_the_live_side_has() -> None:
    backend = {"service": {"name": "a", "port": {"number": 80}}}
    path = {"path": "/inference/a", "pathType": "Prefix", "backend": backend}
    wanted = {"kind": "Ingress", "metadata": {"name": "i"}, "spec": {"rules": [{"http": {"paths": [path]}}]}}
    live = copy.deepcopy(wanted)
    assert differences(wanted, live) == ()
    live["spec"]["rules"][0]["host"] = "example.com"  # type: ignore[index]
    assert differences(wanted, live) == ("spec.rules",)


def test_no_value_ever_appears_in_a_difference() -> None:
    wanted = deployment()
    container_of(wanted)["env"][0]["value"] = "hunter2"
    live = as_the_server_answers(deployment())
    assert differences(wanted, live)
    assert "hunter2" not in str(differences(wanted, live))


def test_zero_and_absent_are_the_same_for_fields_that_the_server_leaves_out() -> None:
    wanted = deployment()
    container_of(wanted)["readinessProbe"] = {"initialDelaySeconds": 0, "httpGet": {"path": "/h", "port": 1}}
    live = as_the_server_answers(wanted)
    del container_of(live)["readinessProbe"]["initialDelaySeconds"]
    assert differences(wanted, live) == ()


def test_true_is_not_one() -> None:
    wanted = deployment()
    wanted["spec"]["paused"] = True
    live = as_the_server_answers(wanted)
    live["spec"]["paused"] = 1
    assert differences(wanted, live) == ("spec.paused",)
