"""Resource quantities in the API server's canonical form. Pure.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from decimal import Decimal

_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([KMGTPE]i)|([numkMGTPE]?)|[eE]([+-]?\d+))", re.ASCII)
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def amount(text: str) -> Decimal:
    """The number that a quantity stands for. Raises ValueError for what is none."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )
    number, binary, decimal, exponent = match.groups()
    if binary:
        return Decimal(number) * Decimal(1024) ** _BINARY.index(binary)
    return Decimal(number).scaleb(int(exponent) if exponent else _DECIMAL[decimal or ""])


def canonical(text: str) -> str:
    """The same quantity with the largest suffix that leaves a whole number: `1000m` is `1`, `4096Mi` is `4Gi`.

    Below a nano it is rounded up. Raises ValueError.
    """
    total = amount(text)
    if "i" in text and total == total.to_integral_value():
        return _binary(int(total))
    if not total:
        return "0"
    for suffix, power in sorted(_DECIMAL.items(), key=lambda pair: -pair[1]):
        scaled = total.scaleb(-power)
        if scaled == scaled.to_integral_value():
            return f"{int(scaled)}{suffix}"
    return f"{int(total.scaleb(9)) + 1}n"


def _binary(total: int) -> str:
    power = 0
    while total and total % 1024 == 0 and power + 1 < len(_BINARY):
        total, power = total // 1024, power + 1
    return f"{total}{_BINARY[power]}"
