"""`table create|check`."""

import asyncio
from typing import Annotated

import typer

from gco_stream_reconciler.aws.calls import within
from gco_stream_reconciler.aws.errors import own_errors
from gco_stream_reconciler.cli.checks import Check
from gco_stream_reconciler.cli.connection import open_table
from gco_stream_reconciler.cli.doctor import show
from gco_stream_reconciler.cli.ending import CommandError, finish
from gco_stream_reconciler.cli.options import HomeRegion, TableName, table_settings
from gco_stream_reconciler.cli.output import Format, console
from gco_stream_reconciler.cli.table_judgements import judged_table
from gco_stream_reconciler.cli.table_probes import described
from gco_stream_reconciler.errors import TableNotFoundError
from gco_stream_reconciler.stream.switching import NEW_AND_OLD

_CALL_SECONDS = 8.0
_CREATE_SECONDS = 120.0
_LOOK_SECONDS = 1.0


def create(table_name: TableName = None, home_region: HomeRegion = None) -> None:
    """Make a new table with GCO's key and a stream, billed per request. GCO's stack normally makes it.

    A table that exists already is left as it is: `table check` says whether it will do.
    """

    async def work() -> str:
        place = table_settings(table_name, home_region).place
        where = f"table {place.table_name} in {place.home_region}"
        async with open_table(table_settings(table_name, home_region)) as table:
            try:
                await described(table.clients, place)
            except TableNotFoundError:
                pass
            else:
                raise CommandError(f"{where} exists already and was left as it is: see `table check`")
            with own_errors("dynamodb:CreateTable", where):
                request = table.clients.home.create_table(
                    TableName=place.table_name,
                    KeySchema=[{"AttributeName": "endpoint_name", "KeyType": "HASH"}],
                    AttributeDefinitions=[{"AttributeName": "endpoint_name", "AttributeType": "S"}],
                    BillingMode="PAY_PER_REQUEST",
                    StreamSpecification={"StreamEnabled": True, "StreamViewType": NEW_AND_OLD},
                )
                await within(_CALL_SECONDS, f"creation of {where}", request)

            async def active() -> None:
                # Only asking tells.
                while (await described(table.clients, place)).get("TableStatus") != "ACTIVE":  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_SECONDS)

            await within(_CREATE_SECONDS, f"{where} becoming ACTIVE", active())
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
            found = await described(table.clients, settings.place)
        return list(judged_table(settings.place.table_name, found))

    show(finish(work()), output)
