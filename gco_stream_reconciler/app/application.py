"""The whole process: opens the connections, keeps the eternal tasks, stands for election, stops in order."""

import asyncio
import random
import socket
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler import __version__
from gco_stream_reconciler.app.console_source import ControllerFacts, Surroundings
from gco_stream_reconciler.app.endpoint_journal import EndpointJournal
from gco_stream_reconciler.app.parts import Parts
from gco_stream_reconciler.app.readiness import Readiness
from gco_stream_reconciler.app.startup import Startup
from gco_stream_reconciler.app.term import Term
from gco_stream_reconciler.aws.endpoint_table import EndpointTable
from gco_stream_reconciler.aws.session import Clients, open_clients
from gco_stream_reconciler.aws.streams import DynamoDbStreams
from gco_stream_reconciler.console.server import ConsoleServer
from gco_stream_reconciler.console.views import About
from gco_stream_reconciler.errors import first_error
from gco_stream_reconciler.informer.informers import Informers
from gco_stream_reconciler.informer.objects import Change
from gco_stream_reconciler.kube.client import KubeClient
from gco_stream_reconciler.kube.configuration import found_configuration
from gco_stream_reconciler.kube.events import EventRecorder
from gco_stream_reconciler.kube.leases import LeaseApi
from gco_stream_reconciler.kube.objects import KubeObjects
from gco_stream_reconciler.kube.watch import KindClient
from gco_stream_reconciler.leadership.elector import LeaderElector
from gco_stream_reconciler.manifests.names import TRACKED_KINDS
from gco_stream_reconciler.planning.situation import PlanSettings
from gco_stream_reconciler.settings import MINIMUM_RESYNC_SECONDS, Settings
from gco_stream_reconciler.stream.adapter import DynamoDbStreamsAdapter
from gco_stream_reconciler.telemetry.health import Health, TaskWatch
from gco_stream_reconciler.telemetry.heartbeat import Heartbeat
from gco_stream_reconciler.telemetry.http import ProbeServer
from gco_stream_reconciler.telemetry.metrics import Metrics


class Application:
    """One replica of the controller.

    `clock` is monotonic seconds, `now` epoch seconds. `stop` may be called from the event loop at any time.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        log: FilteringBoundLogger,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        chance: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self._log = log
        self._clock = clock
        self._now = now
        self._random = chance or random.Random()  # noqa: S311 - jitter, no secret
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.metrics = Metrics(
            self.registry, clock=clock, endpoint_metrics=settings.telemetry.endpoint_metrics
        )
        self.readiness = Readiness(clock)
        self._identity = f"gco-stream-reconciler/{socket.gethostname()}/{uuid.uuid4()}"
        self._tasks = TaskWatch()
        self._journal = EndpointJournal(settings.place.region, metrics=self.metrics, now=now)
        self._facts = ControllerFacts(
            self.readiness, self._journal, identity=self._identity, clock=clock, now=now
        )
        self.http_port: int | None = None
        self.debug_port: int | None = None
        self._stopping = asyncio.Event()
        # Set once `_stopping` is and no term of ours is left that could end in order.
        self._nothing_to_drain = asyncio.Event()

    def stop(self) -> None:
        """Begin the orderly end; returns at once."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    @property
    def term(self) -> Term | None:
        """What this replica does as the leader, None while it follows."""
        return self.readiness.term

    async def run(self) -> None:
        """Run until stopped. Raises FatalError where the work cannot be done."""
        heartbeat = Heartbeat(self._clock, self.metrics.loop_lag)
        health = Health(alive=(heartbeat.check, self._tasks.check), ready=(self.readiness.check,))
        probes = ProbeServer(health=health, registry=self.registry, port=self.settings.telemetry.http_port)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(probes)
            self.http_port = probes.port
            console = await stack.enter_async_context(self._console())
            self.debug_port = console.port
            self._log.info(
                "started",
                http_port=probes.port,
                debug_port=console.port,
                namespaces=list(self.settings.place.namespaces),
            )
            self._warn_of_short_resync()
            await self._until_stopped(heartbeat, console)
        self._log.info("stopped")

    def _console(self) -> ConsoleServer:
        place, telemetry = self.settings.place, self.settings.telemetry
        return ConsoleServer(
            source=self._facts,
            about=About(place.cluster_name, place.region, place.table_name, __version__),
            host=telemetry.debug_address,
            port=telemetry.debug_port,
            now=self._now,
            log=self._log,
        )

    async def _until_stopped(self, heartbeat: Heartbeat, console: ConsoleServer) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                beside = (
                    group.create_task(heartbeat.run(), name="heartbeat"),
                    group.create_task(console.sample(), name="console-sampler"),
                )
                work = group.create_task(self._work(), name="work")
                stopping = group.create_task(self._stopping.wait(), name="stopping")
                idle = group.create_task(self._nothing_to_drain.wait(), name="nothing-to-drain")
                with self._tasks.watching(*beside):
                    await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
                if self.readiness.term is None:
                    self._nothing_to_drain.set()  # a follower, or a start that waits
                await asyncio.wait((work, idle), return_when=asyncio.FIRST_COMPLETED)
                work.cancel()
                await asyncio.wait((work,))
                for task in (*beside, stopping, idle):
                    task.cancel()
        except* Exception as errors:
            raise first_error(errors) from errors

    async def _work(self) -> None:
        async with self._connected() as (client, clients):
            elector = self._elector(client)
            parts = self._parts(client, clients, elector)
            plan_settings = await self._plan_settings(client, parts)
            self.readiness.informers = parts.informers
            self.readiness.lease = elector.failures
            self.metrics.watch_cache(parts.informers.objects_by_kind)
            self._facts.surroundings = Surroundings(
                parts.table, parts.cluster, parts.informers, elector, plan_settings
            )
            async with asyncio.TaskGroup() as group:
                informing = group.create_task(parts.informers.run(), name="informers")
                with self._tasks.watching(informing):
                    await elector.run(lambda: self._lead(parts, plan_settings))
                informing.cancel()

    async def _lead(self, parts: Parts, plan_settings: PlanSettings) -> None:
        """One term of leadership."""
        term = Term(parts, plan_settings)
        self.metrics.watch_queue(term.queue)
        self.metrics.watch_queue(term.status_queue)
        self.metrics.watch_stream(term.consumer)
        self.readiness.term = term
        try:
            await term.run(self._stopping)
        except asyncio.CancelledError:
            # The lease was lost in the middle of the drain: it must not be stood for again.
            if self._stopping.is_set():
                self._nothing_to_drain.set()
            raise
        finally:
            self.readiness.term = None
            self.metrics.term_ended()
            term.end()
            self._journal.end_term()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[KubeClient, Clients]]:
        """The way to the API server and to DynamoDB."""
        place, kubernetes = self.settings.place, self.settings.kubernetes
        watches = len(TRACKED_KINDS) * len(place.namespaces)
        async with (
            KubeClient(
                found_configuration(kubernetes.kubeconfig),
                connections=self.settings.controller.workers * 4 + watches + 8,
                clock=self._clock,
                log=self._log,
                observer=self.metrics.kubernetes,
            ) as client,
            open_clients(place, observer=self.metrics.aws, clock=self._clock) as clients,
        ):
            yield client, clients

    def _parts(self, client: KubeClient, clients: Clients, elector: LeaderElector) -> Parts:
        place = self.settings.place

        # A process that was paused past its lease finds out before it sends a write.
        def may_write() -> bool:
            return elector.is_leader

        return Parts(
            settings=self.settings,
            table=EndpointTable(clients, place, random=self._random, may_write=may_write),
            streams=DynamoDbStreams(clients, place),
            cluster=KubeObjects(client, self.settings.kubernetes, random=self._random, may_write=may_write),
            events=EventRecorder(
                client,
                instance=self._identity,
                clock=self._clock,
                wall_clock=self._wall_clock,
                random=self._random,
                log=self._log,
            ),
            informers=self._informers(client, place.namespaces),
            metrics=self.metrics,
            clock=self._clock,
            now=self._now,
            random=self._random,
            log=self._log,
            journal=self._journal,
            tasks=self._tasks,
        )

    async def _plan_settings(self, client: KubeClient, parts: Parts) -> PlanSettings:
        """What plans are made with, once all that the work needs has answered. Raises FatalError."""
        place = self.settings.place
        startup = Startup(self.settings, readiness=self.readiness, random=self._random, log=self._log)
        table_id = await startup.table_id(parts.table)
        await startup.check_stream(DynamoDbStreamsAdapter(parts.streams, now=self._now))
        await startup.check_namespaces(client)
        return PlanSettings(place.region, place.namespaces, table_id, self.settings.lifecycle)

    def _informers(self, client: KubeClient, namespaces: tuple[str, ...]) -> Informers:
        seconds = self.settings.kubernetes.call_timeout_seconds
        return Informers(
            {
                (kind, namespace): KindClient(
                    client, kind, namespace, list_timeout_seconds=seconds, random=self._random
                )
                for kind in TRACKED_KINDS
                for namespace in namespaces
            },
            on_change=self._observed,
            clock=self._clock,
            random=self._random,
            observer=self.metrics.informer,
        )

    def _observed(self, change: Change) -> None:
        if self.readiness.term is not None:
            self.readiness.term.observed(change)

    def _elector(self, client: KubeClient) -> LeaderElector:
        timeout = self.settings.kubernetes.write_timeout_seconds
        return LeaderElector(
            leases=LeaseApi(client, namespace=self.settings.place.namespace, timeout_seconds=timeout),
            identity=self._identity,
            settings=self.settings.leadership,
            clock=self._clock,
            wall_clock=self._wall_clock,
            random=self._random,
            observer=self.metrics.leadership,
            log=self._log,
        )

    def _wall_clock(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)

    def _warn_of_short_resync(self) -> None:
        asked = self.settings.controller.resync_seconds
        if asked < MINIMUM_RESYNC_SECONDS:
            self._log.warning("resync_raised", asked_seconds=asked, used_seconds=MINIMUM_RESYNC_SECONDS)
