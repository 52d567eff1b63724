"""Rule 13: objects without an item, and the limit on what nobody asked to delete."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.orphans import (
    OrphanWatch,
    admit,
    decode_ledger,
    encode_ledger,
    plan_orphan,
)
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import DEPLOYMENT, INGRESS, SERVICE, SETTINGS, running


def take_away(cluster: PlannedCluster) -> list[str]:
    done = []
    for _ in range(6):
        observed = cluster.observed()
        decided = plan_orphan("llama", observed, cluster.now, SETTINGS)
        while decided.reads:
            observed = replace(observed, fetched=observed.fetched | set(decided.reads))
            decided = plan_orphan("llama", observed, cluster.now, SETTINGS)
        assert decided.status is None
        if decided.stages:
            assert decided.cleans_up
            assert decided.confirm_in_home
        done += [f"{action.ref.kind}" for action in decided.actions]
        cluster.execute(decided)
    return done


def test_what_we_made_goes_in_the_order_of_a_deletion() -> None:
    _, cluster = running()
    assert take_away(cluster) == ["Ingress", "Service", "Deployment"]
    assert cluster.objects == {}


def test_what_was_made_from_another_table_stays() -> None:
    _, cluster = running()
    for obj in cluster.objects.values():
        obj["metadata"]["annotations"]["gco.io/table-id"] = "another"
    assert take_away(cluster) == []


def test_what_the_predecessor_made_stays() -> None:
    _, cluster = running()
    for obj in cluster.objects.values():
        del obj["metadata"]["labels"]["app.kubernetes.io/managed-by"]
    assert take_away(cluster) == []


def test_a_stale_cache_deletes_nothing() -> None:
    _, cluster = running()
    decided = plan_orphan("llama", cluster.observed(stale=True), cluster.now, SETTINGS)
    assert not decided.stages


def test_nothing_is_planned_for_a_name_without_objects() -> None:
    assert not plan_orphan("llama", Observed(), 0, SETTINGS).stages


def test_a_candidate_is_confirmed_by_a_second_look_a_minute_later() -> None:
    watch = OrphanWatch()
    assert watch.look({"a"}, 0) == frozenset()
    assert watch.next_look(10) == 50
    assert watch.look({"a"}, 59) == frozenset()
    assert watch.look({"a", "b"}, 60) == {"a"}
    assert watch.is_confirmed("a")
    assert not watch.is_confirmed("b")


def test_an_item_that_was_seen_in_between_starts_the_minute_afresh() -> None:
    watch = OrphanWatch()
    watch.look({"a"}, 0)
    watch.look((), 30)
    assert watch.look({"a"}, 61) == frozenset()


def test_an_item_that_came_back_takes_its_confirmation_away() -> None:
    watch = OrphanWatch()
    watch.look({"a", "b"}, 0)
    watch.look({"a", "b"}, 60)
    watch.item_seen("a")
    assert (watch.is_confirmed("a"), watch.is_confirmed("b")) == (False, True)
    assert watch.candidates == {"b"}
    assert watch.look({"a", "b"}, 61) == {"b"}, "it takes another minute"
    assert watch.look({"a", "b"}, 121) == {"a", "b"}


NAMES = [f"e{number}" for number in range(200)]


@pytest.mark.parametrize(
    ("doomed", "endpoints", "limit", "admitted"),
    [
        (1, 1, None, True),  # the only one there is
        (2, 2, None, False),  # all of more than one
        (5, 6, None, True),
        (6, 20, None, False),
        (10, 100, None, True),
        (11, 100, None, False),
        (11, 100, 11, True),  # a person's setting
        (2, 2, 2, True),
        (1, 100, 0, False),
    ],
)
def test_the_limit(doomed: int, endpoints: int, limit: int | None, admitted: bool) -> None:
    found = admit("e0", {}, doomed=frozenset(NAMES[:doomed]), endpoints=endpoints, limit=limit, now=1000)
    assert (found.refusal is None) is admitted
    assert found.ledger == ({"e0": 1000} if admitted else {})


def test_refused_are_all_not_only_those_above_the_limit() -> None:
    doomed = frozenset(NAMES[:50])
    assert all(admit(name, {}, doomed=doomed, endpoints=100, limit=None, now=0).refusal for name in doomed)


def test_one_after_the_other_does_not_get_round_the_limit() -> None:
    ledger: dict[str, float] = {}
    admitted = 0
    for number, name in enumerate(NAMES[:20]):
        found = admit(name, ledger, doomed=frozenset({name}), endpoints=40, limit=None, now=number * 60)
        ledger = dict(found.ledger)
        admitted += found.refusal is None
    assert admitted == 5


def test_all_of_two_do_not_go_within_an_hour_one_after_the_other() -> None:
    first = admit("a", {}, doomed=frozenset({"a"}), endpoints=2, limit=None, now=0)
    assert first.refusal is None
    # It is gone by then, so one endpoint is counted.
    second = admit("b", first.ledger, doomed=frozenset({"b"}), endpoints=1, limit=None, now=600)
    assert "all of them" in (second.refusal or "")
    assert "b" not in second.ledger


def test_what_was_cleaned_up_long_ago_counts_for_nothing() -> None:
    ledger = dict.fromkeys(NAMES[:3], 1000.0)
    found = admit("x", ledger, doomed=frozenset({"x", "y"}), endpoints=2, limit=None, now=1000 + 30 * 86400)
    assert "all of them" in (found.refusal or "")


def test_an_hour_later_there_is_room_again() -> None:
    ledger = dict.fromkeys(NAMES[:5], 1000.0)
    late = admit("e9", ledger, doomed=frozenset({"e9"}), endpoints=40, limit=None, now=1000 + 3600)
    assert late.ledger == {"e9": 4600}
    early = admit("e9", ledger, doomed=frozenset({"e9"}), endpoints=40, limit=None, now=1000 + 3599)
    assert "DELETION_LIMIT" in (early.refusal or "")


def test_a_clean_up_that_was_admitted_goes_on_to_its_end() -> None:
    ledger = {"e0": 1000.0}
    found = admit("e0", ledger, doomed=frozenset(NAMES[:50]), endpoints=60, limit=None, now=1010)
    assert found.refusal is None


@given(st.dictionaries(st.text(), st.integers(0, 2**33).map(float)))
def test_a_ledger_survives_being_written_down(ledger: dict[str, float]) -> None:
    assert decode_ledger(encode_ledger(ledger)) == ledger


@pytest.mark.parametrize("text", ["[", "[]", '"x"', '{"a":"b"}', "1"])
def test_a_ledger_that_cannot_be_read_is_an_error_and_not_an_empty_one(text: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        decode_ledger(text)


def test_the_objects_of_the_story_stand(  # the fixtures above would be worthless on an empty cluster
) -> None:
    _, cluster = running()
    assert set(cluster.objects) == {DEPLOYMENT, SERVICE, INGRESS}
