"""docs/deploy/migrate.md quotes what `diff` says about the predecessor's objects, and promises what it does not say."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gco_stream_reconciler.cli.differing import Difference, differences_of
from gco_stream_reconciler.cli.item_files import as_dynamodb
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.planning.actions import Apply, ObjectRef
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.situation import PlanSettings
from gco_stream_reconciler.settings import LifecycleSettings
from tests.docs.pages import DOCS, blocks
from tests.doubles.predecessor import predecessors_manifests

PAGE = DOCS / "deploy" / "migrate.md"
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/gco-inference-endpoints"
DEPLOYMENT = ObjectRef("Deployment", "gco-inference", "llama")
SETTINGS = PlanSettings("us-east-1", ("gco-inference",), TABLE, LifecycleSettings())
SPEC = {"image": "vllm/vllm-openai:v0.20.1", "replicas": 2, "env": {"A": "1", "B": "2"}}


def item(spec: Mapping[str, Any]) -> Endpoint:
    return decode_endpoint(
        as_dynamodb({"endpoint_name": "llama", "target_regions": ["us-east-1"], "spec": dict(spec)})
    )


def predecessors(endpoint: Endpoint) -> Observed:
    """What inference_monitor had made for the item, in a cluster."""
    objects = {}
    for live in predecessors_manifests(endpoint, SETTINGS.context):
        meta = live["metadata"]
        meta["annotations"] = {
            name: value
            for name, value in meta["annotations"].items()
            if name.startswith("alb.") and not name.endswith("/target-type")
        }
        entry = {
            "manager": "OpenAPI-Generator",
            "operation": "Update",
            "apiVersion": live["apiVersion"],
            "fieldsV1": {},
        }
        meta.update(uid=live["kind"], generation=1, managedFields=[entry])
        if live["kind"] == "Deployment":
            live["status"] = {
                "observedGeneration": 1,
                "replicas": 2,
                "updatedReplicas": 2,
                "readyReplicas": 2,
            }
        objects[ObjectRef(live["kind"], meta["namespace"], meta["name"])] = live
    absent = {ObjectRef("HorizontalPodAutoscaler", "gco-inference", "llama")}
    return Observed(objects, fetched=frozenset({*objects, *absent}))


def diff(wanted: Mapping[str, Any], made_for: Mapping[str, Any] = SPEC) -> list[Difference]:
    observed = predecessors(item(made_for))
    return list(differences_of(plan(item(wanted), observed, 0.0, SETTINGS), observed))


def text(difference: Difference) -> str:
    return f"{difference.action} {difference.ref}: {', '.join(difference.reasons)}\n{difference.diff}".strip()


def test_the_page_shows_what_diff_says_about_an_endpoint_that_is_as_its_spec_says() -> None:
    quoted = blocks(PAGE, of="text")[0]
    shown = [text(each) for each in diff(SPEC) if each.ref.kind == "Deployment"]
    assert "\n".join(shown) + "\n" == quoted


def test_adoption_adds_labels_and_annotations_and_touches_nothing_else() -> None:
    for each in diff(SPEC):
        assert each.action in ("take over", "change")
        changed = [line for line in each.diff.splitlines() if re.match(r"[+-](?![+-])", line)]
        assert [
            line for line in changed if not re.match(r"[+-](?:  |    )[\w./-]+: ?|[+]  annotations:", line)
        ] == []
        assert not any(re.match(r"[+-](?:spec|  (?:replicas|template|rules))", line) for line in changed)


def test_a_template_that_differs_is_kept_and_named_as_the_page_says() -> None:
    found = [text(each) for each in diff({**SPEC, "env": {"A": "1", "B": "3"}})]
    assert any("gco.io/template-kept:" in each for each in found)
    assert not any("\n+    spec:" in each or "[redacted" in each for each in found)


def test_an_image_that_the_predecessor_had_not_rolled_out_is_kept_until_another_input_changes() -> None:
    late = {**SPEC, "image": "vllm/vllm-openai:v0.21.0"}
    observed = predecessors(item(SPEC))
    decided = plan(item(late), observed, 0.0, SETTINGS)
    assert decided.status is not None
    said = "it differs at spec.template.spec.containers[inference].image"
    assert said in (decided.status.message or "")
    assert said in PAGE.read_text("utf-8")
    (kept,) = [
        action.manifest
        for action in decided.actions
        if isinstance(action, Apply) and action.ref.kind == "Deployment"
    ]
    assert "template" not in kept["spec"]
    marks = kept["metadata"]["annotations"]
    live = {**observed.objects[DEPLOYMENT], "spec": {**observed.objects[DEPLOYMENT]["spec"]}}
    live["metadata"] = {**live["metadata"], "annotations": marks, "labels": kept["metadata"]["labels"]}
    adopted = replace(observed, objects={**observed.objects, DEPLOYMENT: live})
    edited = plan(item({**late, "env": {"A": "2"}}), adopted, 0.0, SETTINGS)
    (rendered,) = [
        action.manifest for action in edited.actions if isinstance(action, Apply) and action.ref == DEPLOYMENT
    ]
    (container,) = rendered["spec"]["template"]["spec"]["containers"]
    assert container["image"] == late["image"]
    assert container["startupProbe"]


def test_an_autoscaler_that_was_never_made_and_replicas_that_were_never_set_are_shown_as_the_page_says() -> (
    None
):
    scaled = {**SPEC, "autoscaling": {"enabled": True, "min_replicas": 2, "max_replicas": 4}}
    lines = [text(each).splitlines()[0] for each in diff(scaled)]
    assert "scale to 2 Deployment gco-inference/llama: the autoscaler takes over" in lines
    assert "create HorizontalPodAutoscaler gco-inference/llama: absent" in lines
    more = next(each for each in diff({**SPEC, "replicas": 3}) if each.diff and each.ref.kind == "Deployment")
    assert "-  replicas: 2" in more.diff
    assert "+  replicas: 3" in more.diff
