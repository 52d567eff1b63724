"""One line of `doctor` and `table check`. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class CheckVerdict(StrEnum):
    """warn: works, or could not be told."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, what was found, and what to do where it is not well."""

    name: str
    verdict: CheckVerdict
    found: str
    remedy: str = ""


def ok(name: str, found: str) -> Check:
    """All is well."""
    return Check(name, CheckVerdict.OK, found)


def warn(name: str, found: str, remedy: str) -> Check:
    """It works, but not for ever, or it could not be told."""
    return Check(name, CheckVerdict.WARN, found, remedy)


def fail(name: str, found: str, remedy: str) -> Check:
    """The controller cannot do its work so."""
    return Check(name, CheckVerdict.FAIL, found, remedy)


def worst(checks: Sequence[Check]) -> CheckVerdict:
    """The worst verdict among them."""
    order = (CheckVerdict.FAIL, CheckVerdict.WARN)
    found = {check.verdict for check in checks}
    return next((verdict for verdict in order if verdict in found), CheckVerdict.OK)
