"""Takes the values of workload environment out of JSON values. Pure; names stay, so that one can see what is set.

Environment stands under a key `env`: in an item's spec as an object of name → value (as DynamoDB JSON one level deeper,
below `M`), in a manifest's containers as a list of `{"name": …, "value": …}`. A malformed item can have anything there,
so whatever is not a name in its place is taken for a value. JSON inside of a text (kubectl keeps a whole manifest in an
annotation) is treated the same way.
"""

import json
from typing import Any

REDACTED = "[redacted]"

_ENVIRONMENT = "env"
_TEXT_MAPS = frozenset({"labels", "matchLabels", "nodeSelector", "node_selector"})
"""Objects of free keys: a text under `env` there is a label of that name."""
_MOST_NESTED_TEXTS = 3


def redacted(value: Any) -> Any:
    """A copy of a JSON value in which no value of workload environment is left."""
    return _redacted(value, nested=0)


def _redacted(value: Any, *, nested: int, within: str = "") -> Any:
    match value:
        case dict():
            return {key: _field(key, each, nested=nested, within=within) for key, each in value.items()}
        case list():
            return [_redacted(each, nested=nested) for each in value]
        case str():
            return _text(value, nested=nested)
    return value


def _field(key: str, value: Any, *, nested: int, within: str) -> Any:
    if key == _ENVIRONMENT and not (within in _TEXT_MAPS and isinstance(value, str)):
        return _environment(value)
    return _redacted(value, nested=nested, within=key)


def _environment(value: Any) -> Any:
    match value:
        case {"M": dict() as names, **rest} if not rest:
            return {"M": dict.fromkeys(names, REDACTED)}
        case dict():
            return dict.fromkeys(value, REDACTED)
        case list():
            return [_variable(each) for each in value]
        case None:
            return None
    return REDACTED


def _variable(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return REDACTED
    return {key: each if key == "name" and isinstance(each, str) else REDACTED for key, each in entry.items()}


def _text(value: str, *, nested: int) -> str:
    """A text that is JSON is redacted inside; one that nests deeper than anything real goes as a whole."""
    if not value.lstrip().startswith(("{", "[", '"')):
        return value
    try:
        inner = json.loads(value)
    except (ValueError, RecursionError):
        return value
    if nested == _MOST_NESTED_TEXTS:
        return REDACTED
    clean = _redacted(inner, nested=nested + 1)
    return value if clean == inner else json.dumps(clean, ensure_ascii=False)
