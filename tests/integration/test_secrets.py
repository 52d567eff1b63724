"""No value of a workload's environment is told anywhere: logs, Events, statuses, probes, metrics, the operator's page.

A real process leads endpoints through their lives, error paths included; then everything that it said is searched.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gco_stream_reconciler.sandbox.kubernetes.faults import Fault
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer
from tests.chaos.processes import Process
from tests.chaos.world import start_controller
from tests.grounds.aws import AwsGround
from tests.grounds.leash import free_port
from tests.integration.running import NAMESPACE, REGION, reported, until

# Every secret begins so, and nothing else does: a part of one is found, too.
MARK = "zq7x"
PLAIN = f"{MARK}-plain-secret"
NEXT = f"{MARK}-next-secret"
DRIFTED = f"{MARK}-drifted-secret"
STRUCTURED = f'{{"key": "{MARK}-in-json",\n "tab": "\t{MARK}-in-line-two"}}'
IMAGE = "vllm/vllm-openai:v1"
ENVIRONMENT = {"TOKEN": PLAIN, "CREDENTIALS": STRUCTURED, "PORTION": f"--{MARK}--"}
SPEC: dict[str, Any] = {"image": IMAGE, "env": ENVIRONMENT}
ILL_TYPED: dict[str, Any] = {
    "env-is-a-list": {"image": IMAGE, "env": [{"name": "TOKEN", "value": PLAIN}]},
    "env-is-text": {"image": IMAGE, "env": f"TOKEN={PLAIN}"},
    "value-is-a-list": {"image": IMAGE, "env": {"TOKEN": [PLAIN]}},
    "name-holds-value": {"image": IMAGE, "env": {f"TOKEN={PLAIN}": ""}},
    "bad-image-too": {"image": "no image", "env": ENVIRONMENT},
}
ECHOES = {
    "echo-422": (
        422,
        f'Deployment.apps is invalid: env[0].value: Invalid value: "{PLAIN}": {json.dumps(STRUCTURED)}',
    ),
    "echo-400": (400, f"cannot decode\n{STRUCTURED}\n{PLAIN}"),
    "echo-500": (500, f"failed to create typed patch object ({json.dumps(ENVIRONMENT)}): no such field"),
    "echo-503": (503, f"overloaded by {json.dumps(ENVIRONMENT)}"),
}


class Teller:
    """A controller and everything it tells."""

    def __init__(self, process: Process, port: int, debug_port: int) -> None:
        self.process = process
        self._urls = [f"http://127.0.0.1:{port}/{path}" for path in ("healthz", "readyz", "metrics")]
        self._debug = f"http://127.0.0.1:{debug_port}"
        self.said: dict[str, str] = {}

    async def listen(self, *names: str) -> None:
        """Read what the listeners say now."""
        paths = ["/", "/debug/queue", "/debug/endpoints", "/debug/shards"]
        paths += [f"/{folder}/{name}" for folder in ("debug/endpoints", "endpoints") for name in names]
        async with aiohttp.ClientSession() as session:
            for url in [*self._urls, *(self._debug + path for path in paths)]:
                async with session.get(url) as response:
                    text = await response.text()
                    assert response.status in (200, 404, 503), f"{url}: {response.status} {text[:200]}"
                    self.said[f"{url} at {len(self.said)}"] = text

    def log(self) -> str:
        return self.process.log.read_text("utf-8")


@pytest.fixture(params=["json", "text"])
async def teller(
    request: pytest.FixtureRequest, writer: Writer, aws: AwsGround, kubeconfig: str, tmp_path: Path
) -> AsyncIterator[Teller]:
    await asyncio.to_thread(writer.create_table)
    port, debug_port = free_port(), free_port()
    settings = {
        "INFERENCE_ENDPOINTS_TABLE_NAME": writer.table,
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": request.param,
        "DEBUG_PORT": str(debug_port),
    }
    process = start_controller(
        "controller",
        tmp_path / "controller.log",
        kubeconfig=Path(kubeconfig),
        environment={**aws.environment(), **settings},
        port=port,
    )
    teller = Teller(process, port, debug_port)
    try:
        await until(
            "it leads", lambda: (teller.log(), process.code()), lambda found: "leadership_won" in found[0]
        )
        yield teller
    finally:
        await process.end()


async def test_no_value_of_an_environment_is_told(
    cluster: KubernetesServer, writer: Writer, teller: Teller
) -> None:
    await live_well(cluster, writer, teller)
    await live_badly(cluster, writer, teller)
    found = {
        "log": teller.log(),
        **teller.said,
        "items": json.dumps({name: statuses(writer, name) for name in ["llama", *ILL_TYPED, *ECHOES]}),
        "Events": json.dumps([obj for (kind, *_), obj in cluster.store.objects.items() if kind == "Event"]),
        "annotations": json.dumps(
            [obj["metadata"].get("annotations") for obj in cluster.store.objects.values()]
        ),
    }
    assert all(found.values())
    told = {where: around(text) for where, text in found.items() if MARK in text}
    assert not told, json.dumps(told, indent=1)


async def live_well(cluster: KubernetesServer, writer: Writer, teller: Teller) -> None:
    """Deploy, change, drift, stop, start."""
    writer.deploy("llama", SPEC, [REGION])
    await reported(writer, "llama", "running")
    assert environment(cluster)["TOKEN"] == PLAIN
    assert environment(cluster)["CREDENTIALS"] == STRUCTURED
    writer.set_spec("llama", {**SPEC, "env": {**ENVIRONMENT, "TOKEN": NEXT}})
    await until("changed", lambda: environment(cluster)["TOKEN"], lambda found: found == NEXT)
    drift(cluster, DRIFTED)
    await until("put right", lambda: environment(cluster)["TOKEN"], lambda found: found == NEXT)
    await teller.listen("llama")
    writer.set_spec("llama", {**SPEC, "image": "vllm/vllm-openai:broken"})
    await reported(writer, "llama", "updating")
    await teller.listen("llama")
    writer.set_state("llama", "stopped")
    await reported(writer, "llama", "stopped")


async def live_badly(cluster: KubernetesServer, writer: Writer, teller: Teller) -> None:
    """Items that cannot be read, and an API server whose refusals quote what it was sent."""
    for name, (status, message) in ECHOES.items():
        cluster.faults.add(
            Fault(
                verb="patch",
                kind="Deployment",
                name=name,
                status=status,
                message=message,
                plain=status == 503,
                times=None,
            )
        )
    for name, spec in {**ILL_TYPED, **dict.fromkeys(ECHOES, SPEC)}.items():
        writer.deploy(name, spec, [REGION])
    for name in ILL_TYPED:
        await reported(writer, name, "error")
    for name, (status, _) in ECHOES.items():
        if status == 503:
            await until("refused", teller.log, lambda found, name=name: f"deployments/{name}" in found)
        else:
            await reported(writer, name, "error")
    await teller.listen(*ILL_TYPED, *ECHOES)


def environment(cluster: KubernetesServer) -> dict[str, str]:
    deployment = cluster.store.objects["Deployment", NAMESPACE, "llama"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry["value"] for entry in container["env"]}


def drift(cluster: KubernetesServer, value: str) -> None:
    """Somebody edits a variable."""
    template = {"spec": {"containers": [{"name": "inference", "env": [{"name": "TOKEN", "value": value}]}]}}
    config = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "llama", "namespace": NAMESPACE},
        "spec": {"template": template},
    }
    cluster.store.apply(BY_NAME["Deployment"], NAMESPACE, config, manager="somebody", force=True)


def statuses(writer: Writer, name: str) -> Any:
    return (writer.get(name) or {}).get("region_status")


def around(text: str) -> str:
    at = text.index(MARK)
    return text[max(0, at - 200) : at + 60]
