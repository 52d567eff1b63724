"""How a command ends: one sentence on stderr with the remedy, and a documented exit code. Never a traceback."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, NoReturn, TypeVar

import typer
from rich.console import Console
from typer.core import TyperGroup

from gco_stream_reconciler.errors import (
    ConditionFailedError,
    FatalError,
    NotFoundError,
    ReconcilerError,
    RetryableError,
    first_error,
)
from gco_stream_reconciler.printable import escaped

T = TypeVar("T")

PROGRAM = "gco-stream-reconciler"


class Exit(IntEnum):
    """Exit codes, as docs/cli.md lists them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    ALREADY_EXISTS = 3  # deploy's meaning of the same code
    UNREACHABLE = 4
    CHANGED = 5
    TIMED_OUT = 6
    DIFF_FAILED = 7


class CommandError(FatalError):
    """A command ends here; the message names the remedy."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.exit_code = int(code)


def code_of(error: ReconcilerError) -> Exit:
    """The exit code that an error ends a command with."""
    match error:
        case FatalError():
            return Exit(error.exit_code)
        case ConditionFailedError():
            return Exit.CHANGED
        case NotFoundError():
            return Exit.NOT_FOUND
        case RetryableError():
            return Exit.UNREACHABLE
    return Exit.FAILED


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end; an error of ours is said and becomes the exit code."""
    _silence_libraries()
    try:
        return asyncio.run(work)
    except ReconcilerError as error:
        end(error)
    except ExceptionGroup as group:
        ours, others = group.split(ReconcilerError)
        if ours is None or others is not None:
            raise
        end(first_error(ours))


def end(error: ReconcilerError) -> NoReturn:
    """Say why and exit."""
    say(str(error))
    raise typer.Exit(int(code_of(error))) from None


@contextmanager
def one_sentence() -> Iterator[None]:
    """Around a controller that should go on: an error of ours is said; a fatal one names the exit code, any other's is 1."""
    try:
        yield
    except* ReconcilerError as errors:
        error = first_error(errors)
        say(str(error))
        code = error.exit_code if isinstance(error, FatalError) else int(Exit.FAILED)
        raise typer.Exit(code) from None


def say(sentence: str) -> None:
    """One line on standard error."""
    line = escaped(" ".join(sentence.split()))
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"{PROGRAM}: {line}", markup=False)


class OneSentenceGroup(TyperGroup):
    """A group of commands that answers wrong flags with one sentence, as every other failure."""

    def main(self, *, standalone_mode: bool = True, **kwargs: Any) -> Any:  # type: ignore[override]
        """As click's, but for how a usage error is said."""
        if not standalone_mode:
            return super().main(standalone_mode=False, **kwargs)
        try:
            code = super().main(standalone_mode=False, **kwargs)
        except typer.Abort:
            say("aborted; nothing was written")
            raise SystemExit(int(Exit.FAILED)) from None
        except Exception as error:  # noqa: BLE001 - whatever is no usage error is raised again
            _say_usage(error)
            raise SystemExit(int(Exit.USAGE)) from None
        raise SystemExit(code if isinstance(code, int) else int(Exit.DONE))


def _say_usage(error: Exception) -> None:
    """Raises whatever is no usage error. Typer brings its own copy of click, so the type cannot be named."""
    message = getattr(error, "format_message", None)
    if message is None:
        raise error
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else PROGRAM
    if type(error).__name__ == "NoArgsIsHelpError":
        Console(stderr=True, highlight=False, soft_wrap=True).print(message(), markup=False)
        return
    say(f"{message().rstrip('.')}; see `{command} --help`")


def _silence_libraries() -> None:
    """What libraries log would stand between a command's lines; what matters arrives as an error."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())
