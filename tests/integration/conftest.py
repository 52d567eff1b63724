"""A fresh table name and a fresh API server for each test. `aws` and `api` come from tests/grounds."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer
from tests.grounds.aws import AwsGround
from tests.grounds.plugin import SANDBOX, note_ground

NAMESPACE = "gco-inference"


@pytest.fixture
def writer(aws: AwsGround, request: pytest.FixtureRequest) -> Writer:
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[:200]
    return Writer(aws.url, table=f"table-{name}-{os.getpid()}")


@pytest.fixture
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[KubernetesServer]:
    """The sandbox itself, for tests that need its faults or look into its store."""
    note_ground(request, SANDBOX)
    async with KubernetesServer(ready_delay_seconds=0.1) as server:
        server.store.add_namespace(NAMESPACE)
        yield server


@pytest.fixture
def kubeconfig(cluster: KubernetesServer, tmp_path: Path) -> str:
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(cluster.kubeconfig()), "utf-8")
    return str(file)
