"""An endpoint's whole life under the real controller, and every call that it made on the way."""

import asyncio
import json
import os
import random
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from aiohttp import web

from gco_stream_reconciler.kube.client import KubeClient
from gco_stream_reconciler.kube.events import EventRecorder
from gco_stream_reconciler.sandbox.aws import AwsServer
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.requests import Request
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer
from tests.doubles.fixed_configuration import fixed_configuration
from tests.integration.running import NAMESPACE, REGION, controller, reported, until

SPEC: dict[str, Any] = {"image": "vllm/vllm-openai:v1", "replicas": 2}
AUTOSCALED = {**SPEC, "autoscaling": {"enabled": True, "max_replicas": 4}}
CANARY = {**SPEC, "canary": {"image": "vllm/vllm-openai:v2", "weight": 10, "replicas": 1}}
OVERDUE = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]


HOME = "eu-west-1"
"""The home Region. The stream's and the cluster's is REGION: only so each call shows which statement must allow it."""

NAME_OF_OPERATION = re.compile(r"(?P<service>\w+?)_\d+\.(?P<operation>\w+)")
SCOPE = re.compile(r"(?P<before>Credential=\w+/\d+/)(?P<region>[a-z0-9-]+)(?P<after>/)")
LIMIT_OF_CLEANUPS = 1000


@dataclass(frozen=True, order=True)
class AwsCall:
    """service: DynamoDB or DynamoDBStreams. region: the one that the call was signed for."""

    service: str
    operation: str
    region: str


@dataclass(frozen=True)
class Calls:
    """What was asked of the API server, and of DynamoDB."""

    kubernetes: tuple[Request, ...]
    aws: frozenset[AwsCall]


async def live(folder: Path) -> Calls:
    """Run it; takes some fifteen seconds."""
    with AwsServer() as aws:
        async with noting(aws.url) as (url, called), KubernetesServer(ready_delay_seconds=0.1) as cluster:
            cluster.store.add_namespace(NAMESPACE)
            kubeconfig = folder / "kubeconfig"
            kubeconfig.write_text(json.dumps(cluster.kubeconfig()), "utf-8")
            writer = Writer(aws.url)
            await asyncio.to_thread(writer.create_table)
            with environment({**aws.environment(), "AWS_ENDPOINT_URL": url}):
                regions = {"dynamodb_region": HOME, "stream_region": REGION}
                async with controller(writer, str(kubeconfig), **regions, deletion_limit=LIMIT_OF_CLEANUPS):
                    await _endpoint(writer, cluster)
                    await _stalled(writer, cluster)
                    await _removed_region(writer, cluster)
                    await _at_once(writer, called)
                    await _orphan(writer, cluster, called)
            await _events(cluster)
            return Calls(tuple(cluster.requests), frozenset(called))


async def _endpoint(writer: Writer, cluster: KubernetesServer) -> None:
    writer.deploy("llama", SPEC, [REGION])
    await reported(writer, "llama", "running")
    writer.set_spec("llama", AUTOSCALED)
    scaler = ("HorizontalPodAutoscaler", NAMESPACE, "llama")
    await until("autoscaler", lambda: scaler in cluster.store.objects, bool)
    writer.set_spec("llama", SPEC)
    await until("no autoscaler", lambda: scaler not in cluster.store.objects, bool)
    writer.set_spec("llama", CANARY)
    await reported(writer, "llama", "running")
    writer.set_spec("llama", SPEC)
    cluster.store.delete(BY_NAME["Service"], NAMESPACE, "llama", uid=None, version=None, foreground=False)
    await until("Service back", lambda: ("Service", NAMESPACE, "llama") in cluster.store.objects, bool)
    writer.stop("llama")
    await reported(writer, "llama", "stopped")
    writer.start("llama")
    await reported(writer, "llama", "running")
    writer.delete("llama")
    await until("all gone", lambda: not [key for key in cluster.store.objects if "llama" in key], bool)
    await until("item purged", lambda: asyncio.to_thread(writer.get, "llama"), lambda item: item is None)


async def _stalled(writer: Writer, cluster: KubernetesServer) -> None:
    """A rollout past its deadline, which nobody waits for here: its status says so, again and again."""
    writer.deploy("stuck", {**SPEC, "image": "vllm/vllm-openai:broken"}, [REGION])
    key = ("Deployment", NAMESPACE, "stuck")

    def looked_at() -> bool:
        live = cluster.store.objects.get(key)
        if live:
            status = {**live.get("status", {}), "conditions": OVERDUE}
            cluster.store.write_status(live, status, manager="kube-controller-manager")
        return any(request.kind == "Pod" and request.verb == "list" for request in cluster.requests)

    await until("the Pods of a stalled rollout are listed", looked_at, bool)


async def _removed_region(writer: Writer, cluster: KubernetesServer) -> None:
    """Two endpoints lose this Region: clean-ups that no delete command asked for, so each goes into the ledger."""
    for name in ("moved", "moved-too"):
        writer.deploy(name, SPEC, [REGION])
        await reported(writer, name, "running")
    for name in ("moved", "moved-too"):
        writer.set_regions(name, ["ap-south-1"])
        await until(
            f"{name} cleaned up",
            lambda name=name: not [key for key in cluster.store.objects if name == key[-1]],  # type: ignore[misc]
            bool,
        )


async def _at_once(writer: Writer, called: set[AwsCall]) -> None:
    """Changes that arrive together are read together. Nothing is made of a spec without an image."""

    def seen() -> bool:
        for number in range(8):
            writer.deploy(f"beside-{number}", {}, [REGION])
        return AwsCall("DynamoDB", "BatchGetItem", REGION) in called

    await until("several items are read in one call", lambda: asyncio.to_thread(seen), bool)


async def _orphan(writer: Writer, cluster: KubernetesServer, called: set[AwsCall]) -> None:
    """An item is taken away by hand. What is left is looked for at home; its clean-up, a minute later, is as above."""
    writer.deploy("orphan", SPEC, [REGION])
    await reported(writer, "orphan", "running")
    writer.remove("orphan")
    look = AwsCall("DynamoDB", "Scan", HOME)
    await until("the home table is scanned", lambda: look in called, bool)
    assert ("Deployment", NAMESPACE, "orphan") in cluster.store.objects


async def _events(cluster: KubernetesServer) -> None:
    """One Event, and the same again: the recorder is asked itself, so that no rule's timing matters."""
    log = structlog.get_logger()
    loop = asyncio.get_running_loop()
    client = KubeClient(fixed_configuration(cluster.url), clock=loop.time, log=log)
    regarding = {"apiVersion": "v1", "kind": "Service", "name": "llama", "namespace": NAMESPACE, "uid": "1"}
    async with client:
        recorder = EventRecorder(
            client,
            instance="gco-stream-reconciler/test",
            clock=loop.time,
            wall_clock=lambda: datetime.now(UTC),
            random=random.Random(1),
            log=log,
        )
        for _ in range(2):
            await recorder.record(regarding=regarding, reason="Told", action="Tell", note="a note")


@asynccontextmanager
async def noting(upstream: str) -> AsyncIterator[tuple[str, set[AwsCall]]]:
    """A proxy on loopback that notes every call and passes it on, to REGION whichever it was for: the emulator does not
    replicate, so one table there stands for the home's and for its replica. (It checks no signature.)
    """
    called: set[AwsCall] = set()

    async def passed_on(request: web.Request) -> web.Response:
        headers = {key: value for key, value in request.headers.items() if key.lower() != "host"}
        target = NAME_OF_OPERATION.fullmatch(headers["X-Amz-Target"])
        scope = SCOPE.search(headers["Authorization"])
        assert target
        assert scope
        called.add(AwsCall(target["service"], target["operation"], scope["region"]))
        headers["Authorization"] = SCOPE.sub(rf"\g<before>{REGION}\g<after>", headers["Authorization"])
        body = await request.read()
        async with session.request(
            request.method, upstream + request.path_qs, headers=headers, data=body
        ) as answer:
            kept = {
                key: value
                for key, value in answer.headers.items()
                if key.lower().startswith(("x-amz", "content-type"))
            }
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", passed_on)
    runner = web.AppRunner(app, access_log=None)
    async with aiohttp.ClientSession(auto_decompress=True) as session:
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}", called
        finally:
            await runner.cleanup()


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """These variables for the block, then what was there before."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
