"""`table create|check`."""

from typing import Annotated

import typer

from gco_stream_reconciler.cli.check_lines import show
from gco_stream_reconciler.cli.checks import Check
from gco_stream_reconciler.cli.connection import open_table
from gco_stream_reconciler.cli.ending import CommandError, finish
from gco_stream_reconciler.cli.options import HomeRegion, TableName, table_settings
from gco_stream_reconciler.cli.output import Format, console
from gco_stream_reconciler.cli.table_judgements import judged_table
from gco_stream_reconciler.errors import TableNotFoundError
from gco_stream_reconciler.stream.switching import NEW_AND_OLD


def create(table_name: TableName = None, home_region: HomeRegion = None) -> None:
    """Make a new table with GCO's key and a stream, billed per request. GCO's stack normally makes it.

    A table that exists already is left as it is: `table check` says whether it will do.
    """

    async def work() -> str:
        async with open_table(table_settings(table_name, home_region)) as table:
            where = table.operator.where
            try:
                await table.operator.describe()
            except TableNotFoundError:
                await table.operator.create_table(stream_view=NEW_AND_OLD)
            else:
                raise CommandError(f"{where} exists already and was left as it is: see `table check`")
        return where

    console().print(f"{finish(work())}: made, with a stream of {NEW_AND_OLD}", markup=False)


def check(
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print.")] = Format.TABLE,
    table_name: TableName = None,
    home_region: HomeRegion = None,
) -> None:
    """Check that the table is there, has GCO's key, and a stream that shows both images. Exit code 1 if not."""

    async def work() -> list[Check]:
        settings = table_settings(table_name, home_region)
        async with open_table(settings) as table:
            found = await table.operator.describe()
        return list(judged_table(settings.place.table_name, found))

    show(finish(work()), output)
