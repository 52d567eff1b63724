"""A polling controller to compare with: lists all items, reads each object, repairs, reports; every 15 seconds.

`python -m tests.benchmarks.polling`, set up by the environment variables of the real one. It is kinder than the one
it stands for: raw HTTP on one kept connection, no client library, no models, no signing; what it applies is smaller.
"""

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from tests.benchmarks.cluster import KINDS
from tests.benchmarks.servers import ApiServer
from tests.benchmarks.table import Table

INTERVAL_SECONDS = 15.0
_APPLY = "application/apply-patch+yaml"


class Poller:
    """One loop over everything."""

    def __init__(self, session: aiohttp.ClientSession, url: str, table: Table, namespace: str) -> None:
        self._session = session
        self._url = url
        self._table = table
        self._namespace = namespace

    async def run(self) -> None:
        """Pass after pass; a pass is followed by the pause, however long it took."""
        while True:
            began = time.monotonic()
            items = await self._table.items()
            for item in items:
                await self._reconcile(item)
            sys.stdout.write(f"pass over {len(items)} took {time.monotonic() - began:.2f}\n")
            sys.stdout.flush()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def _reconcile(self, item: dict[str, Any]) -> None:
        name = item["endpoint_name"]["S"]
        wanted = _wanted(item, self._namespace)
        live: dict[str, dict[str, Any] | None] = {}
        for kind, manifest in wanted.items():
            live[kind] = await self._get(kind, manifest["metadata"]["name"])
            if live[kind] is None or _differs(manifest, live[kind]):
                await self._apply(kind, manifest)
        ready = str(((live["Deployment"] or {}).get("status") or {}).get("readyReplicas", 0))
        await self._table.report(name, "running" if ready != "0" else "creating", ready, _now())

    async def _get(self, kind: str, name: str) -> dict[str, Any] | None:
        async with self._session.get(f"{self._url}/{KINDS[kind].format(self._namespace)}/{name}") as response:
            body = await response.read()
            return json.loads(body) if response.status == 200 else None

    async def _apply(self, kind: str, manifest: dict[str, Any]) -> None:
        path = f"{KINDS[kind].format(self._namespace)}/{manifest['metadata']['name']}"
        query = {"fieldManager": "polling-baseline", "force": "true"}
        async with self._session.patch(
            f"{self._url}/{path}", params=query, data=json.dumps(manifest), headers={"Content-Type": _APPLY}
        ) as response:
            body = await response.read()
            if response.status not in (200, 201):
                raise RuntimeError(f"{path}: {response.status} {body[:300]!r}")


def _differs(manifest: dict[str, Any], live: dict[str, Any] | None) -> bool:
    if manifest["kind"] != "Deployment" or live is None:
        return live is None
    wanted, found = (each["spec"]["template"]["spec"]["containers"][0] for each in (manifest, live))
    return bool(
        manifest["spec"]["replicas"] != live["spec"]["replicas"]
        or wanted["image"] != found["image"]
        or wanted["env"] != found.get("env")
    )


def _wanted(item: dict[str, Any], namespace: str) -> dict[str, dict[str, Any]]:
    name, spec = item["endpoint_name"]["S"], item["spec"]["M"]
    labels = {"app": name, "gco.io/type": "inference"}
    port = int(spec["port"]["N"])
    env = [{"name": key, "value": value["S"]} for key, value in spec["env"]["M"].items()]
    container = {
        "name": "inference",
        "image": spec["image"]["S"],
        "env": env,
        "ports": [{"containerPort": port}],
    }
    meta = {"name": name, "namespace": namespace, "labels": labels}
    backend = {"service": {"name": name, "port": {"number": 80}}}
    path = {"path": item["ingress_path"]["S"], "pathType": "Prefix", "backend": backend}
    return {
        "Deployment": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {
                "replicas": int(spec["replicas"]["N"]),
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        },
        "Service": {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": port}]},
        },
        "Ingress": {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {**meta, "name": f"inference-{name}"},
            "spec": {"rules": [{"http": {"paths": [path]}}]},
        },
    }


def _now() -> str:
    return datetime.now(UTC).isoformat()


async def main() -> None:
    """Run until a signal."""
    server = ApiServer("", Path(os.environ["KUBECONFIG"]), simulated=True, child=None)
    url, headers, tls = server.connection()
    table = Table(os.environ["AWS_ENDPOINT_URL"], os.environ["INFERENCE_ENDPOINTS_TABLE_NAME"], make=False)
    connector = aiohttp.TCPConnector(ssl=tls if tls is not None else True)
    async with table, aiohttp.ClientSession(headers=headers, connector=connector) as session:
        await Poller(session, url, table, os.environ["INFERENCE_NAMESPACE"]).run()


if __name__ == "__main__":
    asyncio.run(main())
