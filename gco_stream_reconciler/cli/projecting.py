"""A live object cut down to the fields that are ours, so that it can be laid beside the wanted manifest. Pure.

Ours is what the manifest names, and what our field manager owns on the live object although the manifest names it no
more: applying the manifest takes that away.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gco_stream_reconciler.endpoints.quantity import same_quantity
from gco_stream_reconciler.planning.ownership import FIELD_MANAGER
from gco_stream_reconciler.planning.structure import STRUCTURE, Node

Owned = Mapping[str, Any] | None


def projected(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """The live object's fields that are ours, in the manifest's order; equal quantities as the manifest writes them."""
    found: dict[str, Any] = _project(wanted, live, _owned(live), STRUCTURE[wanted["kind"]])
    return {**{key: live[key] for key in ("apiVersion", "kind") if key in live}, **found}


def _owned(live: Mapping[str, Any]) -> Owned:
    for entry in (live.get("metadata") or {}).get("managedFields") or ():
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply":
            fields = entry.get("fieldsV1")
            return fields if isinstance(fields, Mapping) else None
    return None


def _project(wanted: Any, live: Any, owned: Owned, node: Node) -> Any:
    shape = node if isinstance(node, Mapping) else {}
    whole = wanted is None and not owned
    if isinstance(live, Mapping) and not shape.get("atomic") and not whole:
        return dict(_fields(wanted, live, owned, shape))
    if isinstance(live, list) and shape.get("list") == "map" and not whole:
        return list(_items(wanted, live, owned, shape))
    if isinstance(live, list) and shape.get("list") == "set" and isinstance(wanted, Sequence):
        return [each for each in live if each in wanted or f"v:{json.dumps(each)}" in (owned or {})]
    if node == "quantity" and wanted is not None and same_quantity(wanted, live):
        return wanted
    return live


def _fields(
    wanted: Any, live: Mapping[str, Any], owned: Owned, shape: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    names = wanted if isinstance(wanted, Mapping) else {}
    fields = shape.get("fields", {})
    extra = [key for key in live if key not in names and f"f:{key}" in (owned or {})]
    for key in (*names, *extra):
        if key in live:
            below = (owned or {}).get(f"f:{key}")
            yield key, _project(names.get(key), live[key], below, fields.get(key, shape.get("values")))
        elif _is_empty(names[key]):
            yield key, names[key]  # the API server leaves out what equals its type's zero value


def _items(wanted: Any, live: Sequence[Any], owned: Owned, shape: Mapping[str, Any]) -> Iterator[Any]:
    defaults: Mapping[str, Any] = shape["keys"]

    def identity(item: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(item.get(key, default) for key, default in defaults.items())

    by_key = {identity(item): item for item in live if isinstance(item, Mapping)}
    ours = {
        identity(json.loads(key[2:])): below for key, below in (owned or {}).items() if key.startswith("k:")
    }
    names = {identity(item): item for item in wanted or ()}
    for key in (*names, *(key for key in ours if key not in names)):
        if key in by_key:
            yield _project(names.get(key), by_key[key], ours.get(key), shape.get("items"))


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value == 0 or value in ("", {}, [])
