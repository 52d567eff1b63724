"""A Kubernetes API as the tests look at it: over HTTP, the same for the sandbox and for a real API server."""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from gco_stream_reconciler.kube.configuration import found_configuration
from gco_stream_reconciler.kube.resources import resource
from gco_stream_reconciler.sandbox.kubernetes.requests import RequestLog

KINDS = ("Deployment", "Service", "Ingress", "HorizontalPodAutoscaler")
_CALL_SECONDS = 10.0
_NOT_FOUND = 404
_CONTROLLERS_LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager"


class RefusedError(Exception):
    """The API server said no. `status` is HTTP's."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class Cluster:
    """One namespace of a cluster. kubeconfig: the file that reaches it. log: the requests, where the server tells them."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        kubeconfig: Path,
        namespace: str,
        log: RequestLog | None = None,
    ) -> None:
        self._log = log
        self.session = session
        self.kubeconfig = str(kubeconfig)
        self.namespace = namespace

    async def get(self, kind: str, name: str) -> dict[str, Any]:
        """One object; {} where there is none."""
        return await self._found(self.path(kind, name))

    async def has_controllers(self) -> bool:
        """Whether the controllers that make Deployments ready and collect garbage run in this cluster."""
        return bool(await self._found(_CONTROLLERS_LEASE))

    async def _found(self, path: str) -> dict[str, Any]:
        try:
            return await self.request("GET", path)
        except RefusedError as error:
            if error.status == _NOT_FOUND:
                return {}
            raise

    async def all(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Everything in the namespace of the kinds that an endpoint is made of."""
        found = {}
        for kind in KINDS:
            for item in (await self.request("GET", self.path(kind)))["items"]:
                found[kind, item["metadata"]["name"]] = item
        return found

    async def objects(self) -> set[tuple[str, str]]:
        """Kind and name of everything in the namespace."""
        return set(await self.all())

    async def create(self, kind: str, body: dict[str, Any], *, manager: str) -> dict[str, Any]:
        return await self.request("POST", f"{self.path(kind)}?fieldManager={manager}", body)

    async def apply(self, kind: str, name: str, body: dict[str, Any], *, manager: str) -> dict[str, Any]:
        """Server-side apply without force."""
        path = f"{self.path(kind, name)}?fieldManager={manager}"
        return await self.request("PATCH", path, body, content_type="application/apply-patch+yaml")

    async def merge(
        self, kind: str, name: str, body: dict[str, Any], *, subresource: str = ""
    ) -> dict[str, Any]:
        """A merge patch."""
        path = self.path(kind, name) + (f"/{subresource}" if subresource else "")
        return await self.request("PATCH", path, body, content_type="application/merge-patch+json")

    async def delete(self, kind: str, name: str) -> None:
        await self.request("DELETE", self.path(kind, name))

    def forget_requests(self) -> None:
        """Begin a silence."""
        if self._log is not None:
            self._log.clear()

    def requests_seen(self) -> list[str]:
        """Writes, and reads of single objects, since; without Leases. Always [] where the server does not tell."""
        return [
            f"{request.verb} {request.kind} {request.name} by {request.manager}"
            for request in self._log or ()
            if request.kind != "Lease" and (request.is_write or request.verb == "get")
        ]

    def path(self, kind: str, name: str | None = None) -> str:
        return resource(kind).path(self.namespace, name)

    async def request(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """Raises RefusedError."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type} if data else {}
        async with self.session.request(method, path, data=data, headers=headers) as response:
            text = await response.text()
            if not response.ok:
                raise RefusedError(response.status, text)
        answer: dict[str, Any] = json.loads(text)
        return answer


@asynccontextmanager
async def reached(kubeconfig: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """A session of the API server that a kubeconfig reaches, with its credentials."""
    configuration = await found_configuration(str(kubeconfig), environ={})()
    trust: ssl.SSLContext | bool = True
    if configuration.host.startswith("https"):
        trust = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        if configuration.cert_file:
            trust.load_cert_chain(configuration.cert_file, configuration.key_file)
        if not configuration.verify_ssl:
            trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    token = await configuration.get_api_key_with_prefix("BearerToken")
    async with aiohttp.ClientSession(
        configuration.host,
        headers={"Authorization": token} if token else {},
        connector=aiohttp.TCPConnector(ssl=trust),
        timeout=aiohttp.ClientTimeout(total=_CALL_SECONDS),
    ) as session:
        yield session


@asynccontextmanager
async def namespace_of(
    kubeconfig: Path, namespace: str, log: RequestLog | None = None
) -> AsyncIterator[Cluster]:
    """Make a namespace, and delete it and what is in it afterwards."""
    async with reached(kubeconfig) as session:
        cluster = Cluster(session, kubeconfig, namespace, log)
        await cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        try:
            yield cluster
        finally:
            await cluster.request("DELETE", f"/api/v1/namespaces/{namespace}")
