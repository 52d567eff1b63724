"""Whether this process lives and whether it does its work, with the reasons why not."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a probe fails: the part, what is wrong, what to do."""

    part: str
    problem: str
    remedy: str = ""


Check = Callable[[], Iterable[Reason]]
"""The reasons of one part at this moment; none means that it is well."""


@dataclass(frozen=True, slots=True)
class Health:
    """The checks behind `/healthz` and `/readyz`."""

    alive: tuple[Check, ...]
    ready: tuple[Check, ...]


def reasons(checks: Iterable[Check]) -> list[Reason]:
    """Every reason of every check."""
    return [reason for check in checks for reason in check()]
