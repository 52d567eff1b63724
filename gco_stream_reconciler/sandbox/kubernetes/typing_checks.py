"""Whether an object's values have the types that the schema declares, and what the API server says if not. Pure.

An apply is checked by structured-merge-diff and every problem is named; any other write is read by Go's JSON decoder,
which stops at the first wrong type and ignores undeclared fields.
"""

import json
from collections.abc import Iterator
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.fields import item_keys, key_shown
from gco_stream_reconciler.sandbox.kubernetes.schema import Node

_GO_TYPES = {str: "string", bool: "bool", int: "int64", float: "float64", dict: "map[string]interface {}"}
_JSON_TYPES = {str: "string", bool: "bool", int: "number", float: "number", dict: "object", list: "array"}


def apply_problem(config: dict[str, Any], node: Node) -> str | None:
    """What structured-merge-diff says about a configuration; None when it is well typed."""
    problems = list(_problems(config, node, ""))
    if not problems:
        return None
    return problems[0] if len(problems) == 1 else "\n".join(["errors:", *(f"  {each}" for each in problems)])


def _problems(value: Any, node: Node, path: str) -> Iterator[str]:
    if value is None or node.shape == "any":
        return
    if node.shape in ("struct", "map"):
        yield from _map_problems(value, node, path)
    elif node.shape == "list":
        yield from _list_problems(value, node, path)
    else:
        expected = _scalar_problem(value, node)
        if expected:
            yield f"{path}: {expected}"


def _map_problems(value: Any, node: Node, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: expected map, got &{{{_go_value(value)}}}"
        return
    for name, inner in value.items():
        child = node.child(name)
        if child is None:
            yield f"{path}.{name}: field not declared in schema"
        else:
            yield from _problems(inner, child, f"{path}.{name}")


def _list_problems(value: Any, node: Node, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: expected list, got &{{{_go_value(value)}}}"
        return
    seen = set()
    for index, entry in enumerate(value):
        step = f"[{index}]"
        if node.keys:
            if not isinstance(entry, dict):
                yield f"{path}: element {index}: associative list with keys may not have non-map elements"
                continue
            keys = item_keys(entry, node)
            absent = [key for key, found in keys.items() if found is None]
            if absent:
                yield (
                    f"{path}: element {index}: associative list with keys has an element that omits key field "
                    f'"{absent[0]}" (and doesn\'t have default value)'
                )
                continue
            step = key_shown(keys)
            if step in seen:
                yield f"{path}: duplicate entries for key {step}"
            seen.add(step)
        yield from _problems(entry, node.item(), f"{path}{step}")


def _scalar_problem(value: Any, node: Node) -> str | None:
    if node.type in ("integer", "number"):
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return f"expected numeric (int or float), got {_GO_TYPES.get(type(value), '[]interface {}')}"
    elif node.type == "string":
        if not isinstance(value, str):
            return f"expected string, got &value.valueUnstructured{{Value:{_go_value(value)}}}"
    elif node.type == "boolean":
        if not isinstance(value, bool):
            return f"expected boolean, got &{{{_go_value(value)}}}"
    elif isinstance(value, (dict, list)):
        return f"expected any scalar, got &{{{_go_value(value)}}}"
    return None


def _go_value(value: Any) -> str:
    return (
        json.dumps(value)
        if isinstance(value, str)
        else str(value).lower()
        if value in (True, False)
        else str(value)
    )


def decode_problem(value: Any, node: Node, path: str = "", owner: str = "") -> str | None:
    """What Go's JSON decoder says about an object; None when it can be read."""
    if value is None or node.shape == "any":
        return None
    if node.shape in ("struct", "map"):
        if not isinstance(value, dict):
            return _unmarshal(value, node, path, owner)
        owner = node.name.rpartition(".")[2] or owner
        inner = ((value[name], node.child(name), name) for name in value)
        found = (
            decode_problem(each, child, f"{path}.{name}" if path else name, owner)
            for each, child, name in inner
            if child is not None
        )
    elif node.shape == "list":
        if not isinstance(value, list):
            return _unmarshal(value, node, path, owner)
        found = (decode_problem(entry, node.item(), path, owner) for entry in value)
    else:
        return _unmarshal(value, node, path, owner) if _scalar_problem(value, node) else None
    return next((problem for problem in found if problem), None)


def _unmarshal(value: Any, node: Node, path: str, owner: str) -> str:
    wanted = {"integer": "int32", "boolean": "bool", "number": "float64"}.get(
        node.type, node.type or node.shape
    )
    got = _JSON_TYPES.get(type(value), "value")
    return f"json: cannot unmarshal {got} into Go struct field {owner}.{path} of type {wanted}"
