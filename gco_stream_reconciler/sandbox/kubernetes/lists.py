"""Lists in pages. The pages of one list all show the state at the first."""

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.calls import Call
from gco_stream_reconciler.sandbox.kubernetes.objects import Objects
from gco_stream_reconciler.sandbox.kubernetes.selectors import Matches, matcher
from gco_stream_reconciler.sandbox.kubernetes.statuses import RefusedError, bad_request, expired

Object = dict[str, Any]

_MOST_DIGITS = 19
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter."
)


def selected(call: Call) -> Matches:
    """What the call's selectors select. Raises RefusedError 400."""
    try:
        return matcher(
            call.query.get("labelSelector", ""), call.query.get("fieldSelector", ""), call.kind.kind
        )
    except ValueError as error:
        raise bad_request(str(error)) from error


def number(call: Call, name: str) -> int:
    """A number of the query, 0 where there is none. Raises RefusedError 400."""
    text = call.query.get(name) or "0"
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise bad_request(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)


def listed(store: Objects, call: Call, view: Callable[[Object], Object]) -> Object:
    """The List that answers a call. Raises RefusedError."""
    matches, limit, token = selected(call), number(call, "limit"), call.query.get("continue")
    version, start = _position(token) if token else (None, None)
    try:
        found = store.of_kind(call.kind, call.namespace, version)
    except RefusedError as error:
        raise expired(_TOO_OLD) from error
    found = [obj for obj in found if matches(obj) and (start is None or _place(obj, call) >= start)]
    shown = store.version if version is None else version
    meta: Object = {"resourceVersion": str(shown)}
    if limit and len(found) > limit:
        meta["continue"] = _token(shown, _place(found[limit - 1], call) + "\0")
        if not call.query.get("labelSelector") and not call.query.get("fieldSelector"):
            meta["remainingItemCount"] = len(found) - limit
        found = found[:limit]
    return {
        "kind": f"{call.kind.kind}List",
        "apiVersion": call.kind.api_version,
        "metadata": meta,
        "items": [_bare(view(obj)) for obj in found],
    }


def _bare(obj: Object) -> Object:
    return {name: value for name, value in obj.items() if name not in ("kind", "apiVersion")}


def _place(obj: Object, call: Call) -> str:
    meta = obj["metadata"]
    everywhere = call.kind.namespaced and call.namespace is None
    return f"{meta['namespace']}/{meta['name']}" if everywhere else str(meta["name"])


def _token(version: int, start: str) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _position(token: str) -> tuple[int, str]:
    try:
        found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(found["rv"]), str(found["start"])
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_request("continue key is not valid: the value is no token of this server") from error
