"""`endpoint scale|update-image|canary|promote|rollback`."""

from typing import Annotated

import typer

from gco_stream_reconciler.cli import edits
from gco_stream_reconciler.cli.changing import Item, Output, change
from gco_stream_reconciler.cli.options import HomeRegion, Name, TableName
from gco_stream_reconciler.cli.output import ScriptFormat

Image = Annotated[str, typer.Argument(metavar="IMAGE", help="The image, with its tag or digest.")]


def scale(
    name: Name,
    replicas: Annotated[
        int, typer.Option("--replicas", min=0, help="Replicas in every Region; 0 takes the Ingress away too.")
    ],
    table_name: TableName = None,
    home_region: HomeRegion = None,
    output: Output = ScriptFormat.TEXT,
) -> None:
    """Change the number of replicas."""
    change(
        name,
        lambda item, now: edits.scale(item, replicas, now),
        lambda before, after: (
            f"{name}: {_field(after, 'replicas')} replicas (was {_field(before, 'replicas') or 1})"
        ),
        table_name=table_name,
        home_region=home_region,
        output=output,
    )


def update_image(
    name: Name,
    image: Image,
    table_name: TableName = None,
    home_region: HomeRegion = None,
    output: Output = ScriptFormat.TEXT,
) -> None:
    """Roll another image out in every Region."""
    change(
        name,
        lambda item, now: edits.update_image(item, image, now),
        lambda before, after: f"{name}: {_field(after, 'image')} (was {_field(before, 'image')})",
        table_name=table_name,
        home_region=home_region,
        output=output,
    )


def canary(
    name: Name,
    image: Image,
    weight: Annotated[int, typer.Option(min=1, max=99, help="Share of the requests, in percent.")] = 10,
    replicas: Annotated[int, typer.Option(min=1, help="Replicas of the canary in every Region.")] = 1,
    table_name: TableName = None,
    home_region: HomeRegion = None,
    output: Output = ScriptFormat.TEXT,
) -> None:
    """Run another image beside the endpoint; it takes its share of the requests once it is ready."""
    change(
        name,
        lambda item, now: edits.start_canary(item, image, weight, replicas, now),
        lambda _, __: f"{name}: canary {image}, {weight} % of the requests once it is ready",
        table_name=table_name,
        home_region=home_region,
        output=output,
    )


def promote(
    name: Name,
    table_name: TableName = None,
    home_region: HomeRegion = None,
    output: Output = ScriptFormat.TEXT,
) -> None:
    """Make the canary's image the endpoint's, and take the canary away."""
    change(
        name,
        edits.promote,
        lambda before, after: f"{name}: {_field(after, 'image')} (was {_field(before, 'image')}), no canary",
        table_name=table_name,
        home_region=home_region,
        output=output,
    )


def rollback(
    name: Name,
    table_name: TableName = None,
    home_region: HomeRegion = None,
    output: Output = ScriptFormat.TEXT,
) -> None:
    """Take the canary away; the endpoint stays with its image."""
    change(
        name,
        edits.rollback,
        lambda _, after: f"{name}: no canary; stays with {_field(after, 'image')}",
        table_name=table_name,
        home_region=home_region,
        output=output,
    )


def _field(item: Item, field: str) -> str:
    value = ((item.get("spec") or {}).get("M") or {}).get(field) or {}
    return str(next(iter(value.values()), ""))
