"""Fixtures that give a test its ground: what answers as AWS and as Kubernetes.

A test marked `every_ground` runs once on each ground there is; without the mark on moto and the sandbox.
"""

import contextlib
import json
import os
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from tests.grounds import transcript
from tests.grounds.api_server import real_api_server, why_no_real_api_server
from tests.grounds.aws import DYNAMODB_LOCAL, GROUNDS, MOTO, AwsGround, why_not_dynamodb_local
from tests.grounds.cluster import Cluster, namespace_of
from tests.grounds.workloads import playing_controllers

SANDBOX, REAL_API_SERVER = "sandbox", "real API server"
NAMESPACE = "gco-inference"
_GROUND = "ground"
_READY_SECONDS = 0.1


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "every_ground: run once on each ground that there is")
    why = why_no_real_api_server()
    if why is not None and os.environ.get("KUBEBUILDER_ASSETS"):
        raise pytest.UsageError(why)  # it was asked for: silence would look like success


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("every_ground") is None:
        return
    if "aws" in metafunc.fixturenames:
        why = why_not_dynamodb_local()
        skipped = [pytest.mark.skip(reason=f"{DYNAMODB_LOCAL}: {why}")] if why else []
        local = pytest.param(DYNAMODB_LOCAL, marks=skipped, id="dynamodb-local")
        metafunc.parametrize("aws", [pytest.param(MOTO, id="moto"), local], indirect=True)
    if "api" in metafunc.fixturenames and why_no_real_api_server() is None:
        grounds = [pytest.param(SANDBOX, id="sandbox"), pytest.param(REAL_API_SERVER, id="real-api-server")]
        metafunc.parametrize("api", grounds, indirect=True)


class AwsGrounds:
    """Grounds that were started, each at its first use."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._started: dict[str, AwsGround] = {}

    def started(self, name: str) -> AwsGround:
        if name not in self._started:
            self._started[name] = self._stack.enter_context(GROUNDS[name]())
        return self._started[name]


@pytest.fixture(scope="session")
def aws_grounds() -> Iterator[AwsGrounds]:
    with contextlib.ExitStack() as stack:
        yield AwsGrounds(stack)


@pytest.fixture
def aws(aws_grounds: AwsGrounds, request: pytest.FixtureRequest) -> Iterator[AwsGround]:
    """What answers as AWS; this process talks to it for as long as the test runs."""
    ground = aws_grounds.started(getattr(request, "param", MOTO))
    note_ground(request, ground.name)
    with ground.in_use():
        yield ground


@pytest.fixture(scope="session")
def real_server() -> Iterator[Path]:
    """A kubeconfig of a real API server."""
    with real_api_server() as kubeconfig:
        yield kubeconfig


@pytest.fixture
async def api(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cluster]:
    """A namespace of its own in what answers as Kubernetes."""
    name = getattr(request, "param", SANDBOX)
    note_ground(request, name)
    if name == SANDBOX:
        async with _in_the_sandbox(tmp_path) as cluster:
            yield cluster
    else:
        async with _in(request.getfixturevalue("real_server")) as cluster:
            yield cluster


@asynccontextmanager
async def _in_the_sandbox(folder: Path) -> AsyncIterator[Cluster]:
    async with KubernetesServer(ready_delay_seconds=_READY_SECONDS) as server:
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(server.kubeconfig()), "utf-8")
        async with namespace_of(kubeconfig, NAMESPACE, server.requests) as cluster:
            yield cluster


@asynccontextmanager
async def _in(kubeconfig: Path) -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        namespace = namespace_of(kubeconfig, f"{NAMESPACE}-{uuid.uuid4().hex[:8]}")
        cluster = await stack.enter_async_context(namespace)
        if not await cluster.has_controllers():
            await stack.enter_async_context(playing_controllers(cluster))
        yield cluster


# --- What the run tells at its end --------------------------------------------------------------------------------


def note_ground(request: pytest.FixtureRequest, name: str) -> None:
    """Remember that the test stands on this ground; the note travels with its report."""
    request.node.user_properties.append((_GROUND, name))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    calls = [
        (outcome, report)
        for outcome, reports in terminalreporter.stats.items()
        for report in reports
        if getattr(report, "when", None) == "call"
    ]
    used = Counter(value for _, report in calls for name, value in report.user_properties if name == _GROUND)
    if not used:
        return
    absent = {DYNAMODB_LOCAL: why_not_dynamodb_local(), REAL_API_SERVER: why_no_real_api_server()}
    terminalreporter.write_line("")
    for ground in (SANDBOX, REAL_API_SERVER, MOTO, DYNAMODB_LOCAL):
        why = absent.get(ground)
        said = f"absent: {why}" if why else f"{used[ground]} tests"
        terminalreporter.write_line(f"ground: {ground:<16} {said}")
    for line in transcript.lines(calls):
        terminalreporter.write_line(line)
