import json
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.console.plain import plain, text
from gco_stream_reconciler.console.views import CanarySplit
from gco_stream_reconciler.endpoints.model import State
from gco_stream_reconciler.planning.actions import ObjectRef, Plan

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals(allow_nan=False, places=2)
    | st.text(st.characters())
    | st.binary(max_size=4)
    | st.sampled_from(list(State)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(anything)
def test_anything_becomes_json_that_can_be_sent(value: Any) -> None:
    document = plain(value)
    assert json.loads(text(document)) is not ...
    json.dumps(document, allow_nan=False)
    text(document).encode("utf-8")


def test_facts_keep_their_meaning() -> None:
    value = {
        "state": State.RUNNING,
        "count": Decimal(3),
        "share": Decimal("0.5"),
        "canary": CanarySplit(20, 10),
        "frozen": MappingProxyType({"a": (1, 2)}),
        "set": frozenset({"b", "a"}),
        "endless": float("inf"),
    }
    assert plain(value) == {
        "state": "running",
        "count": 3,
        "share": 0.5,
        "canary": {"weight_wanted": 20, "weight_applied": 10},
        "frozen": {"a": [1, 2]},
        "set": ["a", "b"],
        "endless": "inf",
    }


def test_a_plan_and_objects_by_reference_can_be_shown_as_they_are() -> None:
    ref = ObjectRef("Service", "gco-inference", "llama")
    assert plain(Plan(reads=(ref,)))["reads"] == [
        {"kind": "Service", "namespace": "gco-inference", "name": "llama"}
    ]
    assert plain({ref: 1}) == {"Service gco-inference/llama": 1}


def test_a_lone_surrogate_can_be_sent() -> None:
    assert text("\ud800") == '"?"\n'
