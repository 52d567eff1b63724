"""What the chaos happens to: a table, an API server, two controllers, each a process of its own."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from gco_stream_reconciler.sandbox.foreign import without_foreign
from gco_stream_reconciler.sandbox.table import TABLE, Writer
from tests.chaos.processes import Process, children_of, send
from tests.grounds.aws import FETCHED, why_not_dynamodb_local
from tests.grounds.leash import free_port

REGION = "us-east-1"
NAMESPACE = "gco-inference"
_START_SECONDS = 90.0


@dataclass
class Server:
    """A server that can be suspended."""

    name: str
    url: str
    pid: int

    def suspend(self) -> None:
        """It takes connections and says nothing."""
        send(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on where it was."""
        send(self.pid, signal.SIGCONT)


@dataclass
class World:
    """The servers, and what it takes to start a controller on them."""

    api: Server
    table: Server
    table_kind: str
    kubeconfig: Path
    folder: Path
    environment: Mapping[str, str]

    def controller(self, number: int) -> Process:
        """Start replica `number`. Its log goes on where that of the replica before it ended."""
        return start_controller(
            f"controller {number}",
            self.folder / f"controller-{number}.log",
            kubeconfig=self.kubeconfig,
            environment=self.environment,
        )


def start_controller(
    name: str, log: Path, *, kubeconfig: Path, environment: Mapping[str, str], port: int = 0
) -> Process:
    """`gco-stream-reconciler run` as a process of its own."""
    settings = {
        "REGION": REGION,
        "CLUSTER_NAME": "chaos",
        "KUBECONFIG": str(kubeconfig),
        "INFERENCE_NAMESPACE": NAMESPACE,
        "HTTP_PORT": str(port),
        "DEBUG_PORT": "0",
        "RECONCILE_INTERVAL_SECONDS": "60",
        # Regions are taken away from many endpoints here, on purpose.
        "DELETION_LIMIT": "100000",
    }
    command = [sys.executable, "-m", "gco_stream_reconciler", "run"]
    return Process(name, command, log, environment={**without_foreign(os.environ), **settings, **environment})


@contextlib.asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Start the servers and end them."""
    async with contextlib.AsyncExitStack() as stack:
        command = [sys.executable, "-m", "gco_stream_reconciler.sandbox", "--table", ""]
        sandbox = Process("sandbox", command, folder / "sandbox.log", environment=dict(os.environ))
        stack.push_async_callback(sandbox.end)
        ready = await _first_line(sandbox)
        environment, kind = dict(ready["environment"]), "moto"
        # The sandbox's own moto is a process of its own, too.
        table_pid = children_of(sandbox.pid)[0]
        if why_not_dynamodb_local() is None:
            kind = "DynamoDB Local"
            local = _dynamodb_local(folder, port := free_port())
            stack.push_async_callback(local.end)
            environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
            table_pid = local.pid
            await _answers(local, environment["AWS_ENDPOINT_URL"])
        await asyncio.to_thread(Writer(environment["AWS_ENDPOINT_URL"], table=TABLE).create_table)
        yield World(
            api=Server("API server", ready["kubernetes"], sandbox.pid),
            table=Server("table", environment["AWS_ENDPOINT_URL"], table_pid),
            table_kind=kind,
            kubeconfig=Path(ready["kubeconfig"]),
            folder=folder,
            environment=environment,
        )


def _dynamodb_local(folder: Path, port: int) -> Process:
    home = Path(os.environ.get("DYNAMODB_LOCAL_DIR") or FETCHED).resolve()
    command = ["java", "-Xmx512m", "-XX:+UseSerialGC"]
    command += ["-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    command[0] = shutil.which("java") or "java"
    command += ["-inMemory", "-disableTelemetry", "-port", str(port)]
    return Process("DynamoDB Local", command, folder / "dynamodb-local.log", folder=home)


async def _first_line(process: Process) -> dict[str, dict[str, str]]:
    async with asyncio.timeout(_START_SECONDS):
        while True:
            for line in process.log.read_text("utf-8").splitlines():
                if line.startswith("{"):
                    found: dict[str, dict[str, str]] = json.loads(line)
                    return found
            if process.code() is not None:
                raise RuntimeError(f"{process.name} ended: {process.tail()}")
            await asyncio.sleep(0.1)


async def _answers(process: Process, url: str) -> None:
    async with asyncio.timeout(_START_SECONDS), aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(url):
                    return
            if process.code() is not None:
                raise RuntimeError(f"{process.name} ended: {process.tail()}")
            await asyncio.sleep(0.1)
