import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from gco_stream_reconciler.cli.ending import CommandError, Exit, code_of, say
from gco_stream_reconciler.cli.main import app
from gco_stream_reconciler.cli.output import PlainTable, print_grid
from gco_stream_reconciler.cli.rendering import rendered
from gco_stream_reconciler.cli.status_rows import age, document, rows, within
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import RegionStatus
from gco_stream_reconciler.errors import (
    ConditionFailedError,
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
    ReconcilerError,
    TableNotFoundError,
    ThrottledError,
    UnavailableError,
)
from gco_stream_reconciler.manifests.context import ManifestContext
from gco_stream_reconciler.settings import LifecycleSettings
from tests.doubles.planning_story import endpoint
from tests.samples import malformed_items, sample_items

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC).timestamp()
CONTEXT = ManifestContext(region="us-east-1", table_id="table-1", settings=LifecycleSettings())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandError("x", Exit.TIMED_OUT), 6),
        (ConfigurationError("x"), 2),
        (TableNotFoundError("x"), 1),
        (PermissionDeniedError("x"), 1),
        (NotFoundError("x"), 3),
        (UnavailableError("x"), 4),
        (ThrottledError("x"), 4),
        (ConditionFailedError("x"), 5),
    ],
)
def test_every_error_has_its_exit_code(error: ReconcilerError, code: int) -> None:
    assert code_of(error) == code


def test_a_sentence_is_one_line_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    say("it\nfailed: \x1b[31mred\x1b[0m [bold]")
    assert capsys.readouterr().err == "gco-stream-reconciler: it failed: \\x1b[31mred\\x1b[0m [bold]\n"


def test_columns_in_a_pipe_are_aligned_and_never_folded(capsys: pytest.CaptureFixture[str]) -> None:
    print_grid(("NAME", "MESSAGE"), [("a", "x" * 300), ("longer", "\x1b[2J")])
    assert capsys.readouterr().out.splitlines() == [
        "NAME    MESSAGE",
        f"a       {'x' * 300}",
        "longer  \\x1b[2J",
    ]


def test_later_lines_stand_under_the_same_header(capsys: pytest.CaptureFixture[str]) -> None:
    table = PlainTable(("NAME", "STATE"))
    table.print([("llama", "updating")])
    table.print([("a", "running")])
    assert capsys.readouterr().out.splitlines() == ["NAME   STATE", "llama  updating", "a      running"]


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2026-11-21T07:59:30+00:00", "30s"),
        ("2026-11-21T07:00:00+00:00", "1h"),
        ("2026-11-19T07:00:00+00:00", "2d"),
        ("2026-11-21T09:00:00+00:00", "0s"),
        ("yesterday", "-"),
        (None, "-"),
    ],
)
def test_ages_are_told_in_their_largest_unit(moment: str | None, shown: str) -> None:
    assert age(moment, NOW) == shown


def test_every_region_has_its_row_even_without_a_report() -> None:
    status = RegionStatus(
        "running", 2, 2, "2026-11-21T07:59:30+00:00", observed_spec="old", exposure="exposed"
    )
    item = endpoint(region_status={"us-east-1": status, "ap-south-1": RegionStatus("deleting")})
    assert list(rows([item], NOW)) == [
        ("llama", "deploying", "ap-south-1", "deleting", "0/0", "-", "-", "-", "no target"),
        ("llama", "deploying", "eu-west-1", "-", "-", "-", "-", "-", "no report yet"),
        ("llama", "deploying", "us-east-1", "running", "2/2", "exposed", "-", "30s", "of an earlier spec"),
    ]
    assert [row[2] for row in rows([item], NOW, ("eu-west-1",))] == ["eu-west-1"]


def test_a_document_has_the_reports_of_the_regions_that_were_asked_for_and_all_that_is_wanted() -> None:
    item = endpoint(target_regions=("us-east-1", "eu-west-1"))
    whole, part = document(item), document(item, ("eu-west-1",))
    assert list(part.pop("regions")) == ["eu-west-1"]
    assert list(whole.pop("regions")) == ["eu-west-1", "us-east-1"]
    assert part == whole
    assert whole["target_regions"] == ["us-east-1", "eu-west-1"]
    assert whole["awaited"] == ["eu-west-1 (no report yet)", "us-east-1 (no report yet)"]


def test_only_endpoints_of_the_regions_that_were_asked_for_are_listed() -> None:
    here, there = endpoint(target_regions=("us-east-1",)), endpoint(target_regions=("eu-west-1",))
    assert within([here, there]) == [here, there]
    assert within([here, there], ("eu-west-1",)) == [there]
    assert within([here, there], ("ap-south-1",)) == []


@pytest.mark.parametrize(("why", "item"), malformed_items(), ids=[why for why, _ in malformed_items()])
def test_any_malformed_item_has_a_row_and_a_document(why: str, item: dict[str, object]) -> None:
    found = decode_endpoint(item)
    assert list(rows([found], NOW))
    assert json.loads(json.dumps(document(found)))["name"] == found.name


@pytest.mark.parametrize("item", sample_items(), ids=lambda item: item["endpoint_name"]["S"])
def test_what_is_rendered_is_valid_yaml_and_named_once(item: dict[str, object]) -> None:
    manifests = rendered(decode_endpoint(item), CONTEXT)
    names = [(each["kind"], each["metadata"]["name"]) for each in manifests]
    assert len(set(names)) == len(names)
    assert list(yaml.safe_load_all(yaml.safe_dump_all(map(json.loads, map(json.dumps, manifests)))))


def test_an_endpoint_of_no_replicas_has_no_ingress() -> None:
    kinds = [each["kind"] for each in rendered(endpoint(spec_changes={}), CONTEXT)]
    assert "Ingress" in kinds
    item = endpoint()
    assert item.spec is not None
    nothing = endpoint(spec=type(item.spec)(image="a:1", replicas=0))
    assert [each["kind"] for each in rendered(nothing, CONTEXT)] == ["Deployment", "Service"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["--frob"],
        ["endpoint", "scale", "x"],
        ["endpoint", "canary", "x", "y", "--weight", "100"],
    ],
)
def test_wrong_flags_end_with_one_sentence_and_the_code_of_usage(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "--help" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        "status", "explain", "diff", "render", "reconcile", "doctor", "table create", "table check",
        *(f"endpoint {verb}" for verb in (
            "deploy", "scale", "stop", "start", "update-image", "canary", "promote", "rollback", "delete", "wait",
            "forget-region",
        )),
    ],
)  # fmt: skip
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"], env={"TERMINAL_WIDTH": "200"})
    assert result.exit_code == 0
    assert f"gco-stream-reconciler {command}" in result.stdout
    assert "Example" in result.stdout


def test_every_example_of_a_help_text_has_all_arguments_and_flags_that_its_command_wants() -> None:
    found = list(examples(get_command(app)))
    assert len(found) >= 20
    for words in found:
        leaf, rest = find(get_command(app), words)
        # Missing arguments, unknown flags and values out of bounds raise.
        leaf.make_context(words[0], rest)


def examples(command: Any) -> Iterator[list[str]]:
    """Every example of a command and of those below it, without the program's name."""
    for call in re.findall(r"`(?:\w+=\S+ )*gco-stream-reconciler ([^`]+)`", command.epilog or ""):
        yield shlex.split(call)
    for below in getattr(command, "commands", {}).values():
        yield from examples(below)


def find(command: Any, words: list[str]) -> tuple[Any, list[str]]:
    """The command that words call, and its own part of them."""
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words
