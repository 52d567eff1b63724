"""`status`: endpoints and what each Region reports, from the table alone."""

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.live import Live

from gco_stream_reconciler.aws.endpoint_table import EndpointTable
from gco_stream_reconciler.cli.connection import TableSide, open_table
from gco_stream_reconciler.cli.ending import finish, say
from gco_stream_reconciler.cli.looking import decoded, read_items
from gco_stream_reconciler.cli.options import HomeRegion, TableName, table_settings
from gco_stream_reconciler.cli.output import (
    Format,
    PlainTable,
    console,
    grid,
    is_watched,
    plain_copy,
    print_grid,
    print_json,
    print_json_line,
    print_text,
    yaml_of,
)
from gco_stream_reconciler.cli.status_rows import COLUMNS, document, known_regions, rows, within
from gco_stream_reconciler.cli.table_access import item_of
from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.errors import RetryableError

Show = Callable[[list[Endpoint]], None]


def status(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One endpoint; all without.", show_default=False)
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep watching and show changes.")] = False,
    interval: Annotated[float, typer.Option(min=0.2, help="Seconds between reads with --watch.")] = 2.0,
    only: Annotated[
        list[str] | None, typer.Option("--in", help="Show only these Regions; repeatable.")
    ] = None,
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print.")] = Format.TABLE,
    table_name: TableName = None,
    home_region: HomeRegion = None,
) -> None:
    """Show endpoints and what each Region reports of them."""
    regions = tuple(only or ())

    async def work() -> None:
        async with open_table(table_settings(table_name, home_region)) as table:
            found = await _read(table, name)
            _note_absent(found, name, regions)
            if watch:
                await _watch(table.endpoints, name, found, interval, regions, output)
            else:
                _print(found, regions, output, single=name is not None)

    finish(work())


async def _read(table: TableSide, name: str | None) -> list[Endpoint]:
    """Raises CommandError where the endpoint that was named is not there."""
    return decoded(await read_items(table.endpoints) if name is None else [await item_of(table, name)])


async def _one(table: EndpointTable, name: str) -> list[Endpoint]:
    item = await table.get_home(name)
    return [] if item is None else decoded([item])


def _note_absent(found: list[Endpoint], name: str | None, regions: tuple[str, ...]) -> None:
    """A misspelt Region would show nothing, which looks like an empty table."""
    known = known_regions(found)
    absent = [region for region in regions if region not in known]
    if known and absent:
        subject = "no endpoint has" if name is None else f"{name} does not have"
        say(f"note: {subject} Region {', '.join(absent)}; there are {', '.join(known)}")


def _print(found: list[Endpoint], regions: tuple[str, ...], output: Format, *, single: bool) -> None:
    if output is Format.TABLE:
        if not found:
            say("note: the table has no endpoint; `endpoint deploy` makes one")
        print_grid(COLUMNS, rows(found, time.time(), regions))
        return
    documents: Any = [
        document(endpoint, regions) for endpoint in (found if single else within(found, regions))
    ]
    documents = documents[0] if single else documents
    if output is Format.JSON:
        print_json(documents)
    else:
        print_text(yaml_of(plain_copy(documents)))


async def _watch(
    table: EndpointTable,
    name: str | None,
    found: list[Endpoint],
    interval: float,
    regions: tuple[str, ...],
    output: Format,
) -> None:
    where = console()
    if output is Format.TABLE and is_watched(where):
        with Live(console=where, auto_refresh=False) as live:
            await _forever(
                table,
                name,
                found,
                interval,
                lambda seen: live.update(grid(COLUMNS, rows(seen, time.time(), regions)), refresh=True),
            )
    await _forever(table, name, found, interval, _Changes(regions, output))


async def _forever(
    table: EndpointTable, name: str | None, found: list[Endpoint], interval: float, show: Show
) -> None:
    """Until interrupted. A table that is out of reach for a while is waited for."""
    while True:
        show(found)
        await asyncio.sleep(interval)
        try:
            found = await _one(table, name) if name is not None else decoded(await read_items(table))
        except RetryableError as error:
            say(f"waiting: {error}")


class _Changes:
    """Prints each row when it is new or says something else, as `kubectl get --watch` does."""

    def __init__(self, regions: tuple[str, ...], output: Format) -> None:
        self._regions = regions
        self._output = output
        self._told: dict[str, Any] = {}
        self._table = PlainTable(COLUMNS)

    def __call__(self, found: list[Endpoint]) -> None:
        if self._output is Format.TABLE:
            self._lines(found)
            return
        for endpoint in within(found, self._regions):
            says = plain_copy(document(endpoint, self._regions))
            if self._told.get(endpoint.name) != says:
                self._told[endpoint.name] = says
                if self._output is Format.JSON:
                    print_json_line(says)
                else:
                    print_text(f"---\n{yaml_of(says)}")

    def _lines(self, found: list[Endpoint]) -> None:
        fresh = []
        for row in rows(found, time.time(), self._regions):
            key, says = f"{row[0]}/{row[2]}", (*row[:7], row[8])
            if self._told.get(key) != says:
                self._told[key] = says
                fresh.append(row)
        if fresh:
            self._table.print(fresh)
