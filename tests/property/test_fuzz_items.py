"""Any DynamoDB value anywhere in an item: read or refused with a reason, nothing deleted for it, nothing told of secrets.

What is read is rendered to manifests that the sandbox's API server takes.
"""

import copy
import json
from typing import Any

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from gco_stream_reconciler.endpoints import checks
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint
from gco_stream_reconciler.endpoints.spec import _KNOWN
from gco_stream_reconciler.planning.actions import Apply, Delete, ObjectRef, Plan
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.situation import PlanSettings
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.store import Store
from gco_stream_reconciler.settings import LifecycleSettings
from tests.property.test_codec_properties import TOP, values
from tests.samples import sample_item, sample_items

REGION, NAMESPACE = "us-east-1", "gco-inference"
SETTINGS = PlanSettings(REGION, (NAMESPACE,), "table-1", LifecycleSettings())
NOW = 1_795_000_000.0
SECRET = "hunter2-do-not-tell"
ENDS = (DesiredState.DELETED, DesiredState.STOPPED)
Objects = dict[ObjectRef, dict[str, Any]]


def decided(endpoint: Endpoint, objects: Objects) -> Plan:
    """The plan when every name was looked up."""
    observed = Observed(objects=objects, pods=())
    for _ in range(6):
        found = plan(endpoint, observed, NOW, SETTINGS)
        if not found.reads and found.needs_pods is None:
            return found
        observed = Observed(objects=objects, fetched=observed.fetched | set(found.reads), pods=())
    raise AssertionError(f"keeps asking for {found.reads}")


def carried_out(item: dict[str, Any]) -> Objects:
    """Every object of an item, ready, as an API server would have it; it must take them all."""
    store, endpoint = Store(), decode_endpoint(item)
    store.add_namespace(NAMESPACE)
    objects: Objects = {}
    for _ in range(6):
        for action in decided(endpoint, objects).actions:
            if isinstance(action, Apply):
                manifest = json.loads(json.dumps(action.manifest))
                kind = BY_NAME[action.ref.kind]
                made, _ = store.apply(
                    kind, action.ref.namespace, manifest, manager="gco-stream-reconciler", force=True
                )
                objects[action.ref] = copy.deepcopy(made)
        for ref, obj in objects.items():
            if ref.kind == "Deployment":
                counts = ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas")
                generation = obj["metadata"]["generation"]
                obj["status"] = {
                    "observedGeneration": generation,
                    **dict.fromkeys(counts, obj["spec"].get("replicas", 1)),
                }
    return objects


CANARY = sample_item("canary-llama3")
STANDING = carried_out(CANARY)


def test_the_standing_endpoint_is_whole() -> None:
    assert {(ref.kind, ref.name) for ref in STANDING} == {
        ("Deployment", "canary-llama3"),
        ("Deployment", "canary-llama3-canary"),
        ("Service", "canary-llama3"),
        ("Service", "canary-llama3-canary"),
        ("Ingress", "inference-canary-llama3"),
    }


# --- Nothing goes because an item is malformed --------------------------------------------------------------------

ATTRIBUTES = tuple(name for name in TOP if name != "endpoint_name")  # the key is what the item was found by


@settings(max_examples=100)
@given(
    st.dictionaries(st.sampled_from(ATTRIBUTES), values, max_size=3),
    st.dictionaries(st.sampled_from(sorted(_KNOWN)), values, max_size=3),
    st.sets(st.sampled_from(ATTRIBUTES), max_size=2),
)
def test_no_value_of_an_item_deletes_what_stands_unless_it_says_so(
    changes: dict[str, Any], spec: dict[str, Any], absent: set[str]
) -> None:
    item = {**CANARY, "spec": {"M": {**CANARY["spec"]["M"], **spec}}, **changes}
    endpoint = decode_endpoint({key: value for key, value in item.items() if key not in absent})
    gone = [action.ref for action in decided(endpoint, STANDING).actions if isinstance(action, Delete)]
    elsewhere = endpoint.target_regions is not None and REGION not in endpoint.target_regions
    event(f"problems: {bool(endpoint.problems)}, deletes: {bool(gone)}")
    if elsewhere or endpoint.desired_state is DesiredState.DELETED:
        return
    deployments = {ref.name for ref in gone if ref.kind == "Deployment"}
    assert CANARY["endpoint_name"]["S"] not in deployments
    if endpoint.problems and endpoint.desired_state is not DesiredState.STOPPED:
        assert gone == []


@settings(max_examples=100)
@given(st.dictionaries(st.text(max_size=12), values, max_size=6))
def test_an_item_of_nothing_but_noise_is_refused_and_touches_nothing(noise: dict[str, Any]) -> None:
    endpoint = decode_endpoint({**noise, "endpoint_name": CANARY["endpoint_name"]})
    assert endpoint.problems
    if endpoint.desired_state not in ENDS:
        assert not [action for action in decided(endpoint, STANDING).actions if isinstance(action, Delete)]


# --- What is read is rendered to something that is taken ----------------------------------------------------------


def text_of(pattern: Any) -> st.SearchStrategy[dict[str, str]]:
    return st.from_regex(pattern, fullmatch=True).map(lambda text: {"S": text})


def number(low: int, high: int) -> st.SearchStrategy[dict[str, str]]:
    return st.one_of(
        st.integers(low, high).map(lambda n: {"N": str(n)}),
        st.integers(low, high).map(lambda n: {"S": str(n)}),
    )


def map_of(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields).map(lambda found: {"M": found})


def list_of(one: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.lists(one, max_size=3).map(lambda found: {"L": found})


def words(*allowed: str) -> st.SearchStrategy[dict[str, str]]:
    return st.sampled_from(allowed).map(lambda word: {"S": word})


free_text = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20).map(lambda text: {"S": text})
names = st.from_regex(checks._LABEL_NAME, fullmatch=True).filter(lambda name: len(name) < 60)
labels = st.dictionaries(names, text_of(checks._LABEL_VALUE), max_size=3).map(lambda found: {"M": found})
amounts = map_of({"cpu": words("1", "500m", "0.5", "2"), "memory": words("1Gi", "512Mi", "1000000", "1.5Gi")})
# Not below the requests, the default ones included: that is for the API server to refuse.
limits = map_of({"cpu": words("4", "8000m"), "memory": words("16Gi", "32Gi")})
tolerations = list_of(
    map_of(
        {
            "key": st.just({"S": "dedicated"}),
            "operator": words("Equal", "Exists"),
            "value": words("", "gpu"),
            "effect": words("", "NoSchedule", "PreferNoSchedule", "NoExecute"),
            "tolerationSeconds": number(0, 600),
        }
    )
)
autoscaling = map_of(
    {
        "enabled": st.booleans().map(lambda truth: {"BOOL": truth}),
        "min_replicas": number(0, 5),
        "max_replicas": number(1, 20),
        "metrics": list_of(map_of({"type": words("cpu", "memory", "gpu"), "target": number(1, 100)})),
    }
)
environment = st.dictionaries(
    st.from_regex(checks._ENV_NAME, fullmatch=True), st.one_of(free_text, number(-5, 5)), max_size=3
).map(lambda found: {"M": found})
SPEC = {
    "port": number(1, 65535),
    "replicas": number(0, 20),
    "gpu_count": number(0, 8),
    "gpu_type": text_of(checks._LABEL_VALUE),
    "health_check_path": text_of(checks._HEALTH_PATH),
    "env": environment,
    "resources": map_of({"requests": amounts, "limits": limits}),
    "command": list_of(free_text),
    "args": list_of(st.one_of(free_text, number(0, 9))),
    "model_path": text_of(checks._FILE_PATH),
    "model_source": words("s3://bucket/model", "s3://my.bucket-1/a/b=c", "org/model"),
    "accelerator": words("nvidia", "neuron"),
    "node_selector": labels,
    "tolerations": tolerations,
    "capacity_type": words("spot", "on-demand"),
    "autoscaling": autoscaling,
    "canary": map_of(
        {"image": words("vllm/vllm-openai:v2"), "weight": number(1, 99), "replicas": number(1, 5)}
    ),
}


@settings(max_examples=100)
@given(st.fixed_dictionaries({}, optional=SPEC), labels, st.sampled_from(sample_items()))
def test_what_is_read_is_rendered_to_objects_that_are_taken(
    spec: dict[str, Any], own_labels: dict[str, Any], sample: dict[str, Any]
) -> None:
    item = {
        "endpoint_name": {"S": "llama"},
        "target_regions": {"L": [{"S": REGION}]},
        "desired_state": {"S": "running"},
        "labels": own_labels,
        "spec": {"M": {"image": sample["spec"]["M"]["image"], **spec}},
    }
    endpoint = decode_endpoint(item)
    event("refused" if endpoint.problems else "read")
    objects = carried_out(item)
    assert (ObjectRef("Deployment", NAMESPACE, "llama") in objects) == (not endpoint.problems)


@settings(max_examples=100)
@given(text_of(checks._INGRESS_PATH))
def test_a_path_that_is_read_is_one_that_an_ingress_takes(path: dict[str, Any]) -> None:
    item = {**sample_item("vllm-llama3"), "ingress_path": path}
    endpoint = decode_endpoint(item)
    event("refused" if endpoint.problems else "read")
    ingress = ObjectRef("Ingress", NAMESPACE, "inference-vllm-llama3")
    assert (ingress in carried_out(item)) == (not endpoint.problems)


@pytest.mark.parametrize("path", ["/a//b", "/a/./b", "/a/../b", "/a/.", "/a/..", "/a%2Fb", "/a%2fb", "/"])
def test_a_path_that_an_api_server_would_refuse_is_refused_with_the_reason(path: str) -> None:
    endpoint = decode_endpoint({**sample_item("vllm-llama3"), "ingress_path": {"S": path}})
    assert [problem.field for problem in endpoint.problems] == ["ingress_path"]


# --- Secrets ------------------------------------------------------------------------------------------------------

secret = st.sampled_from(
    [SECRET, f"{SECRET}\n", f"a {SECRET}", f'{{"token": "{SECRET}"}}', f"TOKEN={SECRET}"]
)
secret_values = st.recursive(
    secret.map(lambda text: {"S": text}),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda found: {"L": found}),
        st.dictionaries(st.sampled_from(["name", "value", "TOKEN", "bad name"]), inner, min_size=1).map(
            lambda found: {"M": found}
        ),
        secret.map(lambda text: {"SS": [text]}),
        secret.map(lambda text: {"B": text.encode()}),
    ),
    max_leaves=5,
)


@given(secret_values)
@example({"S": f"TOKEN={SECRET}"})
@example({"L": [{"M": {"name": {"S": "TOKEN"}, "value": {"S": SECRET}}}]})
def test_no_ill_typed_environment_is_shown(found: dict[str, Any]) -> None:
    item = sample_item("vllm-llama3")
    for spec in ({"M": {**item["spec"]["M"], "env": found}}, {"M": {"env": found}}):
        endpoint = decode_endpoint({**item, "spec": spec})
        shown = repr(endpoint) + repr(decided(endpoint, {}).status)
        assert SECRET not in shown


@pytest.mark.parametrize(
    "spec",
    [
        {"S": json.dumps({"image": "vllm/vllm-openai:v1", "env": {"TOKEN": SECRET}})},
        {"S": f"env: TOKEN={SECRET}"},
        {"L": [{"M": {"env": {"M": {"TOKEN": {"S": SECRET}}}}}]},
    ],
)
def test_a_spec_that_is_no_map_is_not_shown(spec: dict[str, Any]) -> None:
    endpoint = decode_endpoint({**sample_item("vllm-llama3"), "spec": spec})
    assert endpoint.spec is None
    assert SECRET not in repr(endpoint)


@pytest.mark.parametrize("name", [f"TOKEN={SECRET}", f"TOKEN: {SECRET}", f"\n{SECRET}"])
def test_a_variable_whose_name_holds_its_value_is_not_shown(name: str) -> None:
    item = sample_item("vllm-llama3")
    spec = {"M": {**item["spec"]["M"], "env": {"M": {name: {"S": ""}}}}}
    endpoint = decode_endpoint({**item, "spec": spec})
    assert endpoint.spec is None
    assert SECRET not in repr(endpoint)
