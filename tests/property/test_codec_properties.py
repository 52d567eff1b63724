"""Any DynamoDB value anywhere: a spec, or a problem that says why not; never an exception."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.fingerprint import spec_fingerprint
from gco_stream_reconciler.endpoints.spec import _KNOWN
from tests.samples import sample_items

scalars = st.one_of(
    st.builds(lambda text: {"S": text}, st.text(max_size=40)),
    st.builds(lambda number: {"N": str(number)}, st.decimals(allow_nan=True, allow_infinity=True)),
    st.builds(lambda number: {"N": str(number)}, st.integers(-3, 70000)),
    st.builds(lambda truth: {"BOOL": truth}, st.booleans()),
    st.just({"NULL": True}),
    st.builds(lambda data: {"B": data}, st.binary(max_size=5)),
    st.builds(lambda items: {"SS": items}, st.lists(st.text(max_size=3), max_size=3)),
    st.sampled_from([{}, {"X": 1}, {"S": 5}, {"N": "many"}, {"M": []}, {"L": {}}, None, "raw"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(lambda items: {"L": items}, st.lists(inner, max_size=4)),
        st.builds(lambda items: {"M": items}, st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    ),
    max_leaves=12,
)
TOP = (
    "endpoint_name", "desired_state", "target_regions", "namespace", "spec", "ingress_path", "region_status", "labels",
    "created_at",
)  # fmt: skip


@given(st.sampled_from(sample_items()), st.dictionaries(st.sampled_from(TOP), values))
def test_any_value_in_any_attribute_is_read_or_refused(item: dict[str, Any], changes: dict[str, Any]) -> None:
    endpoint = decode_endpoint({**item, **changes})
    assert endpoint.spec is not None or endpoint.problems
    assert all(problem.value.isprintable() and problem.reason for problem in endpoint.problems)


@given(st.sampled_from(sample_items()), st.dictionaries(st.sampled_from(sorted(_KNOWN)), values, min_size=1))
def test_any_value_in_any_field_of_the_spec_is_read_or_refused(
    item: dict[str, Any], changes: dict[str, Any]
) -> None:
    spec = {"M": {**item["spec"]["M"], **changes}}
    endpoint = decode_endpoint({**item, "spec": spec})
    assert (endpoint.spec is None) == any(
        p.field.startswith(("spec", "endpoint_name")) for p in endpoint.problems
    )


@given(values)
def test_a_fingerprint_exists_for_every_value(value: Any) -> None:
    assert len(spec_fingerprint(value)) == 12
