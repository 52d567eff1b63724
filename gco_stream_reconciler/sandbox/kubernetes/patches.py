"""Patches but apply: JSON merge patch, strategic merge patch, JSON patch. Pure."""

from collections.abc import Sequence
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.schema import ANYTHING, Node

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON = "application/json-patch+json"


class PatchError(Exception):
    """A patch cannot be carried out."""


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


# --- Strategic merge patch ------------------------------------------------------------------------------------
# https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md


def strategic_patch(target: Any, patch: Any, node: Node) -> Any:
    """A merge patch that merges lists item by item where the schema names a merge key."""
    if isinstance(patch, dict):
        return _strategic_map(target if isinstance(target, dict) else {}, patch, node)
    if isinstance(patch, list) and node.merge_key is not None:
        items = target if isinstance(target, list) else []
        if not node.merge_key:
            return [*items, *(entry for entry in patch if entry not in items)]
        return _strategic_list(items, patch, node)
    return patch


def _strategic_map(target: dict[str, Any], patch: dict[str, Any], node: Node) -> dict[str, Any]:
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    result = dict(target)
    retained = patch.get("$retainKeys")
    if retained is not None:
        if not isinstance(retained, list):
            raise PatchError("$retainKeys is no list")
        result = {key: value for key, value in result.items() if key in retained}
    for key, value in patch.items():
        command, _, field = key.partition("/")
        if command == "$deleteFromPrimitiveList":
            if not isinstance(value, list):
                raise PatchError(f"{key} is no list")
            result[field] = [entry for entry in result.get(field, ()) if entry not in value]
        elif key.startswith("$"):
            continue  # The order of a list's items is not kept here.
        elif value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
            result.pop(key, None)
        else:
            result[key] = strategic_patch(result.get(key), value, node.child(key) or ANYTHING)
    return result


def _strategic_list(items: list[Any], patch: list[Any], node: Node) -> list[Any]:
    key = node.merge_key or ""
    if not all(isinstance(entry, dict) for entry in patch):
        raise PatchError(f"the items of a list with the merge key {key} are objects")
    if any(entry.get("$patch") == "replace" for entry in patch):
        return [entry for entry in patch if "$patch" not in entry]
    result = {entry.get(key): entry for entry in items}
    named: list[Any] = []
    for entry in patch:
        name = entry.get(key)
        if name is None:
            raise PatchError(f"map: {entry} does not contain declared merge key: {key}")
        if entry.get("$patch") == "delete":
            result.pop(name, None)
        else:
            result[name] = strategic_patch(result.get(name), entry, node.item())
            named.append(name)
    had = [entry.get(key) for entry in items]
    return [result[name] for name in _order(had, named) if name in result]


def _order(had: list[Any], named: list[Any]) -> list[Any]:
    """The keys of a merged list. had: in the live list's order. named: in the patch's order, which holds."""
    others = [name for name in had if name not in named]
    order: list[Any] = []
    for name in dict.fromkeys(named):
        while name in had and others and had.index(others[0]) < had.index(name):
            order.append(others.pop(0))
        order.append(name)
    return order + others


# --- JSON patch -----------------------------------------------------------------------------------------------


def json_patch(target: Any, operations: Any) -> Any:
    """RFC 6902. Raises PatchError."""
    if not isinstance(operations, list):
        raise PatchError("a JSON patch is a list of operations")
    for operation in operations:
        try:
            target = _operate(target, operation)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise PatchError(f"{operation}: {error}") from error
    return target


def _operate(target: Any, operation: dict[str, Any]) -> Any:
    name, path = operation["op"], _steps(operation["path"])
    if name == "test":
        if _found(target, path) != operation.get("value"):
            raise ValueError("test failed")
        return target
    if name == "remove":
        return _changed(target, path, "remove", None)
    if name in ("add", "replace"):
        return _changed(target, path, name, operation["value"])
    if name in ("move", "copy"):
        source = _steps(operation["from"])
        value = _found(target, source)
        return _changed(
            _changed(target, source, "remove", None) if name == "move" else target, path, "add", value
        )
    raise ValueError(f"unknown operation {name}")


def _steps(pointer: str) -> list[str]:
    if pointer and not pointer.startswith("/"):
        raise ValueError(f"{pointer} is no JSON pointer")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _found(target: Any, path: Sequence[str]) -> Any:
    for step in path:
        target = target[int(step)] if isinstance(target, list) else target[step]
    return target


def _changed(target: Any, path: Sequence[str], how: str, value: Any) -> Any:
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(target, list):
        items = list(target)
        index = len(items) if step == "-" and not rest else int(step)
        if rest:
            items[index] = _changed(items[index], rest, how, value)
        elif how == "add":
            if index > len(items):
                raise IndexError(f"no place {index}")
            items.insert(index, value)
        elif how == "replace":
            items[index] = value
        else:
            del items[index]
        return items
    result = dict(target)
    if rest:
        result[step] = _changed(result[step], rest, how, value)
    elif how == "add":
        result[step] = value
    else:
        del result[step]
        if how == "replace":
            result[step] = value
    return result
