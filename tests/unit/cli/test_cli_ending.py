"""How a process ends that was asked to go on for ever."""

import pytest
import typer

from gco_stream_reconciler.cli.ending import one_sentence
from gco_stream_reconciler.errors import (
    ConfigurationError,
    InvalidObjectError,
    ReconcilerError,
    TableReplacedError,
    UnavailableError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("correct it"), 2),
        (TableReplacedError("correct it"), 1),
        (InvalidObjectError("correct it"), 1),
        (UnavailableError("correct it"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_of_ours_is_said_in_one_sentence(
    error: ReconcilerError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for raised in (error, ExceptionGroup("tasks", [error])):
        with pytest.raises(typer.Exit) as ended, one_sentence():
            raise raised
        assert ended.value.exit_code == code
        assert capsys.readouterr().err == "gco-stream-reconciler: correct it\n"


def test_a_mistake_in_the_program_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), one_sentence():
        raise ZeroDivisionError
    mixed = ExceptionGroup("tasks", [ZeroDivisionError(), InvalidObjectError("correct it")])
    with pytest.raises(ExceptionGroup) as ended, one_sentence():
        raise mixed
    assert ended.value.subgroup(ZeroDivisionError) is not None
    assert "correct it" in capsys.readouterr().err
