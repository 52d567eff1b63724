"""`endpoint deploy`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gco_stream_reconciler.cli.changing import Output, moment, refuse_new_problems, tell
from gco_stream_reconciler.cli.connection import open_table
from gco_stream_reconciler.cli.ending import CommandError, Exit, finish
from gco_stream_reconciler.cli.item_files import items_of_file, untagged
from gco_stream_reconciler.cli.new_items import merged_spec, new_item, pairs
from gco_stream_reconciler.cli.options import HomeRegion, Name, Namespace, TableName, table_settings
from gco_stream_reconciler.cli.output import ScriptFormat
from gco_stream_reconciler.cli.table_access import create_item

Texts = list[str] | None


def deploy(
    name: Name,
    target_region: Annotated[
        list[str], typer.Option("--target-region", "-r", help="Region to run in; give it once for each.")
    ],
    image: Annotated[str | None, typer.Option("--image", "-i", help="The image, with its tag.")] = None,
    replicas: Annotated[int | None, typer.Option(min=0, help="Replicas in every Region (1).")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the container (8000).")] = None,
    gpu_count: Annotated[int | None, typer.Option(min=0, help="GPUs of a Pod (1).")] = None,
    gpu_type: Annotated[str | None, typer.Option(help="Instance type, such as g5.xlarge.")] = None,
    accelerator: Annotated[str | None, typer.Option(help="nvidia (default) or neuron.")] = None,
    capacity_type: Annotated[str | None, typer.Option(help="spot or on-demand.")] = None,
    health_check_path: Annotated[str | None, typer.Option(help="Path of the probes (/health).")] = None,
    model_path: Annotated[str | None, typer.Option(help="Path of the model on the shared volume.")] = None,
    model_source: Annotated[str | None, typer.Option(help="s3://bucket/key to copy the model from.")] = None,
    env: Annotated[
        Texts, typer.Option("--env", "-e", help="NAME=VALUE for the container; repeatable.")
    ] = None,
    arg: Annotated[Texts, typer.Option("--arg", help="Argument of the container; repeatable.")] = None,
    min_replicas: Annotated[
        int | None,
        typer.Option(min=0, help="Fewest replicas of the autoscaler (either bound switches it on)."),
    ] = None,
    max_replicas: Annotated[
        int | None, typer.Option(min=1, help="Most replicas of the autoscaler (either bound switches it on).")
    ] = None,
    label: Annotated[Texts, typer.Option("--label", help="NAME=VALUE on the Deployment; repeatable.")] = None,
    spec_file: Annotated[
        Path | None, typer.Option("--spec-file", "-f", help="JSON of the spec, or of an item; flags win.")
    ] = None,
    namespace: Namespace = None,
    table_name: TableName = None,
    home_region: HomeRegion = None,
    output: Output = ScriptFormat.TEXT,
) -> None:
    """Make a new endpoint. One of this name must not exist yet."""
    flags = {
        "image": image,
        "replicas": replicas,
        "port": port,
        "gpu_count": gpu_count,
        "gpu_type": gpu_type,
        "accelerator": accelerator,
        "capacity_type": capacity_type,
        "health_check_path": health_check_path,
        "model_path": model_path,
        "model_source": model_source,
        "env": env,
        "args": arg,
        "autoscaling": _autoscaling(min_replicas, max_replicas),
    }
    item = finish(
        _created(
            name,
            flags,
            spec_file=spec_file,
            regions=target_region,
            namespace=namespace,
            labels=label,
            table_name=table_name,
            home_region=home_region,
        )
    )
    said = f"{name}: deploying in {', '.join(target_region)}; follow it with `endpoint wait {name}`"
    tell(item, said, output)


async def _created(
    name: str,
    flags: Mapping[str, Any],
    *,
    spec_file: Path | None,
    regions: Sequence[str],
    namespace: str | None,
    labels: Texts,
    table_name: str | None,
    home_region: str | None,
) -> dict[str, Any]:
    """The new item, which is in the table now. flags: fields of the spec, env as it was typed; None: not given."""
    settings = table_settings(table_name, home_region)
    given = {**flags, "env": pairs(flags["env"] or (), "--env")}
    item = new_item(
        name,
        merged_spec(_spec_of_file(spec_file), given),
        regions=list(dict.fromkeys(regions)),
        namespace=namespace or settings.place.namespace,
        labels=pairs(labels or (), "--label"),
        now=moment(),
    )
    refuse_new_problems({}, item)
    async with open_table(settings) as table:
        await create_item(table, item)
    return item


def _autoscaling(least: int | None, most: int | None) -> dict[str, Any] | None:
    if least is None and most is None:
        return None
    bounds = {"min_replicas": least, "max_replicas": most}
    return {"enabled": True, **{key: value for key, value in bounds.items() if value is not None}}


def _spec_of_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        document = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} cannot be used as a spec: {error}", Exit.USAGE) from error
    if isinstance(document, dict) and ("endpoint_name" in document or "Item" in document):
        spec = untagged(items_of_file(file)[0]).get("spec")
        return spec if isinstance(spec, dict) else {}
    if not isinstance(document, dict):
        raise CommandError(f'{file} holds no spec: give a JSON object such as {{"image": …}}', Exit.USAGE)
    return document
