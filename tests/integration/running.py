"""The real controller in the test's own loop, and waiting for what it does."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog

from gco_stream_reconciler.app.application import Application
from gco_stream_reconciler.endpoints.model import RegionStatus
from gco_stream_reconciler.endpoints.status import decode_region_status
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer
from gco_stream_reconciler.settings import load_settings

T = TypeVar("T")

REGION = "us-east-1"
NAMESPACE = "gco-inference"
WAIT_SECONDS = 30.0


@asynccontextmanager
async def controller(writer: Writer, kubeconfig: str, **flags: Any) -> AsyncIterator[Application]:
    """Run a controller until the block ends; it must stop in order."""
    application = prepared(writer, kubeconfig, **flags)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(application.run(), name="controller")
        try:
            yield application
        finally:
            application.stop()
            async with asyncio.timeout(WAIT_SECONDS):
                await task


def prepared(writer: Writer, kubeconfig: str, **flags: Any) -> Application:
    """A controller that is not running yet."""
    settings = load_settings(
        **{
            "region": REGION,
            "table_name": writer.table,
            "kubeconfig": kubeconfig,
            "http_port": 0,
            "debug_port": 0,
            **flags,
        }
    )
    return Application(settings, log=structlog.get_logger())


async def until(what: str, read: Callable[[], T | Awaitable[T]], holds: Callable[[T], bool]) -> T:
    """Wait until something read holds; fails with what was read last."""
    found = await _read(read)
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while not holds(found):
                await asyncio.sleep(0.02)
                found = await _read(read)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {WAIT_SECONDS} s; the last look saw {found!r}") from None
    return found


async def _read(read: Callable[[], T | Awaitable[T]]) -> T:
    found = read()
    return await found if inspect.isawaitable(found) else found


async def reported(writer: Writer, name: str, state: str, region: str = REGION) -> RegionStatus:
    """Wait for a reported state."""

    def read() -> RegionStatus | None:
        item = writer.get(name) or {}
        return decode_region_status((item.get("region_status", {}).get("M") or {}).get(region))

    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                found = await asyncio.to_thread(read)
                if found is not None and found.state == state:
                    return found
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(
            f"{name}: not {state} within {WAIT_SECONDS} s; the last report is {found}"
        ) from None


async def purged(writer: Writer, name: str) -> None:
    """Wait for an item to be gone from the table."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while await asyncio.to_thread(writer.get, name) is not None:
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{name}: not purged within {WAIT_SECONDS} s: {writer.get(name)}") from None


def objects(cluster: KubernetesServer) -> set[tuple[str, str]]:
    """Kind and name of everything in the endpoints' namespace but Leases, Pods and Events."""
    return {
        (kind, name)
        for kind, namespace, name in cluster.store.objects
        if namespace == NAMESPACE and kind not in ("Lease", "Pod", "Event")
    }
