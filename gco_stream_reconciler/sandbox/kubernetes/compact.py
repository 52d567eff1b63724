"""JSON as the API server writes it. Pure."""

import json

import orjson


def compact(value: object) -> str:
    """JSON without blanks. The value must not contain itself."""
    return encoded(value).decode()


def encoded(value: object) -> bytes:
    """The same as bytes."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, a lone surrogate
        return json.dumps(value, separators=(",", ":")).encode()
