"""What commands print: tables for a person, JSON or YAML for a script."""

import json
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gco_stream_reconciler.printable import escaped

_STYLES = {
    "running": "green",
    "exposed": "green",
    "ok": "green",
    "deleted": "dim",
    "stopped": "dim",
    "error": "bold red",
    "fail": "bold red",
    "removed-by-watchdog": "bold red",
    "warn": "yellow",
    "creating": "yellow",
    "updating": "yellow",
    "stopping": "yellow",
    "deleting": "yellow",
    "waiting": "yellow",
}


class Format(StrEnum):
    """`-o`."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


class ScriptFormat(StrEnum):
    """`-o` where a person reads lines, not a table."""

    TEXT = "text"
    JSON = "json"


class ManifestFormat(StrEnum):
    """`-o` of manifests."""

    YAML = "yaml"
    JSON = "json"


def console() -> Console:
    """Standard output. Colours only on a terminal or with FORCE_COLOR, and without NO_COLOR; lines are never folded."""
    return Console(highlight=False, soft_wrap=True)


def progress_console() -> Console:
    """Standard error, for what a script does not read."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def is_watched(where: Console) -> bool:
    """Whether somebody looks on, at a terminal that can be painted on. FORCE_COLOR asks for colours and makes no terminal."""
    return where.file.isatty() and where.is_interactive


def grid(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table as kubectl prints them. The last column takes what room there is."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for number, column in enumerate(columns):
        last = number == len(columns) - 1
        table.add_column(column, no_wrap=not last, overflow="fold")
    for row in rows:
        table.add_row(*(styled(cell) for cell in row))
    return table


def print_grid(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """The table on standard output; in a pipe as lines of columns, never folded."""
    where = console()
    if is_watched(where):
        where.print(grid(columns, rows))
        return
    PlainTable(columns).print(rows)


class PlainTable:
    """Lines of columns; what is printed later stands under the same header, in columns that only widen."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._header: list[tuple[str, ...]] = [tuple(columns)]
        self._widths = [len(column) for column in columns]

    def print(self, rows: Iterable[Sequence[str]]) -> None:
        """Print rows, before the first ones the header."""
        cells = [*self._header, *(tuple(escaped(cell) for cell in row) for row in rows)]
        self._header = []
        for row in cells:
            self._widths = [max(pair) for pair in zip(self._widths, map(len, row), strict=True)]
        for row in cells:
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, self._widths, strict=True))
            print_text(f"{line.rstrip()}\n")


def styled(text: str) -> Text:
    """A cell: printable characters only, since an item can hold anything; states in their colour."""
    return Text(escaped(text), style=_STYLES.get(text, ""))


def print_json(value: Any) -> None:
    """One JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
    sys.stdout.flush()


def print_json_line(value: Any) -> None:
    """One JSON document on one line."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")
    sys.stdout.flush()


def plain_copy(value: Any) -> Any:
    """What JSON can hold without shared parts and types of its own: YAML would show them as anchors and tags."""
    return json.loads(json.dumps(value))


def yaml_of(value: Any) -> str:
    """YAML in the order of the value, every string quoted as it needs."""
    return str(yaml.safe_dump(value, sort_keys=False, width=120))


def print_text(text: str) -> None:
    """Text as it is."""
    sys.stdout.write(text)
    sys.stdout.flush()
