"""Server-side apply and merge patch on plain objects. Pure.

https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

import copy
from dataclasses import dataclass
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes import schema
from gco_stream_reconciler.sandbox.kubernetes.fields import (
    Fields,
    Path,
    fields_of,
    from_v1,
    item_step,
    remove_at,
    to_v1,
    value_at,
)
from gco_stream_reconciler.sandbox.kubernetes.schema import Node

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Manager:
    """A field manager as managedFields tells it apart."""

    name: str
    operation: str
    subresource: str = ""


Ownership = dict[Manager, Fields]


class ConflictsError(Exception):
    """Another manager owns fields with other values: (manager, path) pairs."""

    def __init__(self, conflicts: list[tuple[str, Path]]) -> None:
        super().__init__(conflicts)
        self.conflicts = conflicts


def ownership_of(obj: Object) -> Ownership:
    """What managedFields says."""
    return {
        Manager(entry["manager"], entry["operation"], entry.get("subresource", "")): from_v1(
            entry.get("fieldsV1", {})
        )
        for entry in obj.get("metadata", {}).get("managedFields", ())
    }


def managed_fields(ownership: Ownership, api_version: str, before: list[Object], time: str) -> list[Object]:
    """ManagedFields anew; entries that did not change keep their time."""
    known = {(entry["manager"], entry["operation"], entry.get("subresource", "")): entry for entry in before}
    entries = []
    for manager, fields in ownership.items():
        if not fields:
            continue
        entry: Object = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": api_version,
            "time": time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_v1(fields),
        }
        if manager.subresource:
            entry["subresource"] = manager.subresource
        old = known.get((manager.name, manager.operation, manager.subresource))
        if old is not None and old["fieldsV1"] == entry["fieldsV1"]:
            entry["time"] = old["time"]
        entries.append(entry)
    return sorted(entries, key=lambda entry: entry["operation"] != "Apply")


def apply(
    live: Object | None, config: Object, node: Node, *, manager: str, force: bool
) -> tuple[Object, Ownership]:
    """Apply a configuration; returns the object (without defaults filled in anew) and who owns what.

    Raises ConflictsError without `force`.
    """
    applier = Manager(manager, "Apply")
    wanted = fields_of(config, node)
    if live is None:
        return copy.deepcopy(config), {applier: wanted}
    ownership = ownership_of(live)
    conflicts = _conflicts(live, config, node, ownership, applier, wanted)
    if conflicts and not force:
        raise ConflictsError([(other.name, path) for other, path in conflicts])
    for other, path in conflicts:
        ownership[other] = ownership[other] - {path}
    before = ownership.get(applier, frozenset())
    ownership[applier] = wanted
    merged = _merged(live, config, node)
    # Items first: without its key fields an item could no longer be found.
    for path in sorted(before - wanted, key=lambda path: (path[-1] != ".", -len(path))):
        if not _owned_by_others(path, ownership):
            remove_at(merged, node, path)
    return merged, ownership


def update(old: Object, new: Object, node: Node, *, manager: str, subresource: str = "") -> Ownership:
    """Who owns what after an update that made `new` of `old`."""
    ownership = ownership_of(old)
    was, now = fields_of(old, node), fields_of(new, node)
    changed = frozenset(
        path for path in now if path not in was or value_at(old, node, path) != value_at(new, node, path)
    )
    gone = was - now
    updater = Manager(manager, "Update", subresource)
    for other, fields in list(ownership.items()):
        ownership[other] = fields - gone - (changed if other != updater else frozenset())
    ownership[updater] = ownership.get(updater, frozenset()) | changed
    return ownership


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def strategic_patch(target: Any, patch: Any, node: Node) -> Any:
    """Merge patch in which keyed lists are merged item by item."""
    if isinstance(patch, dict):
        result = dict(target) if isinstance(target, dict) else {}
        for key, value in patch.items():
            if value is None:
                result.pop(key, None)
            else:
                result[key] = strategic_patch(result.get(key), value, schema.field(node, key) or {})
        return result
    if isinstance(patch, list) and schema.list_keys(node) and isinstance(target, list):
        return _merged_items(target, patch, node, strategic_patch)
    return copy.deepcopy(patch)


def _conflicts(
    live: Object, config: Object, node: Node, ownership: Ownership, applier: Manager, wanted: Fields
) -> list[tuple[Manager, Path]]:
    return [
        (other, path)
        for other, fields in ownership.items()
        if other != applier
        for path in sorted(fields & wanted)
        if path[-1] != "." and not _same(value_at(live, node, path), value_at(config, node, path))
    ]


def _same(one: Any, other: Any) -> bool:
    return bool(one == other)


def _owned_by_others(path: Path, ownership: Ownership) -> bool:
    stem = path[:-1] if path[-1] == "." else path
    return any(other[: len(stem)] == stem for fields in ownership.values() for other in fields)


def _merged(live: Any, config: Any, node: Node) -> Any:
    if isinstance(config, dict) and isinstance(live, dict) and not schema.is_atomic_map(node):
        result = dict(live)
        for key, value in config.items():
            inner = schema.field(node, key) or {}
            result[key] = _merged(live[key], value, inner) if key in live else copy.deepcopy(value)
        return {key: copy.deepcopy(value) for key, value in result.items()}
    if isinstance(config, list) and isinstance(live, list) and schema.list_keys(node):
        return _merged_items(live, config, node, _merged)
    if isinstance(config, list) and isinstance(live, list) and schema.is_set(node):
        return [*live, *(entry for entry in config if entry not in live)]
    return copy.deepcopy(config)


def _merged_items(live: list[Any], config: list[Any], node: Node, merge: Any) -> list[Any]:
    result = {item_step(entry, node): entry for entry in live}
    for entry in config:
        step = item_step(entry, node)
        result[step] = (
            merge(result[step], entry, schema.item(node)) if step in result else copy.deepcopy(entry)
        )
    return list(result.values())
