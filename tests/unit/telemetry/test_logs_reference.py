"""docs/logs.md names every event that the program logs, at its level, with its fields; and nothing else."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import gco_stream_reconciler

PACKAGE = Path(gco_stream_reconciler.__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "logs.md"
LEVELS = ("debug", "info", "warning", "error", "exception")
ELSEWHERE = ("cli", "sandbox")
"""Parts that do not log for operators."""


class Event(NamedTuple):
    name: str
    level: str
    fields: frozenset[str]


def logged() -> Iterator[Event]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] not in ELSEWHERE:
            yield from events_of(ast.parse(path.read_text("utf-8")))


def events_of(module: ast.Module) -> Iterator[Event]:
    """Every call of a logger; where a function logs an event it is given, the events that its callers give."""
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
    for function in ast.walk(module):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        parameters = [argument.arg for argument in function.args.args if argument.arg != "self"]
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            level = level_of(call, function)
            if level is None:
                continue
            fields = frozenset(keyword.arg for keyword in call.keywords if keyword.arg) - {"exc_info"}
            event = call.args[0]
            if isinstance(event, ast.Constant):
                yield Event(str(event.value), level, fields)
            else:
                assert isinstance(event, ast.Name), ast.unparse(call)
                place = parameters.index(event.id)
                for caller in calls:
                    if getattr(caller.func, "attr", "") == function.name:
                        given = caller.args[place]
                        assert isinstance(given, ast.Constant), ast.unparse(caller)
                        yield Event(str(given.value), level, fields)


def level_of(call: ast.Call, function: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    """The level that a call logs at, the more severe one where it depends; None for a call of something else."""
    match call.func:
        case ast.Attribute(value=logger, attr=attr) if attr in LEVELS:
            name = logger.attr if isinstance(logger, ast.Attribute) else getattr(logger, "id", "")
            return attr if name in ("log", "_log") else None
        case ast.Name(id="level"):
            chosen = re.findall(r"level = .*", ast.unparse(function))
            return max(re.findall(r"_log\.(\w+)", chosen[0]), key=LEVELS.index)
    return None


def rows() -> dict[str, tuple[str, frozenset[str]]]:
    found = {}
    for line in PAGE.read_text("utf-8").splitlines():
        match = re.match(r"\| `(?P<name>[a-z_]+)` \| (?P<level>\w+) \| (?P<fields>[^|]*) \| .+ \|$", line)
        if match:
            fields = frozenset(re.findall(r"`(\w+)`", match["fields"]))
            assert match["name"] not in found, match["name"]
            found[match["name"]] = (match["level"], fields)
    return found


def test_every_event_is_in_the_table_and_the_table_has_no_other() -> None:
    assert rows().keys() == {event.name for event in logged()}


def test_every_event_stands_at_its_level_with_its_fields() -> None:
    expected: dict[str, tuple[str, frozenset[str]]] = {}
    for event in logged():
        level, fields = expected.get(event.name, ("debug", frozenset()))
        expected[event.name] = (max(level, event.level, key=LEVELS.index), fields | event.fields)
    shown = rows()
    # `exception` is the method of an error with its traceback.
    wrong = {
        name: (level, sorted(fields))
        for name, (level, fields) in expected.items()
        if shown[name] != (level.replace("exception", "error"), fields)
    }
    assert wrong == {}


def test_no_logger_is_called_in_a_way_that_this_test_cannot_read() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert not re.search(r"getattr\(\w*\.?_?log\b", path.read_text("utf-8")), path


def test_event_names_are_words_with_underscores() -> None:
    assert [event.name for event in logged() if not re.fullmatch(r"[a-z]+(_[a-z]+)*", event.name)] == []


def test_the_example_lines_are_json_of_known_events_with_known_fields() -> None:
    always = {"timestamp", "level", "event", "service", "cluster_id", "region"}
    blocks = re.findall(r"```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    lines = [json.loads(line) for block in blocks for line in block.splitlines()]
    assert lines
    known = rows()
    for line in lines:
        level, fields = known[line["event"]]
        assert line["level"] == level
        assert line.keys() - always <= fields, line["event"]


def test_the_queries_name_only_fields_that_events_have() -> None:
    fields = {name for _, names in rows().values() for name in names}
    events = rows().keys()
    blocks = re.findall(r"```text\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) >= 4
    for block in blocks:
        assert set(re.findall(r'event = "(\w+)"', block)) <= events
        used = set(re.findall(r"\bfields ([\w@, .]+)", block))
        names = {name.strip() for each in used for name in each.split(",")}
        assert {name for name in names if not name.startswith("@")} <= fields | {
            "level",
            "event",
            "region",
        }, block
