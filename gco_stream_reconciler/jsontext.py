"""JSON on the way in and out, by orjson: parsing and writing it was a fifth of what a change costs.

orjson refuses what the standard library takes: a lone surrogate, nesting beyond its limit, on the way out an integer beyond
64 bits. That may be one endpoint's own doing, and must not make a page unreadable that holds others, so it gets a second
reader and writer.

Write only what can be read again: None, truth, finite numbers, text, lists, and objects with text for keys. Of anything else
nothing is promised: bytes, sets and most objects raise, but orjson writes dates, UUIDs, enumerations and dataclasses, and
null for NaN.
"""

import json
import re
from typing import Any

import orjson

# What JSON takes as it is, and YAML 1.1 refuses (DEL, C1, noncharacters) or takes for a line end or a mark of the encoding.
_OTHER_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def parse(text: bytes | str) -> Any:
    """The value; an integer beyond 64 bits is a float, and neither AWS nor Kubernetes sends one. Raises ValueError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def encode(value: Any) -> bytes:
    """Without spaces, keys in their order. Raises TypeError, e.g. for bytes, or ValueError for a value that holds itself."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def encode_for_yaml(value: Any) -> bytes:
    """As `encode`, in a text that is the same value to a reader of YAML 1.1.

    It holds no escaped surrogate pairs, which JSON reads as one character and YAML not at all. Raises ValueError for what
    such a reader refuses or alters: a lone surrogate, an integer beyond 64 bits; and for what has no JSON.
    """
    try:
        text = orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from error
    if _is_plain(text):
        return text
    # These stand within strings only, where both languages know the escape.
    return _OTHER_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text.decode()).encode()


def canonical(value: Any) -> bytes:
    """The same bytes for equal values, in every version: hashes of them stand in clusters.

    Keys sorted, without spaces, ASCII: what `json.dumps` writes, but for some floats; no manifest holds any.
    Raises as `encode` does.
    """
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return _canonical(value)
    # The two escape alike within ASCII, DEL excepted.
    return text if _is_plain(text) else _canonical(value)


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _is_plain(text: bytes) -> bool:
    return text.isascii() and b"\x7f" not in text
