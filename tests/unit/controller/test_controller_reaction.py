from datetime import UTC, datetime

from gco_stream_reconciler.controller.reaction import ReactionClock
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import Endpoint
from tests.doubles.controller import RecordingObserver

SECOND = 1_800_000_000.0


def endpoint(updated_at: str | None) -> Endpoint:
    item = {"endpoint_name": {"S": "llama"}}
    return decode_endpoint(item if updated_at is None else {**item, "updated_at": {"S": updated_at}})


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


def reaction(updated_at: str | None, noticed: float | None, at: float) -> list[float]:
    observer = RecordingObserver()
    ReactionClock(observer).applied(endpoint(updated_at), noticed, at)
    return [seconds for (seconds,) in observer.of("reacted")]


def test_the_reaction_is_counted_from_the_items_own_time_where_it_falls_into_the_records_second() -> None:
    assert reaction(iso(SECOND + 0.75), SECOND, SECOND + 1) == [0.25]


def test_a_time_of_another_second_is_not_about_this_change() -> None:
    for other in (SECOND - 5.5, SECOND + 1.5):
        assert reaction(iso(other), SECOND, SECOND + 2) == [2]


def test_without_a_usable_time_in_the_item_the_records_time_counts() -> None:
    for unusable in (None, "", "yesterday"):
        assert reaction(unusable, SECOND, SECOND + 2) == [2]


def test_a_time_without_a_zone_is_in_utc(zone: str) -> None:
    assert reaction("2027-01-15T08:00:00.75", SECOND, SECOND + 1) == [0.25]


def test_a_change_that_came_over_no_stream_is_not_measured() -> None:
    assert reaction(iso(SECOND), None, SECOND + 2) == []


def test_clocks_that_disagree_give_no_negative_reaction() -> None:
    assert reaction(iso(SECOND + 0.9), SECOND, SECOND + 0.5) == [0]


def test_of_several_unanswered_changes_the_oldest_counts() -> None:
    clock = ReactionClock(RecordingObserver())
    clock.changed("llama", SECOND)
    clock.changed("llama", SECOND + 5)
    assert clock.take("llama") == SECOND


def test_an_answered_change_is_forgotten() -> None:
    clock = ReactionClock(RecordingObserver())
    clock.changed("llama", SECOND)
    clock.take("llama")
    assert clock.take("llama") is None
    assert clock.take("mistral") is None


def test_a_failed_reconcile_leaves_the_change_unanswered() -> None:
    clock = ReactionClock(RecordingObserver())
    clock.changed("llama", SECOND)
    noticed = clock.take("llama")
    clock.changed("llama", SECOND + 5)  # while it was at work
    clock.put_back("llama", noticed)
    assert clock.take("llama") == SECOND
    clock.put_back("llama", None)
    assert clock.take("llama") is None
