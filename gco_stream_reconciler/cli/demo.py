"""The demo: an embedded table, stream and cluster, the real controller, and a story."""

import asyncio
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from gco_stream_reconciler.app.application import Application, first_error
from gco_stream_reconciler.cli.story import NAMESPACE, REGION, SPECS, Step, Story
from gco_stream_reconciler.cli.view import line, picture, summarise
from gco_stream_reconciler.endpoints.model import RegionStatus
from gco_stream_reconciler.errors import FatalError
from gco_stream_reconciler.sandbox.aws import AwsServer
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer
from gco_stream_reconciler.settings import Settings, load_settings
from gco_stream_reconciler.telemetry.logging import configure_logging

_REFRESH_SECONDS = 0.1
_STOP_SECONDS = 30.0


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
    """Show a whole story on this machine in under a minute: a table, its stream, a cluster, and the real controller."""
    console = Console()
    try:
        with tempfile.TemporaryDirectory() as folder, _aws(console) as aws:
            asyncio.run(_run(console, aws, Path(folder), serve=serve, logs=logs))
    except* KeyboardInterrupt:
        console.print("stopped")
    except* FatalError as errors:
        Console(stderr=True).print(f"gco-stream-reconciler demo: {first_error(errors)}", markup=False)
        raise typer.Exit(1) from None


@contextmanager
def _aws(console: Console) -> Iterator[AwsServer]:
    console.print("starting DynamoDB (moto) and an API server on loopback …")
    with AwsServer() as aws:
        # The controller finds AWS where every AWS program looks.
        os.environ.update(aws.environment())
        yield aws


async def _run(console: Console, aws: AwsServer, folder: Path, *, serve: bool, logs: bool) -> None:
    async with KubernetesServer() as cluster:
        cluster.store.add_namespace(NAMESPACE)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(cluster.kubeconfig()), "utf-8")
        writer = Writer(aws.url, region=REGION)
        await asyncio.to_thread(writer.create_table)
        settings = load_settings(
            region=REGION,
            cluster_name="sandbox",
            kubeconfig=str(kubeconfig),
            namespace=NAMESPACE,
            http_port=0,
            log_format="text",
            log_level="INFO" if logs else "ERROR",
        )
        application = _application(settings)
        async with asyncio.TaskGroup() as group:
            controller = group.create_task(application.run(), name="controller")
            try:
                await _tell(console, application, Story(cluster, writer, _Teller(console)), live=not logs)
                if serve:
                    _explain(console, cluster, aws, kubeconfig, application)
                    await asyncio.Event().wait()
            finally:
                application.stop()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_STOP_SECONDS):
                        await asyncio.wait((controller,))


def _application(settings: Settings) -> Application:
    log = configure_logging(settings.telemetry, cluster="sandbox", region=REGION)
    return Application(settings, log=log)


class _Teller:
    """Prints steps as lines where no live picture shows them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.live = False

    def __call__(self, step: Step) -> None:
        if not self.live:
            self._console.print(line(step), markup=False)


async def _tell(console: Console, application: Application, story: Story, *, live: bool) -> None:
    while application.term is None:
        await asyncio.sleep(_REFRESH_SECONDS)
    if not live or not console.is_terminal:
        await story.run()
    else:
        await _tell_live(console, application, story)
    summarise(console, story.steps)


async def _tell_live(console: Console, application: Application, story: Story) -> None:
    statuses: dict[str, RegionStatus] = {}

    async def paint(screen: Live) -> None:
        while True:
            for name in SPECS:
                statuses[name] = await asyncio.to_thread(story.status, name)
            depth = application.term.queue.depth() if application.term else 0
            screen.update(picture(story.cluster, statuses, depth, story.steps))
            await asyncio.sleep(_REFRESH_SECONDS)

    if isinstance(story.tell, _Teller):
        story.tell.live = True
    with Live(console=console, auto_refresh=True, transient=True) as screen:
        async with asyncio.TaskGroup() as group:
            painter = group.create_task(paint(screen), name="picture")
            await story.run()
            painter.cancel()


def _explain(
    console: Console, cluster: KubernetesServer, aws: AwsServer, kubeconfig: Path, application: Application
) -> None:
    console.print("\nEverything keeps running; Ctrl-C ends it. In another shell:", markup=False)
    for command in (
        f"kubectl --kubeconfig {kubeconfig} get deployments,services,ingresses,hpa",
        (
            f"AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox aws --region {REGION} "
            f"--endpoint-url {aws.url} dynamodb scan --table-name gco-inference-endpoints"
        ),
        f"curl -s http://127.0.0.1:{application.http_port}/metrics | grep ^workqueue_depth",
    ):
        console.print(f"  {command}", markup=False, soft_wrap=True)
    console.print(f"API server: {cluster.url}", markup=False)
