"""Server-side apply, and who owns what after any other write. Pure: objects in, objects out, nothing changed in place.

https://kubernetes.io/docs/reference/using-api/server-side-apply/
https://github.com/kubernetes-sigs/structured-merge-diff (merge.Updater)
"""

from dataclasses import dataclass, replace
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.fields import (
    Path,
    Tree,
    applied,
    compare,
    difference,
    intersection,
    is_keyed,
    is_step,
    item_step,
    outside,
    paths,
    remove,
    union,
    with_named,
)
from gco_stream_reconciler.sandbox.kubernetes.schema import ANYTHING, Node

Object = dict[str, Any]

_NEVER_OWNED: Tree = {
    "f:apiVersion": {},
    "f:kind": {},
    "f:metadata": {
        ".": {},
        **{
            f"f:{name}": {}
            for name in (
                "name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields",
                "resourceVersion",
            )
        },
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Manager:
    """A field manager as managedFields tells it apart. operation: `Apply` or `Update`."""

    name: str
    operation: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """What a manager owns. time: of its last change, empty where none is recorded."""

    fields: Tree
    api_version: str
    time: str = ""


Ownership = dict[Manager, Holding]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that another manager owns with another value."""

    manager: Manager
    holding: Holding
    path: Path


class ConflictsError(Exception):
    """An apply without force met other managers' fields."""

    def __init__(self, conflicts: list[Conflict]) -> None:
        super().__init__(f"{len(conflicts)} conflicts")
        self.conflicts = conflicts


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, and what of it does not count. without: fields that this way of writing cannot change."""

    manager: Manager
    api_version: str
    time: str
    without: Tree


def ownership_of(obj: Object) -> Ownership:
    """What an object's managedFields says."""
    return {
        Manager(entry["manager"], entry["operation"], entry.get("subresource", "")): Holding(
            entry.get("fieldsV1") or {}, entry.get("apiVersion", ""), entry.get("time", "")
        )
        for entry in obj["metadata"].get("managedFields", ())
    }


def is_owned(obj: Object, fields: Tree) -> bool:
    """Whether anybody owns any of these fields of an object."""
    return any(intersection(holding.fields, fields) for holding in ownership_of(obj).values())


def managed_fields(ownership: Ownership, live: Object | None = None) -> list[Object]:
    """The managedFields of an ownership, in the API server's order. live: the stored object, whose trees are in order."""
    ordered = {id(holding.fields) for holding in ownership_of(live).values()} if live is not None else ()
    entries = []
    for manager, holding in ownership.items():
        if not holding.fields:
            continue
        entry: Object = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": holding.api_version,
            **({"time": holding.time} if holding.time else {}),
            "fieldsType": "FieldsV1",
            "fieldsV1": holding.fields if id(holding.fields) in ordered else _sorted(holding.fields),
            **({"subresource": manager.subresource} if manager.subresource else {}),
        }
        entries.append(entry)
    return sorted(entries, key=_rank)


def _rank(entry: Object) -> tuple[str, ...]:
    names = ("operation", "time", "manager", "apiVersion", "subresource")
    return tuple(entry.get(name, "") for name in names)


def _sorted(tree: Tree) -> Tree:
    return {step: _sorted(tree[step]) for step in sorted(tree)}


def same_owners(one: list[Object], other: list[Object]) -> bool:
    """Whether two managedFields say the same but for times."""
    return _timeless(one) == _timeless(other)


def _timeless(entries: list[Object]) -> list[Object]:
    bare = [{key: value for key, value in entry.items() if key != "time"} for entry in entries]
    return sorted(bare, key=_rank)


def apply(
    live: Object, config: Object, node: Node, writer: Writer, *, force: bool
) -> tuple[Object, Ownership]:
    """Merge a configuration into an object; returns the object, neither defaulted nor canonical, and its owners.

    An object that is not there yet is given as its empty form. Raises ConflictsError unless `force`.
    """
    ownership = ownership_of(live)
    before = ownership.get(writer.manager)
    whole = applied(config, node)
    claim = outside(difference(whole, _NEVER_OWNED), writer.without)
    ownership[writer.manager] = Holding(claim, writer.api_version, before.time if before else "")
    merged = merge(live, config, node)
    if before is not None:
        merged = _pruned(merged, before.fields, whole, ownership, node)
    changed, removed = compare(live, merged, node)
    changed = outside(difference(changed, _NEVER_OWNED), writer.without)
    others = [manager for manager in ownership if manager != writer.manager]
    conflicts = [
        Conflict(manager, ownership[manager], path)
        for manager in others
        for path in paths(intersection(ownership[manager].fields, changed))
    ]
    if conflicts and not force:
        raise ConflictsError(conflicts)
    for manager in others:
        _take(ownership, manager, union(changed, removed))
    if changed or removed or merged != live:  # another order of a list's items is a change of no field
        ownership[writer.manager] = replace(ownership[writer.manager], time=writer.time)
    return merged, ownership


def _pruned(merged: Object, before: Tree, now: Tree, ownership: Ownership, node: Node) -> Object:
    """Without what the applier claimed before and nobody claims now. now: what it applies, the object's name included."""
    claimed = now
    for holding in ownership.values():
        claimed = union(claimed, holding.fields)
    dropped = difference(with_named(before, node), with_named(claimed, node))
    found: Object = remove(merged, dropped, node)
    return found


def _take(ownership: Ownership, manager: Manager, fields: Tree) -> None:
    holding = ownership[manager]
    if intersection(holding.fields, fields):
        ownership[manager] = replace(holding, fields=difference(holding.fields, fields))


def update(live: Object, new: Object, node: Node, writer: Writer) -> Ownership:
    """Who owns what after a write that made `new`, defaulted and canonical, of `live`.

    A writer may change managedFields itself; an empty or unreadable list keeps the live one, a list of one empty entry
    clears it.
    """
    given = new["metadata"].get("managedFields")
    if given == [{}]:
        ownership: Ownership = {}
    elif given and not writer.manager.subresource and all(map(_is_readable, given)):
        ownership = ownership_of(new)
    else:
        ownership = ownership_of(live)
    changed, removed = compare(live, new, node)
    changed = outside(difference(changed, _NEVER_OWNED), writer.without)
    for manager in list(ownership):
        _take(ownership, manager, union(changed, removed))
    if changed:
        before = ownership.get(writer.manager)
        fields = changed if before is None else union(before.fields, changed)
        ownership[writer.manager] = Holding(fields, writer.api_version, writer.time)
    return ownership


def _is_readable(entry: Object) -> bool:
    named = entry.get("manager") and entry.get("operation") in ("Apply", "Update")
    return bool(named) and _is_tree(entry.get("fieldsV1") or {})


def _is_tree(value: Any) -> bool:
    return isinstance(value, dict) and all(is_step(step) and _is_tree(below) for step, below in value.items())


def merge(live: Any, config: Any, node: Node) -> Any:
    """The live value with a configuration laid over it; the live value itself where nothing differs."""
    if isinstance(config, dict) and isinstance(live, dict) and not node.atomic:
        result = live
        for name, value in config.items():
            laid = merge(live[name], value, node.child(name) or ANYTHING) if name in live else value
            if name not in live or laid is not live[name]:
                result = {**result, name: laid}
        return result
    if isinstance(config, list) and isinstance(live, list) and is_keyed(node):
        items = _merged_items(live, config, node)
        return live if len(items) == len(live) and all(map(_is, items, live)) else items
    return live if live == config and type(live) is type(config) else config


def _is(one: Any, other: Any) -> bool:
    return one is other


def _merged_items(live: list[Any], config: list[Any], node: Node) -> list[Any]:
    """Items of both. The configuration's order holds; items that only the live list has keep their neighbours."""
    had = {item_step(entry, node): entry for entry in live}
    wanted = {item_step(entry, node): entry for entry in config}
    left = list(wanted)
    order: list[str] = []
    for step in had:
        if step not in wanted:
            order.append(step)
        elif step == next((each for each in left if each in had), None):
            position = left.index(step) + 1
            order += left[:position]
            del left[:position]
    order += left
    return [
        merge(had[step], wanted[step], node.item())
        if step in had and step in wanted
        else had.get(step, wanted.get(step))
        for step in order
    ]
