"""What a person does with kubectl, by the kubectl of this machine if it has one."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gco_stream_reconciler.sandbox.kubernetes.kinds import KINDS
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer

NS = "models"
WAIT_SECONDS = 60.0
Kubectl = Callable[..., Awaitable[tuple[int, str]]]

OBJECTS: list[dict[str, Any]] = [
    {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "web:1"}]},
            },
        },
    },
    {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8000}]},
    },
    {
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"},
        "spec": {
            "ingressClassName": "alb",
            "rules": [{"http": {"paths": [
                {"path": "/web", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}},
            ]}}],
        },
    },
]  # fmt: skip


@pytest.fixture
async def server() -> AsyncIterator[KubernetesServer]:
    async with KubernetesServer(ready_delay_seconds=0.05) as found:
        found.store.add_namespace(NS)
        yield found


@pytest.fixture
def kubectl(server: KubernetesServer, tmp_path: Path) -> Kubectl:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("no kubectl on this machine")
    (tmp_path / "kubeconfig").write_text(json.dumps(server.kubeconfig(NS)), "utf-8")

    async def run(*arguments: str, stdin: Any = None) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            program, f"--kubeconfig={tmp_path / 'kubeconfig'}", f"--cache-dir={tmp_path / 'cache'}", *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(WAIT_SECONDS):
            output, _ = await process.communicate(json.dumps(stdin).encode() if stdin else b"")
        return process.returncode or 0, output.decode()

    return run


def listed(objects: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": objects}


async def test_apply_scale_restart_describe_and_delete(server: KubernetesServer, kubectl: Kubectl) -> None:
    code, out = await kubectl("apply", "-f", "-", stdin=listed(OBJECTS))
    assert (code, out.count(" created")) == (0, 3), out
    code, out = await kubectl("apply", "-f", "-", stdin=listed(OBJECTS))
    assert (code, out.count(" unchanged")) == (0, 3), out
    code, out = await kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=listed(OBJECTS))
    assert (code, out.count(" serverside-applied")) == (0, 3), out
    for arguments in (("scale", "deploy/web", "--replicas=3"), ("rollout", "restart", "deploy/web")):
        code, out = await kubectl(*arguments)
        assert code == 0, out
        code, out = await kubectl("rollout", "status", "deploy/web", "--timeout=30s")
        assert (code, "successfully rolled out" in out) == (0, True), out
    code, out = await kubectl("describe", "ingress", "web")
    assert code == 0
    assert out.count(":8000") == 3, "the backends are the ready Pods"
    code, out = await kubectl("delete", "deploy/web", "--cascade=foreground", "--timeout=30s")
    assert (code, 'deployment.apps "web" deleted' in out) == (0, True), out
    assert server.store.of_kind(next(kind for kind in KINDS if kind.kind == "Pod"), NS) == []
    code, out = await kubectl("delete", "ingress/web", "service/web", "--timeout=30s")
    assert (code, server.simulation.load_balancer.exists) == (0, False), out


async def test_a_misspelt_field_is_refused_or_warned_of(kubectl: Kubectl) -> None:
    service = {**OBJECTS[1], "spec": {**OBJECTS[1]["spec"], "portz": 1}}
    code, out = await kubectl("apply", "-f", "-", stdin=service)
    assert code != 0
    assert 'strict decoding error: unknown field "spec.portz"' in out
    code, out = await kubectl("apply", "--validate=warn", "-f", "-", stdin=service)
    assert (code, 'Warning: unknown field "spec.portz"' in out) == (0, True), out


async def test_an_error_of_the_load_balancer_shows_in_describe_and_in_events(kubectl: Kubectl) -> None:
    groups = [{"serviceName": name, "servicePort": 80, "weight": 50} for name in ("web", "canary")]
    action = json.dumps({"type": "forward", "forwardConfig": {"targetGroups": groups}})
    backend = {"service": {"name": "weighted-routing", "port": {"name": "use-annotation"}}}
    ingress = {
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": "web", "annotations": {"alb.ingress.kubernetes.io/actions.weighted-routing": action}},
        "spec": {
            "ingressClassName": "alb",
            "rules": [{"http": {"paths": [{"path": "/web", "pathType": "Prefix", "backend": backend}]}}],
        },
    }  # fmt: skip
    assert (await kubectl("apply", "-f", "-", stdin=ingress))[0] == 0
    code, out = await kubectl("wait", "--for=create", "events", "--all", "--timeout=30s")
    for arguments in (("describe", "ingress", "web"), ("get", "events")):
        code, out = await kubectl(*arguments)
        assert (code, "FailedBuildModel" in out) == (0, True), out


async def test_rows_are_sorted_by_any_field_of_the_objects(kubectl: Kubectl) -> None:
    few, many = ({**OBJECTS[0], "metadata": {"name": name}} for name in ("few", "many"))
    many["spec"] = {**many["spec"], "replicas": 12}
    code, out = await kubectl("apply", "-f", "-", stdin=listed([many, few]))
    assert code == 0, out
    for order in (("{.spec.replicas}", "few many"), ("{.metadata.creationTimestamp}", "few many")):
        code, out = await kubectl("get", "deployments", f"--sort-by={order[0]}", "--no-headers")
        assert (code, " ".join(line.split()[0] for line in out.splitlines())) == (0, order[1]), out
    code, out = await kubectl("get", "events", "--sort-by={.lastTimestamp}")
    assert code == 0, out


async def test_how_much_of_an_object_a_row_brings_along_is_the_callers_choice(
    server: KubernetesServer,
) -> None:
    headers = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    found: dict[str, Any] = {}
    async with aiohttp.ClientSession(server.url, headers=headers) as session:
        for wanted in ("None", "Metadata", "Object", "Everything"):
            async with session.get(f"/api/v1/namespaces/{NS}", params={"includeObject": wanted}) as answer:
                body = await answer.json()
                found[wanted] = (answer.status, [set(row.get("object", ())) for row in body.get("rows", ())])
    assert found == {
        "None": (200, [set()]),
        "Metadata": (200, [{"kind", "apiVersion", "metadata"}]),
        "Object": (200, [{"kind", "apiVersion", "metadata", "spec", "status"}]),
        "Everything": (400, []),
    }


async def test_explain_knows_the_fields(kubectl: Kubectl) -> None:
    code, out = await kubectl("explain", "deployment.spec.strategy")
    assert (code, "rollingUpdate\t<RollingUpdateDeployment>" in out) == (0, True), out


async def test_every_kind_has_an_openapi_document_whose_references_hold(server: KubernetesServer) -> None:
    async with aiohttp.ClientSession(server.url) as session:
        async with session.get("/openapi/v3") as answer:
            index = (await answer.json())["paths"]
        identities = set()
        for entry in index.values():
            async with session.get(entry["serverRelativeURL"]) as answer:
                text = await answer.text()
            schemas = json.loads(text)["components"]["schemas"]
            references = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
            assert references <= set(schemas)
            for schema in schemas.values():
                for identity in schema.get("x-kubernetes-group-version-kind", ()):
                    identities.add((identity["group"], identity["version"], identity["kind"]))
    assert identities == {(kind.group, kind.version, kind.kind) for kind in KINDS}
