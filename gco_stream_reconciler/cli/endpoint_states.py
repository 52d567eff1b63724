"""`endpoint stop|start|delete|forget-region`, and `reconcile`."""

import getpass
from functools import partial
from typing import Annotated

import typer

from gco_stream_reconciler.cli import edits
from gco_stream_reconciler.cli.changing import Output, change, confirm
from gco_stream_reconciler.cli.ending import CommandError, end
from gco_stream_reconciler.cli.options import HomeRegion, Name, TableName, Yes
from gco_stream_reconciler.cli.output import ScriptFormat
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import DesiredState


def stop(
    name: Name,
    table_name: TableName = None,
    home_region: HomeRegion = None,
    output: Output = ScriptFormat.TEXT,
) -> None:
    """Take it off the load balancer, then scale it to nothing, in every Region. The item and the Service stay."""
    _state(name, DesiredState.STOPPED, f"{name}: stopping", table_name, home_region, output)


def start(
    name: Name,
    table_name: TableName = None,
    home_region: HomeRegion = None,
    output: Output = ScriptFormat.TEXT,
) -> None:
    """Let a stopped endpoint run again with its replicas."""
    _state(name, DesiredState.RUNNING, f"{name}: starting", table_name, home_region, output)


def delete(
    name: Name,
    yes: Yes = False,
    table_name: TableName = None,
    home_region: HomeRegion = None,
    output: Output = ScriptFormat.TEXT,
) -> None:
    """Take every object away in every Region; the item goes when all have confirmed it."""
    _asked(f"Delete endpoint {name} in every Region?", yes=yes)
    _state(name, DesiredState.DELETED, f"{name}: deleting", table_name, home_region, output)


def forget_region(
    name: Name,
    region: Annotated[str, typer.Argument(metavar="REGION", help="The Region that is gone for good.")],
    yes: Yes = False,
    table_name: TableName = None,
    home_region: HomeRegion = None,
    output: Output = ScriptFormat.TEXT,
) -> None:
    """Mark a dead Region's objects as gone, so that promotion and purge no longer wait for it.

    The Region is taken out of target_regions as well. If its controller lives after all, it deletes the endpoint there.
    """
    _asked(f"Region {region} will not report {name} again: mark it as gone?", yes=yes)
    change(
        name,
        lambda item, now: edits.forget_region(item, region, _person(), now),
        lambda _, after: (
            f"{name}: {region} is marked as gone; Regions left: "
            f"{', '.join(decode_endpoint(after).target_regions or ()) or 'none'}"
        ),
        table_name=table_name,
        home_region=home_region,
        output=output,
    )


def reconcile(
    name: Name,
    table_name: TableName = None,
    home_region: HomeRegion = None,
    output: Output = ScriptFormat.TEXT,
) -> None:
    """Ask every Region to reconcile an endpoint now, without waiting for its backoff."""
    change(
        name,
        edits.request_reconcile,
        lambda _, after: f"{name}: asked for at {after['reconcile_requested_at']['S']}",
        table_name=table_name,
        home_region=home_region,
        output=output,
    )


def _state(
    name: str,
    state: DesiredState,
    said: str,
    table_name: str | None,
    home_region: str | None,
    output: ScriptFormat,
) -> None:
    change(
        name,
        partial(_set_state, state=state),
        lambda before, _: f"{said} (was {(before.get('desired_state') or {}).get('S', 'deploying')})",
        table_name=table_name,
        home_region=home_region,
        output=output,
    )


def _set_state(item: edits.Item, now: str, *, state: DesiredState) -> edits.Edit:
    return edits.set_state(item, state, now)


def _asked(question: str, *, yes: bool) -> None:
    try:
        confirm(question, yes=yes)
    except CommandError as error:
        end(error)


def _person() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "an operator"
