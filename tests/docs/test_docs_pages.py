"""Every page: its links work on a git host too, its commands exist, its Markdown reads alike everywhere."""

import re
import string
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_command

from gco_stream_reconciler.cli.main import app
from tests.docs.pages import ROOT, blocks, pages, prose

PAGES = pages()


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def anchors(path: Path) -> frozenset[str]:
    """The anchors of a page's headings, as git hosts make them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return frozenset(slug(heading) for heading in headings)


def slug(heading: str) -> str:
    """Lower case, without punctuation, hyphens for blanks."""
    kept = string.ascii_lowercase + string.digits + "-_ "
    return "".join(char for char in heading.strip().lower() if char in kept).replace(" ", "-")


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_are_relative_and_lead_to_files_and_headings_that_exist(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"https://", target):
            continue
        assert not re.match(r"[a-z]+:|/", target), target
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.is_relative_to(ROOT), target
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_lists_and_tables_begin_after_a_blank_line_or_a_heading(path: Path) -> None:
    lines = prose(path).splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        begins = re.match(r"(?:- |\d+\. |\|)", line)
        goes_on = re.match(r"(?:\s|- |\d+\. |\||#|$)", before)
        assert not begins or goes_on or is_in_a_list(lines, line), f"{before!r} / {line!r}"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_block_of_table_rows_begins_with_a_head(path: Path) -> None:
    """A blank line within a table turns the rest of it into a paragraph of bars."""
    blocks_of_rows = re.findall(r"(?:^\|.*\n?)+", prose(path), re.MULTILINE)
    for rows in blocks_of_rows:
        assert re.match(r"\|.*\n\|[-:| ]+\|", rows), rows[:80]


def is_in_a_list(lines: list[str], line: str) -> bool:
    """Whether the paragraph of a line began as a list."""
    start = lines.index(line)
    while start and lines[start - 1].strip():
        start -= 1
    return bool(re.match(r"(?:#|- |\d+\. |\|)", lines[start]))


@cache
def commands() -> dict[str, frozenset[str]]:
    """Every command, `endpoint scale` among them, with its flags."""
    root = get_command(app)
    found = {}
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        for below, one in getattr(command, "commands", {"": command}).items():
            flags = frozenset(flag for parameter in one.params for flag in parameter.opts)
            found[f"{name} {below}".strip()] = flags | {"--help"}
    return found


def lines_of_code(path: Path) -> list[str]:
    """Commands in blocks, one a line however it is wrapped, and code in sentences."""
    typed = "".join(blocks(path, of="console")).replace("\\\n", " ")
    return [*typed.splitlines(), *(span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", prose(path)))]


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_commands_of_the_program_exist_with_the_flags_that_are_shown(path: Path) -> None:
    groups = {name.split()[0] for name in commands() if " " in name}
    for line in lines_of_code(path):
        call = re.search(r"(?<![/\w-])(?:\S*/bin/)?gco-stream-reconciler +((?:[a-z][a-z-]*|-).*)", line)
        words = call[1].split() if call else ["--help"]
        if words[0].startswith("-") or words[:2] == ["--", "gco-stream-reconciler"]:
            continue
        if words[0] in groups and len(words) == 1:
            continue
        name = " ".join(words[: 2 if words[0] in groups else 1])
        assert name in commands(), line
        flags = set(re.findall(r"(?<= )--?[a-z][a-z-]*", call[1])) if call else set()
        assert flags <= commands()[name], line


def test_the_page_about_the_command_line_names_every_command() -> None:
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    for name in commands():
        assert re.search(rf"[` ]{name.split()[-1]}\b", page), name


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for text in lines_of_code(path):
        for called in re.findall(
            r"(?:^|\$ |&& )make ((?:[a-z-]+(?: |$))+)", text.split("#")[0], re.MULTILINE
        ):
            assert set(called.split()) <= targets, text


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_page_has_one_title_and_names_no_place_of_one_machine(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(re.findall(r"^# ", prose(path), re.MULTILINE)) == 1
    assert not re.search(r"/(?:work|root|home)/|\.\./shared", text)
