"""coordination/v1 Leases of one namespace, for a leader elector.

No quick retries here: the elector has its own rhythm, and a repeated update would only conflict with itself.
"""

from collections.abc import Mapping
from typing import Any

from gco_stream_reconciler.errors import NotFoundError
from gco_stream_reconciler.kube.client import KubeClient
from gco_stream_reconciler.kube.resources import resource


class LeaseApi:
    """Reads and writes Leases as plain dicts. `timeout_seconds` bounds each call; a caller may be stricter."""

    def __init__(self, client: KubeClient, *, namespace: str, timeout_seconds: float) -> None:
        self._client = client
        self._namespace = namespace
        self._timeout = timeout_seconds

    async def get(self, name: str) -> dict[str, Any] | None:
        """The Lease as the API server has it now (a quorum read), or None."""
        try:
            return await self._client.request("GET", self._path(name), timeout_seconds=self._timeout)
        except NotFoundError:
            return None

    async def create(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Create it; raises AlreadyExistsError when there is one."""
        path = resource("Lease").path(self._namespace)
        return await self._client.request(
            "POST", path, body=self._whole(lease), timeout_seconds=self._timeout
        )

    async def replace(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the version that its metadata.resourceVersion names.

        Raises ConflictError when it is another one by now, NotFoundError when there is none.
        """
        path = self._path(lease["metadata"]["name"])
        return await self._client.request("PUT", path, body=self._whole(lease), timeout_seconds=self._timeout)

    def _path(self, name: str) -> str:
        return resource("Lease").path(self._namespace, name)

    def _whole(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **lease,
            "apiVersion": resource("Lease").api_version,
            "kind": "Lease",
            "metadata": {**lease["metadata"], "namespace": self._namespace},
        }
