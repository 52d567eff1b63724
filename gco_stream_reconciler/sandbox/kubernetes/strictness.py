"""What `fieldValidation` asks for: to hear of fields that the server would drop. Pure.

https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation
"""

from collections.abc import Iterator
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.schema import Node

Object = dict[str, Any]


def undeclared(value: Any, node: Node, path: str = "") -> Iterator[str]:
    """Paths of the fields that the schema does not know."""
    if isinstance(value, dict) and node.shape in ("struct", "map"):
        for name, inner in value.items():
            child = node.child(name)
            where = f"{path}.{name}" if path else name
            if child is None:
                yield where
            else:
                yield from undeclared(inner, child, where)
    elif isinstance(value, list) and node.shape == "list":
        for index, entry in enumerate(value):
            yield from undeclared(entry, node.item(), f"{path}[{index}]")


def unknown_fields(obj: Object, node: Node) -> tuple[str, ...]:
    """What a strict decoder says of an object; nothing when every field is declared."""
    return tuple(f'unknown field "{path}"' for path in undeclared(obj, node))
