"""The commands and how they end: one sentence on stderr with the remedy, and a documented exit code."""

import asyncio
from typing import Annotated

import typer
import uvloop

from gco_stream_reconciler import __version__
from gco_stream_reconciler.app.application import Application
from gco_stream_reconciler.app.process import run_until_signalled
from gco_stream_reconciler.cli.commands import register
from gco_stream_reconciler.cli.ending import PROGRAM, OneSentenceGroup, one_sentence
from gco_stream_reconciler.settings import Settings, load_settings
from gco_stream_reconciler.telemetry.logging import configure_logging

app = typer.Typer(
    name=PROGRAM,
    cls=OneSentenceGroup,
    help="Makes this Region's EKS cluster match GCO's table of inference endpoints, within a second of each write.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.command(
    epilog="Example: `REGION=us-east-1 gco-stream-reconciler run --cluster-name gco-us-east-1`  \n"
    "Exit codes: 0 stopped by a signal, 1 the work cannot be done, 2 settings or credentials."
)
def run(
    region: Annotated[
        str | None, typer.Option(help="Region of this cluster (REGION); required, no default.")
    ] = None,
    cluster_name: Annotated[
        str | None, typer.Option(help="EKS cluster, in every log line (CLUSTER_NAME).")
    ] = None,
    table_name: Annotated[
        str | None, typer.Option(help="The endpoint table (INFERENCE_ENDPOINTS_TABLE_NAME).")
    ] = None,
    dynamodb_region: Annotated[
        str | None, typer.Option(help="Home Region of the table, takes all writes (DYNAMODB_REGION).")
    ] = None,
    stream_region: Annotated[
        str | None, typer.Option(help="Region of the stream and the reads (STREAM_REGION).")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option(help="Namespace of the endpoints (INFERENCE_NAMESPACE).")
    ] = None,
    kubeconfig: Annotated[
        str | None,
        typer.Option(help="Path of the kubeconfig; wins over a Pod's service account (KUBECONFIG does not)."),
    ] = None,
    resync_seconds: Annotated[
        float | None,
        typer.Option(
            help="Time between full resyncs; less than 60 counts as 60 (RECONCILE_INTERVAL_SECONDS)."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Endpoints reconciled at the same time (WORKERS).")
    ] = None,
    http_port: Annotated[
        int | None, typer.Option(help="Probes and metrics; 0 takes any free port (HTTP_PORT).")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="DEBUG, INFO, WARNING or ERROR (LOG_LEVEL).")] = None,
    log_format: Annotated[str | None, typer.Option(help="json or text (LOG_FORMAT).")] = None,
) -> None:
    """Run the controller until SIGTERM or SIGINT. Every flag also has an environment variable; a flag wins."""
    with one_sentence():
        settings = load_settings(
            region=region,
            cluster_name=cluster_name,
            table_name=table_name,
            dynamodb_region=dynamodb_region,
            stream_region=stream_region,
            namespace=namespace,
            kubeconfig=kubeconfig,
            resync_seconds=resync_seconds,
            workers=workers,
            http_port=http_port,
            log_level=log_level,
            log_format=log_format,
        )
        _run(settings)


def _run(settings: Settings) -> None:
    place = settings.place
    log = configure_logging(settings.telemetry, cluster=place.cluster_name, region=place.region)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_until_signalled(Application(settings, log=log)))


@app.command(
    epilog="Example: `gco-stream-reconciler demo --serve`, then in another shell the `kubectl` line that it prints."
)
def demo(
    *,
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Keep everything running after the story, for kubectl and the aws CLI."),
    ] = False,
    logs: Annotated[
        bool, typer.Option("--logs", help="Show the controller's log lines instead of the picture.")
    ] = False,
) -> None:
    """Show a whole story on this machine in under a minute: a table, its stream, two Regions, real controllers."""
    from gco_stream_reconciler.cli.demo import play  # noqa: PLC0415 - the sandbox is no part of a controller

    play(serve=serve, logs=logs)


register(app)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point of the installed command."""
    app()
