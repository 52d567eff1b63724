"""Label and field selectors of a list or watch. Pure."""

import re
from collections.abc import Callable
from typing import Any

Object = dict[str, Any]
Matches = Callable[[Object], bool]

_SET = re.compile(r"\s*([^\s=!,()]+)\s+(in|notin)\s*\(([^)]*)\)\s*")
_PART = re.compile(r"(?:[^,(]|\([^)]*\))+")
_KEY = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_./]*")
_FIELDS = {
    "": ("metadata.name", "metadata.namespace"),
    "Pod": ("status.phase", "spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName"),
    "Event": ("reason", "type", "reportingController"),
}
_EVENT_PREFIXES = ("involvedObject.", "regarding.")


def matcher(label_selector: str, field_selector: str, kind: str) -> Matches:
    """Whether an object is selected. Raises ValueError for a selector that cannot be read."""
    labels = [_label(part.strip()) for part in _PART.findall(label_selector)]
    fields = [_field(part.strip(), kind) for part in field_selector.split(",") if part.strip()]

    def matches(obj: Object) -> bool:
        have = obj["metadata"].get("labels") or {}
        return all(test(have) for test in labels) and all(test(obj) for test in fields)

    return matches


def _label(part: str) -> Callable[[dict[str, str]], bool]:
    match = _SET.fullmatch(part)
    if match:
        key, inside, values = match[1], match[2] == "in", {value.strip() for value in match[3].split(",")}
        return lambda labels: (labels.get(key) in values) == inside
    if part.startswith("!"):
        key = _checked(part[1:], part)
        return lambda labels: key not in labels
    key, operator, value = _split(part)
    key = _checked(key, part)
    if not operator:
        return lambda labels: key in labels
    return lambda labels: (labels.get(key) == value) == (operator == "=")


def _split(part: str) -> tuple[str, str, str]:
    for sign, operator in (("!=", "!="), ("==", "="), ("=", "=")):
        key, found, value = part.partition(sign)
        if found:
            return key.strip(), operator, value.strip()
    return part, "", ""


def _checked(key: str, part: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError(f"unable to parse requirement: found '{part}', expected: identifier after \"(\"")
    return key


def _field(part: str, kind: str) -> Matches:
    path, operator, value = _split(part)
    known = (*_FIELDS[""], *_FIELDS.get(kind, ()))
    if path not in known and not (kind == "Event" and path.startswith(_EVENT_PREFIXES)):
        raise ValueError(f'"{path}" is not a known field selector: field label not supported: {path}')
    steps = path.replace("involvedObject.", "regarding.").split(".")

    def test(obj: Object) -> bool:
        found: Any = obj
        for step in steps:
            found = found.get(step) if isinstance(found, dict) else None
        return (("" if found is None else str(found)) == value) == (operator == "=")

    return test
