"""One line of `doctor` and `table check`. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """warn: works, or could not be told."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, what was found, and what to do where it is not well."""

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""


def ok(name: str, found: str) -> Check:
    """All is well."""
    return Check(name, Verdict.OK, found)


def warn(name: str, found: str, remedy: str) -> Check:
    """It works, but not for ever, or it could not be told."""
    return Check(name, Verdict.WARN, found, remedy)


def fail(name: str, found: str, remedy: str) -> Check:
    """The controller cannot do its work so."""
    return Check(name, Verdict.FAIL, found, remedy)


def worst(checks: Sequence[Check]) -> Verdict:
    """The worst verdict among them."""
    order = (Verdict.FAIL, Verdict.WARN)
    found = {check.verdict for check in checks}
    return next((verdict for verdict in order if verdict in found), Verdict.OK)
