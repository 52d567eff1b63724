import json
from dataclasses import replace
from typing import Any

from gco_stream_reconciler.cli.differing import Difference, differences_of
from gco_stream_reconciler.cli.projecting import projected
from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.plan import plan
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import DEPLOYMENT, SETTINGS, endpoint, running


def differences(item: Endpoint, cluster: PlannedCluster) -> list[Difference]:
    observed: Observed = cluster.observed()
    decided = plan(item, observed, cluster.now, SETTINGS)
    for _ in range(3):
        if decided.reads:
            observed = replace(observed, fetched=observed.fetched | set(decided.reads))
            decided = plan(item, observed, cluster.now, SETTINGS)
    return list(differences_of(decided, observed))


def changed(item: Endpoint, **spec: Any) -> Endpoint:
    assert item.spec is not None
    return replace(item, spec=replace(item.spec, **spec), spec_hash="c" * 12)


def lines(found: Difference, sign: str) -> list[str]:
    return [line[1:].strip() for line in found.diff.splitlines() if line.startswith(sign)]


def test_nothing_differs_where_everything_stands() -> None:
    assert differences(*running()) == []


def test_a_changed_image_is_one_line_on_each_side() -> None:
    item, cluster = running()
    (found,) = differences(changed(item, image="vllm/vllm-openai:v2"), cluster)
    assert (found.ref, found.action) == (DEPLOYMENT, "change")
    assert "image: vllm/vllm-openai:v1" in lines(found, "-")
    assert "image: vllm/vllm-openai:v2" in lines(found, "+")


def test_a_changed_variable_is_seen_but_no_value_of_it() -> None:
    item, cluster = running()
    (found,) = differences(changed(item, env={"TOKEN": "hunter3", "NEW": "hunter4"}), cluster)
    assert "value: '[redacted, another value]'" in lines(found, "+")
    assert "- name: NEW" in lines(found, "+")
    assert "hunter" not in found.diff


def test_an_object_to_be_made_is_shown_whole_without_secrets() -> None:
    found = {each.ref.kind: each for each in differences(endpoint(), PlannedCluster())}
    assert set(found) == {"Deployment", "Service"}
    assert found["Deployment"].action == "create"
    assert "value: '[redacted]'" in lines(found["Deployment"], "+")
    assert "hunter" not in found["Deployment"].diff


def test_a_deletion_shows_what_goes() -> None:
    item, cluster = running()
    found = differences(replace(item, desired_state=DesiredState.DELETED), cluster)
    assert (found[0].action, found[0].ref.kind) == ("delete", "Ingress")
    assert "name: inference-llama" in lines(found[0], "-")


# --- Projection -------------------------------------------------------------------------------------------------------


def service(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "llama", "namespace": "gco-inference", **changes.pop("metadata", {})},
        "spec": {
            "selector": {"app": "llama"},
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 8000}],
        },
    }


def test_what_others_own_is_left_out() -> None:
    live = service(metadata={"resourceVersion": "7", "labels": {"team": "a"}})
    live["spec"]["clusterIP"] = "10.0.0.1"
    assert projected(service(), live) == service()


def test_a_field_that_was_dropped_from_the_manifest_is_still_shown() -> None:
    owned = {"f:metadata": {"f:labels": {"f:old": {}}}}
    managed = [{"manager": "gco-stream-reconciler", "operation": "Apply", "fieldsV1": owned}]
    live = service(metadata={"labels": {"old": "x", "team": "a"}, "managedFields": managed})
    assert projected(service(), live)["metadata"]["labels"] == {"old": "x"}


def test_a_list_entry_that_was_dropped_is_still_shown() -> None:
    key = "k:" + json.dumps({"port": 81, "protocol": "TCP"}, separators=(",", ":"))
    owned = {"f:spec": {"f:ports": {key: {".": {}, "f:port": {}}}}}
    managed = [{"manager": "gco-stream-reconciler", "operation": "Apply", "fieldsV1": owned}]
    live = service(metadata={"managedFields": managed})
    live["spec"]["ports"] = [
        {"port": 81, "protocol": "TCP"},
        *live["spec"]["ports"],
        {"port": 82, "protocol": "TCP"},
    ]
    assert [port["port"] for port in projected(service(), live)["spec"]["ports"]] == [80, 81]


def test_equal_quantities_are_no_difference() -> None:
    def deployment(cpu: str) -> dict[str, Any]:
        container = {"name": "inference", "resources": {"requests": {"cpu": cpu}}}
        return {
            "kind": "Deployment",
            "metadata": {},
            "spec": {"template": {"spec": {"containers": [container]}}},
        }

    assert projected(deployment("1"), deployment("1000m")) == deployment("1")
    assert projected(deployment("1"), deployment("2")) == deployment("2")
