"""`diff`: what this Region's controller would change now, as `kubectl diff` shows it."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from gco_stream_reconciler.cli.connection import open_cluster, open_table
from gco_stream_reconciler.cli.differing import Difference, differences_of
from gco_stream_reconciler.cli.ending import Exit, finish
from gco_stream_reconciler.cli.looking import Look, Looker, decoded, neighbours, plan_settings, read_items
from gco_stream_reconciler.cli.options import (
    HomeRegion,
    Kubeconfig,
    Namespace,
    Region,
    TableName,
    region_settings,
)
from gco_stream_reconciler.cli.output import ScriptFormat, console, print_json
from gco_stream_reconciler.cli.table_access import item_of
from gco_stream_reconciler.printable import escaped

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def diff(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One endpoint; all without.", show_default=False)
    ] = None,
    region: Region = None,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = None,
    output: Annotated[ScriptFormat, typer.Option("--output", "-o", help="text or json.")] = ScriptFormat.TEXT,
    table_name: TableName = None,
    home_region: HomeRegion = None,
) -> None:
    """Show what is wanted against what stands, for what the controller would change now. Writes nothing.

    Values of environment variables are never shown.
    """

    async def work() -> list[Look]:
        settings = region_settings(
            region=region,
            table_name=table_name,
            home_region=home_region,
            kubeconfig=kubeconfig,
            namespace=namespace,
        )
        async with open_table(settings) as table, open_cluster(settings) as cluster:
            if name is not None:
                await item_of(table, name)
            planning = await plan_settings(settings, table.endpoints)
            endpoints = decoded(await read_items(table.endpoints))
            around = neighbours(endpoints, planning.region)
            looker = Looker(cluster, planning)
            asked = [endpoint for endpoint in endpoints if name in (None, endpoint.name)]
            return await asyncio.gather(*(looker.look(each, around.rivals(each.name)) for each in asked))

    try:
        looks = finish(work())
    except typer.Exit as ended:
        code = Exit.DIFF_FAILED if ended.exit_code == Exit.FAILED else ended.exit_code
        raise typer.Exit(int(code)) from None
    found = {
        look.situation.endpoint.name: list(differences_of(look.decided, look.situation.observed))
        for look in looks
    }
    _print(found, output)
    if any(found.values()):
        raise typer.Exit(int(Exit.FAILED))


def _print(found: dict[str, list[Difference]], output: ScriptFormat) -> None:
    if output is ScriptFormat.JSON:
        print_json(
            [
                {
                    "endpoint": name,
                    "object": str(each.ref),
                    "action": each.action,
                    "reasons": list(each.reasons),
                    "diff": each.diff,
                }
                for name, differences in found.items()
                for each in differences
            ]
        )
        return
    where = console()
    for differences in found.values():
        for each in differences:
            _print_one(where, each)


def _print_one(where: Console, each: Difference) -> None:
    where.print(Text(escaped(f"{each.action} {each.ref}: {', '.join(each.reasons)}"), style="bold"))
    for line in each.diff.splitlines():
        headline = line.startswith(("+++", "---"))
        where.print(Text(escaped(line), style="bold" if headline else _STYLES.get(line[:1], "")))
