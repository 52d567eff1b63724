"""The kinds' structure: OpenAPI v3 of kube-apiserver 1.36, with its merge extensions."""

import functools
import json
from importlib.resources import files
from typing import Any

Node = dict[str, Any]

_DOCUMENT = json.loads(files(__package__).joinpath("schemas.json").read_text("utf-8"))
_ANYTHING: Node = {"x-anything": True}


def root(kind: str) -> Node:
    """The structure of a kind; kinds without one (Pod, Namespace) take anything."""
    name = _DOCUMENT["kinds"].get(kind)
    return _ANYTHING if name is None else _named(name)


def field(node: Node, name: str) -> Node | None:
    """The structure of a map's field; None where it is not declared."""
    if node.get("x-anything"):
        return _ANYTHING
    properties = node.get("properties")
    if properties is not None and name in properties:
        return resolve(properties[name])
    additional = node.get("additionalProperties")
    if additional is not None:
        return resolve(additional)
    return None if properties is not None else _ANYTHING


def item(node: Node) -> Node:
    """The structure of a list's items."""
    return resolve(node["items"]) if "items" in node else _ANYTHING


def list_keys(node: Node) -> list[str] | None:
    """Keys by which a list's items are told apart; None for an atomic list or a set."""
    return node.get("x-kubernetes-list-map-keys") if node.get("x-kubernetes-list-type") == "map" else None


def is_set(node: Node) -> bool:
    """Whether a list is a set of plain values."""
    return node.get("x-kubernetes-list-type") == "set"


def is_atomic_map(node: Node) -> bool:
    """Whether a map is replaced whole."""
    return node.get("x-kubernetes-map-type") == "atomic"


def is_quantity(node: Node) -> bool:
    """Whether a value is a resource quantity."""
    return str(node.get("x-name", "")).endswith(".Quantity")


def key_default(node: Node, key: str) -> Any:
    """Default of a list key, such as TCP for a port's protocol."""
    found = field(item(node), key)
    return None if found is None else found.get("default")


def resolve(node: Node) -> Node:
    """Follow $ref and allOf."""
    merged: Node = {}
    for part in node.get("allOf", ()):
        merged.update(resolve(part))
    if "$ref" in node:
        merged.update(_named(node["$ref"].rpartition("/")[2]))
    merged.update({key: value for key, value in node.items() if key not in ("allOf", "$ref")})
    return merged


@functools.cache
def _named(name: str) -> Node:
    return {**resolve(_DOCUMENT["schemas"][name]), "x-name": name}
