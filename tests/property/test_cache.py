"""The informer's cache against a server with a history: it never goes back in time, and it announces every step once."""

import copy
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gco_stream_reconciler.informer.cache import Cache, OlderListingError
from gco_stream_reconciler.informer.compaction import ValuePool
from gco_stream_reconciler.informer.objects import Change
from tests.doubles.kind_client import FakeKind

NAMES = st.sampled_from(["x", "x-canary", "y"])
LABELS = st.sampled_from(
    [
        {"gco.io/type": "inference", "app": "x"},
        {"gco.io/type": "inference", "app": "x-canary"},
        {"gco.io/type": "inference", "app": "y", "gco.io/endpoint": "x"},
        {"gco.io/type": "inference"},
        {"app": "x"},
    ]
)


def version_of(obj: dict[str, Any]) -> int:
    return int(obj["metadata"]["resourceVersion"])


def content(obj: dict[str, Any]) -> dict[str, Any]:
    plain = copy.deepcopy(obj)
    del plain["metadata"]["resourceVersion"]
    return plain


class CacheMachine(RuleBasedStateMachine):
    """A server, a watch that lags, breaks and repeats itself, and answers to our own writes that arrive whenever."""

    def __init__(self) -> None:
        super().__init__()
        self.server = FakeKind(clock=lambda: 0.0)
        self.cache = Cache(kind="Deployment", pool=ValuePool(limit=50))
        self.sent: int | None = None
        """Position of the open watch in the server's versions; None: nothing was listed yet."""
        self.listing: tuple[list[dict[str, Any]], int] | None = None
        self.answers: list[dict[str, Any]] = []
        self.confirmed_gone: list[dict[str, Any]] = []
        self.shadow: dict[str, dict[str, Any]] = {}
        """What someone who only follows the announcements knows."""
        self.newest: dict[str, int] = {}
        """Name → newest version that the cache has shown."""
        self.dead: set[str] = set()
        """UIDs that are gone from the server for good, and from the cache."""

    # --- The server -------------------------------------------------------------------------------------------

    @rule(name=NAMES, labels=LABELS, value=st.integers(0, 2), ours=st.booleans())
    def write(self, name: str, labels: dict[str, str], value: int, ours: bool) -> None:
        answer = self.server.put(name, labels=labels, spec={"value": value})
        if ours:
            self.answers.append(answer)

    @rule(name=NAMES, ours=st.booleans())
    def delete(self, name: str, ours: bool) -> None:
        if name in self.server.objects:
            gone = self.server.delete(name)
            if ours:
                self.confirmed_gone.append(gone)

    @rule(name=NAMES)
    def we_make_and_delete(self, name: str) -> None:
        self.write(name, {"gco.io/type": "inference", "app": name}, 0, ours=True)
        self.delete(name, ours=True)

    # --- Our own writes become known --------------------------------------------------------------------------

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def an_answer_arrives(self, data: st.DataObject) -> None:
        answer = self.answers.pop(data.draw(st.integers(0, len(self.answers) - 1)))
        self._announce(self.cache.write_through(answer))
        name = answer["metadata"]["name"]
        held = self.cache.get("ns", name)
        labelled = answer["metadata"]["labels"].get("gco.io/type")
        known_gone = answer["metadata"]["uid"] in self.dead
        if self.server.held().get(name) == str(version_of(answer)) and labelled and not known_gone:
            assert held is not None, "our own write is not visible"
            assert version_of(held) == version_of(answer)

    @precondition(lambda self: self.confirmed_gone)
    @rule(data=st.data())
    def a_deletion_is_confirmed(self, data: st.DataObject) -> None:
        gone = self.confirmed_gone.pop(data.draw(st.integers(0, len(self.confirmed_gone) - 1)))
        metadata = gone["metadata"]
        self._announce(self.cache.forget("ns", metadata["name"], metadata["uid"]))
        held = self.cache.get("ns", metadata["name"])
        assert held is None or held["metadata"]["uid"] != metadata["uid"]
        self.dead.add(metadata["uid"])

    # --- List and watch ---------------------------------------------------------------------------------------

    @precondition(lambda self: self.listing is None)
    @rule()
    def a_listing_starts(self) -> None:
        self.cache.listing_started()
        items = [
            copy.deepcopy(obj) for name, obj in self.server.objects.items() if name in self.server.held()
        ]
        self.listing = (items, self.server.version)

    @precondition(lambda self: self.listing is not None)
    @rule(fails=st.booleans())
    def a_listing_ends(self, fails: bool) -> None:
        assert self.listing is not None
        (items, version), self.listing = self.listing, None
        if fails:
            return
        for change in self.cache.replace([self.cache.compact(item) for item in items], str(version)):
            self._announce(change)
        self.sent = version

    @precondition(lambda self: self.sent is not None)
    @rule(back=st.integers(1, 50))
    def an_older_listing_is_refused(self, back: int) -> None:
        reached = int(self.cache.resource_version or 0)
        before = {name: obj for name in self.shadow if (obj := self.cache.get("ns", name))}
        try:
            self.cache.replace([], str(reached - back))
        except OlderListingError:
            assert before == {name: obj for name in self.shadow if (obj := self.cache.get("ns", name))}
        else:
            raise AssertionError("an older listing was taken in")

    @precondition(lambda self: self.sent is not None and self.listing is None)
    @rule(most=st.integers(1, 3))
    def events_arrive(self, most: int) -> None:
        assert self.sent is not None
        for version, event_type, obj in [each for each in self.server.history if each[0] > self.sent][:most]:
            self.sent = version
            self._deliver(event_type, obj)

    @precondition(lambda self: self.sent is not None and self.server.history)
    @rule(data=st.data())
    def an_old_event_is_repeated(self, data: st.DataObject) -> None:
        old = [each for each in self.server.history if each[0] <= (self.sent or 0)]
        if old:
            _, event_type, obj = data.draw(st.sampled_from(old))
            known = (self.cache.get("ns", obj["metadata"]["name"]), self.cache.resource_version)
            self._deliver(event_type, obj)
            assert known == (self.cache.get("ns", obj["metadata"]["name"]), self.cache.resource_version)

    @precondition(lambda self: self.sent is not None and self.listing is None)
    @rule()
    def a_bookmark_arrives(self) -> None:
        self.events_arrive(1_000)
        self.sent = self.server.version
        self.cache.bookmark(str(self.server.version))

    def _deliver(self, event_type: Any, obj: dict[str, Any]) -> None:
        self._announce(self.cache.apply_event(event_type, copy.deepcopy(obj)))

    # --- What must hold ---------------------------------------------------------------------------------------

    def _announce(self, change: Change | None) -> None:
        """Follow an announcement, which must start from what was known and tell something new."""
        if change is None:
            return
        obj = change.new if change.new is not None else change.old
        assert obj is not None
        name = obj["metadata"]["name"]
        known = self.shadow.get(name)
        assert (change.old is None) is (known is None) is (change.kind == "added")
        assert change.old is None or content(change.old) == known
        assert (change.new is None) is (change.kind == "deleted")
        if change.new is None:
            assert change.old is not None
            del self.shadow[name]
            if self._will_not_return(change.old["metadata"]["uid"]):
                self.dead.add(change.old["metadata"]["uid"])
        else:
            assert content(change.new) != known
            self.shadow[name] = content(change.new)

    def _will_not_return(self, uid: str) -> bool:
        """Whether the deletion is not just a label taken off, with the label's return still to come."""
        alive = {obj["metadata"]["uid"] for obj in self.server.objects.values()}
        reached = int(self.cache.resource_version or 0)
        coming = {obj["metadata"]["uid"] for version, _, obj in self.server.history if version > reached}
        return uid not in alive | coming

    @invariant()
    def the_announcements_tell_everything(self) -> None:
        assert self.shadow == {obj["metadata"]["name"]: content(obj) for obj in self.cache.objects()}

    @invariant()
    def no_object_goes_back_in_time(self) -> None:
        for obj in self.cache.objects():
            name = obj["metadata"]["name"]
            assert version_of(obj) >= self.newest.get(name, 0), f"{name} went back in time"
            assert obj["metadata"]["uid"] not in self.dead, f"{name} came back from the dead"
            self.newest[name] = version_of(obj)

    @invariant()
    def the_index_matches(self) -> None:
        self.cache.validate()

    def teardown(self) -> None:
        """However it went before: after a listing, or after the rest of the watch, cache and server are the same."""
        if self.sent is not None and self.listing is None:
            self.events_arrive(1_000)
            self._same_as_the_server()
        self.listing = None
        self.a_listing_starts()
        self.a_listing_ends(fails=False)
        self._same_as_the_server()
        for answer in self.answers:
            self._announce(self.cache.write_through(answer))
        self._same_as_the_server()
        self.the_announcements_tell_everything()

    def _same_as_the_server(self) -> None:
        assert {o["metadata"]["name"]: str(version_of(o)) for o in self.cache.objects()} == self.server.held()


CacheMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestCache = CacheMachine.TestCase
