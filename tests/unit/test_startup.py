"""What the start makes of a cluster that answers, refuses or lacks a namespace."""

import asyncio
from random import Random
from typing import Any, cast

import pytest
import structlog

from gco_stream_reconciler.app.readiness import Readiness
from gco_stream_reconciler.app.startup import Startup
from gco_stream_reconciler.errors import (
    FatalError,
    NamespaceNotFoundError,
    PermissionDeniedError,
    ReconcilerError,
    UnavailableError,
)
from gco_stream_reconciler.kube.client import KubeClient
from gco_stream_reconciler.settings import load_settings

pytestmark = pytest.mark.looptime


class Cluster:
    """Answers each read of a namespace with the next of these."""

    def __init__(self, *answers: ReconcilerError | dict[str, Any]) -> None:
        self.answers = list(answers)

    async def request(self, _method: str, _path: str, **_: Any) -> dict[str, Any]:
        answer = self.answers.pop(0)
        if isinstance(answer, ReconcilerError):
            raise answer
        return answer


async def checked(*answers: ReconcilerError | dict[str, Any]) -> list[str]:
    """The parts that readiness still waits for after the namespaces were looked at."""
    loop = asyncio.get_running_loop()
    readiness = Readiness(loop.time)
    settings = load_settings(region="us-east-1")
    startup = Startup(settings, readiness=readiness, random=Random(1), log=structlog.get_logger())
    await startup.check_namespaces(cast("KubeClient", Cluster(*answers)))
    return [reason.part for reason in readiness.check()]


async def test_a_namespace_that_is_there_is_a_cluster_that_was_reached() -> None:
    assert "cluster" not in await checked({"kind": "Namespace"})


async def test_a_role_that_may_not_read_namespaces_does_not_keep_the_replica_from_being_ready() -> None:
    assert "cluster" not in await checked(PermissionDeniedError("403"))


async def test_a_cluster_that_does_not_answer_is_waited_for() -> None:
    assert "cluster" not in await checked(*[UnavailableError("down")] * 20, {"kind": "Namespace"})
    assert asyncio.get_running_loop().time() > 100


async def test_a_namespace_that_is_missing_ends_the_start_with_the_remedy() -> None:
    with pytest.raises(FatalError, match="namespace gco-inference does not exist: create it"):
        await checked(NamespaceNotFoundError("404"))
