"""The controller as a process of its own, and what it says of itself."""

import asyncio
import importlib.util
import os
import re
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

import aiohttp

from gco_stream_reconciler.sandbox.foreign import without_foreign
from tests.benchmarks.processes import Child, free_port
from tests.benchmarks.table import REGION

_START_SECONDS = 120.0
_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*(?:\{[^}]*\})?) (\S+)", re.MULTILINE)


class Controller:
    """`gco-stream-reconciler run`. Use as an async context manager: it is ready on entry and gone on exit."""

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        kubeconfig: Path,
        table: str,
        namespace: str,
        folder: Path,
        resync_seconds: float = 300,
        profile: Path | None = None,
    ) -> None:
        self._port = free_port()
        self._environment = {
            **without_foreign(os.environ),
            **environment,
            "REGION": REGION,
            "CLUSTER_NAME": "benchmark",
            "KUBECONFIG": str(kubeconfig),
            "INFERENCE_ENDPOINTS_TABLE_NAME": table,
            "INFERENCE_NAMESPACE": namespace,
            "HTTP_PORT": str(self._port),
            "DEBUG_PORT": "0",
            "RECONCILE_INTERVAL_SECONDS": str(resync_seconds),
        }
        self._folder = folder
        self._profile = profile
        self._child: Child | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        log = self._folder / "controller.log"
        log.unlink(missing_ok=True)
        self._child = Child([*_program(self._profile), "run"], log, environment=self._environment)
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        deadline = time.monotonic() + _START_SECONDS
        while not await self._leads():
            if time.monotonic() > deadline:
                raise RuntimeError(f"the controller does not lead: {self.child.tail()}")
            await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
        await asyncio.to_thread(self.child.end)

    @property
    def child(self) -> Child:
        """Its process."""
        if self._child is None:
            raise RuntimeError("the controller was not started")
        return self._child

    def check(self) -> None:
        """Raises RuntimeError if it has ended."""
        self.child.check()

    async def metrics(self) -> dict[str, float]:
        """Its metrics, name with labels → value."""
        text = (await self._get("/metrics"))[1]
        return {name: float(value) for name, value in _SAMPLE.findall(text)}

    async def probe(self) -> float:
        """Seconds that /healthz takes: the wait for the event loop's turn, and about a millisecond of work."""
        began = time.perf_counter()
        await self._get("/healthz")
        return time.perf_counter() - began

    async def _get(self, path: str) -> tuple[int, str]:
        if self._session is None:
            raise RuntimeError("the controller was not started")
        async with self._session.get(f"http://127.0.0.1:{self._port}{path}") as response:
            return response.status, await response.text()

    async def _leads(self) -> bool:
        self.check()
        with suppress(aiohttp.ClientError, TimeoutError):
            ready = (await self._get("/readyz"))[0] == 200
            return ready and (await self.metrics()).get("gco_leader") == 1
        return False


def total(metrics: Mapping[str, float], name: str) -> float:
    """The sum over all labels."""
    return sum(value for each, value in metrics.items() if each.split("{")[0] == name)


def _program(profile: Path | None) -> list[str]:
    if profile is None:
        return [sys.executable, "-m", "gco_stream_reconciler"]
    if importlib.util.find_spec("pyinstrument") is not None:
        # As text, which sums up what repeats; its formats with a time line leave out whatever is short each time.
        target = str(profile.with_suffix(".txt"))
        program = ["pyinstrument", "-i", "0.005", "--no-color", "-r", "text", "-o", target]
    else:
        program = ["cProfile", "-o", str(profile.with_suffix(".pstats"))]
    return [sys.executable, "-m", *program, "-m", "gco_stream_reconciler"]
