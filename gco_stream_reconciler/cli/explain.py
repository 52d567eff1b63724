"""`explain`: which rule decided what about an endpoint here, and what would be done now."""

import time
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from gco_stream_reconciler.cli.connection import open_cluster, open_table
from gco_stream_reconciler.cli.ending import finish
from gco_stream_reconciler.cli.explaining import Explanation, explained
from gco_stream_reconciler.cli.looking import Looker, decoded, neighbours, plan_settings, read_items
from gco_stream_reconciler.cli.options import (
    HomeRegion,
    Kubeconfig,
    Name,
    Namespace,
    Region,
    TableName,
    region_settings,
)
from gco_stream_reconciler.cli.output import ScriptFormat, console, print_grid, print_json
from gco_stream_reconciler.cli.status_rows import age
from gco_stream_reconciler.cli.table_access import item_of
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import RegionStatus
from gco_stream_reconciler.printable import escaped


def explain(
    name: Name,
    region: Region = None,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = None,
    output: Annotated[ScriptFormat, typer.Option("--output", "-o", help="text or json.")] = ScriptFormat.TEXT,
    table_name: TableName = None,
    home_region: HomeRegion = None,
) -> None:
    """Say which rule decided what about an endpoint in this Region, and since when; and what would be done now.

    It looks at the item and at the live objects and plans as the controller does, but writes nothing. The rules' numbers
    are those of docs/lifecycle.md.
    """

    async def work() -> Explanation:
        settings = region_settings(
            region=region,
            table_name=table_name,
            home_region=home_region,
            kubeconfig=kubeconfig,
            namespace=namespace,
        )
        async with open_table(settings) as table, open_cluster(settings) as cluster:
            item = await item_of(table, name)
            planning = await plan_settings(settings, table.endpoints)
            around = neighbours(decoded(await read_items(table.endpoints)), planning.region)
            look = await Looker(cluster, planning).look(decode_endpoint(item), around.rivals(name))
        return explained(look.situation, look.decided)

    found = finish(work())
    if output is ScriptFormat.JSON:
        print_json(asdict(found))
    else:
        _print(found)


def _print(found: Explanation) -> None:
    where, now = console(), time.time()
    where.print(Text(escaped(f"{found.name} in {found.region}"), style="bold"))
    where.print()
    rows = [
        (_rule(each.rule), each.about, age(each.since, now) if each.since else "", each.says)
        for each in found.findings
    ]
    print_grid(("RULE", "ABOUT", "SINCE", "WHAT IT SAYS"), rows)
    where.print()
    if found.steps:
        where.print(Text("would be done now", style="bold"))
        steps = [(str(step.stage), step.action, step.target, ", ".join(step.reasons)) for step in found.steps]
        print_grid(("STAGE", "ACTION", "OBJECT", "BECAUSE"), steps)
    else:
        where.print("nothing to do now")
    if found.would_report is not None:
        where.print(Text(escaped(f"would report: {_report(found.would_report)}")))
    if found.table_write is not None:
        where.print(Text(f"would write to the item: {found.table_write}"))
    if found.look_again_seconds is not None:
        where.print(f"looks again by itself in {found.look_again_seconds:.0f} s")


def _rule(number: int | None) -> str:
    return "" if number is None else str(number)


def _report(status: RegionStatus) -> str:
    said = "; ".join(filter(None, (status.error, status.message)))
    figures = f"{status.state} {status.replicas_ready}/{status.replicas_desired}, {status.exposure or 'no exposure'}"
    return f"{figures}: {said}" if said else figures
