import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import structlog

from gco_stream_reconciler.errors import (
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExpiredError,
    ThrottledError,
    UnavailableError,
)
from gco_stream_reconciler.informer.objects import Change
from gco_stream_reconciler.informer.reflector import Listing, Pausing, Reflector, Watching
from gco_stream_reconciler.informer.rhythm import Rhythm
from tests.doubles.kind_client import Event, FakeKind

pytestmark = pytest.mark.looptime


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What is logged, as data."""
    with structlog.testing.capture_logs() as entries:
        yield entries


DOWN = UnavailableError("connection refused")


def now() -> float:
    return asyncio.get_running_loop().time()


class Recorder:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.listings: list[int] = []
        self.ends: list[str] = []
        self.failures: list[str] = []

    def listed(self, kind: str, namespace: str, objects: int, seconds: float) -> None:
        self.listings.append(objects)

    def watch_ended(self, kind: str, namespace: str, reason: str) -> None:
        self.ends.append(reason)

    def failed(self, kind: str, namespace: str, error: str) -> None:
        self.failures.append(error)


class Rig:
    """A server, a reflector on it, and what was announced."""

    def __init__(self, seed: int = 1, **server: Any) -> None:
        self.server = FakeKind(clock=now, **server)
        self.changes: list[Change] = []
        self.observer = Recorder()
        self.reflector = Reflector(
            kind="Deployment",
            namespace="ns",
            client=self.server,
            on_change=self.changes.append,
            clock=now,
            random=random.Random(seed),
            observer=self.observer,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.reflector.run())
        try:
            yield
            assert not task.done(), task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert self.server.open_watches == 0, "a watch was left open"

    def held(self) -> dict[str, str]:
        objects = self.reflector.cache.objects()
        return {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in objects}

    def announced(self) -> list[tuple[str, str]]:
        """What was announced since the last call."""
        said: list[tuple[str, str]] = [
            (each.kind, (each.new or each.old or {})["metadata"]["name"]) for each in self.changes
        ]
        self.changes.clear()
        return said

    def fail(self, *faults: Exception | Callable[[], Any] | None) -> None:
        """Have every kind of call fail so many times, one fault after the other."""
        self.server.list_faults.extend(faults)
        self.server.watch_faults.extend(faults)


async def hang() -> None:
    await asyncio.sleep(1e9)


def most_in(times: list[float], seconds: float) -> int:
    """The most calls within any stretch of so many seconds."""
    return max(sum(start <= each < start + seconds for each in times) for start in times)


# --- The straight path ------------------------------------------------------------------------------------------


async def test_every_page_is_listed_and_what_happens_next_is_followed() -> None:
    rig = Rig(page_size=2)
    for name in "abcde":
        rig.server.put(name)
    async with rig.running():
        await asyncio.sleep(1)
        assert rig.held() == rig.server.held()
        assert rig.announced() == [("added", name) for name in "abcde"]
        rig.server.put("f")
        rig.server.put("a", spec={"replicas": 2})
        rig.server.delete("b")
        await asyncio.sleep(0.1)
        assert rig.announced() == [("added", "f"), ("modified", "a"), ("deleted", "b")]
        assert rig.held() == rig.server.held()
    assert len(rig.server.list_calls) == 3
    assert rig.observer.listings == [5]


async def test_a_thousand_events_at_once_do_not_hold_the_loop() -> None:
    rig = Rig()
    async with rig.running():
        await asyncio.sleep(1)
        for number in range(1000):
            rig.server.put(f"new-{number}")
        most = taken = 0
        while taken < 1000:
            before = len(rig.changes)
            await asyncio.sleep(0)
            taken = len(rig.changes)
            most = max(most, taken - before)
        assert most <= 50


async def test_items_of_a_listing_get_kind_and_version_as_events_have_them() -> None:
    rig = Rig()
    rig.server.put("a")
    async with rig.running():
        await asyncio.sleep(1)
        obj = rig.reflector.cache.get("ns", "a")
        assert obj is not None
        assert (obj["kind"], obj["apiVersion"]) == ("Deployment", "apps/v1")


async def test_synced_means_listed_and_announced() -> None:
    rig = Rig()
    rig.server.put("a")
    rig.server.list_faults.append(lambda: asyncio.sleep(5))
    synced_at_announcement = []
    rig.reflector._on_change = lambda _: synced_at_announcement.append(rig.reflector.synced.is_set())
    async with rig.running():
        await asyncio.sleep(4)
        assert not rig.reflector.synced.is_set()
        assert rig.reflector.is_stale(now())
        await asyncio.sleep(2)
        assert rig.reflector.synced.is_set()
        assert not rig.reflector.is_stale(now())
    assert synced_at_announcement == [False]


async def test_a_quiet_day_costs_one_listing_and_a_watch_every_five_to_ten_minutes() -> None:
    rig = Rig()
    rig.server.put("a")
    async with rig.running():
        for _ in range(24 * 60):
            await asyncio.sleep(60)
            assert not rig.reflector.is_stale(now())
    assert len(rig.server.list_calls) == 1
    assert 144 <= len(rig.server.watch_calls) <= 288
    assert set(rig.observer.ends) == {"ended"}


async def test_a_server_without_bookmarks_is_listed_again_and_never_stale() -> None:
    rig = Rig(bookmark_seconds=None)
    rig.server.put("a")
    async with rig.running():
        for _ in range(3_600):
            await asyncio.sleep(1)
            assert not rig.reflector.is_stale(now())
        rig.server.put("b")
        await asyncio.sleep(2)
        assert rig.held() == rig.server.held()
    assert 3_600 / 80 < len(rig.server.list_calls) <= 1 + 3_600 / 75
    assert set(rig.observer.ends) == {"silent"}


async def test_what_a_frozen_watch_does_not_tell_a_listing_does() -> None:
    rig = Rig(bookmark_seconds=None)
    async with rig.running():
        await asyncio.sleep(30)
        rig.server.dead_before = float("inf")
        rig.server.put("a")
        await asyncio.sleep(60)
        assert rig.announced() == [("added", "a")]


# --- Broken connections -----------------------------------------------------------------------------------------


async def test_a_connection_that_died_silently_is_replaced_within_its_limit_and_nothing_is_missed() -> None:
    rig = Rig()
    rig.server.put("a")
    rig.server.put("b")
    async with rig.running():
        await asyncio.sleep(100)
        rig.announced()
        rig.server.cut_connections()
        rig.server.delete("a")
        cut = now()
        while not rig.changes:
            await asyncio.sleep(1)
        assert now() - cut <= 76
        assert rig.announced() == [("deleted", "a")]
    assert len(rig.server.list_calls) == 2


async def test_a_server_that_accepts_no_watch_makes_the_cache_stale_but_not_empty() -> None:
    rig = Rig()
    rig.server.put("a")
    async with rig.running():
        await asyncio.sleep(10)
        rig.server.cut_connections()
        rig.fail(*[hang] * 50)
        await asyncio.sleep(60)
        assert not rig.reflector.is_stale(now())
        await asyncio.sleep(40)
        assert rig.reflector.is_stale(now())
        await asyncio.sleep(1_000)
        assert rig.reflector.is_stale(now())
        assert rig.held() == rig.server.held()
        assert rig.reflector.synced.is_set()


@pytest.mark.parametrize(
    "garbage",
    [
        Event("ERROR", {"kind": "Status", "code": 500, "reason": "InternalError", "message": "etcd"}),
        Event("ERROR", "Too many requests"),
        Event("ADDED", "Too many requests"),
        Event("MODIFIED", {"metadata": {"name": "x"}}),
        Event("BOOKMARK", {"metadata": {}}),
        Event("BOOKMARK", {}),
        Event("SURPRISE", {"metadata": {}}),
        UnavailableError("the body ends within a line"),
        ValueError("a bug in the client"),
        TimeoutError(),
    ],
)
async def test_garbage_on_the_watch_is_a_broken_watch_and_nothing_is_missed(
    garbage: Event | Exception,
) -> None:
    rig = Rig()
    rig.server.put("a")
    async with rig.running():
        await asyncio.sleep(5)
        rig.announced()
        rig.server.inject(garbage)
        await asyncio.sleep(0)
        rig.server.put("b")
        rig.server.delete("a")
        await asyncio.sleep(5)
        assert sorted(rig.announced()) == [("added", "b"), ("deleted", "a")]
        assert rig.held() == rig.server.held()
    assert len(rig.observer.ends) == 1


async def test_a_malformed_event_that_comes_again_and_again_ends_in_listings_at_a_bounded_rate() -> None:
    rig = Rig()
    rig.server.put("a")
    async with rig.running():
        await asyncio.sleep(5)
        for _ in range(600):
            rig.server.inject(Event("MODIFIED", {"metadata": {"name": "x"}}))
            await asyncio.sleep(1)
        rig.server.put("b")
        rig.server.injected.clear()
        await asyncio.sleep(40)
        assert rig.held() == rig.server.held()
    assert len(rig.server.list_calls) < 80


async def test_watches_that_are_let_in_and_fail_at_once_do_not_hide_a_stale_cache() -> None:
    rig = Rig()
    async with rig.running():
        await asyncio.sleep(5)
        rig.server.list_faults.extend([DOWN] * 1_000)
        for _ in range(120):
            rig.server.inject(UnavailableError("reset"))
            await asyncio.sleep(1)
        assert rig.reflector.is_stale(now())


# --- Expired versions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raised", [True, False], ids=["as an error", "as an event"])
async def test_an_expired_version_is_listed_again_at_once_and_yields_the_missed_deletions(
    raised: bool,
) -> None:
    rig = Rig()
    for name in "abc":
        rig.server.put(name)
    async with rig.running():
        await asyncio.sleep(60.5)
        rig.announced()
        rig.server.cut_connections()
        rig.server.delete("a")
        rig.server.put("b", spec={"replicas": 2})
        rig.server.put("d")
        rig.server.expire_history()
        if raised:
            rig.server.inject(ResourceExpiredError("too old"))
        else:
            rig.server.inject(Event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"}))
        await asyncio.sleep(0.1)
        assert sorted(rig.announced()) == [("added", "d"), ("deleted", "a"), ("modified", "b")]
        assert rig.held() == rig.server.held()
    assert rig.observer.ends[0] == "expired"
    assert len(rig.server.list_calls) == 2


async def test_versions_that_expire_as_soon_as_they_are_listed_are_not_listed_in_circles() -> None:
    rig = Rig()
    rig.server.put("a")
    rig.server.watch_faults.extend([ResourceExpiredError("too old")] * 10_000)
    async with rig.running():
        await asyncio.sleep(3_600)
        assert len(rig.server.list_calls) < 350
        assert most_in(rig.server.list_calls, 1) <= 2
        rig.server.watch_faults.clear()
        rig.server.put("b")
        await asyncio.sleep(60)
        assert rig.held() == rig.server.held()


# --- Listings that fail -----------------------------------------------------------------------------------------


async def test_a_listing_that_fails_half_way_changes_nothing() -> None:
    rig = Rig(page_size=1)
    for name in "abc":
        rig.server.put(name)
    async with rig.running():
        await asyncio.sleep(40)
        rig.announced()
        before = rig.held()
        for name in "abc":
            rig.server.delete(name)
        for name in "de":
            rig.server.put(name)
        # Nothing of this has reached the reflector yet.
        rig.server.cut_connections()
        rig.server.expire_history()
        rig.server.list_faults.extend([None, DOWN] * 5)
        rig.server.inject(ResourceExpiredError("too old"))
        while len(rig.server.list_calls) < 3 + 10:
            assert (rig.announced(), rig.held()) == ([], before)
            await asyncio.sleep(0.5)
        await asyncio.sleep(60)
        assert sorted(rig.announced()) == [("added", "d"), ("added", "e")] + [
            ("deleted", name) for name in "abc"
        ]


async def test_a_hung_listing_is_given_up_and_tried_again() -> None:
    rig = Rig()
    rig.server.put("a")
    rig.server.list_faults.append(hang)
    async with rig.running():
        await asyncio.sleep(29)
        assert not rig.reflector.synced.is_set()
        await asyncio.sleep(4)
        assert rig.held() == rig.server.held()
    assert rig.observer.failures == ["TimeoutError"]


async def test_an_expired_continue_token_starts_the_listing_afresh() -> None:
    rig = Rig(page_size=1)
    rig.server.put("a")
    rig.server.put("b")
    rig.server.list_faults.extend([None, ResourceExpiredError("the continue token is too old")])
    async with rig.running():
        await asyncio.sleep(5)
        assert rig.held() == rig.server.held()


async def test_an_answer_without_a_version_is_no_listing() -> None:
    rig = Rig()
    rig.server.put("a")

    async def empty_page() -> None:
        rig.server.version, rig.server.objects, saved = "", {}, (rig.server.version, rig.server.objects)  # type: ignore[assignment]
        asyncio.get_running_loop().call_soon(restore, *saved)

    def restore(version: int, objects: dict[str, Any]) -> None:
        rig.server.version, rig.server.objects = version, objects

    async with rig.running():
        await asyncio.sleep(40)
        rig.server.list_faults.append(empty_page)
        rig.server.inject(ResourceExpiredError("too old"))
        await asyncio.sleep(0.01)
        assert rig.observer.failures == ["MalformedAnswerError"]
        assert rig.held() == {"a": "101"}
        await asyncio.sleep(5)
        assert rig.announced() == [("added", "a")]


async def test_a_deletion_confirmed_by_mistake_is_put_right_by_the_next_listing() -> None:
    rig = Rig()
    answer = rig.server.put("a")
    async with rig.running():
        await asyncio.sleep(40)
        rig.reflector.cache.forget("ns", "a", answer["metadata"]["uid"])
        assert rig.held() == {}
        rig.server.inject(ResourceExpiredError("too old"))
        await asyncio.sleep(1)
        assert rig.held() == rig.server.held()


async def test_a_backup_restored_behind_our_back_is_believed_after_several_listings() -> None:
    rig = Rig()
    for name in "abc":
        rig.server.put(name)
    async with rig.running():
        await asyncio.sleep(40)
        rig.announced()
        rig.server.delete("c")
        rig.server.version = 50
        rig.server.history.clear()
        rig.server.objects["a"]["metadata"]["resourceVersion"] = "40"
        rig.server.objects["b"]["metadata"]["resourceVersion"] = "41"
        rig.server.inject(ResourceExpiredError("too old"))
        await asyncio.sleep(0.5)
        assert rig.observer.failures == ["OlderListingError"]
        assert set(rig.held()) == {"a", "b", "c"}
        await asyncio.sleep(120)
        assert rig.observer.failures == ["OlderListingError"] * 5
        assert rig.announced() == [("deleted", "c")]
        rig.server.put("d")
        await asyncio.sleep(1)
        assert rig.held() == rig.server.held()


# --- Outages and limits -----------------------------------------------------------------------------------------


async def test_an_outage_of_an_hour_is_sat_out_slowly_and_heals_by_itself() -> None:
    rig = Rig()
    rig.server.put("a")
    async with rig.running():
        await asyncio.sleep(10)
        rig.server.inject(DOWN)
        rig.fail(*[DOWN] * 5_000)
        rig.server.delete("a")
        rig.server.put("b")
        outage = now()
        await asyncio.sleep(3_600)
        calls = [*rig.server.list_calls, *(at for at, _ in rig.server.watch_calls)]
        during = sorted(at for at in calls if at >= outage)
        assert 100 < len(during) < 350
        assert most_in(during, 10) <= 8
        assert rig.held() == {"a": "101"}
        rig.server.list_faults.clear()
        rig.server.watch_faults.clear()
        await asyncio.sleep(35)
        assert rig.held() == rig.server.held()
        assert not rig.reflector.is_stale(now())


async def test_watches_that_end_at_once_are_opened_ever_more_slowly() -> None:
    rig = Rig()
    async with rig.running():
        for _ in range(600):
            rig.server.inject(None)
            await asyncio.sleep(1)
    times = [at for at, _ in rig.server.watch_calls]
    assert most_in(times, 1) == 1
    assert len(times) < 100


async def test_watches_that_end_in_order_after_a_while_are_opened_again_at_once() -> None:
    rig = Rig()
    async with rig.running():
        for _ in range(100):
            await asyncio.sleep(10)
            rig.server.inject(None)
            await asyncio.sleep(0.01)
            assert rig.server.open_watches == 1
    assert rig.observer.failures == []


async def test_a_long_healthy_watch_ends_a_row_of_failures() -> None:
    rig = Rig()
    async with rig.running():
        await asyncio.sleep(5)
        rig.server.inject(DOWN)
        rig.server.watch_faults.extend([DOWN] * 3)
        await asyncio.sleep(60)
        assert rig.reflector._rhythm.failures == 4
        rig.server.inject(DOWN)
        await asyncio.sleep(1.1)
        assert rig.reflector._rhythm.failures == 1
        assert rig.server.open_watches == 1


class Hasty:
    """A generator of chance that always draws the shortest wait."""

    def uniform(self, a: float, b: float) -> float:
        return a


async def test_not_even_the_shortest_waits_make_for_more_than_one_call_of_a_kind_a_second() -> None:
    rig = Rig()
    rig.reflector._rhythm = Rhythm(Hasty())
    rig.server.list_faults.extend([DOWN] * 20)
    rig.server.watch_faults.extend([ResourceExpiredError("too old"), DOWN] * 20)
    async with rig.running():
        await asyncio.sleep(120)
    assert rig.reflector.synced.is_set()
    assert most_in(rig.server.list_calls, 1) == 1
    assert most_in([at for at, _ in rig.server.watch_calls], 1) == 1


async def test_a_watch_that_fails_again_and_again_is_replaced_by_a_listing() -> None:
    rig = Rig()
    async with rig.running():
        await asyncio.sleep(5)
        rig.server.put("b")
        rig.server.inject(UnavailableError("too large resource version"))
        rig.server.watch_faults.extend([UnavailableError("too large resource version")] * 4)
        await asyncio.sleep(60)
    assert len(rig.server.list_calls) == 2


@pytest.mark.parametrize(("asked", "waited"), [(42.0, 42), (1e9, 300)])
async def test_retry_after_is_honoured_up_to_five_minutes(asked: float, waited: float) -> None:
    rig = Rig()
    rig.server.list_faults.append(ThrottledError("429", retry_after_seconds=asked))
    async with rig.running():
        await asyncio.sleep(1_000)
    assert rig.server.list_calls[1] == pytest.approx(waited)


@pytest.mark.parametrize("error", [PermissionDeniedError("403"), NotFoundError("404")])
async def test_a_refusal_names_the_remedy_keeps_the_cache_and_is_asked_again(
    error: Exception, logs: list[Any]
) -> None:
    rig = Rig()
    rig.server.put("a")
    async with rig.running():
        await asyncio.sleep(5)
        rig.server.inject(error)
        rig.fail(*[error] * 20)
        await asyncio.sleep(200)
        assert rig.held() == {"a": "101"}
        assert rig.reflector.is_stale(now())
        assert str(error) in str(rig.reflector.last_error)
        await asyncio.sleep(2_000)
        assert not rig.reflector.is_stale(now())
        assert rig.reflector.last_error is None
    refused = [entry for entry in logs if entry["log_level"] == "error"]
    assert len(refused) > 20
    assert all("namespace ns" in entry["remedy"] and "Deployment" in entry["remedy"] for entry in refused)


# --- Ends -------------------------------------------------------------------------------------------------------


async def test_a_fatal_error_ends_the_reflector() -> None:
    rig = Rig()
    rig.server.list_faults.append(ConfigurationError("no credentials"))
    with pytest.raises(ConfigurationError):
        await rig.reflector.run()


async def test_a_listener_that_raises_ends_the_reflector_as_its_change_would_be_lost() -> None:
    rig = Rig()
    rig.server.put("a")

    def refuse(change: Change) -> None:
        raise ValueError("listener")

    rig.reflector._on_change = refuse
    with pytest.raises(ValueError, match="listener"):
        await rig.reflector.run()


async def test_a_watch_is_closed_before_anything_else_happens() -> None:
    rig = Rig()
    assert await rig.reflector.step(Listing()) == Watching()
    rig.server.inject(Event("SURPRISE", {}))
    assert isinstance(await rig.reflector.step(Watching()), Pausing)
    assert rig.server.open_watches == 0


async def test_a_cancellation_passes_in_every_state() -> None:
    for seconds in (0, 0.5, 1.5, 40):
        rig = Rig()
        rig.server.list_faults.extend([lambda: asyncio.sleep(1), DOWN])
        task = asyncio.create_task(rig.reflector.run())
        await asyncio.sleep(seconds)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert rig.server.open_watches == 0


# --- Everything at once -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(60))
async def test_whatever_goes_wrong_the_cache_and_its_announcements_end_as_the_server_is(seed: int) -> None:
    chance = random.Random(seed)
    rig = Rig(seed=seed, page_size=2, bookmark_seconds=chance.choice([None, 20.0]))
    known: dict[str, dict[str, Any]] = {}

    def follow(change: Change) -> None:
        obj = change.new or change.old
        assert obj is not None
        name = obj["metadata"]["name"]
        assert known.get(name) is change.old or (known.get(name) or {}).get("spec") == (change.old or {}).get(
            "spec"
        )
        if change.new is None:
            del known[name]
        else:
            known[name] = change.new

    rig.reflector._on_change = follow
    faults: list[Exception | Callable[[], Any] | None] = [
        DOWN,
        hang,
        ResourceExpiredError("too old"),
        ThrottledError("429"),
        ValueError("bug"),
        None,
    ]
    async with rig.running():
        for step in range(120):
            name = chance.choice("abcdef")
            match chance.randrange(10):
                case 0 | 1 | 2 | 3:
                    rig.server.put(name, spec={"step": step})
                case 4 | 5 if name in rig.server.objects:
                    rig.server.delete(name)
                case 6:
                    rig.server.cut_connections()
                case 7:
                    rig.server.expire_history()
                case 8:
                    chance.choice([rig.server.list_faults, rig.server.watch_faults]).append(
                        chance.choice(faults)
                    )
                case 9:
                    rig.server.inject(
                        chance.choice([DOWN, None, Event("ADDED", "text"), ResourceExpiredError("")])
                    )
            await asyncio.sleep(chance.choice([0, 0.1, 5, 40]))
        rig.server.list_faults.clear()
        rig.server.watch_faults.clear()
        rig.server.injected.clear()
        await asyncio.sleep(400)
        assert rig.held() == rig.server.held(), f"seed {seed}"
        assert set(known) == set(rig.held()), f"seed {seed}"
        assert not rig.reflector.is_stale(now()), f"seed {seed}"
        rig.reflector.cache.validate()


async def test_the_first_state_lists() -> None:
    assert Rig().reflector.state == Listing()
