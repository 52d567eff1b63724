"""Kubernetes quantities as exact numbers, so that `1000m` equals `1`.

Grammar: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from decimal import Decimal
from typing import Any

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(m|u|n|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?\d+)?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def same_quantity(one: Any, other: Any) -> bool:
    """Whether two quantities (text or number) are the same amount; what is no quantity is compared as it stands."""
    first, second = _amount(one), _amount(other)
    return one == other if first is None or second is None else first == second


def lower_quantity(one: str, other: str) -> str:
    """The smaller of two quantities, as it stands; the first where one of them is no quantity."""
    if one == other:
        return one
    first, second = _amount(one), _amount(other)
    return other if first is not None and second is not None and second < first else one


def higher_quantity(one: str, other: str) -> str:
    """The larger of two quantities, as it stands; the first where one of them is no quantity."""
    if one == other:
        return one
    first, second = _amount(one), _amount(other)
    return other if first is not None and second is not None and second > first else one


def _amount(value: Any) -> Decimal | None:
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        return None
    number, suffix = Decimal(match[1]), match[2] or ""
    if suffix in _BINARY:
        return number * Decimal(1024) ** _BINARY[suffix]
    if suffix in _DECIMAL:
        return number.scaleb(_DECIMAL[suffix])
    return number.scaleb(int(suffix[1:]))
