"""HTML that cannot be forgotten to be escaped: whatever is not `Html` is text. Pure."""

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

_VOID = frozenset({"input", "link", "meta"})


class Html(str):
    """Markup, ready to be sent. Only this module and literals make it."""

    __slots__ = ()


Child: TypeAlias = "Html | str | int | Iterable[Child] | None"
Attribute: TypeAlias = str | int | float | bool | None


def element(name: str, /, *children: Child, **attributes: Attribute) -> Html:
    """An element. Children that are no `Html` are escaped; None is nothing.

    An attribute's `_` becomes `-` and a trailing one goes (`class_`); True is the bare attribute, False and None leave
    it out.
    """
    opened = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    if name in _VOID:
        return Html(opened)
    return Html(f"{opened}{joined(*children)}</{name}>")


def joined(*children: Child) -> Html:
    """Children one after the other."""
    return Html("".join(_child(each) for each in children))


def _child(child: Child) -> str:
    match child:
        case Html():
            return child
        case None:
            return ""
        case str() | int():
            return escape(str(child), quote=False)
    return "".join(_child(each) for each in child)


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    written = name.removesuffix("_").replace("_", "-")
    return f" {written}" if value is True else f' {written}="{escape(str(value))}"'
