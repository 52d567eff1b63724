from typing import Any

import pytest

from gco_stream_reconciler.sandbox.kubernetes.decoding import decoded
from gco_stream_reconciler.sandbox.kubernetes.schema import root
from gco_stream_reconciler.sandbox.kubernetes.strictness import unknown_fields
from gco_stream_reconciler.sandbox.kubernetes.typing_checks import apply_problem, decode_problem

Object = dict[str, Any]


def deployment(container: Object | None = None, **spec: Any) -> Object:
    template = {"metadata": {}, "spec": {"containers": [] if container is None else [container]}}
    return {"metadata": {"name": "a"}, "spec": {"selector": {}, "strategy": {}, "template": template, **spec}}


def container_of(obj: Object) -> Object:
    found: Object = obj["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ({"name": "c", "nonsense": 1}, {"name": "c"}),
        ({"name": "c", "image": None}, {"name": "c"}),
        ({"name": "c", "image": ""}, {"name": "c"}),
        ({"name": "c", "args": []}, {"name": "c"}),
        ({"name": "c", "stdin": False, "tty": True}, {"name": "c", "tty": True}),
        ({"name": "c", "resources": {"limits": {"cpu": 1}}}, {"name": "c", "resources": {"limits": {"cpu": "1"}}}),
        (
            {"name": "c", "resources": {"limits": {"cpu": "1000m"}}},
            {"name": "c", "resources": {"limits": {"cpu": "1"}}},
        ),
        ({"name": "c", "env": [{"name": "A", "value": ""}]}, {"name": "c", "env": [{"name": "A"}]}),
        ({"name": None}, {"name": ""}),
    ],
)  # fmt: skip
def test_an_object_is_kept_as_go_writes_what_it_read(written: Object, kept: Object) -> None:
    found = container_of(decoded(deployment(written), root("Deployment")))
    assert {"resources": {}, **found} == {"resources": {}, **kept}


def test_nulls_become_zeros_where_the_type_is_no_pointer() -> None:
    assert decoded({"metadata": None, "spec": None}, root("Deployment")) == {"metadata": {}, "spec": {}}


def test_what_is_canonical_is_returned_itself() -> None:
    obj = deployment({"name": "c", "image": "i", "resources": {"limits": {"cpu": "1"}}})
    assert decoded(obj, root("Deployment")) is obj


@pytest.mark.parametrize(
    ("time", "problem"),
    [
        ("2026-01-02T03:04:05.000006Z", ""),
        ("2026-01-02T03:04:05.000006+00:00", ""),
        ("2026-01-02T03:04:05Z", "cannot parse"),
        ("2026-01-02", 'as "T"'),
        ("2026-01-02T03:04:05.000006Zx", "extra text"),
    ],
)
def test_a_lease_needs_times_with_microseconds(time: str, problem: str) -> None:
    lease = {"metadata": {"name": "a"}, "spec": {"renewTime": time}}
    if problem:
        with pytest.raises(ValueError, match=problem):
            decoded(lease, root("Lease"))
    else:
        assert decoded(lease, root("Lease"))["spec"]["renewTime"] == "2026-01-02T03:04:05.000006Z"


@pytest.mark.parametrize(
    ("spec", "by_apply", "by_decoder"),
    [
        (
            {"replicas": "2"},
            ".spec.replicas: expected numeric",
            "cannot unmarshal string into Go struct field",
        ),
        ({"replicas": True}, ".spec.replicas: expected numeric", "cannot unmarshal bool"),
        ({"paused": "no"}, ".spec.paused: expected boolean", "cannot unmarshal string"),
        ({"template": []}, ".spec.template: expected map", "cannot unmarshal array"),
        ({"nonsense": 1}, ".spec.nonsense: field not declared in schema", None),
        ({"replicas": 2}, None, None),
        ({"replicas": None}, None, None),
    ],
)
def test_wrong_types_are_named_by_apply_and_by_the_decoder(
    spec: Object, by_apply: str | None, by_decoder: str | None
) -> None:
    obj = {"metadata": {"name": "a"}, "spec": spec}
    for found, expected in (
        (apply_problem(obj, root("Deployment")), by_apply),
        (decode_problem(obj, root("Deployment")), by_decoder),
    ):
        assert (found is None) == (expected is None), found
        assert expected is None or expected in (found or "")


def test_apply_names_duplicate_items() -> None:
    twice = deployment()
    twice["spec"]["template"]["spec"]["containers"] = [{"name": "c"}, {"name": "c"}]
    problem = apply_problem(twice, root("Deployment"))
    assert problem == '.spec.template.spec.containers: duplicate entries for key [name="c"]'


def test_a_strict_decoder_names_every_unknown_field_with_its_path() -> None:
    obj = deployment({"name": "c", "x": 1}, y={"z": 1})
    assert unknown_fields(obj, root("Deployment")) == (
        'unknown field "spec.template.spec.containers[0].x"',
        'unknown field "spec.y"',
    )
    assert unknown_fields(deployment({"name": "c"}), root("Deployment")) == ()
