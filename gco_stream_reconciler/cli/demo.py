"""The demo: an embedded table, stream and cluster, the real controller, and a story."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.live import Live
from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.app.application import Application
from gco_stream_reconciler.cli.ending import CommandError, one_sentence
from gco_stream_reconciler.cli.stage import HOME, NAMESPACE, REGIONS, Stage, Step
from gco_stream_reconciler.cli.story import CANARY_SETTLE_SECONDS, SPECS, WATCHDOG_SECONDS, tell_story
from gco_stream_reconciler.cli.view import line, picture, summarise, what_runs
from gco_stream_reconciler.endpoints.model import RegionStatus
from gco_stream_reconciler.sandbox.aws import AwsServer
from gco_stream_reconciler.sandbox.foreign import FOREIGN
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer
from gco_stream_reconciler.settings import TelemetrySettings, load_settings, variables
from gco_stream_reconciler.telemetry.logging import configure_logging, told_of

_REFRESH_SECONDS = 0.1
_STOP_SECONDS = 30.0


def play(*, serve: bool, logs: bool) -> None:
    """Tell the story, and with `serve` keep everything running after it. logs: lines instead of the picture."""
    console = Console()
    left_out = _leave_out()
    # Ended by a signal of either kind it leaves no process and no file behind. A shell's background job ignores SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    with one_sentence():
        try:
            with tempfile.TemporaryDirectory() as folder, _aws(console) as aws:
                asyncio.run(_run(console, aws, Path(folder), serve=serve, logs=logs, left_out=left_out))
        except* KeyboardInterrupt:
            console.print("stopped")


def _leave_out() -> list[str]:
    """Have nothing of the caller's count: no cluster, account or proxy, and no setting. Returns what was there."""
    return [name for name in (*FOREIGN, *variables()) if os.environ.pop(name, None) is not None]


@contextmanager
def _aws(console: Console) -> Iterator[AwsServer]:
    console.print("starting DynamoDB (moto) and two Regions' API servers on loopback …")
    with ExitStack() as stack:
        try:
            aws = stack.enter_context(AwsServer())
        except RuntimeError as error:
            raise CommandError(str(error)) from error
        # The controller finds AWS where every AWS program looks.
        os.environ.update(aws.environment())
        yield aws


async def _run(
    console: Console, aws: AwsServer, folder: Path, *, serve: bool, logs: bool, left_out: Sequence[str]
) -> None:
    # The process is of no Region; its controllers are.
    telemetry = TelemetrySettings(log_format="text", log_level="INFO" if logs else "ERROR")
    log = configure_logging(telemetry, cluster="", region="")
    writer = Writer(aws.url, region=HOME)
    await asyncio.to_thread(writer.create_table)
    async with AsyncExitStack() as stack:
        clusters: dict[str, KubernetesServer] = {}
        applications: dict[str, Application] = {}
        for region in REGIONS:
            clusters[region] = await stack.enter_async_context(KubernetesServer())
            clusters[region].store.add_namespace(NAMESPACE)
            _kubeconfig(folder, region).write_text(json.dumps(clusters[region].kubeconfig()), "utf-8")
            applications[region] = _application(region, _kubeconfig(folder, region), log)
        async with asyncio.TaskGroup() as group:
            running = [
                group.create_task(_controller(application), name=f"controller {region}")
                for region, application in applications.items()
            ]
            try:
                stage = Stage(clusters, writer, _Teller(console))
                await _tell(console, applications, stage, live=not logs)
                if serve:
                    text = what_runs(
                        kubeconfig=_kubeconfig(folder, HOME),
                        table_url=aws.url,
                        http_port=applications[HOME].http_port,
                        cluster_url=clusters[HOME].url,
                        debug_port=applications[HOME].debug_port,
                        programs=Path(sys.executable).parent,
                        left_out=left_out,
                    )
                    console.print(f"\n{text}", markup=False, highlight=False, soft_wrap=True)
                    await asyncio.Event().wait()
            finally:
                for application in applications.values():
                    application.stop()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_STOP_SECONDS):
                        await asyncio.wait(running)


def _kubeconfig(folder: Path, region: str) -> Path:
    return folder / f"kubeconfig-{region}"


async def _controller(application: Application) -> None:
    place = application.settings.place
    with told_of(cluster=place.cluster_name, region=place.region):
        await application.run()


def _application(region: str, kubeconfig: Path, log: FilteringBoundLogger) -> Application:
    settings = load_settings(
        region=region,
        dynamodb_region=HOME,
        cluster_name=f"sandbox-{region}",
        kubeconfig=str(kubeconfig),
        namespace=NAMESPACE,
        http_port=0,
        debug_port=0,
        unhealthy_threshold_seconds=WATCHDOG_SECONDS,
        canary_settle_seconds=CANARY_SETTLE_SECONDS,
    )
    return Application(settings, log=log)


class _Teller:
    """Prints steps as lines where no live picture shows them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.live = False

    def __call__(self, step: Step) -> None:
        if not self.live:
            self._console.print(line(step), markup=False)


async def _tell(
    console: Console, applications: Mapping[str, Application], stage: Stage, *, live: bool
) -> None:
    while any(application.term is None for application in applications.values()):
        await asyncio.sleep(_REFRESH_SECONDS)
    if not live or not console.is_terminal:
        await tell_story(stage)
    else:
        await _tell_live(console, applications[HOME], stage)
    summarise(console, stage.steps)


async def _tell_live(console: Console, application: Application, stage: Stage) -> None:
    statuses: dict[str, RegionStatus] = {}

    async def paint(screen: Live) -> None:
        while True:
            for name in SPECS:
                statuses[name] = await asyncio.to_thread(stage.status, name)
            depth = application.term.queue.depth() if application.term else 0
            screen.update(picture(stage, statuses, depth))
            await asyncio.sleep(_REFRESH_SECONDS)

    if isinstance(stage.tell, _Teller):
        stage.tell.live = True
    with Live(console=console, auto_refresh=True, transient=True) as screen:
        async with asyncio.TaskGroup() as group:
            painter = group.create_task(paint(screen), name="picture")
            await tell_story(stage)
            painter.cancel()
