"""The queue as plain state: who waits, who is in process, who comes later.

The semantics of client-go's workqueue (util/workqueue/queue.go, delaying_queue.go) with lanes. Times are seconds on
the caller's monotonic clock, passed in as `now`.
"""

import heapq
from collections import OrderedDict
from collections.abc import Mapping
from enum import IntEnum

_HEAP_SLACK = 64


class Lane(IntEnum):
    """Why a key waits: a change of the table, a change in the cluster, a time, a resync. Lower goes first."""

    LIVE = 0
    OBSERVED = 1
    TIMER = 2
    RESYNC = 3


PATIENCE_SECONDS: Mapping[Lane, float] = {Lane.OBSERVED: 10.0, Lane.TIMER: 15.0, Lane.RESYNC: 30.0}
"""After so long at the head of its lane a key gets every second turn. Half of the minute that the slowest lane may
wait is left for those ahead of it."""


class QueueState:
    """Dirty, processing and delayed keys.

    Invariants (see `validate`): a key waits in at most one lane; a waiting key is not in process; only a key in process
    is in `_again`; every delayed key has a live heap entry, and few others are kept.
    """

    def __init__(self) -> None:
        # Waiting: key → when it was first added. A key that moves up keeps that time.
        self._lanes: tuple[OrderedDict[str, float], ...] = tuple(OrderedDict() for _ in Lane)
        self._lane_of: dict[str, Lane] = {}
        # In process: key → when it was handed out.
        self._processing: dict[str, float] = {}
        # In process and added again: key → lane, when.
        self._again: dict[str, tuple[Lane, float]] = {}
        # Later: key → due, lane. The heap may hold outdated entries, recognised by their due time.
        self._delayed: dict[str, tuple[float, Lane]] = {}
        self._heap: list[tuple[float, str]] = []
        self._last_was_aged = False

    def __len__(self) -> int:
        """Keys that wait to be handed out."""
        return len(self._lane_of)

    @property
    def in_process(self) -> int:
        """Keys that are being worked on."""
        return len(self._processing)

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is in process (delayed keys do not count)."""
        return not self._lane_of and not self._processing

    def add(self, key: str, lane: Lane, now: float) -> bool:
        """Mark a key dirty; whether it was not yet. A better lane than before moves it up."""
        current = self._lane_of.get(key)
        if current is not None:
            if lane < current:
                self._lanes[lane][key] = self._lanes[current].pop(key)
                self._lane_of[key] = lane
            return False
        if key in self._processing:
            again = self._again.get(key)
            if again is None:
                self._again[key] = (lane, now)
            elif lane < again[0]:
                self._again[key] = (lane, again[1])
            return again is None
        self._lanes[lane][key] = now
        self._lane_of[key] = lane
        return True

    def get(self, now: float) -> tuple[str, float]:
        """Hand out the next key and say how long it waited. Raises LookupError if none waits."""
        lane = self._next_lane(now)
        key, added = self._lanes[lane].popitem(last=False)
        del self._lane_of[key]
        self._processing[key] = now
        return key, now - added

    def _next_lane(self, now: float) -> Lane:
        if not self._lane_of:
            raise LookupError("no key waits")
        best = next(lane for lane in Lane if self._lanes[lane])
        # Every second turn only: a large aged backlog must not hold up live changes either.
        if not self._last_was_aged:
            aged = self._oldest_aged(best, now)
            if aged is not None:
                self._last_was_aged = True
                return aged
        self._last_was_aged = False
        return best

    def _oldest_aged(self, best: Lane, now: float) -> Lane | None:
        oldest, found = now, None
        for lane, patience in PATIENCE_SECONDS.items():
            if lane > best and self._lanes[lane]:
                added = next(iter(self._lanes[lane].values()))
                if now - added >= patience and (found is None or added < oldest):
                    oldest, found = added, lane
        return found

    def done(self, key: str, now: float) -> tuple[float, bool]:
        """End a key's processing; how long it took, and whether the key waits again.

        Raises KeyError for a key that is not in process.
        """
        started = self._processing.pop(key)
        again = self._again.pop(key, None)
        if again is not None:
            lane, added = again
            self._lanes[lane][key] = added
            self._lane_of[key] = lane
        return now - started, again is not None

    def add_at(self, key: str, due: float, lane: Lane) -> bool:
        """Add a key when `due` has come, or earlier if that was asked for before; whether the due time is new."""
        held = self._delayed.get(key)
        if held is not None:
            lane = min(lane, held[1])
            if held[0] <= due:
                self._delayed[key] = (held[0], lane)
                return False
        self._delayed[key] = (due, lane)
        heapq.heappush(self._heap, (due, key))
        self._clear_outdated()
        return True

    def _clear_outdated(self) -> None:
        # More than half of them go, so on average this costs each entry as little as its push.
        if len(self._heap) > 2 * len(self._delayed) + _HEAP_SLACK:
            self._heap = [(at, name) for name, (at, _) in self._delayed.items()]
            heapq.heapify(self._heap)

    def next_due(self) -> float | None:
        """When the earliest delayed key is due."""
        while self._heap:
            due, key = self._heap[0]
            held = self._delayed.get(key)
            if held is not None and held[0] == due:
                return due
            heapq.heappop(self._heap)
        return None

    def add_due(self, now: float) -> int:
        """Add every delayed key whose time has come; how many were not yet dirty."""
        added = 0
        while (due := self.next_due()) is not None and due <= now:
            _, key = heapq.heappop(self._heap)
            _, lane = self._delayed.pop(key)
            added += self.add(key, lane, now)
        # A key that is due leaves its later entries behind.
        self._clear_outdated()
        return added

    def waiting_in(self, lane: Lane) -> int:
        """Keys that wait in one lane."""
        return len(self._lanes[lane])

    # --- For people and scrapes: O(keys), never on the hot path ---------------------------------------------

    def depth_by_lane(self) -> dict[Lane, int]:
        """Waiting keys of each lane."""
        return {lane: len(self._lanes[lane]) for lane in Lane}

    def waiting(self) -> dict[str, tuple[Lane, float]]:
        """Waiting keys, lane by lane in order: lane, when added."""
        return {key: (lane, added) for lane in Lane for key, added in self._lanes[lane].items()}

    def processing(self) -> dict[str, float]:
        """Keys in process: when handed out."""
        return dict(self._processing)

    def delayed(self) -> dict[str, tuple[float, Lane]]:
        """Keys to be added later: when, and into which lane."""
        return dict(self._delayed)

    def oldest_added(self) -> float | None:
        """When the key that has waited longest was added."""
        return min((added for lane in self._lanes for added in lane.values()), default=None)

    def validate(self) -> None:
        """Raise AssertionError where an invariant does not hold."""
        in_lanes = [key for lane in self._lanes for key in lane]
        _require(len(in_lanes) == len(set(in_lanes)), "a key waits in two lanes")
        _require(
            all(key in self._lanes[lane] for key, lane in self._lane_of.items())
            and len(in_lanes) == len(self._lane_of),
            "lanes and their index disagree",
        )
        _require(not self._processing.keys() & self._lane_of.keys(), "a key waits while in process")
        _require(
            self._again.keys() <= self._processing.keys(), "a key is to come again but is not in process"
        )
        entries = set(self._heap)
        _require(
            all((due, key) in entries for key, (due, _) in self._delayed.items()),
            "a delayed key has no heap entry",
        )
        _require(len(self._heap) <= 2 * len(self._delayed) + _HEAP_SLACK, "outdated heap entries pile up")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(what)
