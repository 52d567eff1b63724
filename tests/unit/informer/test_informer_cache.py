from typing import Any

import pytest

from gco_stream_reconciler.informer.cache import Cache, OlderListingError
from gco_stream_reconciler.informer.compaction import ValuePool
from gco_stream_reconciler.informer.objects import Change, MalformedAnswerError

TYPE = {"gco.io/type": "inference"}


def obj(
    name: str, version: int | str, *, uid: str = "", value: int = 0, endpoint: str = "", **labels: str
) -> dict[str, Any]:
    if endpoint:
        labels["gco.io/endpoint"] = endpoint
    return {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": uid or f"uid-{name}",
            "resourceVersion": str(version),
            "labels": TYPE | {"app": name} | labels,
        },
        "spec": {"value": value},
    }


def listed(*items: dict[str, Any], version: int | str = 100) -> Cache:
    cache = Cache(kind="Deployment", pool=ValuePool())
    cache.listing_started()
    cache.replace([cache.compact(item) for item in items], str(version))
    return cache


def held(cache: Cache) -> dict[str, str]:
    return {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in cache.objects()}


def kinds(changes: list[Change]) -> list[tuple[str, str]]:
    return sorted((each.kind, (each.new or each.old or {})["metadata"]["name"]) for each in changes)


# --- To which endpoint an object belongs ------------------------------------------------------------------------


def test_a_change_names_the_endpoints_of_both_states() -> None:
    cache = listed(obj("a", 5, endpoint="x"))
    change = cache.apply_event("MODIFIED", obj("a", 101, endpoint="y"))
    assert change is not None
    assert change.endpoint_keys() == ("x", "y")
    assert (cache.by_endpoint("x"), len(cache.by_endpoint("y"))) == ([], 1)
    assert set(cache.endpoint_keys()) == {"y"}


def test_a_change_does_not_print_the_object() -> None:
    change = listed().apply_event("ADDED", obj("a", 101, token="hunter2"))
    assert "hunter2" not in repr(change)


# --- Listings ---------------------------------------------------------------------------------------------------


def test_a_listing_yields_what_was_missed() -> None:
    cache = listed(obj("gone", 1), obj("changed", 2), obj("same", 3), obj("again", 4))
    cache.listing_started()
    changes = cache.replace(
        [
            obj("changed", 102, value=1),
            obj("same", 3),
            obj("new", 103),
            obj("again", 104, uid="second"),
        ],
        "110",
    )
    assert kinds(changes) == [
        ("added", "new"),
        ("deleted", "gone"),
        ("modified", "again"),
        ("modified", "changed"),
    ]
    assert held(cache) == {"changed": "102", "same": "3", "new": "103", "again": "104"}
    cache.validate()


def test_a_listing_with_nothing_new_announces_nothing() -> None:
    cache = listed(obj("a", 1))
    assert cache.replace([obj("a", 1)], "120") == []
    assert cache.resource_version == "120"


def test_a_version_that_differs_alone_is_no_difference_but_is_kept() -> None:
    cache = listed(obj("a", 1))
    assert cache.apply_event("MODIFIED", obj("a", 101)) is None
    assert held(cache) == {"a": "101"}
    assert cache.replace([obj("a", 119)], "120") == []
    assert held(cache) == {"a": "119"}


def test_what_we_wrote_after_the_listings_version_stays() -> None:
    cache = listed(obj("a", 1))
    cache.listing_started()
    cache.write_through(obj("a", 130, value=1))
    cache.write_through(obj("b", 131))
    assert cache.replace([obj("a", 1)], "120") == []
    assert held(cache) == {"a": "130", "b": "131"}


def test_what_was_confirmed_gone_during_a_listing_does_not_come_back_with_it() -> None:
    cache = listed(obj("a", 1))
    cache.listing_started()
    assert cache.forget("ns", "a", "uid-a") is not None
    assert cache.replace([obj("a", 1)], "120") == []
    assert held(cache) == {}


def test_a_listing_begun_after_a_confirmed_deletion_is_believed() -> None:
    cache = listed(obj("a", 1))
    cache.forget("ns", "a", "uid-a")
    cache.listing_started()
    assert kinds(cache.replace([obj("a", 1)], "120")) == [("added", "a")]


def test_an_older_listing_is_refused_and_changes_nothing() -> None:
    cache = listed(obj("a", 1))
    with pytest.raises(OlderListingError, match=r"version 99, older than the 100"):
        cache.replace([], "99")
    assert held(cache) == {"a": "1"}
    assert cache.resource_version == "100"


def test_a_restarted_history_is_taken_whole() -> None:
    cache = listed(obj("a", 90), obj("b", 91))
    cache.write_through(obj("c", 130))
    cache.forget("ns", "b", "uid-b")
    cache.listing_started()
    changes = cache.replace([obj("a", 40, value=1), obj("b", 41)], "50", history_restarted=True)
    assert kinds(changes) == [("added", "b"), ("deleted", "c"), ("modified", "a")]
    assert (held(cache), cache.resource_version) == ({"a": "40", "b": "41"}, "50")
    assert cache.apply_event("MODIFIED", obj("a", 51, value=2)) is not None


# --- Events -----------------------------------------------------------------------------------------------------


def test_an_event_that_the_listing_already_showed_changes_nothing() -> None:
    cache = listed(obj("a", 90, value=2))
    assert cache.apply_event("MODIFIED", obj("a", 80, value=1)) is None
    assert cache.apply_event("ADDED", obj("b", 70)) is None
    assert held(cache) == {"a": "90"}


def test_a_late_deletion_of_the_incarnation_before_does_not_touch_the_present_one() -> None:
    cache = listed(obj("a", 1, uid="first"))
    cache.write_through(obj("a", 105, uid="second"))
    assert cache.apply_event("DELETED", obj("a", 103, uid="first")) is None
    assert held(cache) == {"a": "105"}


def test_a_deletion_that_carries_the_last_states_version_counts() -> None:
    cache = listed(obj("a", 90))
    change = cache.apply_event("DELETED", obj("a", 90))
    assert change is not None
    assert change.kind == "deleted"
    assert held(cache) == {}


def test_a_bookmark_moves_the_position_forwards_only() -> None:
    cache = listed()
    cache.bookmark("150")
    cache.bookmark("140")
    assert cache.resource_version == "150"


def test_an_event_that_a_bookmark_has_overtaken_is_taken_all_the_same() -> None:
    cache = listed(obj("a", 90, value=1))
    cache.bookmark("150")
    assert cache.apply_event("MODIFIED", obj("a", 120, value=2)) is not None
    assert (held(cache), cache.resource_version) == ({"a": "120"}, "150")
    assert cache.apply_event("MODIFIED", obj("a", 110, value=3)) is None
    assert cache.apply_event("ADDED", obj("b", 130)) is None  # may be gone by 150


# --- Our own writes ---------------------------------------------------------------------------------------------


def test_our_own_write_is_visible_at_once_and_its_notification_is_no_news() -> None:
    cache = listed()
    change = cache.write_through(obj("a", 105, value=1))
    assert change is not None
    assert change.kind == "added"
    assert cache.apply_event("ADDED", obj("a", 105, value=1)) is None
    assert cache.resource_version == "105"


def test_events_before_our_own_write_do_not_undo_it() -> None:
    cache = listed(obj("a", 1))
    cache.write_through(obj("a", 105, value=2))
    assert cache.apply_event("MODIFIED", obj("a", 103, value=1)) is None
    assert held(cache) == {"a": "105"}


def test_an_answer_that_the_watch_has_overtaken_brings_no_deleted_object_back() -> None:
    cache = listed()
    cache.apply_event("ADDED", obj("a", 105))
    cache.apply_event("DELETED", obj("a", 106))
    assert cache.write_through(obj("a", 105)) is None
    assert held(cache) == {}


def test_an_object_without_the_type_label_is_not_held_as_no_watch_would_tell_of_its_end() -> None:
    cache = listed()
    bare = obj("a", 105)
    bare["metadata"]["labels"] = {"app": "a"}
    assert cache.write_through(bare) is None
    assert held(cache) == {}


def test_late_events_do_not_bring_back_what_was_confirmed_gone() -> None:
    cache = listed()
    cache.write_through(obj("a", 105))
    cache.forget("ns", "a", "uid-a")
    assert cache.apply_event("ADDED", obj("a", 105)) is None
    assert cache.apply_event("MODIFIED", obj("a", 106)) is None
    assert cache.apply_event("DELETED", obj("a", 107)) is None
    again = cache.apply_event("ADDED", obj("a", 108, uid="second"))
    assert again is not None
    assert held(cache) == {"a": "108"}


def test_late_events_of_the_incarnation_before_the_one_that_is_gone_change_nothing() -> None:
    cache = listed()
    cache.write_through(obj("a", 110, uid="second"))
    cache.forget("ns", "a", "second")
    assert cache.apply_event("ADDED", obj("a", 105, uid="first")) is None
    assert held(cache) == {}


def test_forgetting_one_incarnation_leaves_the_next_alone() -> None:
    cache = listed(obj("a", 1, uid="second"))
    assert cache.forget("ns", "a", "first") is None
    assert held(cache) == {"a": "1"}


def test_tombstones_are_bounded() -> None:
    cache = listed()
    for number in range(25_000):
        cache.write_through(obj(f"n{number}", 200 + number))
        cache.forget("ns", f"n{number}", f"uid-n{number}")
    assert len(cache._gone) <= 10_000
    assert len(cache._floors) <= 10_000


# --- Servers whose versions are not numbers ---------------------------------------------------------------------


def test_without_comparable_versions_the_order_of_arrival_counts() -> None:
    cache = listed(obj("a", "v-9"), version="v-9")
    assert cache.write_through(obj("a", "v-1", value=1)) is None
    change = cache.apply_event("MODIFIED", obj("a", "v-1", value=1))
    assert change is not None
    assert cache.apply_event("DELETED", obj("a", "v-0")) is not None
    assert kinds(cache.replace([obj("b", "v-2")], "v-3")) == [("added", "b")]
    assert held(cache) == {"b": "v-2"}


# --- Garbage ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [
        "Too many requests",
        None,
        [],
        {},
        {"metadata": None},
        {"metadata": {"name": "a"}},
        obj("a", 105) | {"metadata": obj("a", 105)["metadata"] | {"uid": 5}},
        obj("a", 105) | {"metadata": obj("a", 105)["metadata"] | {"resourceVersion": ""}},
        obj("a", 105) | {"metadata": obj("a", 105)["metadata"] | {"labels": {"app": 5}}},
        obj("a", 105) | {"metadata": obj("a", 105)["metadata"] | {"labels": ["app"]}},
    ],
)
def test_what_is_no_object_is_refused_and_changes_nothing(garbage: Any) -> None:
    cache = listed(obj("a", 1))
    for take in (
        lambda: cache.apply_event("MODIFIED", garbage),
        lambda: cache.apply_event("DELETED", garbage),
        lambda: cache.write_through(garbage),
        lambda: cache.compact(garbage),
    ):
        with pytest.raises(MalformedAnswerError):
            take()
    assert (held(cache), cache.resource_version) == ({"a": "1"}, "100")
