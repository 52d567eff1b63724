"""Items in files, and as plain values: DynamoDB JSON or plain JSON in, DynamoDB JSON out. Pure but for the reading."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from gco_stream_reconciler.cli.ending import CommandError, Exit
from gco_stream_reconciler.endpoints.values import plain

_TAGS = frozenset({"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"})


def items_of_file(file: Path) -> list[dict[str, Any]]:
    """Items of a file: one item, a list of them, or the answer of `aws dynamodb get-item`, `scan` or `query`.

    Raises CommandError.
    """
    try:
        document = json.loads(file.read_text("utf-8"), parse_float=Decimal)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror or error}", Exit.USAGE) from error
    except ValueError as error:
        raise CommandError(
            f"{file} is not JSON ({error}): give an item in DynamoDB JSON or plain JSON", Exit.USAGE
        ) from error
    found = _unwrapped(document)
    bad = [each for each in found if not isinstance(each, dict) or "endpoint_name" not in each]
    if bad or not found:
        raise CommandError(
            f"{file} holds no item with an endpoint_name: give what `aws dynamodb get-item` or `scan` prints, or a "
            "plain JSON object",
            Exit.USAGE,
        )
    return [as_dynamodb(each) for each in found]


def as_dynamodb(item: Mapping[str, Any]) -> dict[str, Any]:
    """The item as attribute values, if it is not already."""
    if all(_is_tagged(value) for value in item.values()):
        return dict(item)
    return {key: tagged(value) for key, value in item.items()}


def tagged(value: Any) -> dict[str, Any]:  # noqa: PLR0911 - one for each type
    """A plain value as an attribute value. GCO's command line stores floats as strings."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case float() | Decimal():
            return {"S": str(value)}
        case Mapping():
            return {"M": {str(key): tagged(each) for key, each in value.items()}}
        case list() | tuple():
            return {"L": [tagged(each) for each in value]}
    return {"S": str(value)}


def untagged(item: Mapping[str, Any]) -> dict[str, Any]:
    """The item as plain values that JSON can hold."""
    return {key: _json(plain(value)) for key, value in item.items()}


def _json(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case dict():
            return {key: _json(each) for key, each in value.items()}
        case list():
            return [_json(each) for each in value]
    return repr(value)


def _unwrapped(document: Any) -> list[Any]:
    if isinstance(document, dict) and isinstance(document.get("Items"), list):
        return list(document["Items"])
    if isinstance(document, dict) and isinstance(document.get("Item"), dict):
        return [document["Item"]]
    return document if isinstance(document, list) else [document]


def _is_tagged(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _TAGS
