"""A short name for one state of a spec, the same in every Region."""

import base64
import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

_DIGITS = 12


def spec_fingerprint(raw: Any) -> str:
    """The first 12 hex digits of the SHA-256 of a spec as DynamoDB JSON, None for an absent one.

    Keys are sorted, numbers normalised (2, 2.0 and 2E0 are one), sets sorted, no spaces; so Regions that read other
    replicas or use other SDKs agree.
    """
    canonical = json.dumps(
        _normal(raw), sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=repr
    )
    return sha256(canonical.encode()).hexdigest()[:_DIGITS]


def _normal(value: Any) -> Any:
    # dict before the abstract class: it is what an item consists of, and recognised at once.
    if not isinstance(value, (dict, Mapping)) or len(value) != 1:
        return value
    ((tag, content),) = value.items()
    if tag == "N":
        return {tag: _number(content)}
    if tag == "M" and isinstance(content, (dict, Mapping)):
        return {tag: {str(key): _normal(item) for key, item in content.items()}}
    if tag == "L" and isinstance(content, (list, tuple)):
        return {tag: [_normal(item) for item in content]}
    if tag in ("SS", "NS", "BS") and isinstance(content, list | tuple | set | frozenset):
        one = _number if tag == "NS" else _text
        return {tag: sorted(one(item) for item in content)}
    return {tag: _text(content) if isinstance(content, bytes) else content}


def _number(content: Any) -> str:
    try:
        number = Decimal(str(content))
    except InvalidOperation:
        return str(content)
    # Decimal's own text of a normalised value: 2, 0.5, 1E+2.
    return str(number.normalize() if number else Decimal(0)) if number.is_finite() else str(content)


def _text(content: Any) -> str:
    return base64.b64encode(content).decode("ascii") if isinstance(content, bytes) else str(content)
