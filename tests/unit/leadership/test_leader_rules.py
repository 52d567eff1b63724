from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gco_stream_reconciler.leadership.rules import (
    LeaseRecord,
    Observation,
    Rules,
    lease_of,
    observe,
    record_of,
    rfc3339,
)

RULES = Rules(
    identity="gco-stream-reconciler/pod-1",
    lease_seconds=15,
    renew_deadline_seconds=10,
    renew_interval_seconds=2,
    predecessor_grace_seconds=120,
)
NOW = datetime(2026, 11, 21, 1, 0, 0, tzinfo=UTC)
OTHER = LeaseRecord(
    "gco-stream-reconciler/pod-2", 15, "2026-11-21T00:00:00.000000Z", "2026-11-21T00:59:59.000000Z", 3
)


def test_a_lease_that_was_never_there_may_be_taken_at_once() -> None:
    assert RULES.may_acquire(None, 0.0)


def test_a_released_lease_may_be_taken_at_once() -> None:
    assert RULES.may_acquire(Observation(replace(OTHER, holder=""), 100.0), 100.0)


def test_a_held_lease_binds_for_its_duration_after_it_was_seen_to_change() -> None:
    seen = Observation(OTHER, 100.0)
    assert not RULES.may_acquire(seen, 114.999)
    assert RULES.may_acquire(seen, 115.0)


def test_a_holder_s_own_duration_counts_not_ours() -> None:
    seen = Observation(replace(OTHER, lease_seconds=60), 100.0)
    assert not RULES.may_acquire(seen, 159.9)
    assert RULES.may_acquire(seen, 160.0)


def test_the_holder_s_wall_clock_does_not_count() -> None:
    for year in (1970, 2100):
        renewed = replace(OTHER, renew_time=f"{year}-01-01T00:00:00.000000Z")
        assert RULES.free_at(Observation(renewed, 100.0)) == 115.0


def test_a_renewal_seen_later_binds_from_then() -> None:
    seen = observe(None, OTHER, 100.0)
    again = observe(seen, replace(OTHER, renew_time="2026-11-21T01:00:01.000000Z"), 114.0)
    assert RULES.free_at(again) == 129.0


def test_an_unchanged_record_keeps_the_time_of_its_last_change() -> None:
    seen = observe(None, OTHER, 100.0)
    assert observe(seen, replace(OTHER), 114.0) == seen


def test_a_lease_that_vanished_binds_as_long_as_it_would_have() -> None:
    seen = observe(observe(None, OTHER, 100.0), None, 110.0)
    assert not RULES.may_acquire(seen, 114.9)
    assert RULES.may_acquire(seen, 115.0)


def test_our_own_lease_may_be_taken_at_once() -> None:
    assert RULES.may_acquire(Observation(replace(OTHER, holder=RULES.identity), 100.0), 100.0)


@pytest.mark.parametrize("holder", ["inference-monitor-7d9", "pod-1", "gco-stream-reconciler"])
def test_a_holder_of_another_form_is_waited_out_for_the_grace(holder: str) -> None:
    seen = Observation(replace(OTHER, holder=holder), 100.0)
    assert RULES.free_at(seen) == 220.0


def test_a_predecessor_s_lease_that_is_longer_than_the_grace_counts_in_full() -> None:
    seen = Observation(replace(OTHER, holder="inference-monitor", lease_seconds=300), 100.0)
    assert RULES.free_at(seen) == 400.0


def test_a_candidate_looks_again_within_a_second_and_exactly_at_expiry() -> None:
    seen = Observation(OTHER, 100.0)
    assert RULES.next_try(seen, 105.0, chance=0.0) == 106.0
    assert 105.8 <= RULES.next_try(seen, 105.0, chance=0.999) < 106.0
    assert RULES.next_try(seen, 114.5, chance=0.0) == 115.0
    assert RULES.next_try(seen, 115.0, chance=0.0) == 116.0
    assert RULES.next_try(None, 0.0, chance=0.0) == 1.0


def test_a_leader_leads_until_the_deadline_after_it_sent_its_renewal() -> None:
    assert RULES.still_leads(100.0, 109.999)
    assert not RULES.still_leads(100.0, 110.0)


def test_renewals_come_at_the_interval_and_sooner_after_a_failure() -> None:
    assert RULES.next_renewal(100.0, 100.5, failed=False, chance=0.5) == 102.0
    assert RULES.next_renewal(100.0, 107.0, failed=False, chance=0.5) == 107.0
    assert 107.5 <= RULES.next_renewal(100.0, 107.0, failed=True, chance=0.9) <= 108.0


def test_several_hung_calls_fit_into_the_renew_deadline() -> None:
    slowest = RULES.call_seconds() + RULES.renew_interval_seconds / 2
    assert RULES.renew_interval_seconds + slowest + RULES.call_seconds() < RULES.renew_deadline_seconds


def test_taking_another_s_lease_counts_a_transition() -> None:
    taken = RULES.acquired(OTHER, NOW)
    assert taken == LeaseRecord(RULES.identity, 15, rfc3339(NOW), rfc3339(NOW), 4)


def test_taking_a_released_lease_counts_a_transition_and_a_first_lease_none() -> None:
    assert RULES.acquired(RULES.released(OTHER, NOW), NOW).transitions == 4
    assert RULES.acquired(None, NOW).transitions == 0


def test_taking_our_own_lease_again_is_a_renewal() -> None:
    ours = replace(OTHER, holder=RULES.identity)
    taken = RULES.acquired(ours, NOW)
    assert (taken.transitions, taken.acquire_time) == (3, OTHER.acquire_time)
    assert taken.renew_time != OTHER.renew_time


@pytest.mark.parametrize("step", [timedelta(0), timedelta(seconds=-3600), timedelta(seconds=2)])
def test_a_renewal_is_never_equal_to_the_one_before_whatever_the_wall_clock_does(step: timedelta) -> None:
    first = RULES.acquired(None, NOW)
    second = RULES.renewed(first, NOW + step)
    third = RULES.renewed(second, NOW + step)
    assert first.renew_time < second.renew_time < third.renew_time


def test_a_renewal_gets_over_a_malformed_time() -> None:
    assert RULES.renewed(replace(OTHER, renew_time="yesterday"), NOW).renew_time == rfc3339(NOW)


def test_a_release_names_nobody_and_lasts_a_second() -> None:
    released = RULES.released(OTHER, NOW)
    assert (released.holder, released.lease_seconds, released.transitions) == ("", 1, 3)


def test_times_are_written_in_utc_with_microseconds() -> None:
    elsewhere = datetime(2026, 11, 21, 3, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(elsewhere) == "2026-11-21T01:00:00.000005Z"
    with pytest.raises(ValueError, match="without a zone"):
        rfc3339(datetime(2026, 11, 21))  # noqa: DTZ001 - a naive time is what is refused


def test_a_lease_is_read_and_written_back_with_all_it_held() -> None:
    read = {
        "metadata": {"name": "l", "resourceVersion": "7", "annotations": {"a": "b"}},
        "spec": {"holderIdentity": "x", "leaseDurationSeconds": 20, "strategy": "OldestEmulationVersion"},
    }
    record = record_of(read, default_lease_seconds=15)
    assert record == LeaseRecord("x", 20)
    written = lease_of("l", RULES.acquired(record, NOW), read)
    assert written["metadata"] == read["metadata"]
    assert written["spec"] == {
        "holderIdentity": RULES.identity,
        "leaseDurationSeconds": 15,
        "acquireTime": rfc3339(NOW),
        "renewTime": rfc3339(NOW),
        "leaseTransitions": 1,
        "strategy": "OldestEmulationVersion",
    }


@pytest.mark.parametrize("spec", [None, {}, {"leaseDurationSeconds": None}, {"leaseDurationSeconds": 0}])
def test_a_lease_without_a_usable_duration_is_taken_to_have_ours(spec: dict[str, object] | None) -> None:
    assert record_of({"spec": spec}, default_lease_seconds=15) == LeaseRecord("", 15)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"identity": "pod-1"}, "identity"),
        ({"identity": "gco-stream-reconciler/"}, "identity"),
        ({"lease_seconds": 15.5}, "whole number"),
        ({"lease_seconds": 10}, "renew deadline < lease"),
        ({"renew_deadline_seconds": 2}, "renew interval < renew deadline"),
        ({"renew_interval_seconds": 0}, "0 < renew interval"),
        ({"predecessor_grace_seconds": -1}, "grace"),
    ],
)
def test_figures_that_could_make_two_leaders_are_refused(change: dict[str, object], said: str) -> None:
    RULES.validate()
    with pytest.raises(ValueError, match=said):
        replace(RULES, **change).validate()  # type: ignore[arg-type]
