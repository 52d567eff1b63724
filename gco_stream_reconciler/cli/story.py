"""The demo's story: writes as GCO's command line makes them, and how long the cluster took to follow each."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gco_stream_reconciler.endpoints.model import RegionStatus
from gco_stream_reconciler.endpoints.status import decode_region_status
from gco_stream_reconciler.errors import FatalError
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer

REGION = "us-east-1"
NAMESPACE = "gco-inference"
_PATIENCE_SECONDS = 15.0
_LOOK_SECONDS = 0.002

SPECS: dict[str, dict[str, Any]] = {
    "vllm-llama3": {
        "image": "vllm/vllm-openai:v0.20.1",
        "replicas": 2,
        "env": {"MODEL": "meta-llama/Llama-3.1-8B-Instruct"},
        "args": ["--enable-prefix-caching"],
    },
    "tgi-mistral": {"image": "ghcr.io/huggingface/text-generation-inference:3.3.7", "port": 8080},
    "cpu-embedder": {
        "image": "ghcr.io/huggingface/text-embeddings-inference:cpu-1.7",
        "port": 80,
        "gpu_count": 0,
        "autoscaling": {"enabled": True, "min_replicas": 2, "max_replicas": 8},
    },
}


class StoryBrokenError(FatalError):
    """The cluster did not follow."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was done, what followed, and after how many seconds."""

    done: str
    followed: str
    seconds: float


@dataclass(slots=True)
class Story:
    """Tells the story step by step; `tell` gets every step when it has come true."""

    cluster: KubernetesServer
    writer: Writer
    tell: Callable[[Step], None]
    steps: list[Step] = field(default_factory=list)

    async def run(self) -> None:
        """The whole story. Raises StoryBrokenError where the cluster does not follow in time."""
        await self._deploy()
        await self._change()
        await self._break()
        await self._stop_start_delete()

    async def _deploy(self) -> None:
        for name, spec in SPECS.items():
            await self._step(
                f"deploy {name}",
                lambda name=name, spec=spec: self.writer.deploy(name, spec, [REGION]),  # type: ignore[misc]
                "Deployment made",
                lambda name=name: self._deployment(name) is not None,  # type: ignore[misc]
            )
        for name in SPECS:
            await self._reported(name, "running")

    async def _change(self) -> None:
        name = "vllm-llama3"
        await self._step(
            f"scale {name} to 4",
            lambda: self.writer.scale(name, 4),
            "replicas 4",
            lambda: self._replicas(name) == 4,  # noqa: PLR2004
        )
        image = "vllm/vllm-openai:v0.21.0"
        await self._step(
            f"update-image {name}",
            lambda: self.writer.set_spec(name, {**SPECS[name], "replicas": 4, "image": image}),
            "rolling out v0.21.0",
            lambda: self._image(name) == image,
        )
        await self._reported(name, "running")

    async def _break(self) -> None:
        name = "tgi-mistral"
        image = "ghcr.io/huggingface/text-generation-inference:broken"
        await self._step(
            f"update-image {name} to a broken one",
            lambda: self.writer.set_spec(name, {**SPECS[name], "image": image}),
            "rolling out; old Pods keep serving",
            lambda: self._image(name) == image and self._stands("Ingress", f"inference-{name}"),
        )
        await self._reported(name, "updating")
        await self._step(
            f"update-image {name} back",
            lambda: self.writer.set_spec(name, SPECS[name]),
            "rolled back",
            lambda: self._image(name) == SPECS[name]["image"],
        )
        await self._reported(name, "running")

    async def _stop_start_delete(self) -> None:
        name = "cpu-embedder"
        ingress = f"inference-{name}"
        await self._step(
            f"stop {name}",
            lambda: self.writer.set_state(name, "stopped"),
            "Ingress gone, then 0 replicas",
            lambda: not self._stands("Ingress", ingress) and self._replicas(name) == 0,
        )
        await self._reported(name, "stopped")
        await self._step(
            f"start {name}",
            lambda: self.writer.set_state(name, "running"),
            "replicas 2 under the autoscaler",
            lambda: self._replicas(name) == 2 and self._stands("HorizontalPodAutoscaler", name),  # noqa: PLR2004
        )
        await self._reported(name, "running")
        await self._step(
            f"delete {name}",
            lambda: self.writer.set_state(name, "deleted"),
            "every object gone",
            lambda: (
                not any(
                    self._stands(kind, name) for kind in ("Deployment", "Service", "HorizontalPodAutoscaler")
                )
            ),
        )
        await self._reported(name, "deleted")

    async def _step(
        self, done: str, write: Callable[[], None], followed: str, holds: Callable[[], bool]
    ) -> None:
        began = time.perf_counter()
        writing = asyncio.get_running_loop().run_in_executor(None, write)
        await self._until(f"{done}: {followed}", holds)
        seconds = time.perf_counter() - began
        await writing
        step = Step(done, followed, seconds)
        self.steps.append(step)
        self.tell(step)

    async def _reported(self, name: str, state: str) -> None:
        async with _patience(f"{name}: report of {state}"):
            while (await asyncio.to_thread(self.status, name)).state != state:
                await asyncio.sleep(0.05)

    async def _until(self, what: str, holds: Callable[[], bool]) -> None:
        async with _patience(what):
            while not holds():
                await asyncio.sleep(_LOOK_SECONDS)

    # --- What stands ------------------------------------------------------------------------------------------

    def status(self, name: str) -> RegionStatus:
        """What the Region reports of an endpoint. Asks the table, so not for the event loop's own thread."""
        item = self.writer.get(name) or {}
        entries = item.get("region_status", {}).get("M", {})
        return decode_region_status(entries.get(REGION)) or RegionStatus(state="-")

    def _stands(self, kind: str, name: str) -> bool:
        return (kind, NAMESPACE, name) in self.cluster.store.objects

    def _deployment(self, name: str) -> dict[str, Any] | None:
        return self.cluster.store.objects.get(("Deployment", NAMESPACE, name))

    def _replicas(self, name: str) -> int | None:
        found = self._deployment(name)
        return None if found is None else int(found["spec"]["replicas"])

    def _image(self, name: str) -> str:
        found = self._deployment(name)
        return "" if found is None else str(found["spec"]["template"]["spec"]["containers"][0]["image"])


@asynccontextmanager
async def _patience(what: str) -> AsyncIterator[None]:
    """A time-out that says what it waited for."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            yield
    except TimeoutError as error:
        raise StoryBrokenError(f"{what} did not come true within {_PATIENCE_SECONDS:g} s") from error
