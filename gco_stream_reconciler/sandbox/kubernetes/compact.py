"""JSON as the API server writes it. Pure."""

import json

# Made once: the function of the module makes an encoder for every call that wants other than its own separators.
_ENCODER = json.JSONEncoder(separators=(",", ":"), check_circular=False)


def compact(value: object) -> str:
    """JSON without blanks. The value must not contain itself."""
    return _ENCODER.encode(value)
