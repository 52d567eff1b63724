"""DynamoDB JSON as plain Python, and problems collected on the way.

Attribute values: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from gco_stream_reconciler.endpoints.model import Problem
from gco_stream_reconciler.printable import escaped, shortened

T = TypeVar("T")

_SHOWN = 80


class Unreadable:
    """What stands for an attribute value of no known form."""

    def __repr__(self) -> str:
        """As it appears in a problem."""
        return "(unreadable)"


UNREADABLE = Unreadable()


def plain(value: Any) -> Any:
    """An attribute value as None, bool, int, Decimal, str, bytes, list, dict or set; UNREADABLE for anything else."""
    # dict before the abstract class: it is what an item consists of, and recognised at once.
    if not isinstance(value, (dict, Mapping)) or len(value) != 1:
        return UNREADABLE
    ((tag, content),) = value.items()
    reader = _READERS.get(tag)
    return UNREADABLE if reader is None else reader(content)


def _number(text: Any) -> Any:
    try:
        number = Decimal(text) if isinstance(text, str | int) and not isinstance(text, bool) else None
    except InvalidOperation:
        return UNREADABLE
    if number is None or not number.is_finite():
        return UNREADABLE
    # A huge exponent must not become a number with that many digits.
    return int(number) if number == number.to_integral_value() and number.adjusted() < _SHOWN else number


def _typed(kind: type) -> Callable[[Any], Any]:
    return lambda content: content if isinstance(content, kind) else UNREADABLE


def _list(content: Any) -> Any:
    return [plain(item) for item in content] if isinstance(content, (list, tuple)) else UNREADABLE


def _map(content: Any) -> Any:
    return (
        {str(key): plain(item) for key, item in content.items()}
        if isinstance(content, (dict, Mapping))
        else UNREADABLE
    )


def _set(content: Any) -> Any:
    return sorted(map(str, content)) if isinstance(content, list | tuple | set | frozenset) else UNREADABLE


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "S": _typed(str),
    "N": _number,
    "BOOL": _typed(bool),
    "NULL": lambda _: None,
    "B": lambda content: content if isinstance(content, str | bytes) else UNREADABLE,
    "L": _list,
    "M": _map,
    "SS": _set,
    "NS": _set,
    "BS": _set,
}


def shown(value: Any) -> str:
    """A value for a message: printable, without line breaks, at most 80 characters."""
    text = value if isinstance(value, str) else repr(value)
    # An item may hold 400 KB of what must be escaped; it only gets longer by that.
    return shortened(escaped(text[: _SHOWN + 1]), _SHOWN)


class RefusedError(Exception):
    """A check refused a value; the message is the reason."""


Check = Callable[[Any], T]
"""Turns a plain value into what the model holds, or raises RefusedError with what is allowed."""


@dataclass(slots=True)
class Reading:
    """Collects what is wrong while a map is read field by field."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def refuse(self, path: str, value: Any, reason: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(path, "" if value is None else shown(value), reason))

    def take(
        self, source: Mapping[str, Any], key: str, check: Check[T], default: T, *, prefix: str = ""
    ) -> T:
        """`source[key]` as the check makes it; the default where it is absent or null, and where it is refused."""
        value = source.get(key)
        if value is None:
            return default
        try:
            return check(value)
        except RefusedError as refusal:
            self.refuse(f"{prefix}{key}", value, str(refusal))
            return default
