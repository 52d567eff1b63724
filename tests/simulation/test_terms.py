"""How terms of leadership begin and end where something does not answer, or answers too late."""

import asyncio
from collections.abc import Callable

import pytest

from gco_stream_reconciler.controller.reconciler import Reconciler
from gco_stream_reconciler.errors import UnavailableError
from tests.simulation.play import Ending, Play, deploy, perform
from tests.simulation.replica import Replica
from tests.simulation.world import NAMESPACE

MANY = 100_000


def calm(ending: Ending) -> None:
    assert not ending.findings, "\n".join((*ending.story[-60:], *ending.findings))


async def two(play: Play) -> tuple[Replica, Replica]:
    """The leader and another one."""
    while sum(each.alive for each in play.world.replicas) < 2:
        play.world.start()
    await within(30, play, lambda: play.world.leader() is not None)
    leader, other = sorted(
        (each for each in play.world.replicas if each.alive), key=lambda each: not each.leads
    )
    return leader, other


async def within(seconds: float, play: Play, holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    began = play.world.clock()
    while not holds():
        assert play.world.clock() - began < seconds, "\n".join(tuple(play.world.story.lines)[-40:])
        await play.world.pause(0.5)


def test_a_leader_whose_caches_cannot_be_filled_ends_when_it_is_asked_to() -> None:
    async def story(play: Play) -> None:
        play.world.server.forbidden.add("Ingress")
        leader, other = await two(play)
        await play.world.pause(30)
        leader.stop()
        await play.world.pause(5)
        assert not leader.alive
        assert other.leads
        play.world.server.forbidden.clear()
        await deploy(play)

    calm(perform(story))


def test_a_new_leader_that_cannot_read_the_stream_looks_at_everything_soon() -> None:
    async def story(play: Play) -> None:
        await deploy(play)
        leader, other = await two(play)
        await play.world.pause(30)
        leader.kill("by hand")
        play.world.faults.forced["stream"] = ["500"] * MANY
        play.writer.scale("llama", 4)
        await within(30, play, lambda: other.leads)
        await play.world.pause(18)
        deployment = play.world.server.store.objects["Deployment", NAMESPACE, "llama"]
        assert deployment["spec"]["replicas"] == 4
        play.world.faults.forced.clear()
        await play.rest()

    calm(perform(story))


def test_a_worker_that_does_not_feel_the_loss_of_the_lease_keeps_nobody_from_the_next_election(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever swallows a cancellation (a library, a bug): the queue that the worker comes back to is shut."""
    original, numb = Reconciler.reconcile, True

    async def unfeeling(self: Reconciler, key: str) -> float | None:
        try:
            return await original(self, key)
        except asyncio.CancelledError as error:
            if not numb:
                raise
            raise UnavailableError(f"{key}: swallowed") from error

    async def story(play: Play) -> None:
        nonlocal numb
        await deploy(play)
        leader, other = await two(play)
        await play.world.pause(20)
        monkeypatch.setattr(Reconciler, "reconcile", unfeeling)
        play.world.faults.forced["kube read"] = ["hang before"] * MANY
        for name in ("a", "b", "c", "d"):
            play.writer.deploy(name)
        await play.world.pause(3)
        leader.link.cut_until = play.world.clock() + 30
        await within(30, play, lambda: other.leads)
        play.world.faults.forced.clear()
        await play.world.pause(60)
        assert not leader.leads
        other.stop()
        try:
            await within(10, play, lambda: leader.leads)
        finally:
            numb = False
        await play.rest()

    calm(perform(story))
