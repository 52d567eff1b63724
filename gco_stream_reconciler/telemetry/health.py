"""Whether this process lives and whether it does its work, with the reasons why not."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a probe fails: the part, what is wrong, what to do."""

    part: str
    problem: str
    remedy: str


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


class TaskWatch:
    """The tasks that are to live as long as their work: one that has ended is a reason not to be alive.

    The groups that own the tasks end the process when one of them fails; this sees those that just stop.
    """

    def __init__(self) -> None:
        self._watched: dict[int, asyncio.Task[Any]] = {}

    @contextmanager
    def watching(self, *tasks: asyncio.Task[Any]) -> Iterator[None]:
        """Hold these tasks to be eternal during the block."""
        self._watched.update({id(task): task for task in tasks})
        try:
            yield
        finally:
            for task in tasks:
                self._watched.pop(id(task), None)

    def check(self) -> Iterable[Reason]:
        """A reason for every task that has ended."""
        for task in self._watched.values():
            if task.done():
                yield Reason(
                    f"task {task.get_name()}", _ending(task), "the process is restarted by its probe"
                )


def _ending(task: asyncio.Task[Any]) -> str:
    if task.cancelled():
        return "was cancelled"
    error = task.exception()
    return "has returned" if error is None else f"failed: {type(error).__name__}: {error}"
