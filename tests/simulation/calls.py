"""What a request means to the API server."""

import json
from collections.abc import Mapping

from gco_stream_reconciler.sandbox.kubernetes.calls import Call, call_of

_AGENT = "gco-stream-reconciler"
_JSON = "application/json"
_PASSING = ("resourceVersion", "continue")


class Calls:
    """Reads requests; those without a body, which are asked again and again, only once."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Call] = {}

    def of(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None,
        body: object,
        content_type: str | None,
    ) -> Call:
        """The call that a request is."""
        texts = {key: str(value) for key, value in (query or {}).items()}
        if any(name in texts for name in _PASSING):
            return _read(method, path, texts, body, content_type or _JSON)
        key = (method, path, content_type, *texts.items())
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _read(method, path, texts, None, content_type or _JSON)
        return known if body is None else _with(known, body)


def _read(method: str, path: str, texts: dict[str, str], body: object, content_type: str) -> Call:
    found = call_of(method, path, texts, agent=_AGENT, content_type=content_type, accept=_JSON)
    assert found is not None, f"{method} {path} names nothing"
    return Call(
        found.verb,
        found.kind,
        found.namespace,
        found.name,
        found.subresource,
        found.manager,
        method,
        path,
        texts,
        content_type,
        body=_sent(body),
    )


def _with(call: Call, body: object) -> Call:
    return Call(
        call.verb,
        call.kind,
        call.namespace,
        call.name,
        call.subresource,
        call.manager,
        call.method,
        call.path,
        call.query,
        call.content_type,
        body=_sent(body),
    )


def _sent(body: object) -> object:
    # What is sent is a copy, as it is on a wire.
    return None if body is None else json.loads(json.dumps(body))
