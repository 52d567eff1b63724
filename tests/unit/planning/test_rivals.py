"""Who claims what, against a model that compares every pair."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.endpoints.model import DesiredState, Problem
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.rivals import Claim, Neighbourhood, Rivals, claim_of
from tests.doubles.planning_story import NAMESPACE, REGION, SETTINGS, endpoint

NAMES = ("x", "x-canary", "x-canary-canary", "y", "z")
PATHS = ("/a", "/a/", "/a/b", "/a/b/c", "/ab", "/b", None)


def claims() -> st.SearchStrategy[Claim | None]:
    return st.none() | st.builds(
        Claim,
        name=st.just(""),
        namespace=st.sampled_from(["one", "two"]),
        created_at=st.sampled_from([None, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00+00:00", "yesterday"]),
        path=st.sampled_from(PATHS),
        has_canary=st.booleans(),
    )


def meets(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return False
    parts, others = one.strip("/").split("/"), other.strip("/").split("/")
    shorter = min(len(parts), len(others))
    return parts[:shorter] == others[:shorter]


def model(known: dict[str, Claim | None], name: str) -> Rivals:
    claim = known.get(name)
    is_an_item = f"{name}-canary" in known
    if claim is None:
        return Rivals(canary_name_is_an_item=is_an_item)
    others = [other for other in known.values() if other is not None and other.name != name]
    same_place = [other for other in others if other.namespace == claim.namespace]
    host = [other for other in same_place if f"{other.name}-canary" == name and other.has_canary]
    namesake = [other for other in same_place if other.name == f"{name}-canary"]
    on_path = [other for other in others if meets(other.path, claim.path)]
    return Rivals(
        canary_host=host[0] if host else None,
        canary_namesake=namesake[0] if namesake else None,
        canary_name_is_an_item=is_an_item,
        by_path=tuple(
            sorted(on_path, key=lambda each: [not other.came_before(each) for other in on_path].count(False))
        ),
    )


@given(st.lists(st.tuples(st.sampled_from(NAMES), claims() | st.just("gone")), max_size=30))
def test_rivals_are_those_that_a_comparison_of_all_pairs_finds(
    steps: list[tuple[str, Claim | str | None]],
) -> None:
    neighbours, known = Neighbourhood(), dict[str, Claim | None]()
    for name, claim in steps:
        before = {each: model(known, each) for each in NAMES}
        if isinstance(claim, str):
            known.pop(name, None)
            concerned = neighbours.forget(name)
        else:
            known[name] = None if claim is None else replace(claim, name=name)
            concerned = neighbours.see(name, known[name])
        neighbours.validate()
        for each in NAMES:
            expected = model(known, each)
            found = neighbours.rivals(each)
            assert set(found.by_path) == set(expected.by_path)
            assert replace(found, by_path=()) == replace(expected, by_path=())
            changed = replace(expected, canary_name_is_an_item=False) != replace(
                before[each], canary_name_is_an_item=False
            )
            if each != name and changed and each in known:
                assert each in concerned, "whose situation changed is queued"


def test_a_complete_scan_forgets_what_it_did_not_show() -> None:
    neighbours = Neighbourhood()
    for name in ("x", "y"):
        neighbours.see(name, Claim(name, "one", None, "/a", has_canary=False))
    assert neighbours.retain({"x"}) == {"x"}
    assert neighbours.rivals("x") == Rivals()


@pytest.mark.parametrize(
    ("changes", "claims_something"),
    [
        ({}, True),
        ({"desired_state": DesiredState.STOPPED}, True),
        ({"desired_state": DesiredState.DELETED}, False),
        ({"target_regions": ("eu-west-1",)}, False),
        ({"target_regions": None}, False),
        ({"spec": None, "problems": (Problem("spec", "", "is required"),)}, True),
    ],
)
def test_who_claims_something_here(changes: dict[str, object], claims_something: bool) -> None:
    assert (claim_of(endpoint(**changes), REGION) is not None) is claims_something


def test_of_two_endpoints_on_one_path_the_older_keeps_it() -> None:
    older = Claim("older", NAMESPACE, "2026-01-01T00:00:00+00:00", "/inference", has_canary=False)
    younger = replace(older, name="younger", created_at="2026-12-01T00:00:00+00:00")
    refused = plan(endpoint(), Observed(), 0, SETTINGS, Rivals(by_path=(older,)))
    assert refused.status is not None
    assert refused.status.error == (
        "ingress_path: /inference/llama: meets /inference of endpoint older, which is older; "
        "choose a path that is neither within the other nor around it"
    )
    assert plan(endpoint(), Observed(), 0, SETTINGS, Rivals(by_path=(younger,))).status is None
