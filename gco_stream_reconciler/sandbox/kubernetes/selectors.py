"""Label and field selectors of a list or watch. Equality, inequality, existence, and `in`/`notin`."""

import re
from collections.abc import Callable
from typing import Any

Object = dict[str, Any]
Matches = Callable[[Object], bool]

_SET = re.compile(r"\s*([^\s=!,]+)\s+(in|notin)\s+\(([^)]*)\)\s*")
_PART = re.compile(r"(?:[^,(]|\([^)]*\))+")


def matcher(label_selector: str, field_selector: str) -> Matches:
    """Whether an object is selected."""
    labels = [_label(part.strip()) for part in _PART.findall(label_selector)]
    fields = [_field(part.strip()) for part in field_selector.split(",") if part.strip()]

    def matches(obj: Object) -> bool:
        have = obj["metadata"].get("labels") or {}
        return all(test(have) for test in labels) and all(test(obj) for test in fields)

    return matches


def _label(part: str) -> Callable[[dict[str, str]], bool]:
    match = _SET.fullmatch(part)
    if match:
        key, inside, values = match[1], match[2] == "in", {value.strip() for value in match[3].split(",")}
        return lambda labels: (labels.get(key) in values) == inside
    if "!=" in part:
        key, _, value = part.partition("!=")
        return lambda labels: labels.get(key.strip()) != value.strip()
    if "=" in part:
        key, _, value = part.replace("==", "=").partition("=")
        return lambda labels: labels.get(key.strip()) == value.strip()
    if part.startswith("!"):
        return lambda labels: part[1:] not in labels
    return lambda labels: part in labels


def _field(part: str) -> Matches:
    path, _, value = part.replace("==", "=").partition("=")

    def test(obj: Object) -> bool:
        found: Any = obj
        for step in path.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        return str(found) == value

    return test
