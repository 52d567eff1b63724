"""What an API server without controllers lacks for an endpoint's life: ready replicas, and foreground deletion."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.grounds.cluster import Cluster, RefusedError

_LOOK_SECONDS = 0.1
_FOREGROUND = "foregroundDeletion"
_CHANGED_MEANWHILE = (404, 409)


@asynccontextmanager
async def playing_controllers(cluster: Cluster) -> AsyncIterator[None]:
    """Make every Deployment of the namespace ready, and let those go that are being deleted, until the block ends."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_play(cluster), name="controllers")
        try:
            yield
        finally:
            task.cancel()


async def _play(cluster: Cluster) -> None:
    while True:
        for deployment in (await cluster.request("GET", cluster.path("Deployment")))["items"]:
            try:
                await _advance(cluster, deployment)
            except RefusedError as error:
                if error.status not in _CHANGED_MEANWHILE:
                    raise
        await asyncio.sleep(_LOOK_SECONDS)


async def _advance(cluster: Cluster, deployment: dict[str, Any]) -> None:
    meta, wanted = deployment["metadata"], deployment["spec"]["replicas"]
    if _FOREGROUND in meta.get("finalizers", ()):
        kept = [name for name in meta["finalizers"] if name != _FOREGROUND]
        await cluster.merge("Deployment", meta["name"], {"metadata": {"finalizers": kept}})
        return
    status = {
        "observedGeneration": meta["generation"],
        "replicas": wanted,
        "updatedReplicas": wanted,
        "readyReplicas": wanted,
        "availableReplicas": wanted,
    }
    found = deployment.get("status", {})
    if any(found.get(key, 0) != value for key, value in status.items()):
        await cluster.merge("Deployment", meta["name"], {"status": status}, subresource="status")
