"""Nothing grows over hours in which shards roll over, and endpoints that are gone leave nothing behind.

A share of `make simulate-day`, which runs 24 hours and 10,000 endpoints.
"""

import asyncio
from collections import Counter

from gco_stream_reconciler.settings import Settings
from tests.simulation.cycles import perform
from tests.simulation.day import Hour, a_day, grown
from tests.simulation.holdings import Holdings
from tests.simulation.loop import VirtualLoop
from tests.simulation.world import World, simulated_settings


def test_hours_of_trickle_and_rollovers_leave_no_more_held_than_before() -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        day, found = runner.run(a_day(hours=4, seed=1, replicas=1, rollover_hours=1))
    assert not found, [*day.world.story.lines][-40:]
    assert len(day.seen) == 4
    # Something was looked at: the queue, the stream's shards, the caches, the reporter.
    owners = {owner.split(".")[0] for owner in day.seen[-1].lengths}
    assert owners >= {"QueueState", "Lineage", "Cache", "StatusReporter", "RecentReads", "OrphanWatch"}


def test_endpoints_that_came_and_went_are_known_to_bounded_memories_only() -> None:
    after = perform(50, batch=25)
    assert not after.findings
    assert after.in_metrics == 0


def test_a_structure_that_keeps_what_is_gone_is_found() -> None:
    async def look() -> Counter[str]:
        settings: Settings = simulated_settings()
        world = World("planted", settings)
        async with world.running():
            replica = world.start()
            await world.pause(60)
            replica.application.readiness.term.inventory.planted = {"cyc-1": ["of cyc-1"]}  # type: ignore[union-attr]
            return Holdings(replica.application, name="cyc-").named

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(look())["Inventory.planted"] == 2


def test_growth_beyond_the_bound_is_told() -> None:
    hours = [Hour(hour, {"Something.kept": 30 * hour}, 1000, 10, 1000, 0, 0, 0) for hour in range(1, 9)]
    assert [finding.split(" ")[0] for finding in grown(hours)] == ["Something.kept"]
