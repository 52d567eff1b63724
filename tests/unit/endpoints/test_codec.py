import copy
from typing import Any

import pytest

from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.fingerprint import spec_fingerprint
from gco_stream_reconciler.endpoints.model import Autoscaling, AutoscalingMetric, DesiredState, Toleration
from tests.samples import malformed_items, sample_item, sample_items

REFUSALS = {
    "spec without an image": ("spec.image", "is required"),
    "no spec at all": ("spec", "is required"),
    "spec is a string": ("spec", "must be a map"),
    "negative replicas": ("spec.replicas", "whole number from 0"),
    "replicas is a word": ("spec.replicas", "whole number from 0"),
    "port out of range": ("spec.port", "from 1 to 65535"),
    "name is not a DNS label": ("endpoint_name", "DNS label"),
    "name too long for the canary's suffix": ("spec.canary", "at most 56 characters"),
    "unknown desired_state": ("desired_state", "deploying or running or stopped or deleted"),
    "canary weight 100": ("spec.canary.weight", "from 1 to 99"),
    "canary without an image": ("spec.canary.image", "is required"),
    "min_replicas above max_replicas": ("spec.autoscaling.max_replicas", "below min_replicas (9)"),
    "model_source with shell characters": ("spec.model_source", "s3://bucket/key"),
    "target_regions is a string": ("target_regions", "list of Region names"),
    "health path without a slash": ("spec.health_check_path", "begins with /"),
    "env is a list": ("spec.env", "must be a map"),
}
# The path was made of the name.
REFUSED_BESIDES = {"name is not a DNS label": ["ingress_path"]}
WELL_FORMED_BUT_REFUSED_BY_PLANNING = {"namespace outside the allowed ones"}


def with_spec(**fields: Any) -> dict[str, Any]:
    item = copy.deepcopy(sample_item("vllm-llama3"))
    item["spec"]["M"].update(fields)
    return item


@pytest.mark.parametrize("item", sample_items(), ids=lambda item: item["endpoint_name"]["S"])
def test_a_good_sample_has_a_spec_and_no_problem(item: dict[str, Any]) -> None:
    endpoint = decode_endpoint(item)
    assert endpoint.spec is not None
    assert endpoint.problems == ()
    assert endpoint.warnings == ()


@pytest.mark.parametrize(
    ("why", "item"), malformed_items(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_malformed_sample_is_refused_with_field_and_reason(why: str, item: dict[str, Any]) -> None:
    endpoint = decode_endpoint(item)
    if why in WELL_FORMED_BUT_REFUSED_BY_PLANNING:
        assert endpoint.problems == ()
        return
    field, reason = REFUSALS[why]
    problem, *others = endpoint.problems
    assert problem.field == field
    assert reason in problem.reason
    assert [other.field for other in others] == REFUSED_BESIDES.get(why, [])


def test_every_default_of_the_contract_is_filled_in() -> None:
    endpoint = decode_endpoint(
        {
            "endpoint_name": {"S": "a"},
            "target_regions": {"L": [{"S": "us-east-1"}]},
            "spec": {"M": {"image": {"S": "img:1"}}},
        }
    )
    spec = endpoint.spec
    assert spec is not None
    assert endpoint.desired_state is DesiredState.DEPLOYING
    assert (endpoint.namespace, endpoint.ingress_path) == ("gco-inference", "/inference/a")
    assert (spec.port, spec.replicas, spec.gpu_count, spec.health_check_path) == (8000, 1, 1, "/health")
    assert (spec.accelerator, spec.canary, spec.autoscaling) == ("nvidia", None, None)
    assert endpoint.region_status == {}
    assert not endpoint.region_status_is_map


@pytest.mark.parametrize("value", [{"N": "2"}, {"S": "2"}, {"S": "2.0"}, {"N": "2E0"}, {"S": " 2 "}])
def test_a_whole_number_may_come_in_any_notation(value: dict[str, Any]) -> None:
    spec = decode_endpoint(with_spec(replicas=value)).spec
    assert spec is not None
    assert spec.replicas == 2


@pytest.mark.parametrize(
    "value",
    [
        {"N": "2.5"},
        {"S": "NaN"},
        {"S": "Infinity"},
        {"BOOL": True},
        {"L": []},
        {"N": "1E99"},
        {"S": "1e999999999"},
    ],
)
def test_what_is_no_usable_whole_number_is_refused(value: dict[str, Any]) -> None:
    endpoint = decode_endpoint(with_spec(replicas=value))
    assert endpoint.spec is None
    assert [problem.field for problem in endpoint.problems] == ["spec.replicas"]


def test_a_null_counts_as_absent() -> None:
    spec = decode_endpoint(with_spec(replicas={"NULL": True}, canary={"NULL": True})).spec
    assert spec is not None
    assert (spec.replicas, spec.canary) == (1, None)


def test_environment_becomes_text_and_its_values_never_show() -> None:
    endpoint = decode_endpoint(
        with_spec(env={"M": {"N": {"N": "1.50"}, "B": {"BOOL": True}, "S": {"S": "hunter2"}}})
    )
    assert endpoint.spec is not None
    assert endpoint.spec.env == {"N": "1.50", "B": "true", "S": "hunter2"}
    assert "hunter2" not in repr(endpoint)
    bad = decode_endpoint(with_spec(env={"M": {"A=B": {"S": "hunter2"}, "C": {"L": [{"S": "hunter2"}]}}}))
    assert sorted(problem.field for problem in bad.problems) == ["spec.env[C]", "spec.env[name 1]"]
    assert "hunter2" not in str(bad.problems)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"env": {"M": {"TOKEN": {"S": "hf_\ud800secret"}}}}, "spec.env[TOKEN]"),
        ({"command": {"L": [{"S": "ok"}, {"S": "hf_secret\udfff"}]}}, "spec.command"),
        ({"args": {"L": [{"S": "\udc80hf_secret"}]}}, "spec.args"),
    ],
)
def test_half_of_a_surrogate_pair_is_a_problem_of_its_item(fields: dict[str, Any], problem: str) -> None:
    endpoint = decode_endpoint(with_spec(**fields))
    assert [each.field for each in endpoint.problems] == [problem]
    assert "surrogate" in endpoint.problems[0].reason
    assert "secret" not in repr(endpoint)


def test_control_characters_in_a_problem_are_escaped_and_long_values_cut() -> None:
    endpoint = decode_endpoint(with_spec(image={"S": "a\nb\x1b[31m" + "x" * 500}))
    (problem,) = endpoint.problems
    assert problem.value.isprintable()
    assert len(problem.value) <= 80


def test_unknown_fields_are_named_and_not_refused() -> None:
    endpoint = decode_endpoint(with_spec(warmup={"S": "x"}))
    assert endpoint.problems == ()
    assert endpoint.warnings == ("spec fields not known and not used: 'warmup'",)


def test_a_malformed_spec_leaves_the_other_fields_readable() -> None:
    item = with_spec(port={"S": "http"})
    item["desired_state"] = {"S": "stopped"}
    endpoint = decode_endpoint(item)
    assert endpoint.spec is None
    assert endpoint.desired_state is DesiredState.STOPPED
    assert endpoint.target_regions == ("us-east-1", "eu-west-1")


def test_unknown_metrics_are_skipped_and_cpu_stands_in_when_none_remains() -> None:
    metrics = {"L": [{"M": {"type": {"S": "gpu"}, "target": {"N": "5"}}}]}
    autoscaling = {"M": {"enabled": {"BOOL": True}, "max_replicas": {"N": "3"}, "metrics": metrics}}
    endpoint = decode_endpoint(with_spec(autoscaling=autoscaling))
    assert endpoint.spec is not None
    assert endpoint.spec.autoscaling == Autoscaling(1, 3, (AutoscalingMetric("cpu", 70),))
    assert "metric type not known" in endpoint.warnings[0]


def test_autoscaling_that_is_off_is_none() -> None:
    spec = decode_endpoint(with_spec(autoscaling={"M": {"enabled": {"BOOL": False}}})).spec
    assert spec is not None
    assert spec.autoscaling is None


def test_tolerations_are_read_and_their_rules_checked() -> None:
    good = {"L": [{"M": {"key": {"S": "team"}, "operator": {"S": "Exists"}, "effect": {"S": "NoSchedule"}}}]}
    spec = decode_endpoint(with_spec(tolerations=good)).spec
    assert spec is not None
    assert spec.tolerations == (Toleration(key="team", operator="Exists", effect="NoSchedule"),)
    bad = {"L": [{"M": {"operator": {"S": "Equal"}}}]}
    assert decode_endpoint(with_spec(tolerations=bad)).problems[0].field == "spec.tolerations[0].operator"


@pytest.mark.parametrize("path", ["/", "//", "no-slash", "/a*", "/a?b", "/a b", "/a\n", ""])
def test_an_ingress_path_that_would_take_too_much_is_refused(path: str) -> None:
    item = {**sample_item("vllm-llama3"), "ingress_path": {"S": path}}
    endpoint = decode_endpoint(item)
    assert endpoint.ingress_path is None
    assert [problem.field for problem in endpoint.problems] == ["ingress_path"]


@pytest.mark.parametrize(
    "path", ["/inference/a,b", "/v1/50%25", "/a(b)!", "/a=b;c", "/ä", '/a"b', f"/{'a' * 126}"]
)
def test_an_ingress_path_that_no_rule_of_a_load_balancer_takes_is_refused(path: str) -> None:
    endpoint = decode_endpoint({**sample_item("vllm-llama3"), "ingress_path": {"S": path}})
    assert [problem.field for problem in endpoint.problems] == ["ingress_path"]


@pytest.mark.parametrize("path", ["/a", f"/{'a' * 125}", f"/{'a' * 125}/", "/A-z_0.$~'@:+&/v1/"])
def test_an_ingress_path_may_be_as_long_as_a_rule_of_a_load_balancer(path: str) -> None:
    endpoint = decode_endpoint({**sample_item("vllm-llama3"), "ingress_path": {"S": path}})
    assert endpoint.ingress_path == path
    assert not endpoint.problems


def test_a_health_path_leaves_room_for_a_root_path_before_it() -> None:
    assert not decode_endpoint(with_spec(health_check_path={"S": f"/{'h' * 511}"})).problems
    problems = decode_endpoint(with_spec(health_check_path={"S": f"/{'h' * 512}"})).problems
    assert [problem.field for problem in problems] == ["spec.health_check_path"]


def test_labels_that_are_invalid_or_ours_cost_a_warning_only() -> None:
    labels = {
        "M": {"team": {"S": "search"}, "app": {"S": "x"}, "gco.io/type": {"S": "x"}, "bad key": {"S": "v"}}
    }
    endpoint = decode_endpoint({**sample_item("vllm-llama3"), "labels": labels})
    assert endpoint.labels == {"team": "search"}
    assert len(endpoint.warnings) == 3
    assert endpoint.spec is not None


class TestFingerprint:
    def test_key_order_and_number_notation_do_not_matter(self) -> None:
        one = {"M": {"a": {"N": "2"}, "b": {"NS": ["1", "2.0"]}, "c": {"L": [{"N": "1E2"}]}}}
        other = {"M": {"c": {"L": [{"N": "100"}]}, "b": {"NS": ["2", "1.0"]}, "a": {"N": "2.00"}}}
        assert spec_fingerprint(one) == spec_fingerprint(other)
        assert len(spec_fingerprint(one)) == 12

    def test_a_different_value_or_type_matters(self) -> None:
        values: list[Any] = [None, {"S": "x"}, {"M": {}}, {"M": {"a": {"N": "2"}}}, {"M": {"a": {"S": "2"}}}]
        assert len({spec_fingerprint(value) for value in values}) == len(values)

    def test_it_exists_for_a_malformed_spec(self) -> None:
        assert decode_endpoint(with_spec(port={"S": "http"})).spec_hash != ""
