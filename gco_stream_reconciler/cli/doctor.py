"""`doctor`: whether everything that the controller rests on is there, each line with its remedy."""

from contextlib import suppress
from typing import Annotated

import typer

from gco_stream_reconciler.aws.probes import tried_actions
from gco_stream_reconciler.aws.streams import DynamoDbStreams
from gco_stream_reconciler.cli.check_lines import show
from gco_stream_reconciler.cli.checks import Check, fail
from gco_stream_reconciler.cli.cluster_probes import cluster_checks
from gco_stream_reconciler.cli.connection import TableSide, open_cluster, open_table
from gco_stream_reconciler.cli.ending import Exit, code_of, finish
from gco_stream_reconciler.cli.looking import decoded, read_items
from gco_stream_reconciler.cli.options import (
    HomeRegion,
    Kubeconfig,
    Namespace,
    Region,
    TableName,
    region_settings,
)
from gco_stream_reconciler.cli.output import Format
from gco_stream_reconciler.cli.table_judgements import (
    judged_readers,
    judged_state_and_key,
    judged_table,
    line_about,
)
from gco_stream_reconciler.cli.table_permissions import judged_action
from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.errors import ReconcilerError
from gco_stream_reconciler.settings import PlaceSettings, Settings


def doctor(
    region: Region = None,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = None,
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print.")] = Format.TABLE,
    table_name: TableName = None,
    home_region: HomeRegion = None,
) -> None:
    """Check the table, its stream, IAM, RBAC and the cluster. Writes nothing.

    Permissions are those of the account that runs it: to check the controller's, run it in its Pod. Exit code 1 when a
    line fails; a warning does not.
    """

    async def work() -> list[Check]:
        settings = region_settings(
            region=region,
            table_name=table_name,
            home_region=home_region,
            kubeconfig=kubeconfig,
            namespace=namespace,
        )
        async with open_table(settings) as table:
            checks, endpoints = await _table(table, settings)
        return [*checks, *await _cluster(settings, endpoints)]

    show(finish(work()), output)


async def _table(table: TableSide, settings: Settings) -> tuple[list[Check], list[Endpoint]]:
    place = settings.place
    try:
        description = await table.operator.describe()
    except ReconcilerError as error:
        if code_of(error) is Exit.USAGE:
            raise
        return [fail("table", str(error), "correct this first; the other checks of the table need it")], []
    if place.read_region == place.home_region:
        checks = list(judged_table(place.table_name, description))
    else:
        checks = list(judged_state_and_key(place.table_name, description))
        checks += await _replica(table, place)
    endpoints: list[Endpoint] = []
    with suppress(ReconcilerError):  # the check of the action Scan says it
        endpoints = decoded(await read_items(table.endpoints))
    targets = {region for endpoint in endpoints for region in endpoint.target_regions or ()}
    checks += judged_readers(
        description, targets, home=place.home_region, region=place.region, read_region=place.read_region
    )
    tried = await tried_actions(table.clients, place)
    return [*checks, *map(judged_action, tried)], endpoints


async def _replica(table: TableSide, place: PlaceSettings) -> list[Check]:
    """The table in the Region whose stream and reads are used, which is not the home Region."""
    region = place.read_region
    try:
        found = await DynamoDbStreams(table.clients, place).stream_of_table()
    except ReconcilerError as error:
        if code_of(error) is Exit.USAGE:
            raise
        return [fail(line_about("table", region), str(error), "correct this first: the stream is read there")]
    return list(judged_table(place.table_name, found, region=region))


async def _cluster(settings: Settings, endpoints: list[Endpoint]) -> list[Check]:
    here = [each for each in endpoints if settings.place.region in (each.target_regions or ())]
    needs_claim = any(each.spec and (each.spec.model_path or each.spec.model_source) for each in here)
    try:
        async with open_cluster(settings) as cluster:
            return await cluster_checks(cluster.client, settings, needs_claim=needs_claim)
    except ReconcilerError as error:
        return [fail("API server", str(error), "give --kubeconfig, or run it in the controller's Pod")]
