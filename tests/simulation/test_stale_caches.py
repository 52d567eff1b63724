"""Sieve's other patterns: an old cache is replayed around a deletion, and notifications that cancel out are never sent."""

import pytest

from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from tests.simulation.play import Ending, Play, delete, delete_and_deploy_again, deploy, perform
from tests.simulation.world import NAMESPACE


def calm(ending: Ending) -> None:
    assert not ending.findings, "\n".join((*ending.story[-60:], *ending.findings))


@pytest.mark.parametrize("held_seconds", [2.0, 15.0, 40.0])
def test_a_new_leader_with_the_first_incarnation_in_its_cache_spares_the_second(held_seconds: float) -> None:
    async def story(play: Play) -> None:
        await deploy(play)
        first = play.world.leader()
        assert first is not None
        second = play.world.start()
        await play.world.pause(30)
        play.world.server.hold_watches(second.link)
        play.writer.delete("llama")
        await play.until(lambda: "llama" not in play.world.table.items, "the purge")
        play.writer.deploy("llama", replicas=2)
        await play.world.pause(4)
        first.stop()
        await play.world.pause(held_seconds)
        assert second.leads
        play.world.server.release_watches(second.link)
        await play.rest()

    ending = perform(story)
    calm(ending)
    reference = perform(delete_and_deploy_again)
    assert ending.state == reference.state
    assert ending.made == reference.made
    assert ending.deleted == reference.deleted


def test_changes_that_cancel_out_unseen_cause_no_write() -> None:
    async def story(play: Play) -> None:
        await deploy(play)
        before, link = play.world.server.writes, play.world.replicas[0].link
        play.world.server.hold_watches(link)
        play.world.cluster.fail(NAMESPACE, "llama")
        await play.world.pause(10)
        play.world.cluster.heal(NAMESPACE, "llama")
        await play.world.pause(10)
        play.world.server.release_watches(link, suppressed=True)
        await play.world.pause(200)
        assert play.world.server.writes == before
        await play.rest()

    ending = perform(story)
    calm(ending)
    assert ending.state == perform(deploy).state


def test_an_object_that_vanished_unseen_is_made_again_when_the_history_ends() -> None:
    async def story(play: Play) -> None:
        await deploy(play)
        link = play.world.replicas[0].link
        play.world.server.hold_watches(link)
        play.world.server.store.delete(BY_NAME["Service"], NAMESPACE, "llama")
        play.world.server.release_watches(link, suppressed=True)
        await play.world.pause(100)
        play.world.server.forget_history()
        await play.rest()

    ending = perform(story)
    calm(ending)
    assert ending.made["Service", NAMESPACE, "llama"] == 2


def test_a_deletion_whose_last_notification_is_lost_still_ends() -> None:
    async def story(play: Play) -> None:
        await deploy(play)
        link = play.world.replicas[0].link
        play.writer.delete("llama")
        await play.until(lambda: not play.has("Service", "llama"), "the Services' end")
        play.world.server.hold_watches(link)
        await play.until(lambda: not play.has("Deployment", "llama"), "the Deployment's end")
        play.world.server.release_watches(link, suppressed=True)
        await play.until(lambda: "llama" not in play.world.table.items, "the purge")

    ending = perform(story)
    calm(ending)
    assert ending.state == perform(delete).state == {}
