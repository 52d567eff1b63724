from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.sandbox.kubernetes.ingress_group import IngressGroup
from gco_stream_reconciler.sandbox.kubernetes.routing import BuildError, Forward, Model, Place, merged

PLACES = [("a", "two"), ("a", "one"), ("b", "one")]
MODELS = st.dictionaries(
    st.sampled_from(["/x", "/y", "/z"]),
    st.sampled_from([(), (Forward(("a", "one"), 100, 80, "/"),), (Forward(("a", "two"), 100, 80, "/"),)]),
)
Put = tuple[Place, Model | None]
PUTS = st.tuples(st.sampled_from(PLACES), st.none() | MODELS)


@given(st.lists(st.lists(PUTS, max_size=4), max_size=6))
def test_the_changes_told_make_up_the_model_of_the_whole_group(rounds: list[list[Put]]) -> None:
    group, members, told = IngressGroup(), dict[Place, Model](), dict[str, object]()
    for puts in rounds:
        for place, model in puts:
            group.put(place, model)
            members.pop(place, None)
            if model is not None:
                members[place] = model
        told.update(group.changes())
        assert group.error is None
        assert {path: to for path, to in told.items() if to is not None} == whole(members)
        assert group.changes() == {}


def whole(members: Mapping[Place, Model]) -> Model:
    return merged(members[place] for place in sorted(members))


def test_the_error_is_that_of_the_first_ingress_until_it_is_mended_or_gone() -> None:
    group = IngressGroup()
    first, second = BuildError("first"), BuildError("second")
    group.put(PLACES[0], second)
    group.put(PLACES[1], first)
    assert group.error is first
    group.put(PLACES[1], {})
    assert group.error is second
    group.put(PLACES[0], None)
    assert group.error is None
