"""Pages that follow from something: settings, alerts, the program's own messages, decisions."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import gco_stream_reconciler
from docs.tools.__main__ import stale
from docs.tools.configuration import REFUSED, chart_values, fields, flags, refusal, render, variable
from gco_stream_reconciler.cli.view import what_runs
from gco_stream_reconciler.settings import variables
from helm.tools.schema import CHART_OWNED, OUT_OF_PLACE
from tests.docs.pages import DOCS, ROOT, blocks, prose

PACKAGE = Path(gco_stream_reconciler.__file__).parent
CONFIGURATION = (DOCS / "configuration.md").read_text("utf-8")
TROUBLESHOOTING = DOCS / "troubleshooting.md"
DECISIONS = sorted((DOCS / "adr").glob("[0-9]*.md"))


# --- Settings ---------------------------------------------------------------------------------------------


def test_no_generated_page_is_out_of_date() -> None:
    assert stale() == [], "run: make docs"


def test_every_setting_has_one_row_with_its_flag_and_its_place_in_the_chart() -> None:
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \|.*\| (\S+) \| (\S+) \|$", CONFIGURATION, re.MULTILINE)
    by_name = {name: (flag, chart) for name, flag, chart in rows}
    settings = {variable(info): field for _, field, info in fields()}
    assert [name for name, _, _ in rows] == list(settings) == list(variables())
    for name, field in settings.items():
        flag, chart = by_name[name]
        assert flag == (f"`{flags()[field]}`" if field in flags() else "-")
        own = name in CHART_OWNED
        assert chart == (
            f"`{chart_values()[name]}`" if own else "-" if name in OUT_OF_PLACE else "`settings`"
        )


def test_every_flag_of_run_is_a_setting() -> None:
    assert flags().keys() <= {field for _, field, _ in fields()}


def test_every_setting_says_what_it_means_and_none_twice() -> None:
    meanings = [info.description or "" for _, _, info in fields()]
    assert all(len(meaning) > 10 for meaning in meanings)
    assert len(set(meanings)) == len(meanings)


@pytest.mark.parametrize("given", REFUSED, ids=str)
def test_what_contradicts_is_refused_by_the_name_of_every_variable_that_takes_part(
    given: dict[str, object],
) -> None:
    names = {field: variable(info) for _, field, info in fields()}
    assert all(names[field] in refusal(given) for field in given)
    assert refusal(given) in render()


# --- Alerts -----------------------------------------------------------------------------------------------


def alerts() -> list[str]:
    rules = yaml.safe_load((ROOT / "helm/gco-stream-reconciler/files/alerts.yaml").read_text("utf-8"))[
        "alerts"
    ]
    return [rule["alert"] for rule in rules]


@pytest.mark.parametrize("alert", alerts())
def test_every_alert_has_its_meaning_checks_and_remedy_in_the_runbook(alert: str) -> None:
    runbook = (DOCS / "deploy" / "operate.md").read_text("utf-8")
    found = re.search(rf"^### {alert}\n(.*?)(?=^### |\Z)", runbook, re.MULTILINE | re.DOTALL)
    assert found is not None
    parts = re.findall(r"^\*\*(\w+)\.\*\* (\S.{20,})", found[1], re.MULTILINE)
    assert [name for name, _ in parts] == ["Means", "Check", "Do"]


# --- The program's messages -------------------------------------------------------------------------------


@cache
def sentences() -> str:
    """Every text that the program may say: what only a docstring has is said by nobody."""
    found: list[str] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] != "sandbox":
            nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
            alone = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
            found += [
                node.value
                for node in nodes
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone
            ]
    return "\n".join(found)


def messages() -> list[str]:
    """What stands in backticks in a table, has blanks, and is no command."""
    cells = [line for line in prose(TROUBLESHOOTING).splitlines() if line.startswith("|")]
    spans = [span for line in cells for span in re.findall(r"`([^`]+)`", line)]
    return [
        span for span in spans if " " in span and not re.match(r"gco-stream|kubectl|endpoint |helm ", span)
    ]


def test_the_messages_of_the_troubleshooting_page_are_the_programs_own() -> None:
    quoted = [message for message in messages() if not message.startswith("rollout stalled: ImagePull")]
    assert len(quoted) >= 30
    for message in quoted:
        for part in re.split(r"…|: |\.: ", message):
            # What is left between two places that vary: `, ` and the like say nothing.
            if len(part.strip(" .,;()s")) > 1:
                assert part.strip(" .;") in sentences(), f"{part!r} of {message!r}"


def test_reasons_not_to_be_ready_are_named_by_the_parts_that_give_them() -> None:
    source = (PACKAGE / "app" / "readiness.py").read_text("utf-8")
    parts = set(re.findall(r'Reason\(\s*"(\w+)"', source)) | set(
        re.findall(r'"(\w+)": "not reached yet"', source)
    )
    page = TROUBLESHOOTING.read_text("utf-8").partition("## A replica is not ready")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == parts | {"part"}


# --- Decisions --------------------------------------------------------------------------------------------


def test_decisions_are_numbered_without_a_gap_and_all_in_the_overview_by_their_titles() -> None:
    overview = (DOCS / "adr" / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| \[(.+)\]\((.+)\) \| \S.+ \|$", overview, re.MULTILINE)
    expected = []
    for number, path in enumerate(DECISIONS, start=1):
        title = re.match(r"# (\d+)\. (.+)\n", path.read_text("utf-8"))
        assert title is not None
        assert path.name.startswith(f"{number:04}-")
        assert int(title[1]) == number
        expected.append((str(number), title[2], path.name))
    assert rows == expected


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_status_question_decision_and_consequences(path: Path) -> None:
    text = path.read_text("utf-8")
    assert re.search(r"^\*\*Status:\*\* (?:accepted|replaced by \[.+\]\(.+\))$", text, re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Question", "Decision", "What follows"]


# --- The demo ---------------------------------------------------------------------------------------------


DEMO: dict[str, Any] = {
    "kubeconfig": Path("/tmp/tmpsk3s28nw/kubeconfig-us-east-1"),  # noqa: S108 - shown, never opened
    "table_url": "http://127.0.0.1:40901",
    "http_port": 33271,
    "cluster_url": "http://127.0.0.1:45191",
    "debug_port": 43095,
    "programs": Path("/src/gco/.venv-demo/bin"),
}


def test_the_first_steps_show_what_the_demo_prints_to_be_copied() -> None:
    printed = what_runs(**DEMO)
    assert f"{printed}\n" in blocks(DOCS / "start.md", of="text")


def test_the_demo_has_its_reader_unset_what_would_lead_elsewhere_before_anything_is_copied() -> None:
    unset = "  unset KUBERNETES_SERVICE_HOST AWS_PROFILE\n"
    elsewhere = what_runs(**DEMO, left_out=["KUBERNETES_SERVICE_HOST", "AWS_PROFILE"])
    assert elsewhere.replace(unset, "") == what_runs(**DEMO)
    assert elsewhere.index(unset) < elsewhere.index("  kubectl ")
