"""One AWS for the whole run, a fresh table name for each test, a fresh API server for each test."""

import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gco_stream_reconciler.sandbox.aws import AwsServer
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer

NAMESPACE = "gco-inference"


@pytest.fixture(scope="session")
def aws() -> Iterator[AwsServer]:
    with AwsServer() as server:
        os.environ.update(server.environment())
        yield server


@pytest.fixture
def writer(aws: AwsServer, request: pytest.FixtureRequest) -> Writer:
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[:200]
    return Writer(aws.url, table=f"table-{name}-{os.getpid()}")


@pytest.fixture
async def cluster() -> AsyncIterator[KubernetesServer]:
    async with KubernetesServer(ready_delay_seconds=0.1) as server:
        server.store.add_namespace(NAMESPACE)
        yield server


@pytest.fixture
def kubeconfig(cluster: KubernetesServer, tmp_path: Path) -> str:
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(cluster.kubeconfig()), "utf-8")
    return str(file)
