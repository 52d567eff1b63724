"""Who is asked and what is painted: standard input says whether a person is there, the stream that is printed to how."""

import os
from collections.abc import Iterator

import pytest

from gco_stream_reconciler.sandbox.table import Writer
from tests.integration.cli.commands import REGION, Commands, Ended, written

COLOURED = {"FORCE_COLOR": "1", "NO_COLOR": None, "COLUMNS": "60"}
"""What CI services set: colours, and no terminal."""
END_OF_INPUT = b"\x04"


@pytest.fixture
def command(writer: Writer) -> Commands:
    writer.create_table()
    writer.deploy("llama", {"image": "vllm/vllm-openai:v1"}, [REGION])
    return Commands(writer.table, more=COLOURED)


@pytest.fixture
def person() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal: the person's, and the one that a command has for its standard input."""
    ours, theirs = os.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


async def asked(command: Commands, person: tuple[int, int], typed: bytes, *more: str) -> Ended:
    """Delete `llama` with standard input on the terminal and both outputs in pipes."""
    ours, theirs = person
    os.write(ours, typed)
    return await command.process("endpoint", "delete", "llama", *more, stdin=theirs)


async def test_a_person_is_asked_though_the_output_goes_into_a_pipe(
    writer: Writer, command: Commands, person: tuple[int, int]
) -> None:
    ended = await asked(command, person, b"y\n")
    assert (ended.code, ended.out) == (0, "llama: deleting (was deploying)\n")
    assert "Delete endpoint llama in every Region? [y/N]" in ended.err
    assert written(writer, "llama")["desired_state"] == {"S": "deleted"}


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"perhaps\n"])
async def test_whatever_is_no_yes_is_a_no(
    writer: Writer, command: Commands, person: tuple[int, int], answer: bytes
) -> None:
    ended = await asked(command, person, answer)
    assert (ended.code, ended.out) == (1, "")
    assert "aborted; nothing was written" in ended.err
    assert written(writer, "llama")["desired_state"] == {"S": "deploying"}


async def test_a_terminal_at_which_nobody_answers_is_nobody(
    writer: Writer, command: Commands, person: tuple[int, int]
) -> None:
    ended = await asked(command, person, END_OF_INPUT)
    assert (ended.code, ended.out) == (2, "")
    assert "--yes" in ended.err.splitlines()[-1]
    assert written(writer, "llama")["desired_state"] == {"S": "deploying"}


async def test_colours_make_no_person(writer: Writer, command: Commands) -> None:
    ended = await command.process("endpoint", "delete", "llama")
    assert ended.code == 2
    assert "--yes" in ended.sentence
    assert written(writer, "llama")["desired_state"] == {"S": "deploying"}


async def test_columns_in_a_pipe_are_not_folded_for_their_colours(writer: Writer, command: Commands) -> None:
    message = "no node has room for it " * 10
    status = {"M": {"state": {"S": "error"}, "error": {"S": message.strip()}}}
    writer.put({**written(writer, "llama"), "region_status": {"M": {REGION: status}}})
    ended = await command.process("status")
    header, row = ended.out.splitlines()
    assert header.startswith("NAME")
    assert row.endswith(message.strip())


async def test_progress_in_a_pipe_is_told_in_lines(command: Commands) -> None:
    ended = await command.process("endpoint", "wait", "llama", "--timeout", "0")
    assert ended.code == 6
    first, last = ended.err.splitlines()
    assert first == f"llama {REGION}: no report yet 0/0"
    assert last.startswith("gco-stream-reconciler: llama: not running within 0 s")
