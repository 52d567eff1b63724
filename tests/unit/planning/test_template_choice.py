"""Rule 15: another setting of the controller, or a new default of it, restarts no Pod."""

import copy
import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from gco_stream_reconciler.endpoints.model import Canary, Endpoint, State
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.manifests.template_settings import TemplateSettings, decode
from gco_stream_reconciler.planning.actions import ObjectRef
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.situation import PlanSettings
from gco_stream_reconciler.settings import LifecycleSettings
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import (
    AUTOSCALING,
    DEPLOYMENT,
    INGRESS,
    NAMESPACE,
    SETTINGS,
    done,
    endpoint,
    reported,
    reporting,
    running,
    settle,
)
from tests.unit.planning.test_adoption import predecessors_cluster

MODEL: dict[str, Any] = {"model_source": "s3://bucket/key"}
RECORD = "gco.io/template-settings"
DEFAULTS = (
    '{"model_sync_image":"public.ecr.aws/aws-cli/aws-cli:2.31.0",'
    '"root_path_images":["vllm"],"startup_limit_seconds":1800}'
)
CHANGES: list[dict[str, Any]] = [
    {"startup_limit_seconds": 3600},
    {"startup_limit_seconds": 600},
    {"model_sync_image": "mirror.example/aws-cli:9"},
    {"root_path_images": ("sglang",)},
]
ALL_CHANGED: dict[str, Any] = {
    "startup_limit_seconds": 3600,
    "model_sync_image": "mirror.example/aws-cli:9",
    "root_path_images": ("sglang",),
}
CANARY = Canary(image="vllm/vllm-openai:v2", weight=10, replicas=1)
CANARY_DEPLOYMENT = ObjectRef("Deployment", NAMESPACE, "llama-canary")
MALFORMED = [
    "",
    "null",
    "[]",
    "7",
    "{",
    "[" * 9_000,
    "[" * 100_000,
    "9" * 100_000,
    '{"model_sync_image":"a:b","root_path_images":["vllm"]}',
    '{"model_sync_image":"a:b","root_path_images":["vllm"],"startup_limit_seconds":"1800"}',
    '{"model_sync_image":"a:b","root_path_images":["vllm"],"startup_limit_seconds":1800.0}',
    '{"model_sync_image":"a:b","root_path_images":["vllm"],"startup_limit_seconds":true}',
    '{"model_sync_image":"a:b","root_path_images":["vllm"],"startup_limit_seconds":NaN}',
    '{"model_sync_image":"a:b","root_path_images":["vllm"],"startup_limit_seconds":0}',
    '{"model_sync_image":"a:b","root_path_images":["vllm"],"startup_limit_seconds":%s}' % ("9" * 4000),
    '{"model_sync_image":"a:b","root_path_images":"vllm","startup_limit_seconds":1800}',
    '{"model_sync_image":"a:b","root_path_images":[["vllm"]],"startup_limit_seconds":1800}',
    '{"model_sync_image":"","root_path_images":["vllm"],"startup_limit_seconds":1800}',
    '{"model_sync_image":"\\ud800","root_path_images":["vllm"],"startup_limit_seconds":1800}',
    DEFAULTS.replace('"vllm"', ",".join(['"vllm"'] * 10_000)),
    '{"model_sync_image":null,"root_path_images":["vllm"],"startup_limit_seconds":1800}',
]


def with_settings(**changes: Any) -> PlanSettings:
    return replace(SETTINGS, lifecycle=LifecycleSettings(**changes))


def template(cluster: PlannedCluster, ref: ObjectRef = DEPLOYMENT) -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(cluster.objects[ref]["spec"]["template"])
    return found


def container(cluster: PlannedCluster, ref: ObjectRef = DEPLOYMENT) -> dict[str, Any]:
    found: dict[str, Any] = template(cluster, ref)["spec"]["containers"][0]
    return found


def record(cluster: PlannedCluster, ref: ObjectRef = DEPLOYMENT) -> str | None:
    found: str | None = cluster.objects[ref]["metadata"]["annotations"].get(RECORD)
    return found


def write_record(cluster: PlannedCluster, text: str | None) -> None:
    annotations = cluster.objects[DEPLOYMENT]["metadata"]["annotations"]
    annotations.pop(RECORD, None)
    if text is not None:
        annotations[RECORD] = text


def probe_paths(cluster: PlannedCluster, ref: ObjectRef = DEPLOYMENT) -> set[str]:
    probes = ("startupProbe", "livenessProbe", "readinessProbe")
    return {container(cluster, ref)[probe]["httpGet"]["path"] for probe in probes}


def asked_by_the_load_balancer(cluster: PlannedCluster) -> str:
    annotations = cluster.objects[INGRESS]["metadata"]["annotations"]
    found: str = annotations["alb.ingress.kubernetes.io/healthcheck-path"]
    return found


def changed(item: Endpoint, **spec: Any) -> Endpoint:
    """The item with a change of its spec, and with what it had reported."""
    return reporting(endpoint(spec_changes={**MODEL, **spec}), reported(item))


def test_the_settings_that_a_template_was_rendered_with_stand_on_the_deployment() -> None:
    _, cluster = running()
    assert record(cluster) == DEFAULTS


def test_a_template_of_the_predecessor_has_none() -> None:
    cluster = predecessors_cluster(endpoint())
    settle(endpoint(), cluster, settings=with_settings(**ALL_CHANGED))
    assert cluster.objects[DEPLOYMENT]["metadata"]["annotations"]["gco.io/template-revision"] == "0"
    assert record(cluster) is None


@pytest.mark.parametrize("changes", [*CHANGES, ALL_CHANGED])
def test_another_setting_restarts_no_pod(changes: dict[str, Any]) -> None:
    item, cluster = running(spec_changes={**MODEL, "canary": CANARY})
    before = {ref: template(cluster, ref) for ref in (DEPLOYMENT, CANARY_DEPLOYMENT)}
    item, plans = settle(item, cluster, settings=with_settings(**changes))
    assert {ref: template(cluster, ref) for ref in before} == before
    assert reported(item).state == State.RUNNING
    assert [plan.notices for plan in plans if plan.notices] == []


@pytest.mark.parametrize("text", ["plain", "Grüße", "a\x7fb", "\U0001f600"], ids=ascii)
def test_whatever_a_template_says_its_hash_is_the_one_that_earlier_builds_recorded(text: str) -> None:
    item, cluster = running(spec_changes={**MODEL, "env": {"GREETING": text}})
    before = template(cluster)
    written = json.dumps(before, sort_keys=True, separators=(",", ":"))
    recorded = cluster.objects[DEPLOYMENT]["metadata"]["annotations"]["gco.io/template-hash"]
    assert recorded == sha256(written.encode()).hexdigest()[:16]
    settle(item, cluster, settings=with_settings(**ALL_CHANGED))
    assert template(cluster) == before


@pytest.mark.parametrize("changes", [{"model_sync_image": "a:9"}, {"root_path_images": ("sglang",)}])
def test_another_setting_that_only_templates_show_changes_nothing_at_all(changes: dict[str, Any]) -> None:
    item, cluster = running(spec_changes={**MODEL, "canary": CANARY})
    assert plan(item, cluster.observed(), cluster.now, with_settings(**changes)).actions == ()


@pytest.mark.parametrize("spec", [{"autoscaling": AUTOSCALING}, {"canary": CANARY}])
def test_nor_does_it_when_the_spec_changes_elsewhere(spec: dict[str, Any]) -> None:
    item, cluster = running(spec_changes=MODEL)
    before = template(cluster)
    settle(changed(item, **spec), cluster, settings=with_settings(**ALL_CHANGED))
    assert template(cluster) == before
    assert record(cluster) == DEFAULTS


def test_a_change_of_the_template_by_the_spec_brings_the_present_settings() -> None:
    item, cluster = running(spec_changes=MODEL)
    item, _ = settle(changed(item, port=9000), cluster, settings=with_settings(**ALL_CHANGED))
    pod = template(cluster)["spec"]
    assert pod["initContainers"][0]["image"] == "mirror.example/aws-cli:9"
    assert pod["containers"][0]["startupProbe"]["failureThreshold"] == 360
    assert "args" not in pod["containers"][0], "vllm takes a root path no more"
    assert json.loads(record(cluster) or "") == {**ALL_CHANGED, "root_path_images": ["sglang"]}
    cluster.history.clear()
    settle(item, cluster, settings=with_settings(**ALL_CHANGED))
    assert done(cluster) == []


def test_settings_that_come_back_restart_no_pod_that_was_made_in_between() -> None:
    item, cluster = running(spec_changes=MODEL)
    item, _ = settle(changed(item, port=9000), cluster, settings=with_settings(**ALL_CHANGED))
    before = template(cluster)
    settle(item, cluster)
    assert template(cluster) == before


def test_the_load_balancer_goes_on_asking_where_the_probes_do() -> None:
    item, cluster = running(spec_changes={**MODEL, "canary": CANARY})
    settings = with_settings(**ALL_CHANGED)
    item, _ = settle(item, cluster, settings=settings)
    asked = {asked_by_the_load_balancer(cluster)}
    assert asked == probe_paths(cluster) == probe_paths(cluster, CANARY_DEPLOYMENT)
    assert asked == {"/inference/llama/health"}
    settle(changed(item, canary=CANARY, port=9000), cluster, settings=settings)
    asked = {asked_by_the_load_balancer(cluster)}
    assert asked == probe_paths(cluster) == probe_paths(cluster, CANARY_DEPLOYMENT) == {"/health"}


def test_a_new_canary_is_rendered_with_the_primarys_settings() -> None:
    item, cluster = running(spec_changes=MODEL)
    settle(changed(item, canary=CANARY), cluster, settings=with_settings(**ALL_CHANGED))
    assert record(cluster, CANARY_DEPLOYMENT) == record(cluster) == DEFAULTS
    primary, canary = container(cluster), container(cluster, CANARY_DEPLOYMENT)
    assert {**canary, "image": primary["image"]} == primary


def test_another_image_of_the_canary_leaves_it_with_the_primarys_settings() -> None:
    item, cluster = running(spec_changes={**MODEL, "canary": CANARY})
    before, other = template(cluster), replace(CANARY, image="vllm/vllm-openai:v3")
    settle(changed(item, canary=other), cluster, settings=with_settings(**ALL_CHANGED))
    assert template(cluster) == before
    assert record(cluster, CANARY_DEPLOYMENT) == DEFAULTS
    assert container(cluster, CANARY_DEPLOYMENT)["image"] == other.image


@pytest.mark.parametrize(("now", "deadline"), [(600, 2400), (1800, 2400), (3600, 4200)])
def test_the_progress_deadline_covers_the_present_limit_and_that_of_the_probe(
    now: int, deadline: int
) -> None:
    item, cluster = running(spec_changes={**MODEL, "canary": CANARY})
    settle(item, cluster, settings=with_settings(startup_limit_seconds=now))
    for ref in (DEPLOYMENT, CANARY_DEPLOYMENT):
        assert cluster.objects[ref]["spec"]["progressDeadlineSeconds"] == deadline


def test_a_deployment_without_the_record_gets_it_and_no_pod_restarts() -> None:
    item, cluster = running(spec_changes=MODEL)
    write_record(cluster, None)
    before = template(cluster)
    settle(item, cluster)
    assert template(cluster) == before
    assert record(cluster) == DEFAULTS


@pytest.mark.parametrize("text", MALFORMED, ids=range(len(MALFORMED)))
def test_a_record_that_somebody_edited_beyond_reading_counts_as_none(text: str) -> None:
    assert decode(text) is None
    item, cluster = running(spec_changes=MODEL)
    write_record(cluster, text)
    before = template(cluster)
    item, _ = settle(item, cluster)
    assert template(cluster) == before, "the present settings give what stands"
    assert record(cluster) == DEFAULTS
    write_record(cluster, text)
    settle(item, cluster, settings=with_settings(**ALL_CHANGED))
    assert container(cluster)["startupProbe"]["failureThreshold"] == 360, "nothing tells of other settings"
    assert json.loads(record(cluster) or "")["startup_limit_seconds"] == 3600


def test_a_record_of_other_settings_than_the_templates_is_not_believed() -> None:
    item, cluster = running(spec_changes=MODEL)
    before = template(cluster)
    write_record(cluster, DEFAULTS.replace("1800", "86400").replace("public.ecr.aws", "example.org"))
    settle(item, cluster)
    assert template(cluster) == before
    assert record(cluster) == DEFAULTS


def test_a_record_on_a_template_of_the_predecessor_means_nothing() -> None:
    cluster = predecessors_cluster(endpoint())
    item, _ = settle(endpoint(), cluster)
    write_record(cluster, DEFAULTS.replace("1800", "86400"))
    assert plan(item, cluster.observed(), cluster.now, SETTINGS).actions == ()


TEXT = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
SETTINGS_OF_A_TEMPLATE = st.builds(
    LifecycleSettings,
    startup_limit_seconds=st.integers(60, 1_000_000),
    model_sync_image=TEXT,
    root_path_images=st.lists(st.sampled_from(["vllm", "tgi", "é"]), max_size=3).map(tuple),
)


@example_settings(max_examples=30)
@given(first=SETTINGS_OF_A_TEMPLATE, second=SETTINGS_OF_A_TEMPLATE, role=st.sampled_from(list(Role)))
@example(first=LifecycleSettings(), second=LifecycleSettings(startup_limit_seconds=60), role=Role.PRIMARY)
def test_no_change_of_settings_whatsoever_restarts_a_pod(
    first: LifecycleSettings, second: LifecycleSettings, role: Role
) -> None:
    item, cluster = endpoint(spec_changes={**MODEL, "canary": CANARY}), PlannedCluster()
    item, _ = settle(item, cluster, settings=replace(SETTINGS, lifecycle=first))
    ref = DEPLOYMENT if role is Role.PRIMARY else CANARY_DEPLOYMENT
    before = template(cluster, ref)
    settle(item, cluster, settings=replace(SETTINGS, lifecycle=second))
    assert template(cluster, ref) == before
    assert {asked_by_the_load_balancer(cluster)} == probe_paths(cluster, ref)


@given(first=SETTINGS_OF_A_TEMPLATE)
def test_what_is_written_is_read_as_it_was(first: LifecycleSettings) -> None:
    settings = TemplateSettings.of(first)
    assert decode(settings.encoded()) == settings


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(dict.fromkeys(json.loads(DEFAULTS), JSON)).map(json.dumps) | st.text(max_size=50)
)
def test_no_record_whatsoever_raises_anything(text: str) -> None:
    found = decode(text)
    assert found is None or decode(found.encoded()) == found
