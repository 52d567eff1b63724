"""The kinds' structure: OpenAPI v3 of kube-apiserver 1.36 with its merge extensions, as a tree of nodes."""

import functools
import json
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.kinds import CORE_EVENT, Kind

_DOCUMENT: dict[str, Any] = json.loads(files(__package__).joinpath("schemas.json").read_text("utf-8"))
_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_POD_SPEC = "io.k8s.api.core.v1.PodSpec"
_HARMLESS = frozenset({"allOf", "$ref", "default"})


@dataclass(slots=True, eq=False)
class Node:
    """What may stand at one place of an object.

    shape: `struct` (named fields), `map` (any key), `list`, `scalar`, or `any` (undeclared: maps are granular, lists
    are not). atomic: replaced whole, never merged. keys: what tells the items of a keyed list apart. is_set: a list
    that is a set of plain values. kept: fields of a struct that are written even when they are empty. merge_key: what
    a strategic merge patch tells items apart by, `""` for a list of plain values that it adds to, None for a list that
    it replaces.
    """

    shape: str
    name: str = ""
    type: str = ""
    fields: dict[str, "Node"] = field(default_factory=dict)
    element: "Node | None" = None
    atomic: bool = False
    keys: tuple[str, ...] = ()
    key_defaults: dict[str, Any] = field(default_factory=dict)
    is_set: bool = False
    kept: frozenset[str] = frozenset()
    required: tuple[str, ...] = ()
    merge_key: str | None = None

    def child(self, name: str) -> "Node | None":
        """Node of a map's field; None where it is not declared."""
        if self.shape == "any":
            return self
        return self.fields.get(name, self.element)

    def item(self) -> "Node":
        """Node of a list's items."""
        return self.element or ANYTHING

    @property
    def is_quantity(self) -> bool:
        """Whether a resource quantity stands here."""
        return self.name == "io.k8s.apimachinery.pkg.api.resource.Quantity"

    @property
    def is_micro_time(self) -> bool:
        """Whether a time with six digits after the second stands here."""
        return self.name == "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"


ANYTHING = Node("any")


def schema_name(kind: Kind) -> str:
    """Name of a kind's schema in OpenAPI, known here or not."""
    known: str | None = None if kind is CORE_EVENT else _DOCUMENT["kinds"].get(kind.kind)
    group = kind.group.removesuffix(".k8s.io") or "core"
    return known or f"io.k8s.api.{group}.{kind.version}.{kind.kind}"


def schema_of(name: str) -> dict[str, Any] | None:
    """A schema as OpenAPI has it; None for one that is not known here. Treat it as frozen."""
    found: dict[str, Any] | None = _DOCUMENT["schemas"].get(name)
    return found


@functools.cache
def root(kind: str) -> Node:
    """The structure of a kind."""
    name = _DOCUMENT["kinds"].get(kind)
    if name is not None:
        return _named(name)
    spec = _named(_POD_SPEC) if kind == "Pod" else ANYTHING
    text = Node("scalar", type="string")
    fields = {"apiVersion": text, "kind": text, "metadata": _named(_META), "spec": spec, "status": ANYTHING}
    return Node("struct", name=kind, fields=fields, kept=frozenset({"metadata", "spec", "status"}))


@functools.cache
def _named(name: str) -> Node:
    return _compiled(_DOCUMENT["schemas"][name], name)


def _compiled(schema: dict[str, Any], name: str = "") -> Node:  # noqa: PLR0911 - one a shape
    target = _reference(schema)
    if target is not None and set(schema) <= _HARMLESS:
        return _named(target)
    if target is not None:
        own = {key: value for key, value in schema.items() if key not in _HARMLESS}
        return _compiled({**_DOCUMENT["schemas"][target], **own}, target)
    atomic = "atomic" in (schema.get("x-kubernetes-map-type"), schema.get("x-kubernetes-list-type"))
    if "properties" in schema:
        properties: dict[str, Any] = schema["properties"]
        return Node(
            "struct",
            name,
            fields={key: _compiled(value) for key, value in properties.items()},
            atomic=atomic,
            kept=frozenset(key for key, value in properties.items() if "default" in value),
            required=tuple(schema.get("required", ())),
        )
    if "additionalProperties" in schema:
        return Node("map", name, element=_compiled(schema["additionalProperties"]), atomic=atomic)
    if schema.get("type") == "array":
        return _compiled_list(schema)
    if schema.get("type") == "object":
        return ANYTHING
    return Node("scalar", name, type="" if "oneOf" in schema else str(schema.get("type", "")))


def _compiled_list(schema: dict[str, Any]) -> Node:
    items = schema["items"]
    relation = schema.get("x-kubernetes-list-type", "atomic")
    strategy = schema.get("x-kubernetes-patch-strategy", "").split(",")
    keys = tuple(sorted(schema.get("x-kubernetes-list-map-keys", ()))) if relation == "map" else ()
    target = _reference(items)
    properties = (items if target is None else _DOCUMENT["schemas"][target]).get("properties", {})
    defaults = {key: properties[key]["default"] for key in keys if "default" in properties.get(key, {})}
    return Node(
        "list",
        element=_compiled(items),
        atomic=relation == "atomic",
        keys=keys,
        key_defaults=defaults,
        is_set=relation == "set",
        merge_key=schema.get("x-kubernetes-patch-merge-key", "") if "merge" in strategy else None,
    )


def _reference(schema: dict[str, Any]) -> str | None:
    holder = schema.get("allOf", [schema])[0]
    reference: str | None = holder.get("$ref")
    return None if reference is None else reference.rpartition("/")[2]
