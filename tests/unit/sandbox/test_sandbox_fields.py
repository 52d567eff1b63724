"""Sets of fields against plain sets of paths, and what applying, updating and removing does to ownership."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.sandbox.kubernetes.apply import (
    ConflictsError,
    Manager,
    Ownership,
    Writer,
    apply,
    managed_fields,
    merge,
    ownership_of,
    update,
)
from gco_stream_reconciler.sandbox.kubernetes.decoding import decoded
from gco_stream_reconciler.sandbox.kubernetes.fields import (
    Tree,
    applied,
    compare,
    difference,
    everything,
    intersection,
    is_step,
    outside,
    paths,
    remove,
    shown,
    union,
)
from gco_stream_reconciler.sandbox.kubernetes.schema import Node, root

Object = dict[str, Any]
Paths = frozenset[tuple[str, ...]]

STEPS = st.sampled_from(["f:a", "f:b", "f:c"])
PATH_SETS = st.frozensets(st.lists(STEPS, min_size=1, max_size=3).map(tuple), max_size=8)


def tree_of(members: Paths) -> Tree:
    tree: Tree = {}
    for path in sorted(members):
        below = tree
        for step in path:
            below = below.setdefault(step, {})
        below["."] = {}
    return pruned(tree)


def pruned(tree: Tree) -> Tree:
    """A member with nothing below is an empty tree."""
    return {} if tree.keys() == {"."} else {step: pruned(below) for step, below in tree.items()}


def members(tree: Tree) -> Paths:
    return frozenset(paths(tree))


@given(PATH_SETS)
def test_a_tree_holds_exactly_its_paths(one: Paths) -> None:
    assert members(tree_of(one)) == one


@given(PATH_SETS, PATH_SETS)
def test_trees_behave_as_sets(one: Paths, other: Paths) -> None:
    first, second = tree_of(one), tree_of(other)
    assert members(union(first, second)) == one | other
    assert members(difference(first, second)) == one - other
    assert members(intersection(first, second)) == one & other


@given(PATH_SETS, PATH_SETS)
def test_outside_leaves_nothing_below_an_excluded_path(one: Paths, other: Paths) -> None:
    shut = {path for path in one if any(path[:length] in other for length in range(1, len(path) + 1))}
    assert members(outside(tree_of(one), tree_of(other))) == one - shut


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("f:spec", "f:replicas"), ".spec.replicas"),
        (("f:spec", "f:containers", 'k:{"name":"c"}', "f:image"), '.spec.containers[name="c"].image'),
        (("f:metadata", "f:finalizers", 'v:"x"'), '.metadata.finalizers[="x"]'),
    ],
)
def test_a_path_is_shown_as_errors_show_it(path: tuple[str, ...], text: str) -> None:
    assert shown(path) == text


@pytest.mark.parametrize(
    ("step", "valid"),
    [(".", True), ("f:a", True), ('k:{"a":1}', True), ('v:"a"', True), ("x", False), ("k:[]", False), ("k:{", False), ("v:", False)],
)  # fmt: skip
def test_only_steps_are_taken_for_steps(step: str, valid: bool) -> None:
    assert is_step(step) == valid


# --- A small schema -------------------------------------------------------------------------------------------

TEXT = Node("scalar", type="string")
ITEM = Node("struct", "Item", fields={"name": TEXT, "x": TEXT, "y": TEXT})
SPEC = Node(
    "struct",
    "Spec",
    fields={
        "a": TEXT,
        "b": TEXT,
        "labels": Node("map", element=TEXT),
        "whole": Node("map", element=TEXT, atomic=True),
        "items": Node("list", element=ITEM, keys=("name",)),
        "set": Node("list", element=TEXT, is_set=True),
        "row": Node("list", element=TEXT, atomic=True),
    },
)
KIND = Node(
    "struct", "Kind", fields={"metadata": root("Service").fields["metadata"], "spec": SPEC}, kept=frozenset({"metadata"})
)  # fmt: skip


def config(**spec: Any) -> Object:
    return {"metadata": {"name": "o"}, **({"spec": spec} if spec else {})}


def writer(name: str, operation: str = "Apply") -> Writer:
    return Writer(Manager(name, operation), "v1", "now", {})


class World:
    """An object as the store would keep it: applied, its managedFields with it."""

    def __init__(self) -> None:
        self.obj: Object = {"metadata": {"name": "o"}}

    def apply(self, name: str, spec: Object, *, force: bool = True) -> None:
        merged, ownership = apply(self.obj, config(**spec), KIND, writer(name), force=force)
        self._keep(merged, ownership)

    def update(self, name: str, obj: Object) -> None:
        ownership = update(self.obj, obj, KIND, writer(name, "Update"))
        self._keep(obj, ownership)

    def _keep(self, obj: Object, ownership: Ownership) -> None:
        kept = decoded(obj, KIND)
        self.obj = {**kept, "metadata": {**kept["metadata"], "managedFields": managed_fields(ownership)}}

    @property
    def spec(self) -> Object:
        return self.obj.get("spec") or {}

    def owned(self, name: str) -> set[str]:
        return {
            shown(path)
            for manager, holding in ownership_of(self.obj).items()
            if manager.name == name
            for path in paths(holding.fields)
        }


@pytest.mark.parametrize(
    ("live", "laid", "result"),
    [
        ({"a": "1"}, {"b": "2"}, {"a": "1", "b": "2"}),
        ({"labels": {"k": "1"}}, {"labels": {"l": "2"}}, {"labels": {"k": "1", "l": "2"}}),
        ({"whole": {"k": "1"}}, {"whole": {"l": "2"}}, {"whole": {"l": "2"}}),
        ({"row": ["1", "2"]}, {"row": ["3"]}, {"row": ["3"]}),
        ({"set": ["1", "2"]}, {"set": ["3"]}, {"set": ["1", "2", "3"]}),
        (
            {"items": [{"name": "i", "x": "1"}]},
            {"items": [{"name": "i", "y": "2"}, {"name": "j"}]},
            {"items": [{"name": "i", "x": "1", "y": "2"}, {"name": "j"}]},
        ),
        (
            {"items": [{"name": "a"}, {"name": "sidecar"}, {"name": "b"}]},
            {"items": [{"name": "b"}, {"name": "a"}]},
            {"items": [{"name": "sidecar"}, {"name": "b"}, {"name": "a"}]},
        ),
    ],
    ids=["structs", "granular map", "atomic map", "atomic list", "set", "keyed items", "order of the configuration"],
)  # fmt: skip
def test_a_configuration_is_laid_over_an_object(live: Object, laid: Object, result: Object) -> None:
    assert merge(live, laid, SPEC) == result
    assert merge(result, laid, SPEC) is result


def test_what_an_applier_leaves_out_goes_unless_another_owns_it() -> None:
    world = World()
    world.apply("one", {"a": "1", "labels": {"k": "1", "l": "1"}, "items": [{"name": "i", "x": "1"}]})
    world.apply("two", {"labels": {"l": "1"}, "items": [{"name": "i", "y": "2"}]})
    world.apply("one", {"b": "1"})
    assert world.spec == {"b": "1", "labels": {"l": "1"}, "items": [{"name": "i", "y": "2"}]}
    assert world.owned("one") == {".spec.b"}


def test_another_value_for_an_owned_field_is_a_conflict_unless_it_is_forced() -> None:
    world = World()
    world.apply("one", {"a": "1"})
    with pytest.raises(ConflictsError) as error:
        world.apply("two", {"a": "2"}, force=False)
    assert [(each.manager.name, shown(each.path)) for each in error.value.conflicts] == [("one", ".spec.a")]
    world.apply("two", {"a": "1"}, force=False)
    assert (world.owned("one"), world.owned("two")) == ({".spec.a"}, {".spec.a"})
    world.apply("two", {"a": "2"})
    assert (world.owned("one"), world.owned("two")) == (set(), {".spec.a"})


def test_an_update_takes_what_it_changes_and_leaves_the_rest() -> None:
    world = World()
    world.apply("one", {"a": "1", "b": "1"})
    world.update("editor", {**world.obj, "spec": {"a": "2", "b": "1"}})
    assert (world.owned("one"), world.owned("editor")) == ({".spec.b"}, {".spec.a"})
    world.update("editor", {**world.obj, "spec": {"a": "2"}})
    assert (world.owned("one"), world.owned("editor")) == (set(), {".spec.a"})


def test_managed_fields_may_be_cleared_kept_or_given_by_an_update() -> None:
    world = World()
    world.apply("one", {"a": "1"})
    before = world.obj["metadata"]["managedFields"]

    def given_by(entries: list[Any]) -> list[Object]:
        obj = {**world.obj, "metadata": {**world.obj["metadata"], "managedFields": entries}}
        return managed_fields(update(world.obj, obj, KIND, writer("editor", "Update")))

    renamed = [{**before[0], "manager": "new"}]
    assert given_by([]) == before
    assert given_by([{}]) == []
    assert given_by(renamed) == renamed
    for junk in ([{"manager": "x"}], [{**before[0], "fieldsV1": 5}], [{**before[0], "fieldsV1": {"x": {}}}]):
        assert given_by(junk) == before


# --- Two appliers against a model -----------------------------------------------------------------------------

VALUES = st.sampled_from("12")


def _name(item: Any) -> str:
    return str(item["name"])


ITEMS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"name": st.sampled_from("ij")}, optional={"x": VALUES, "y": VALUES}
)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "a": VALUES,
        "b": VALUES,
        "labels": st.dictionaries(st.sampled_from("kl"), VALUES, min_size=1, max_size=2),
        "whole": st.dictionaries(st.sampled_from("kl"), VALUES, min_size=1, max_size=2),
        "row": st.lists(VALUES, min_size=1, max_size=2),
        "set": st.lists(VALUES, min_size=1, max_size=2, unique=True),
        "items": st.lists(
            ITEMS, min_size=1, max_size=2, unique_by=_name
        ),
    },
)  # fmt: skip


def leaves(spec: Object) -> dict[str, Any]:
    """A configuration as a flat model sees it: place → value; items and map entries are places of their own."""
    found: dict[str, Any] = {}
    for name, value in spec.items():
        if value is None:
            continue  # Removed; decoding drops it.
        if name == "labels":
            found |= {f".spec.labels.{key}": inner for key, inner in value.items()}
        elif name == "set":
            found |= {f".spec.set[={json.dumps(inner)}]": True for inner in value}
        elif name == "items":
            for item in value:
                place = f'.spec.items[name="{item["name"]}"]'
                found |= {place: True, **{f"{place}.{key}": inner for key, inner in item.items()}}
        else:
            found[f".spec.{name}"] = value
    return found


class Model:
    """Flat ownership from first principles: a forced apply owns what it says, others lose what it changes, and what its
    applier said before and nobody says now is gone."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.owners: dict[str, set[str]] = {}

    def apply(self, name: str, spec: Object) -> None:
        wanted = leaves(spec)
        for place, value in wanted.items():
            if place in self.values and self.values[place] != value:
                self.owners[place] = set()
            self.values[place] = value
            self.owners.setdefault(place, set()).add(name)
        left_out = [place for place, owners in self.owners.items() if name in owners and place not in wanted]
        for place in left_out:
            self.owners[place].discard(name)
        for place in left_out:
            inside = [other for other in self.owners if other == place or other.startswith(place + ".")]
            if not any(self.owners[other] for other in inside):
                for gone in inside:
                    del self.owners[gone], self.values[gone]

    def owned(self, name: str) -> set[str]:
        return {place for place, owners in self.owners.items() if name in owners}


@given(st.lists(st.tuples(st.sampled_from(["one", "two"]), SPECS), max_size=6))
def test_any_applies_of_two_managers_and_their_removal_agree_with_a_model(
    applies: list[tuple[str, Object]],
) -> None:
    world, model = World(), Model()
    for name, spec in [*applies, ("one", {}), ("two", {})]:
        world.apply(name, spec)
        model.apply(name, spec)
        assert leaves(world.spec) == model.values
        for each in ("one", "two"):
            # A map of free keys is owned with its keys; the model knows keys only.
            assert world.owned(each) - {".spec.labels"} == model.owned(each)
    assert leaves(world.spec) == {}
    assert world.obj["metadata"]["managedFields"] == []


@given(SPECS, SPECS)
def test_what_compare_finds_added_and_removed_leads_from_one_to_the_other(one: Object, other: Object) -> None:
    changed, removed = compare(config(**one), config(**other), KIND)
    places = {shown(path) for path in paths(union(changed, removed))}
    first, second = leaves(one), leaves(other)
    differing = {place for place in {**first, **second} if first.get(place) != second.get(place)}
    assert {place for place in places if place in {**first, **second}} == differing
    assert compare(config(**one), config(**one), KIND) == ({}, {})


@given(SPECS)
def test_removing_all_that_was_applied_leaves_nothing(spec: Object) -> None:
    claim = applied(spec, SPEC)
    left = remove(spec, claim, SPEC)
    assert leaves(left or {}) == {}
    assert members(claim) <= members(everything(spec, SPEC)) or not spec
