"""Where a live object differs from the wanted one, in the fields that we want.

What the wanted manifest does not mention is somebody else's (an injected sidecar, a defaulted field, the replicas of
an autoscaler) and never a difference. Lists with merge keys are matched by key, atomic ones compared whole, as the
API server would merge them (https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy).

A difference is named by its path only, never by its values: the environment of a workload holds secrets.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gco_stream_reconciler.endpoints.quantity import same_quantity
from gco_stream_reconciler.planning.structure import STRUCTURE, Node


def differences(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> tuple[str, ...]:
    """Paths at which `live` lacks or contradicts `wanted`, such as `spec.template.spec.containers[inference].image`.

    Both are complete objects of the same kind, as dicts and lists; raises KeyError for a kind that this program does not apply.
    """
    root = STRUCTURE[wanted["kind"]]
    return tuple(_compare(wanted, live, root, ""))


def _compare(wanted: Any, live: Any, node: Node, path: str) -> Iterator[str]:
    # The usual case, decided in one step for a whole subtree.
    if wanted == live and type(wanted) is type(live):
        return
    if _is_empty(wanted) and _is_empty(live):
        return
    if node == "quantity":
        if not same_quantity(wanted, live):
            yield path
    elif isinstance(wanted, dict):
        yield from _compare_map(wanted, live, node, path)
    elif isinstance(wanted, list | tuple):
        yield from _compare_list(wanted, live, node, path)
    elif wanted != live or isinstance(wanted, bool) is not isinstance(live, bool):
        yield path


def _is_empty(value: Any) -> bool:
    # The API server leaves out what equals its type's zero value, so absent and empty are one.
    return value is None or value is False or value == 0 or value in ("", {}, [])


def _compare_map(wanted: Mapping[str, Any], live: Any, node: Node, path: str) -> Iterator[str]:
    if not isinstance(live, dict):
        yield path
        return
    shape = node if isinstance(node, dict) else {}
    if shape.get("atomic"):
        keys: set[str] = {
            key for key in (*wanted, *live) if not (_is_empty(wanted.get(key)) and _is_empty(live.get(key)))
        }
    else:
        keys = set(wanted)
    fields = shape.get("fields", {})
    for key in sorted(keys):
        child = fields.get(key, shape.get("values"))
        yield from _compare(wanted.get(key), live.get(key), child, f"{path}.{key}" if path else key)


def _compare_list(wanted: Sequence[Any], live: Any, node: Node, path: str) -> Iterator[str]:
    if not isinstance(live, list | tuple):
        yield path
        return
    shape = node if isinstance(node, dict) else {}
    if shape.get("list") == "map":
        yield from _compare_keyed(wanted, live, shape, path)
    elif shape.get("list") == "set":
        if any(item not in live for item in wanted):
            yield path
    elif len(wanted) != len(live) or any(
        next(_compare_whole(one, other, shape.get("items")), None) is not None
        for one, other in zip(wanted, live, strict=True)
    ):
        yield path


def _compare_whole(wanted: Any, live: Any, node: Node) -> Iterator[str]:
    """Compare inside an atomic list: what only the live side has is a difference too."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        shape = node if isinstance(node, dict) else {}
        for key in {*wanted, *live}:
            child = shape.get("fields", {}).get(key, shape.get("values"))
            yield from _compare_whole(wanted.get(key), live.get(key), child)
    else:
        yield from _compare(wanted, live, node, "")


def _compare_keyed(
    wanted: Sequence[Mapping[str, Any]], live: Sequence[Any], shape: Mapping[str, Any], path: str
) -> Iterator[str]:
    defaults: Mapping[str, Any] = shape["keys"]

    def identity(item: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(item.get(key, default) for key, default in defaults.items())

    by_key = {identity(item): item for item in live if isinstance(item, dict)}
    for item in wanted:
        key = identity(item)
        here = f"{path}[{','.join(str(part) for part in key)}]"
        if key in by_key:
            yield from _compare(item, by_key[key], shape.get("items"), here)
        else:
            yield here
