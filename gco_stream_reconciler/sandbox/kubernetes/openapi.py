"""OpenAPI v3 documents, as far as kubectl needs them: to know that the server validates fields, and to explain kinds."""

import functools
from collections.abc import Iterator
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.kinds import KINDS, Kind
from gco_stream_reconciler.sandbox.kubernetes.schema import schema_name, schema_of

Object = dict[str, Any]

_FIELD_VALIDATION = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}


EMPTY_V2: Object = {"swagger": "2.0", "info": {"title": "Kubernetes", "version": "sandbox"}, "paths": {}}
"""The OpenAPI v2 document: kubectl asks for it to check a `List` itself, and checks no kind that it does not name.

In protobuf, which kubectl wants, a document without content is no bytes at all.
"""
V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


def at(path: str) -> Object | None:
    """The document at a path; None for a path that has none."""
    match [part for part in path.split("/") if part]:
        case ["openapi", "v3"]:
            names = sorted({_name(kind) for kind in KINDS})
            return {
                "paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}?hash=sandbox"} for name in names}
            }
        case ["openapi", "v3", *rest]:
            return _document("/".join(rest))
    return None


def _name(kind: Kind) -> str:
    return f"apis/{kind.api_version}" if kind.group else f"api/{kind.api_version}"


@functools.cache
def _document(name: str) -> Object | None:
    kinds = [kind for kind in KINDS if _name(kind) == name]
    if not kinds:
        return None
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0-sandbox"},
        "paths": {path: operations for kind in kinds for path, operations in _paths(kind)},
        "components": {"schemas": _schemas(kinds)},
    }


def _paths(kind: Kind) -> Iterator[tuple[str, Object]]:
    where = "/namespaces/{namespace}" if kind.namespaced else ""
    collection = f"/{_name(kind)}{where}/{kind.plural}"
    known = {"x-kubernetes-group-version-kind": _identity(kind)}
    for path, verbs in ((collection, ("get", "post")), (f"{collection}/{{name}}", ("get", "put", "patch"))):
        yield (
            path,
            {
                verb: {
                    **known,
                    "responses": {"200": {"description": "OK"}},
                    **({"parameters": [_FIELD_VALIDATION]} if verb != "get" else {}),
                }
                for verb in verbs
            },
        )


def _identity(kind: Kind) -> Object:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _schemas(kinds: list[Kind]) -> Object:
    """Schemas of some kinds and all that they refer to."""
    found: Object = {}
    for kind in kinds:
        name = schema_name(kind)
        known = schema_of(name) or {"type": "object"}
        found[name] = {**known, "x-kubernetes-group-version-kind": [_identity(kind)]}
    left = [reference for schema in found.values() for reference in _references(schema)]
    while left:
        name = left.pop()
        if name not in found:
            found[name] = schema_of(name) or {"type": "object"}
            left += _references(found[name])
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref":
                yield str(value).rpartition("/")[2]
            else:
                yield from _references(value)
    elif isinstance(schema, list):
        for entry in schema:
            yield from _references(entry)
