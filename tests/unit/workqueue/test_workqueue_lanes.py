import pytest

from gco_stream_reconciler.workqueue.state import Lane, QueueState


def test_the_table_goes_before_the_cluster_then_timers_and_the_resync_last() -> None:
    state = QueueState()
    state.add("observed", Lane.OBSERVED, 0)
    state.add("resync", Lane.RESYNC, 0)
    state.add("timer", Lane.TIMER, 0)
    state.add("live-1", Lane.LIVE, 0)
    state.add("live-2", Lane.LIVE, 0)
    assert [state.get(1)[0] for _ in range(5)] == [
        "live-1", "live-2", "observed", "timer", "resync",
    ]  # fmt: skip


def test_a_key_added_in_a_better_lane_moves_up_and_keeps_its_age() -> None:
    state = QueueState()
    state.add("other", Lane.TIMER, 0)
    state.add("key", Lane.RESYNC, 0)
    state.add("key", Lane.LIVE, 5)
    assert state.get(6) == ("key", 6)
    assert len(state) == 1


def test_a_key_added_in_a_worse_lane_stays_where_it_is() -> None:
    state = QueueState()
    state.add("key", Lane.LIVE, 0)
    state.add("key", Lane.RESYNC, 0)
    assert state.depth_by_lane() == {Lane.LIVE: 1, Lane.OBSERVED: 0, Lane.TIMER: 0, Lane.RESYNC: 0}
    assert (state.waiting_in(Lane.LIVE), state.waiting_in(Lane.RESYNC)) == (1, 0)


def test_a_key_added_twice_in_process_comes_again_in_the_better_lane() -> None:
    state = QueueState()
    state.add("key", Lane.LIVE, 0)
    state.get(0)
    assert state.add("key", Lane.RESYNC, 1)
    assert not state.add("key", Lane.LIVE, 2)
    assert state.done("key", 3) == (3, True)
    assert state.waiting() == {"key": (Lane.LIVE, 1)}


def one_worker(state: QueueState, seconds_a_key: float, until: float) -> dict[str, float]:
    """Work through the queue with live changes coming faster than they can be worked on; when each key was got."""
    now, count, got = 0.0, 0, {}
    while now < until:
        for _ in range(3):
            count += 1
            state.add(f"live-{count}", Lane.LIVE, now)
        key, _ = state.get(now)
        got[key] = now
        now += seconds_a_key
        state.done(key, now)
    return got


def test_live_changes_that_never_stop_keep_the_other_lanes_waiting_for_a_minute_at_most() -> None:
    state = QueueState()
    for number in range(15):
        state.add(f"resync-{number}", Lane.RESYNC, 0)
        state.add(f"timer-{number}", Lane.TIMER, 0)
        state.add(f"observed-{number}", Lane.OBSERVED, 0)
    got = one_worker(state, 0.5, 120)
    slow = {key: when for key, when in got.items() if not key.startswith("live")}
    assert len(slow) == 45
    assert max(slow.values()) <= 60
    assert min(when for key, when in slow.items() if key.startswith("observed")) <= 11


def test_an_aged_backlog_takes_no_more_than_every_second_turn() -> None:
    state = QueueState()
    for number in range(1_000):
        state.add(f"resync-{number}", Lane.RESYNC, 0)
    for number in range(100):
        state.add(f"live-{number}", Lane.LIVE, 100)
    turns = [state.get(100)[0] for _ in range(200)]
    assert sum(key.startswith("live") for key in turns) == 100


def test_earlier_times_asked_for_again_and_again_take_no_memory() -> None:
    state = QueueState()
    for number in range(10_000):
        state.add_at("key", 1_000_000.0 - number, Lane.TIMER)
    state.validate()
    assert len(state._heap) < 100
    assert state.next_due() == 990_001.0


def test_done_for_a_key_that_is_not_in_process_is_an_error() -> None:
    with pytest.raises(KeyError):
        QueueState().done("key", 0)


def test_a_time_that_an_earlier_one_replaced_does_not_bring_a_later_one_forward() -> None:
    state = QueueState()
    state.add_at("key", 10, Lane.TIMER)
    state.add_at("key", 3, Lane.TIMER)
    assert state.add_due(3) == 1
    state.add_at("key", 20, Lane.TIMER)
    assert state.next_due() == 20
    assert state.add_due(10) == 0
    assert state.delayed() == {"key": (20, Lane.TIMER)}


def test_outdated_entries_are_cleared_away_when_the_keys_are_due_too() -> None:
    state = QueueState()
    for due in (1000.0, 1.0):
        for number in range(100):
            state.add_at(f"k{number}", due, Lane.TIMER)
    state.add_at("last", 500.0, Lane.TIMER)
    assert state.add_due(1.0) == 100
    state.validate()
    assert state.next_due() == 500.0
