"""Anything that holds facts → JSON values, without the secrets in it. Pure."""

import json
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias

from gco_stream_reconciler.redaction import redacted

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


def public(value: Any) -> Json:
    """The value as JSON that anybody may see: dataclasses as objects, values of workload environment redacted."""
    clean: Json = redacted(plain(value))
    return clean


def plain(value: Any) -> Json:  # noqa: PLR0911 - one line a type
    """The value as JSON. What JSON has no word for becomes its text; secrets are still in it."""
    match value:
        case Enum():
            return plain(value.value)
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return (
                int(value)
                if value.is_finite() and value == value.to_integral_value()
                else plain(float(value))
            )
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case AbstractSet():
            return sorted((plain(each) for each in value), key=str)
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    return str(value)


def text(document: Json) -> str:
    """JSON for people: indented, with every letter as it is."""
    # A lone surrogate is a legal str and no legal UTF-8.
    return (
        json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8") + "\n"
    )
