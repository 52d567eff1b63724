"""Who owns which field: sets of paths, as managedFields keeps them. Pure.

A path is a tuple of steps: `f:name` for a map's field, `k:{...}` for an item of a keyed list, `v:...` for a member of
a set. The last step of an item's own entry is `.`.
"""

import json
from collections.abc import Iterator
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes import schema
from gco_stream_reconciler.sandbox.kubernetes.schema import Node

Path = tuple[str, ...]
Fields = frozenset[Path]

_NOT_OWNED = {("f:apiVersion",), ("f:kind",)} | {
    ("f:metadata", f"f:{name}")
    for name in (
        "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields",
        "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generateName",
    )
}  # fmt: skip


def fields_of(obj: Any, node: Node) -> Fields:
    """Paths of every leaf of an object, and of every item of a keyed list."""
    return frozenset(
        path for path in _walk(obj, node, ()) if path[:2] not in _NOT_OWNED and path[:1] not in _NOT_OWNED
    )


def _walk(value: Any, node: Node, path: Path) -> Iterator[Path]:
    if isinstance(value, dict) and value and not schema.is_atomic_map(node):
        for name, inner in value.items():
            yield from _walk(inner, schema.field(node, name) or {}, (*path, f"f:{name}"))
    elif isinstance(value, list) and value and schema.list_keys(node):
        for entry in value:
            here = (*path, item_step(entry, node))
            yield (*here, ".")
            yield from _walk(entry, schema.item(node), here)
    elif isinstance(value, list) and value and schema.is_set(node):
        for entry in value:
            yield (*path, f"v:{json.dumps(entry)}")
    else:
        yield path


def item_step(entry: Any, node: Node) -> str:
    """The step that names an item of a keyed list."""
    keys = schema.list_keys(node) or []
    names = {key: entry.get(key, schema.key_default(node, key)) for key in sorted(keys)}
    return "k:" + json.dumps(names, separators=(",", ":"), sort_keys=True)


def to_v1(fields: Fields) -> dict[str, Any]:
    """As managedFields shows it (FieldsV1)."""
    root: dict[str, Any] = {}
    for path in sorted(fields):
        here = root
        for step in path:
            here = here.setdefault(step, {})
    return root


def from_v1(tree: dict[str, Any]) -> Fields:
    """From FieldsV1."""
    return frozenset(_leaves(tree, ()))


def _leaves(tree: dict[str, Any], path: Path) -> Iterator[Path]:
    for step, inner in tree.items():
        if inner:
            yield from _leaves(inner, (*path, step))
        else:
            yield (*path, step)


def value_at(obj: Any, node: Node, path: Path) -> Any:
    """The value at a path, None where there is none."""
    for step in path:
        if step == ".":
            return obj
        if step.startswith("f:"):
            if not isinstance(obj, dict) or step[2:] not in obj:
                return None
            node, obj = schema.field(node, step[2:]) or {}, obj[step[2:]]
        elif isinstance(obj, list):
            index = _index(obj, node, step)
            if index is None:
                return None
            node, obj = schema.item(node), obj[index]
        else:
            return None
    return obj


def remove_at(obj: Any, node: Node, path: Path) -> None:
    """Remove the value at a path, and what it leaves empty above it."""
    if not path or path == (".",):
        return
    step, rest = path[0], path[1:]
    if step.startswith("f:"):
        name = step[2:]
        if not isinstance(obj, dict) or name not in obj:
            return
        if not rest:
            del obj[name]
            return
        remove_at(obj[name], schema.field(node, name) or {}, rest)
        if obj[name] in ({}, []):
            del obj[name]
    elif isinstance(obj, list):
        index = _index(obj, node, step)
        if index is None:
            return
        if not rest or rest == (".",):
            del obj[index]
        else:
            remove_at(obj[index], schema.item(node), rest)


def _index(items: list[Any], node: Node, step: str) -> int | None:
    for index, entry in enumerate(items):
        found = f"v:{json.dumps(entry)}" if step.startswith("v:") else item_step(entry, node)
        if found == step:
            return index
    return None


def shown(path: Path) -> str:
    """A path as the API server writes it in a conflict: `.spec.containers[name="a"].image`."""
    text = ""
    for step in path:
        if step.startswith("f:"):
            text += f".{step[2:]}"
        elif step.startswith("k:"):
            keys = json.loads(step[2:])
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in keys.items()) + "]"
    return text
