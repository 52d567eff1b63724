"""`render`: an item as manifests, from a file without any connection, or from the table."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gco_stream_reconciler.cli.connection import open_table
from gco_stream_reconciler.cli.ending import CommandError, Exit, finish, say
from gco_stream_reconciler.cli.item_files import items_of_file
from gco_stream_reconciler.cli.looking import read_items
from gco_stream_reconciler.cli.options import HomeRegion, Region, TableName, region_settings
from gco_stream_reconciler.cli.output import ManifestFormat, plain_copy, print_json, print_text, yaml_of
from gco_stream_reconciler.cli.rendering import rendered
from gco_stream_reconciler.cli.table_access import item_of
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint
from gco_stream_reconciler.manifests.context import ManifestContext
from gco_stream_reconciler.redaction import redacted
from gco_stream_reconciler.settings import Settings

_NO_TABLE = "(the table's id)"


def render(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One endpoint; all without.", show_default=False)
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="Items in DynamoDB JSON or plain JSON; the table is not read."),
    ] = None,
    region: Region = None,
    show_environment: Annotated[
        bool, typer.Option("--show-environment", help="Include values of environment variables (secrets).")
    ] = False,
    output: Annotated[
        ManifestFormat, typer.Option("--output", "-o", help="How to print.")
    ] = ManifestFormat.YAML,
    table_name: TableName = None,
    home_region: HomeRegion = None,
) -> None:
    """Print an endpoint's manifests as they stand once its Pods are ready, in the newest template revision.

    An item that cannot be rendered is named on standard error and ends the command with 1, after the others.
    """

    async def work() -> tuple[list[Endpoint], ManifestContext]:
        settings = region_settings(region=region, table_name=table_name, home_region=home_region)
        if file is not None:
            return [decode_endpoint(item) for item in items_of_file(file)], _context(settings, _NO_TABLE)
        async with open_table(settings) as table:
            description = await table.endpoints.describe()
            items = await read_items(table.endpoints) if name is None else [await item_of(table, name)]
        return [decode_endpoint(item) for item in items], _context(settings, description.table_id)

    endpoints, context = finish(work())
    found = [endpoint for endpoint in endpoints if name in (None, endpoint.name)]
    if name is not None and not found:
        say(f"no endpoint {name!a} in {file}: it holds {', '.join(each.name for each in endpoints)}")
        raise typer.Exit(int(Exit.NOT_FOUND))
    manifests, refused = _manifests(found, context, named=name is not None or file is not None)
    shown = [plain_copy(each) for each in manifests]
    _print(shown if show_environment else redacted(shown), output)
    if refused:
        raise typer.Exit(int(Exit.FAILED))


def _manifests(endpoints: list[Endpoint], context: ManifestContext, *, named: bool) -> tuple[list[Any], bool]:
    """Manifests of those that have some here, and whether one was refused."""
    found: list[Any] = []
    refused = False
    for endpoint in endpoints:
        try:
            reason = _why_not(endpoint, context.region)
            if reason is None:
                found.extend(rendered(endpoint, context))
            elif named:
                say(f"note: {endpoint.name}: {reason}")
        except CommandError as error:
            say(str(error))
            refused = True
    return found, refused


def _why_not(endpoint: Endpoint, region: str) -> str | None:
    """Why nothing stands in this Region. Raises CommandError for a malformed item."""
    if endpoint.desired_state in (DesiredState.STOPPED, DesiredState.DELETED):
        return f"desired_state is {endpoint.desired_state}, so nothing is made for it"
    if endpoint.problems:
        listed = "; ".join(str(problem) for problem in endpoint.problems)
        raise CommandError(f"{endpoint.name}: refused (rule 14): {listed}")
    if region not in (endpoint.target_regions or ()):
        targets = ", ".join(endpoint.target_regions or ()) or "none"
        return f"Region {region} is not a target (targets: {targets}), so nothing is made for it there"
    return None


def _context(settings: Settings, table_id: str) -> ManifestContext:
    return ManifestContext(region=settings.place.region, table_id=table_id, settings=settings.lifecycle)


def _print(manifests: list[Any], output: ManifestFormat) -> None:
    if output is ManifestFormat.JSON:
        print_json({"apiVersion": "v1", "kind": "List", "items": manifests})
        return
    print_text("".join(f"---\n{yaml_of(each)}" for each in manifests))
