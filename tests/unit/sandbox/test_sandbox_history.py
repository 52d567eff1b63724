from typing import Any

import pytest

from gco_stream_reconciler.sandbox.kubernetes.history import Watcher
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.statuses import RefusedError
from gco_stream_reconciler.sandbox.kubernetes.store import Store

SERVICE = BY_NAME["Service"]
Object = dict[str, Any]


def create(store: Store, name: str) -> int:
    body = {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}
    made = store.create(SERVICE, "default", body, manager="test")
    return int(made["metadata"]["resourceVersion"])


def told(watcher: Watcher) -> list[str]:
    found = []
    while not watcher.events.empty():
        event = watcher.events.get_nowait()
        found.append("end" if event is None else f"{event.type} {event.obj['metadata']['name']}")
    return found


def names(store: Store, version: int | None = None) -> list[str]:
    return [obj["metadata"]["name"] for obj in store.of_kind(SERVICE, None, version)]


def test_a_watch_gets_what_came_after_its_version_in_order() -> None:
    store = Store()
    first = create(store, "a")
    create(store, "b")
    store.delete(SERVICE, "default", "a")
    watcher = store.watch(SERVICE, first)
    create(store, "c")
    assert told(watcher) == ["ADDED b", "DELETED a", "ADDED c"]


def test_a_list_shows_the_state_of_any_version_that_is_remembered() -> None:
    store = Store()
    versions = [create(store, name) for name in "abc"]
    store.delete(SERVICE, "default", "a")
    assert [names(store, version) for version in versions] == [["a"], ["a", "b"], ["a", "b", "c"]]
    assert names(store) == ["b", "c"]


@pytest.mark.parametrize("forget", ["by number", "on demand"])
def test_what_is_forgotten_is_gone_with_410(forget: str) -> None:
    store = Store(kept=2)
    first = create(store, "a")
    for name in "bcd" if forget == "by number" else "b":
        create(store, name)
    if forget == "on demand":
        store.forget("Service")
    for ask in (lambda: store.watch(SERVICE, first), lambda: store.of_kind(SERVICE, None, first)):
        with pytest.raises(RefusedError) as refusal:
            ask()
        assert (refusal.value.code, refusal.value.body["reason"]) == (410, "Expired")


def test_a_watch_from_the_newest_version_survives_forgetting() -> None:
    store = Store()
    create(store, "a")
    store.forget()
    watcher = store.watch(SERVICE, store.version)
    create(store, "b")
    assert told(watcher) == ["ADDED b"]


def test_held_watches_lag_behind_lists_and_catch_up() -> None:
    store = Store()
    watcher = store.watch(SERVICE, store.version)
    create(store, "a")
    store.hold_watches("Service")
    create(store, "b")
    late = store.watch(SERVICE, 1000)
    assert (told(watcher), told(late), names(store)) == (["ADDED a"], ["ADDED a"], ["a", "b"])
    assert store.told(SERVICE, watcher) < store.version
    store.release_watches()
    assert (told(watcher), told(late)) == (["ADDED b"], ["ADDED b"])
    assert store.told(SERVICE, watcher) == store.version


def test_ended_watches_get_no_more() -> None:
    store = Store()
    watcher = store.watch(SERVICE, store.version)
    store.end_watches()
    create(store, "a")
    assert told(watcher) == ["end"]


def test_a_write_that_changes_nothing_has_no_version_of_its_own() -> None:
    store = Store()
    create(store, "a")
    before = store.version
    live = store.get(SERVICE, "default", "a")
    assert store.replace(SERVICE, "default", "a", live, manager="test") is live
    assert store.version == before
