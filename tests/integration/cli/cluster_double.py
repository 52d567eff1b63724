"""An API server that has what `doctor` asks for and the sandbox has not; each part can be taken away."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer

_CORE = "/api/v1/namespaces/gco-inference"
CLASS = "/apis/networking.k8s.io/v1/ingressclasses/alb"
INGRESSES = "/apis/networking.k8s.io/v1/ingresses"
ACCOUNT = f"{_CORE}/serviceaccounts/gco-service-account"
CLAIM = f"{_CORE}/persistentvolumeclaims/efs-claim"
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass
class ClusterDouble:
    """absent: paths that give 404. forbidden: paths that give 403. denied: `verb resource` that a review denies."""

    kubeconfig: str = ""
    absent: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    controller: str = "eks.amazonaws.com/alb"
    reviewed: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        path = request.path
        if path in self.absent:
            name = path.rpartition("/")[2]
            return _status(404, "NotFound", {"name": name, "kind": path.split("/")[-2]})
        if path in self.forbidden:
            return _status(403, "Forbidden", {})
        if path == _REVIEWS:
            return self._review(await request.json())
        known: dict[str, dict[str, Any]] = {
            "/api/v1": {"kind": "APIResourceList"},
            _CORE: {"kind": "Namespace"},
            ACCOUNT: {"kind": "ServiceAccount"},
            CLAIM: {"kind": "PersistentVolumeClaim"},
            CLASS: {"kind": "IngressClass", "spec": {"controller": self.controller}},
            INGRESSES: {"kind": "IngressList", "items": [_PLATFORM]},
        }
        if path in known:
            return web.json_response(known[path])
        return _status(404, "NotFound", {})

    def _review(self, review: dict[str, Any]) -> web.Response:
        asked = review["spec"]["resourceAttributes"]
        self.reviewed.append(asked)
        allowed = f"{asked['verb']} {asked['resource']}" not in self.denied
        return web.json_response({**review, "status": {"allowed": allowed}}, status=201)


_PLATFORM = {
    "metadata": {"name": "platform", "namespace": "gco-system"},
    "spec": {"ingressClassName": "alb"},
}


@contextlib.asynccontextmanager
async def cluster_double(folder: Path) -> AsyncIterator[ClusterDouble]:
    """Serve one on loopback."""
    double = ClusterDouble()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", double.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = KubernetesServer()
    address.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    file = folder / "kubeconfig-of-the-double"
    file.write_text(json.dumps(address.kubeconfig()), "utf-8")
    double.kubeconfig = str(file)
    try:
        yield double
    finally:
        await runner.cleanup()


def _status(code: int, reason: str, details: dict[str, str]) -> web.Response:
    body = {
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": reason,
        "details": details,
    }
    return web.json_response(body, status=code)
