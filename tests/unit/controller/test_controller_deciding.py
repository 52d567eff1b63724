"""Reads that plans ask for: all of them or an error, and a cancellation always passes."""

import asyncio
from dataclasses import dataclass, field

import pytest

from gco_stream_reconciler.controller.deciding import decide
from gco_stream_reconciler.errors import ReconcilerError, UnavailableError
from gco_stream_reconciler.planning.actions import ObjectRef, Plan
from gco_stream_reconciler.planning.observed import KubeObject, Observed

pytestmark = pytest.mark.looptime

REFS = (ObjectRef("Deployment", "gco-inference", "llama"), ObjectRef("Service", "gco-inference", "llama"))
DEADLINE = 5.0


@dataclass
class SilentCluster:
    """Answers nothing until the deadline of a call; `quick` kinds fail at once."""

    quick: set[str] = field(default_factory=set)
    ended: list[str] = field(default_factory=list)

    async def get(self, kind: str, namespace: str, name: str) -> KubeObject | None:
        try:
            if kind not in self.quick:
                await asyncio.sleep(DEADLINE)
        finally:
            self.ended.append(kind)
        raise UnavailableError(f"{kind} {namespace}/{name}: no answer")

    async def list_pods(self, namespace: str, selector: str, *, limit: int) -> list[KubeObject]:
        raise NotImplementedError


def asks(_: Observed) -> Plan:
    return Plan(reads=REFS)


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancellation_passes_in_whichever_turn_of_the_loop_a_read_fails(turns: int) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(decide("llama", asks, Observed(objects={}), SilentCluster()))

    def cancel_after(left: int) -> None:
        if left:
            loop.call_soon(cancel_after, left - 1)
        else:
            task.cancel()

    await asyncio.sleep(0)
    loop.call_later(DEADLINE, cancel_after, turns)
    await asyncio.wait({task})
    # After the last turns it was too late: the error had come out before.
    assert task.cancelled() or (turns > 3 and isinstance(task.exception(), UnavailableError))


async def test_every_read_has_ended_before_an_error_gets_out() -> None:
    cluster = SilentCluster(quick={"Deployment"})
    with pytest.raises(ReconcilerError, match="Deployment gco-inference/llama: no answer"):
        await decide("llama", asks, Observed(objects={}), cluster)
    assert cluster.ended == ["Deployment", "Service"]
