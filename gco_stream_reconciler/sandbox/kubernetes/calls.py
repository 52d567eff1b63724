"""What a request asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_PLURAL, Kind

_VERBS = {"PUT": "update", "PATCH": "patch", "HEAD": "get"}


@dataclass(frozen=True, slots=True)
class Call:
    """A request about one kind. verb: RBAC's. namespace: None for all of them, and for kinds that have none."""

    verb: str
    kind: Kind
    namespace: str | None
    name: str
    subresource: str
    manager: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    as_table: bool = False
    body: Any = None

    @property
    def place(self) -> str:
        """The namespace of a single object."""
        return self.namespace or ""

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be stored."""
        return self.query.get("dryRun") == "All"

    def flag(self, name: str) -> bool:
        """A boolean of the query."""
        return self.query.get(name) in ("1", "true")


def call_of(
    method: str, path: str, query: Mapping[str, str], *, agent: str, content_type: str, accept: str
) -> Call | None:
    """The call that a request makes, without its body; None for a path that names nothing."""
    match [part for part in path.split("/") if part]:
        case ["api", version, *rest]:
            group = ""
        case ["apis", group, version, *rest]:
            pass
        case _:
            return None
    namespace: str | None = None
    match rest:
        case ["namespaces", namespace, plural, *rest] if plural != "status":
            pass
        case [plural, *rest]:
            pass
        case _:
            return None
    kind = BY_PLURAL.get((group, version, plural))
    match rest:
        case []:
            name, subresource = "", ""
        case [name]:
            subresource = ""
        case [name, subresource]:
            pass
        case _:
            return None
    if kind is None or (subresource and subresource not in kind.subresources):
        return None
    if not kind.namespaced:
        namespace = None
    return Call(
        verb=_verb(method, name, watch=query.get("watch") in ("1", "true")),
        kind=kind,
        namespace=namespace,
        name=name,
        subresource=subresource,
        manager=query.get("fieldManager") or agent.partition("/")[0] or "unknown",
        method=method,
        path=path,
        query=query,
        content_type=content_type,
        as_table="as=Table" in accept,
    )


def _verb(method: str, name: str, *, watch: bool) -> str:
    if method == "GET":
        return "watch" if watch else "get" if name else "list"
    if method == "POST":
        return "" if name else "create"
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    return _VERBS.get(method, "") if name else ""
