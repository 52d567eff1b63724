"""What `doctor` and `table check` print, and the exit code that comes of it."""

from dataclasses import asdict
from typing import Any

import typer

from gco_stream_reconciler.cli.checks import Check, CheckVerdict, worst
from gco_stream_reconciler.cli.ending import Exit
from gco_stream_reconciler.cli.output import (
    Format,
    console,
    plain_copy,
    print_json,
    print_text,
    styled,
    yaml_of,
)


def show(checks: list[Check], output: Format) -> None:
    """Print the lines, and exit with 1 where one fails."""
    verdict = worst(checks)
    document: Any = {"verdict": verdict, "checks": [asdict(check) for check in checks]}
    if output is Format.JSON:
        print_json(document)
    elif output is Format.YAML:
        print_text(yaml_of(plain_copy(document)))
    else:
        _print(checks)
    if verdict is CheckVerdict.FAIL:
        raise typer.Exit(int(Exit.FAILED))


def _print(checks: list[Check]) -> None:
    """A line for each check, its remedy below."""
    where = console()
    width = max(len(check.name) for check in checks)
    for check in checks:
        where.print(styled(check.verdict), " " * (4 - len(check.verdict)), end=" ")
        where.print(styled(f"{check.name.ljust(width)}  {check.found}"))
        if check.remedy:
            where.print(styled(f"      {' ' * width} → {check.remedy}"))
