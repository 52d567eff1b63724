"""The cluster as the benchmark sees it: its own watches, and the few writes that a case needs."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, Self

import aiohttp

from tests.benchmarks.servers import ApiServer

KINDS = {
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "Service": "api/v1/namespaces/{}/services",
    "Ingress": "apis/networking.k8s.io/v1/namespaces/{}/ingresses",
}
WATCHED = tuple(KINDS)
_MERGE = "application/merge-patch+json"
_WATCH_SECONDS = 3600
_CHUNK = 2**16
Seen = Callable[[str, str, dict[str, Any]], None]


class Cluster:
    """Watches Deployments, Services and Ingresses of one namespace. Use as an async context manager.

    `names` holds what stands now, by kind. A function in `listeners` gets event type, kind and object, the moment
    it arrives. Where the API server is a bare one, its Deployments are made ready from here.
    """

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self.namespace = namespace
        self.names: dict[str, set[str]] = {kind: set() for kind in WATCHED}
        self.listeners: list[Seen] = []
        self.events = 0
        self._server = server
        self._url, self._headers, self._tls = server.connection()
        self._session: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._readying: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0, ssl=self._tls if self._tls is not None else True)
        self._session = aiohttp.ClientSession(headers=self._headers, connector=connector, read_bufsize=_CHUNK)
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        await self.call("POST", "api/v1/namespaces", body, accepted=(201, 409))
        self._tasks = [asyncio.create_task(self._watch(kind), name=f"watch {kind}") for kind in WATCHED]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in [*self._tasks, *self._readying]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._readying, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        accepted: tuple[int, ...] = (200, 201),
    ) -> dict[str, Any]:
        """One request; raises RuntimeError for a status that is not accepted."""
        data = None if body is None else json.dumps(body)
        request = self._opened().request(
            method, f"{self._url}/{path}", data=data, headers={"Content-Type": content_type}
        )
        async with request as response:
            text = await response.read()
            if response.status not in accepted:
                raise RuntimeError(f"{method} {path}: {response.status} {text[:300]!r}")
        answer: dict[str, Any] = json.loads(text)
        return answer

    async def delete(self, kind: str, name: str) -> None:
        """Delete an object, as somebody with kubectl would."""
        await self.call("DELETE", f"{KINDS[kind].format(self.namespace)}/{name}")

    async def set_image(self, name: str, image: str) -> None:
        """Edit a Deployment's image, as somebody with kubectl would."""
        path = f"{KINDS['Deployment'].format(self.namespace)}/{name}"
        found = await self.call("GET", path)
        containers = found["spec"]["template"]["spec"]["containers"]
        containers[0]["image"] = image
        body = {"spec": {"template": {"spec": {"containers": containers}}}}
        await self.call("PATCH", path, body, content_type=_MERGE)

    async def text(self, path: str) -> str:
        """The body of a GET that is not JSON."""
        async with self._opened().get(f"{self._url}/{path}") as response:
            return await response.text()

    # --- Watches ----------------------------------------------------------------------------------------------

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the cluster is not open")
        return self._session

    async def _watch(self, kind: str) -> None:
        path = f"{self._url}/{KINDS[kind].format(self.namespace)}"
        while True:
            listed = await self.call("GET", KINDS[kind].format(self.namespace))
            for obj in listed["items"]:
                self._took(kind, {"type": "ADDED", "object": obj})
            version = listed["metadata"]["resourceVersion"]
            query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(_WATCH_SECONDS)}
            timeout = aiohttp.ClientTimeout(total=None)
            async with self._opened().get(path, params=query, timeout=timeout) as response:
                await self._follow(kind, response)

    async def _follow(self, kind: str, response: aiohttp.ClientResponse) -> None:
        rest = b""
        async for chunk in response.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._took(kind, json.loads(line))

    def _took(self, kind: str, event: dict[str, Any]) -> None:
        obj, name = event["object"], event["object"].get("metadata", {}).get("name")
        if event["type"] not in ("ADDED", "MODIFIED", "DELETED"):
            return
        self.events += 1
        if event["type"] == "DELETED":
            self.names[kind].discard(name)
        else:
            self.names[kind].add(name)
            if kind == "Deployment" and not self._server.simulated:
                self._make_ready(obj)
        for listener in self.listeners:
            listener(event["type"], kind, obj)

    # --- What a bare API server lacks -------------------------------------------------------------------------

    def _make_ready(self, deployment: dict[str, Any]) -> None:
        generation, replicas = deployment["metadata"]["generation"], deployment["spec"]["replicas"]
        if (deployment.get("status") or {}).get("observedGeneration") == generation:
            return
        counts = ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas")
        status = {"observedGeneration": generation, **dict.fromkeys(counts, replicas)}
        path = f"{KINDS['Deployment'].format(self.namespace)}/{deployment['metadata']['name']}/status"
        task = asyncio.create_task(
            self.call("PATCH", path, {"status": status}, content_type=_MERGE, accepted=(200, 404, 409))
        )
        self._readying.add(task)
        task.add_done_callback(self._readying.discard)


async def until(what: str, holds: Callable[[], bool], seconds: float, check: Callable[[], None]) -> float:
    """Wait until something holds; returns when it did (monotonic). Raises RuntimeError when the time is over."""
    deadline = time.monotonic() + seconds
    looks = 0
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {seconds:g} s")
        looks += 1
        if looks % 100 == 0:
            check()
        await asyncio.sleep(0.01)
    return time.monotonic()
