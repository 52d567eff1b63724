import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from gco_stream_reconciler.errors import ConfigurationError, PermissionDeniedError, UnavailableError
from gco_stream_reconciler.leadership.elector import LeaderElector
from gco_stream_reconciler.settings import LeadershipSettings
from tests.doubles.lease_server import Connection, LeaseServer

NAME = "inference-monitor-leader"
pytestmark = pytest.mark.looptime


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Measurements:
    leads: list[bool] = field(default_factory=list)
    renewals: int = 0
    failures: list[str] = field(default_factory=list)

    def leading(self, leads: bool) -> None:
        self.leads.append(leads)

    def renewed(self, seconds: float) -> None:
        self.renewals += 1

    def failed(self, operation: str) -> None:
        self.failures.append(operation)


@dataclass
class History:
    """Who worked from when to when. Two at once is what must never be."""

    terms: list[tuple[str, float, float]] = field(default_factory=list)
    working: set[str] = field(default_factory=set)
    overlaps: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def term(self, name: str) -> Any:
        began = now()
        if self.working:
            self.overlaps.append(f"{name} at {began:.2f} beside {self.working}")
        self.working.add(name)
        try:
            yield
        finally:
            self.working.remove(name)
            self.terms.append((name, began, now()))


class Replica:
    """A process: an elector and work that lasts until it is cancelled."""

    def __init__(
        self, cluster: "Cluster", name: str, *, drain_seconds: float = 0.0, wall_skew: float = 0.0
    ) -> None:
        self.name = name
        self.connection = Connection(cluster.server)
        self.history = cluster.history
        self.drain_seconds = drain_seconds
        self.clock_leap = 0.0
        self.crash = asyncio.Event()
        self.finish = asyncio.Event()
        self.stubborn_seconds = 0.0
        self.measurements = Measurements()
        self.elector = LeaderElector(
            leases=self.connection,
            identity=f"gco-stream-reconciler/{name}",
            settings=LeadershipSettings(),
            clock=lambda: now() + self.clock_leap,
            wall_clock=lambda: datetime(2026, 11, 21, tzinfo=UTC) + timedelta(seconds=now() + wall_skew),
            random=random.Random(name),
            observer=self.measurements,
        )
        self.task = asyncio.create_task(self.elector.run(self.lead), name=name)

    async def lead(self) -> None:
        with self.history.term(self.name):
            crash = asyncio.create_task(self.crash.wait())
            finish = asyncio.create_task(self.finish.wait())
            try:
                await asyncio.wait({crash, finish}, return_when=asyncio.FIRST_COMPLETED)
                if crash.done():
                    raise RuntimeError("crash of the work")
            except asyncio.CancelledError:
                if self.elector.is_leader:
                    await asyncio.sleep(self.drain_seconds)
                until = now() + self.stubborn_seconds
                while now() < until:
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.sleep(until - now())
                raise
            finally:
                crash.cancel()
                finish.cancel()

    def leads(self) -> bool:
        return self.elector.is_leader

    def works(self) -> bool:
        return self.name in self.history.working


class Cluster:
    def __init__(self) -> None:
        self.server = LeaseServer()
        self.history = History()
        self.replicas: list[Replica] = []

    def start(self, name: str, **options: float) -> Replica:
        replica = Replica(self, name, **options)
        self.replicas.append(replica)
        return replica

    @property
    def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = self.server.leases[NAME]["spec"]
        return spec

    async def until_someone_works(self, *others: str, within: float = 300.0) -> float:
        """Seconds until somebody other than `others` works."""
        began = now()
        while not self.history.working - set(others):
            await asyncio.sleep(0.01)
            assert now() - began < within, "nobody took the lease"
        return now() - began


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    cluster = Cluster()
    yield cluster
    # A fixture's end runs in real time, so nothing may linger here.
    for replica in cluster.replicas:
        replica.connection.heal()
        replica.connection.delay_there = replica.connection.delay_back = 0.0
        replica.drain_seconds = replica.stubborn_seconds = 0.0
        replica.task.cancel()
    await asyncio.gather(*(replica.task for replica in cluster.replicas), return_exceptions=True)
    assert cluster.history.overlaps == []


async def test_a_first_candidate_creates_the_lease_and_leads(cluster: Cluster) -> None:
    replica = cluster.start("a", wall_skew=0)
    assert not replica.leads()
    assert await cluster.until_someone_works() < 0.1
    assert replica.leads()
    assert replica.elector.leader_identity == "gco-stream-reconciler/a"
    assert cluster.spec["holderIdentity"] == "gco-stream-reconciler/a"
    assert cluster.spec["leaseDurationSeconds"] == 15
    assert cluster.spec["leaseTransitions"] == 0
    assert cluster.spec["renewTime"].startswith("2026-11-21T00:00:0")
    assert cluster.spec["renewTime"].endswith("Z")


async def test_a_leader_renews_every_two_seconds(cluster: Cluster) -> None:
    replica = cluster.start("a")
    await asyncio.sleep(60.5)
    assert 29 <= replica.measurements.renewals <= 30
    assert replica.measurements.leads == [True]


async def test_a_second_candidate_waits_and_knows_the_leader(cluster: Cluster) -> None:
    cluster.start("a")
    await asyncio.sleep(1)
    second = cluster.start("b", wall_skew=86_400)
    await asyncio.sleep(600)
    assert cluster.history.working == {"a"}
    assert second.elector.leader_identity == "gco-stream-reconciler/a"


async def test_a_graceful_stop_hands_over_within_three_seconds(cluster: Cluster) -> None:
    first = cluster.start("a")
    await asyncio.sleep(5)
    cluster.start("b")
    await asyncio.sleep(5)
    first.task.cancel()
    assert await cluster.until_someone_works("a") <= 3
    assert cluster.spec["leaseTransitions"] == 1


async def test_a_crashed_process_is_succeeded_within_18_seconds(cluster: Cluster) -> None:
    first = cluster.start("a")
    await asyncio.sleep(5.3)
    cluster.start("b")
    await asyncio.sleep(5)
    # The process is gone: it works no more, and its release never arrives.
    first.connection.break_off()
    first.task.cancel()
    assert await cluster.until_someone_works("a") <= 18


async def test_a_partitioned_leader_has_stopped_before_another_begins(cluster: Cluster) -> None:
    first = cluster.start("a")
    await asyncio.sleep(5)
    cluster.start("b")
    await asyncio.sleep(5)
    first.connection.break_off()
    assert await cluster.until_someone_works("a") <= 18
    name, _, ended = cluster.history.terms[0]
    assert name == "a"
    assert now() - ended >= 4, "the margin between lease and renew deadline was not kept"
    assert first.measurements.leads == [True, False]


async def test_a_leader_whose_answers_get_lost_stops_although_its_renewals_arrive(cluster: Cluster) -> None:
    first = cluster.start("a")
    await asyncio.sleep(5)
    cluster.start("b")
    first.connection.cut_back = True
    await asyncio.sleep(12)
    assert not first.works()
    assert not first.leads()
    # It keeps trying, and what arrives without an answer must not block the others for ever.
    first.connection.break_off()
    await cluster.until_someone_works("a", within=40)


async def test_a_healed_partition_shorter_than_the_deadline_changes_nothing(cluster: Cluster) -> None:
    first = cluster.start("a")
    cluster.start("b")
    await asyncio.sleep(5)
    began = len(cluster.history.terms)
    leader = next(replica for replica in cluster.replicas if replica.works())
    leader.connection.refuses = UnavailableError("connection refused")
    await asyncio.sleep(6)
    leader.connection.heal()
    await asyncio.sleep(60)
    assert leader.works()
    assert len(cluster.history.terms) == began
    assert "renew" in leader.measurements.failures
    assert first in cluster.replicas


async def test_one_hung_renewal_does_not_cost_the_leadership(cluster: Cluster) -> None:
    first = cluster.start("a")
    await asyncio.sleep(3.9)
    first.connection.cut_there = True
    await asyncio.sleep(0.3)
    first.connection.cut_there = False
    await asyncio.sleep(30)
    assert first.works()
    assert first.measurements.failures == ["renew"]


async def test_leadership_ends_on_time_even_if_the_call_cannot_be_cancelled(cluster: Cluster) -> None:
    first = cluster.start("a")
    await asyncio.sleep(4.5)
    cluster.start("b")
    first.connection.ignores_cancellation = True
    first.connection.break_off()
    await asyncio.sleep(10)
    assert not first.works()
    assert not first.leads()
    await cluster.until_someone_works("a", within=10)
    first.connection.ignores_cancellation = False
    first.connection.heal()
    await asyncio.sleep(120)
    assert cluster.history.working == {"b"}


async def test_an_answer_that_comes_after_the_loss_is_no_renewal(cluster: Cluster) -> None:
    first = cluster.start("a")
    await asyncio.sleep(4.5)
    renewals = first.measurements.renewals
    first.connection.ignores_cancellation = True
    first.connection.cut_back = True
    await asyncio.sleep(3)
    first.connection.refuses = UnavailableError("connection refused")
    await asyncio.sleep(90)
    assert first.measurements.renewals == renewals
    assert first.measurements.leads == [True, False]


async def test_a_process_that_was_paused_finds_out_before_it_does_anything(cluster: Cluster) -> None:
    first = cluster.start("a")
    await asyncio.sleep(4.5)
    assert first.leads()
    writes = cluster.server.writes
    first.clock_leap = 60.0
    assert not first.leads()
    await asyncio.sleep(2)
    assert first.measurements.leads[:2] == [True, False]
    # It renews no lease that it may have lost; it takes part in a new election.
    assert cluster.server.writes == writes + 1
    assert cluster.history.terms[0][0] == "a"


async def test_a_crash_of_the_work_releases_the_lease_and_is_raised(cluster: Cluster) -> None:
    first = cluster.start("a")
    await asyncio.sleep(5)
    cluster.start("b")
    await asyncio.sleep(5)
    first.crash.set()
    with pytest.raises(RuntimeError, match="crash of the work"):
        await first.task
    assert cluster.spec["holderIdentity"] == ""
    assert await cluster.until_someone_works("a") <= 3


async def test_work_that_returns_releases_the_lease_and_ends_the_run(cluster: Cluster) -> None:
    first = cluster.start("a")
    await asyncio.sleep(5)
    first.finish.set()
    await first.task
    assert cluster.spec["holderIdentity"] == ""
    assert cluster.spec["leaseDurationSeconds"] == 1
    assert not first.leads()


async def test_the_lease_is_renewed_until_the_drain_has_ended(cluster: Cluster) -> None:
    first = cluster.start("a", drain_seconds=40)
    await asyncio.sleep(5)
    cluster.start("b")
    first.task.cancel()
    await asyncio.sleep(39.5)
    assert cluster.history.working == {"a"}
    assert first.leads()
    with pytest.raises(asyncio.CancelledError):
        await first.task
    assert await cluster.until_someone_works("a") <= 3


async def test_a_second_cancellation_ends_the_drain(cluster: Cluster) -> None:
    first = cluster.start("a", drain_seconds=40)
    await asyncio.sleep(5)
    first.task.cancel()
    await asyncio.sleep(1)
    first.task.cancel()
    await asyncio.sleep(1)
    assert first.task.cancelled()
    assert cluster.spec["holderIdentity"] == ""


async def test_a_drain_ends_when_the_lease_is_lost(cluster: Cluster) -> None:
    first = cluster.start("a", drain_seconds=40)
    await asyncio.sleep(5)
    cluster.start("b")
    first.task.cancel()
    await asyncio.sleep(1)
    first.connection.break_off()
    assert await cluster.until_someone_works("a") <= 18


async def test_a_drain_begun_after_the_loss_is_cut_short(cluster: Cluster) -> None:
    first = cluster.start("a")
    await asyncio.sleep(5)
    cluster.start("b")
    first.stubborn_seconds = 3
    first.connection.break_off()
    assert await cluster.until_someone_works("a") <= 18


async def test_work_that_outlives_the_lease_is_reported_and_awaited(cluster: Cluster) -> None:
    with structlog.testing.capture_logs() as logs:
        first = cluster.start("a")
        await asyncio.sleep(5)
        first.stubborn_seconds = 30
        first.connection.break_off()
        await asyncio.sleep(20)
        first.connection.heal()
        await asyncio.sleep(5)
        assert first.works()
        assert first.measurements.leads == [True, False], "it stood again while its work was still going on"
        await asyncio.sleep(30)
    assert [log["event"] for log in logs].count("work_outlives_the_lease") == 1
    assert first.measurements.leads == [True, False, True]


async def test_an_edit_of_the_lease_s_metadata_costs_nothing(cluster: Cluster) -> None:
    first = cluster.start("a")
    for _ in range(20):
        await asyncio.sleep(3.1)
        cluster.server.annotate(NAME)
    assert first.measurements.leads == [True]


async def test_a_leader_whose_lease_was_given_away_stops_at_its_next_renewal(cluster: Cluster) -> None:
    first = cluster.start("a")
    await asyncio.sleep(5)
    cluster.server.edit(NAME, holderIdentity="gco-stream-reconciler/z")
    await asyncio.sleep(2.5)
    assert not first.works()
    await asyncio.sleep(12)
    assert not first.works()
    await cluster.until_someone_works(within=3)


async def test_a_deleted_lease_makes_no_second_leader(cluster: Cluster) -> None:
    first = cluster.start("a")
    await asyncio.sleep(5)
    cluster.start("b")
    await asyncio.sleep(5)
    for _ in range(5):
        del cluster.server.leases[NAME]
        await asyncio.sleep(9.7)
    assert first.works()
    assert first.measurements.leads == [True]


async def test_a_predecessor_is_waited_out_for_two_minutes_unchanged(cluster: Cluster) -> None:
    cluster.server.edit(
        NAME, holderIdentity="inference-monitor-5c9", leaseDurationSeconds=30, leaseTransitions=4
    )
    cluster.start("a")
    waited = await cluster.until_someone_works()
    assert 120 <= waited <= 121
    assert cluster.spec["leaseTransitions"] == 5


async def test_a_predecessor_that_renews_keeps_the_lease(cluster: Cluster) -> None:
    cluster.start("a")
    for minute in range(20):
        cluster.server.edit(
            NAME, holderIdentity="inference-monitor-5c9", renewTime=f"2026-11-21T00:{minute:02}:00.0Z"
        )
        await asyncio.sleep(110)
    assert "a" not in cluster.history.working


async def test_a_candidate_stopped_in_the_middle_of_an_acquisition_gives_the_lease_back(
    cluster: Cluster,
) -> None:
    first = cluster.start("a")
    first.connection.delay_back = 1.0
    await asyncio.sleep(1.5)
    assert cluster.spec["holderIdentity"] == "gco-stream-reconciler/a"
    first.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first.task
    assert cluster.spec["holderIdentity"] == ""
    assert cluster.history.terms == []


async def test_a_refused_permission_is_reported_once_and_tried_again(cluster: Cluster) -> None:
    with structlog.testing.capture_logs() as logs:
        first = cluster.start("a")
        first.connection.refuses = PermissionDeniedError("get leases in namespace gco-inference")
        await asyncio.sleep(60)
        assert 55 <= len(first.measurements.failures) <= 80
        first.connection.heal()
        await cluster.until_someone_works(within=1.5)
    warnings = [log for log in logs if log["log_level"] == "warning"]
    assert [log["error"] for log in warnings] == [
        "PermissionDeniedError: get leases in namespace gco-inference"
    ]


async def test_how_long_every_call_has_failed_is_known_until_one_succeeds(cluster: Cluster) -> None:
    cluster.start("a")
    await asyncio.sleep(5)
    second = cluster.start("b")
    await asyncio.sleep(5)
    assert (second.elector.failures.seconds, second.elector.failures.last_error) == (0, "")
    second.connection.refuses = PermissionDeniedError("get leases")
    await asyncio.sleep(60)
    assert second.elector.failures.seconds == pytest.approx(59, abs=1.5)
    assert second.elector.failures.last_error == "PermissionDeniedError: get leases"
    second.connection.heal()
    await asyncio.sleep(2)
    assert (second.elector.failures.seconds, second.elector.failures.last_error) == (0, "")
    assert second.measurements.leads == []


async def test_a_leader_whose_renewals_fail_knows_it_as_well(cluster: Cluster) -> None:
    first = cluster.start("a")
    await asyncio.sleep(5)
    first.connection.refuses = UnavailableError("down")
    await asyncio.sleep(5)
    assert 2 < first.elector.failures.seconds < 5.1
    first.connection.heal()
    await asyncio.sleep(3)
    assert first.elector.failures.seconds == 0
    assert first.measurements.leads == [True]


async def test_a_bug_in_a_call_ends_the_run_after_the_work_has_stopped(cluster: Cluster) -> None:
    first = cluster.start("a")
    await asyncio.sleep(5)
    first.connection.refuses = KeyError("spec")
    with pytest.raises(KeyError):
        await first.task
    assert not first.works()


async def test_work_that_cancels_itself_ends_the_run(cluster: Cluster) -> None:
    connection = Connection(cluster.server)
    elector = LeaderElector(
        leases=connection,
        identity="gco-stream-reconciler/a",
        settings=LeadershipSettings(),
        clock=now,
        wall_clock=lambda: datetime(2026, 11, 21, tzinfo=UTC),
        random=random.Random(1),
        observer=Measurements(),
    )

    async def lead() -> None:
        raise asyncio.CancelledError

    with pytest.raises(Exception, match="cancelled itself"):
        await elector.run(lead)
    assert cluster.spec["holderIdentity"] == ""


async def test_an_identity_that_is_not_ours_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="identity"):
        LeaderElector(
            leases=Connection(LeaseServer()),
            identity="pod-1",
            settings=LeadershipSettings(),
            clock=now,
            wall_clock=lambda: datetime(2026, 11, 21, tzinfo=UTC),
            random=random.Random(1),
            observer=Measurements(),
        )


@pytest.mark.parametrize("candidates", ["ab", "abc"])
@pytest.mark.parametrize("seed", range(12))
async def test_candidates_under_random_faults_never_overlap_and_heal(
    cluster: Cluster, seed: int, candidates: str
) -> None:
    chance = random.Random(f"{seed}-{candidates}")

    def start(name: str) -> None:
        cluster.start(
            name,
            wall_skew=chance.uniform(-1e6, 1e6),
            drain_seconds=chance.choice([0, 2, 20]),
        )

    for name in candidates:
        start(name)
    for _ in range(60):
        replica = chance.choice(cluster.replicas)
        connection = replica.connection
        match chance.randrange(8):
            case 0:
                connection.break_off()
            case 1:
                connection.cut_back = True
            case 2:
                connection.refuses = UnavailableError("reset")
            case 3:
                connection.delay_there, connection.delay_back = chance.uniform(0, 3), chance.uniform(0, 3)
            case 4 if replica.works():
                # A leader was paused: for it, time has leapt.
                replica.clock_leap += chance.uniform(0, 20)
            case 5:
                replica.stubborn_seconds = chance.uniform(0, 4.5)
            case 6:
                replica.task.cancel()
                start(f"{replica.name[0]}{len(cluster.replicas)}")
            case _:
                connection.heal()
                connection.delay_there = connection.delay_back = 0.01
        await asyncio.sleep(chance.uniform(0, 12))
        assert cluster.history.overlaps == [], f"seed {seed}"
    for replica in cluster.replicas:
        replica.connection.heal()
        replica.connection.delay_there = replica.connection.delay_back = 0.01
    await asyncio.sleep(60)
    assert len(cluster.history.working) == 1, f"seed {seed}"
