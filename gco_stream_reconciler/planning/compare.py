"""Where a live object differs from the wanted one, in the fields that we want.

What the wanted manifest does not mention is somebody else's (an injected sidecar, a defaulted field, the replicas of
an autoscaler) and never a difference. Lists with merge keys are matched by key, atomic ones compared whole, as the
API server would merge them (https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy).

A difference is named by its path only, never by its values: the environment of a workload holds secrets.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gco_stream_reconciler.endpoints.quantity import same_quantity
from gco_stream_reconciler.planning.structure import STRUCTURE, Node


def differences(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> tuple[str, ...]:
    """Paths at which `live` lacks or contradicts `wanted`, such as `spec.template.spec.containers[inference].image`.

    Both are complete objects of the same kind, as dicts and lists; raises KeyError for a kind that this program does not apply.
    """
    root = STRUCTURE[wanted["kind"]]
    return tuple(_compare(wanted, live, root, ""))


def _compare(wanted: Any, live: Any, node: Node, path: str) -> Sequence[str]:
    # The usual case, decided in one step for a whole subtree.
    if type(wanted) is type(live) and wanted == live:
        return ()
    if _is_empty(wanted) and _is_empty(live):
        return ()
    if node == "quantity":
        return () if same_quantity(wanted, live) else (path,)
    if isinstance(wanted, dict):
        return _compare_map(wanted, live, node, path)
    if isinstance(wanted, (list, tuple)):
        return _compare_list(wanted, live, node, path)
    return (path,) if wanted != live or isinstance(wanted, bool) is not isinstance(live, bool) else ()


def _is_empty(value: Any) -> bool:
    # The API server leaves out what equals its type's zero value, so absent and empty are one.
    return not value


def _compare_map(wanted: Mapping[str, Any], live: Any, node: Node, path: str) -> Sequence[str]:
    if not isinstance(live, dict):
        return (path,)
    shape = node if isinstance(node, dict) else {}
    keys = {*wanted, *live} if shape.get("atomic") else wanted
    fields, values = shape.get("fields", {}), shape.get("values")
    found: list[str] = []
    for key in sorted(keys):
        ours, theirs = wanted.get(key), live.get(key)
        if type(ours) is not type(theirs) or ours != theirs:  # asked here too: most calls would end with it
            found += _compare(ours, theirs, fields.get(key, values), f"{path}.{key}" if path else key)
    return found


def _compare_list(wanted: Sequence[Any], live: Any, node: Node, path: str) -> Sequence[str]:
    if not isinstance(live, (list, tuple)):
        return (path,)
    shape = node if isinstance(node, dict) else {}
    if shape.get("list") == "map":
        return _compare_keyed(wanted, live, shape, path)
    if shape.get("list") == "set":
        return (path,) if any(item not in live for item in wanted) else ()
    alike = len(wanted) == len(live) and all(
        _is_whole(one, other, shape.get("items")) for one, other in zip(wanted, live, strict=True)
    )
    return () if alike else (path,)


def _is_whole(wanted: Any, live: Any, node: Node) -> bool:
    """Compare inside an atomic list: what only the live side has is a difference too."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        shape = node if isinstance(node, dict) else {}
        fields, values = shape.get("fields", {}), shape.get("values")
        return all(
            _is_whole(wanted.get(key), live.get(key), fields.get(key, values)) for key in {*wanted, *live}
        )
    return not _compare(wanted, live, node, "")


def _compare_keyed(
    wanted: Sequence[Mapping[str, Any]], live: Sequence[Any], shape: Mapping[str, Any], path: str
) -> Sequence[str]:
    defaults: Mapping[str, Any] = shape["keys"]

    def identity(item: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple([item.get(key, default) for key, default in defaults.items()])

    by_key = {identity(item): item for item in live if isinstance(item, dict)}
    found: list[str] = []
    for item in wanted:
        key = identity(item)
        here = f"{path}[{','.join(map(str, key))}]"
        if key in by_key:
            found += _compare(item, by_key[key], shape.get("items"), here)
        else:
            found.append(here)
    return found
