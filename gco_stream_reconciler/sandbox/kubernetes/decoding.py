"""What reading an object into the API server's types and writing it again does to it. Pure.

Undeclared fields and nulls go, empty maps and lists go, zeros go where the type omits them, quantities and times
become canonical. A value that nothing is done to is returned itself, so that `is` tells whether anything changed.
"""

import re
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.quantities import canonical
from gco_stream_reconciler.sandbox.kubernetes.schema import ANYTHING, Node

Object = dict[str, Any]

# Fields whose Go type is no pointer and says omitempty; the schema does not tell them from pointers, whose zero stays.
_ZERO_GOES = frozenset(
    {
        "failureThreshold", "hostIPC", "hostNetwork", "hostPID", "hostPort", "initialDelaySeconds", "minReadySeconds",
        "paused", "periodSeconds", "publishNotReadyAddresses", "readOnly", "stdin", "stdinOnce", "successThreshold",
        "timeoutSeconds", "tty", "nodePort", "deprecatedCount", "weight",
    }
)  # fmt: skip
_STATUS_COUNTS = frozenset(
    {
        "availableReplicas",
        "observedGeneration",
        "readyReplicas",
        "replicas",
        "unavailableReplicas",
        "updatedReplicas",
    }
)
_ZEROS = {"integer": 0, "number": 0, "string": "", "boolean": False}
_MICRO_LAYOUT = "2006-01-02T15:04:05.000000Z07:00"
_MICRO_PARTS = (
    ("2006", r"\d{4}"), ("-", "-"), ("01", r"\d\d"), ("-", "-"), ("02", r"\d\d"), ("T", "T"), ("15", r"\d\d"),
    (":", ":"), ("04", r"\d\d"), (":", ":"), ("05", r"\d\d"), (".000000", r"\.\d{6}"), ("Z07:00", r"Z|[+-]\d\d:\d\d"),
)  # fmt: skip


def decoded(obj: Object, node: Node) -> Object:
    """The object as the API server keeps it. Raises ValueError for a quantity or time that is none."""
    found: Object = _decoded(obj, node)
    return found


def _decoded(value: Any, node: Node) -> Any:
    if isinstance(value, dict):
        return _decoded_map(value, node)
    if isinstance(value, list):
        blank = node.item().shape == "struct"
        items = [{} if blank and entry is None else _decoded(entry, node.item()) for entry in value]
        return value if all(map(_is, items, value)) else items
    if not node.name:
        return value
    if node.is_quantity:
        found = canonical(str(value))
        return value if found == value else found
    if node.is_micro_time and isinstance(value, str):
        _check_micro_time(value)
        return value.replace("+00:00", "Z")
    return value


def _is(one: Any, other: Any) -> bool:
    return one is other


def _decoded_map(value: Object, node: Node) -> Object:
    result: Object = {}
    changed = False
    for name, inner in value.items():
        child = node.child(name)
        if child is None:
            changed = True
            continue
        if inner is None and name in node.kept:
            inner = _zero(child)  # noqa: PLW2901 - what Go makes of a null where the type is no pointer
            changed = changed or inner is not None
        found = inner if child is ANYTHING else _decoded(inner, child)
        if _goes(name, found, child, node):
            changed = True
            continue
        changed = changed or found is not inner
        result[name] = found
    return result if changed else value


def _zero(node: Node) -> Any:
    if node.shape in ("struct", "any"):
        return {}
    return None if node.shape == "list" or node.name else _ZEROS.get(node.type)


def _goes(name: str, value: Any, child: Node, node: Node) -> bool:
    if value is None:
        return name not in node.kept
    if node.shape != "struct" or name in node.kept:
        return False
    if value in ("", [], {}):
        return child.shape not in ("struct", "any")
    if value is False or value == 0:
        return name in _ZERO_GOES or (name in _STATUS_COUNTS and node.name.endswith("DeploymentStatus"))
    return False


def _check_micro_time(value: str) -> None:
    rest = value
    for part, pattern in _MICRO_PARTS:
        match = re.match(pattern, rest)
        if match is None:
            problem = f'parsing time "{value}" as "{_MICRO_LAYOUT}": cannot parse "{rest}" as "{part}"'
            raise ValueError(problem)
        rest = rest[match.end() :]
    if rest:
        raise ValueError(f'parsing time "{value}": extra text: "{rest}"')
