"""JSON on the way in and out, by orjson: parsing and writing it was a fifth of what a change costs.

orjson refuses what the standard library takes: a lone surrogate, nesting beyond its limit, on the way out an integer beyond
64 bits. That may be one endpoint's own doing, and must not make a page unreadable that holds others, so it gets a second
reader and writer.
"""

import json
from typing import Any

import orjson


def parse(text: bytes | str) -> Any:
    """The value; an integer beyond 64 bits is a float, and neither AWS nor Kubernetes sends one. Raises ValueError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def encode(value: Any) -> bytes:
    """Without spaces, keys in their order. Raises TypeError, or ValueError for a value that holds itself."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def canonical(value: Any) -> bytes:
    """The same bytes for equal values: keys sorted, without spaces. Raises as `encode` does."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
