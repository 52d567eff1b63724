"""Sets of fields, in the form in which managedFields keeps them (FieldsV1). Pure; trees are never changed in place.

A tree maps steps to trees: `f:name` for a map's field, `k:{...}` for an item of a keyed list, `v:...` for a member of
a set. A path is in the set if its tree is empty or holds `.`; a tree that has other entries only is on the way to
members. The empty tree at the root is the empty set.

https://github.com/kubernetes-sigs/structured-merge-diff (fieldpath)
"""

import json
from collections.abc import Iterator
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.compact import compact
from gco_stream_reconciler.sandbox.kubernetes.schema import ANYTHING, Node

Tree = dict[str, Any]
Path = tuple[str, ...]

_MEMBER = "."
_LEAF: Tree = {}


def is_step(text: str) -> bool:
    """Whether this can be a step; what managedFields says comes from clients."""
    if text == _MEMBER or text.startswith("f:"):
        return True
    try:
        value = json.loads(text[2:])
    except ValueError:
        return False
    return (text.startswith("k:") and isinstance(value, dict)) or text.startswith("v:")


def has(tree: Tree) -> bool:
    """Whether a subtree's own path is in the set."""
    return not tree or _MEMBER in tree


def union(one: Tree, other: Tree) -> Tree:
    """Paths of either."""
    if not one or not other:
        return one or other
    merged = dict(one)
    for step, there in other.items():
        here = merged.get(step)
        if here is None:
            merged[step] = there
        elif step != _MEMBER and here != there:
            both = {**union(here, there), _MEMBER: _LEAF} if has(here) or has(there) else union(here, there)
            merged[step] = both
    return merged


def difference(one: Tree, other: Tree) -> Tree:
    """Paths of `one` that are not in `other`."""
    if not other:
        return one
    left: Tree = {}
    for step, here in one.items():
        if step == _MEMBER:
            continue
        there = other.get(step)
        if there is None:
            left[step] = here
            continue
        inner = difference(_inside(here), there)
        stays = has(here) and not has(there)
        if inner:
            left[step] = {_MEMBER: _LEAF, **inner} if stays else inner
        elif stays:
            left[step] = _LEAF
    return left


def intersection(one: Tree, other: Tree) -> Tree:
    """Paths of both."""
    common: Tree = {}
    for step, here in one.items():
        there = other.get(step)
        if there is None or step == _MEMBER:
            continue
        inner = intersection(here, there)
        both = has(here) and has(there)
        if inner:
            common[step] = {_MEMBER: _LEAF, **inner} if both else inner
        elif both:
            common[step] = _LEAF
    return common


def outside(tree: Tree, excluded: Tree) -> Tree:
    """The set without the members of another and all that lies below them."""
    if not excluded:
        return tree
    left: Tree = {}
    for step, inner in tree.items():
        there = excluded.get(step)
        if there is None:
            left[step] = inner
        elif not has(there):
            below = outside(inner, there)
            if below or not inner:
                left[step] = below
    return left


def _inside(tree: Tree) -> Tree:
    return {step: inner for step, inner in tree.items() if step != _MEMBER} if _MEMBER in tree else tree


def with_named(tree: Tree, node: Node) -> Tree:
    """The set with every declared field of a struct that lies on the way to a member."""
    if not tree:
        return tree
    full: Tree = {}
    for step, inner in tree.items():
        if step == _MEMBER:
            full[step] = inner
            continue
        child = child_of(node, step)
        deeper = with_named(inner, child)
        named = node.shape == "struct" and step[:2] == "f:" and bool(deeper)
        full[step] = {**deeper, _MEMBER: _LEAF} if named else deeper
    return full


def paths(tree: Tree, prefix: Path = ()) -> Iterator[Path]:
    """Every path of the set, those of a level before those below it."""
    steps = [step for step in tree if step != _MEMBER]
    yield from ((*prefix, step) for step in steps if has(tree[step]))
    for step in steps:
        yield from paths(tree[step], (*prefix, step))


def shown(path: Path) -> str:
    """A path as an error shows it: `.spec.containers[name="a"].image`."""
    text = ""
    for step in path:
        if step[:2] == "f:":
            text += f".{step[2:]}"
        elif step[:2] == "k:":
            text += key_shown(json.loads(step[2:]))
        else:
            text += f"[={step[2:]}]"
    return text


def key_shown(keys: dict[str, Any]) -> str:
    """The keys of an item as an error shows them: `[name="a"]`."""
    return "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in sorted(keys.items())) + "]"


# --- What an object holds -------------------------------------------------------------------------------------


def child_of(node: Node, step: str) -> Node:
    """The node one step further."""
    return (node.child(step[2:]) or ANYTHING) if step[:2] == "f:" else node.item()


def item_keys(entry: Any, node: Node) -> dict[str, Any]:
    """What tells an item of a keyed list apart."""
    found = {}
    for key in node.keys:
        value = entry.get(key)
        found[key] = node.key_defaults.get(key) if value is None else value
    return found


def item_step(entry: Any, node: Node) -> str:
    """The step to an item of a keyed list or a set."""
    if node.is_set:
        return "v:" + json.dumps(entry)
    return "k:" + compact(item_keys(entry, node))


def is_keyed(node: Node) -> bool:
    """Whether the items of a list are told apart, so that each has an owner."""
    return bool(node.keys) or node.is_set


def applied(value: Any, node: Node) -> Tree:
    """What applying a value claims: leaves, items of keyed lists, values of free maps; not the maps around them."""
    if isinstance(value, dict) and value and not node.atomic:
        tree: Tree = {}
        for name, inner in value.items():
            child = node.child(name) or ANYTHING
            if inner == [] and is_keyed(child):
                continue
            below = applied(inner, child)
            free = node.shape != "struct" and bool(below)
            tree[f"f:{name}"] = {_MEMBER: _LEAF, **below} if free else below
        return tree
    if isinstance(value, list) and value and is_keyed(node):
        return {item_step(entry, node): _item(applied(entry, node.item())) for entry in value}
    return _LEAF


def _item(below: Tree) -> Tree:
    return {_MEMBER: _LEAF, **below} if below else _LEAF


def everything(value: Any, node: Node) -> Tree:
    """Every path of a value, those on the way included: what is new with a value that was not there."""
    if isinstance(value, dict) and value and not node.atomic:
        tree: Tree = {_MEMBER: _LEAF}
        for name, inner in value.items():
            tree[f"f:{name}"] = everything(inner, node.child(name) or ANYTHING)
        return tree
    if isinstance(value, list) and value and is_keyed(node):
        return {
            _MEMBER: _LEAF,
            **{item_step(entry, node): everything(entry, node.item()) for entry in value},
        }
    return _LEAF


_ABSENT = object()


def compare(old: Any, new: Any, node: Node) -> tuple[Tree, Tree]:
    """What changed between two objects: (added or modified, removed)."""
    changed, removed = _compare(old, new, node)
    return changed or {}, removed or {}


def _compare(old: Any, new: Any, node: Node) -> tuple[Tree | None, Tree | None]:
    """None: nothing; an empty tree: the place itself."""
    if old is new or old == new:
        return None, None
    if old is _ABSENT:
        return everything(new, node), None
    if new is _ABSENT:
        return None, everything(old, node)
    if node.atomic:
        return _LEAF, None
    if _are(dict, old, new):
        was, now = old or {}, new or {}
        children = {name: (f"f:{name}", node.child(name) or ANYTHING) for name in {**was, **now}}
    elif _are(list, old, new) and is_keyed(node):
        was = {item_step(entry, node): entry for entry in old or ()}
        now = {item_step(entry, node): entry for entry in new or ()}
        children = {step: (step, node.item()) for step in {**was, **now}}
    else:
        return _LEAF, None
    changed: Tree = {}
    removed: Tree = {}
    for name, (step, child) in children.items():
        plus, minus = _compare(was.get(name, _ABSENT), now.get(name, _ABSENT), child)
        if plus is not None:
            changed[step] = plus
        if minus is not None:
            removed[step] = minus
    return changed or None, removed or None


def _are(kind: type, old: Any, new: Any) -> bool:
    """Both of a kind, or one of them null, and not both empty."""
    kinds = (old is None or isinstance(old, kind)) and (new is None or isinstance(new, kind))
    return kinds and bool(old or new)


def remove(value: Any, tree: Tree, node: Node) -> Any:
    """A value without the members of a set; what is left empty becomes None."""
    if not tree or node.atomic:
        return value
    if isinstance(value, dict):
        kept = {}
        for name, inner in value.items():
            below = tree.get(f"f:{name}")
            if below is None:
                kept[name] = inner
            elif not has(below):
                kept[name] = remove(inner, below, node.child(name) or ANYTHING)
        return kept or None
    if isinstance(value, list) and is_keyed(node):
        items = []
        for entry in value:
            below = tree.get(item_step(entry, node))
            if below is None:
                items.append(entry)
            elif not has(below):
                items.append(remove(entry, below, node.item()))
        return items or None
    return value
