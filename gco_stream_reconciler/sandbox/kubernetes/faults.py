"""Faults that a test puts in: what the API server, or the way to it, does wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from gco_stream_reconciler.sandbox.kubernetes.calls import Call


@dataclass(slots=True, eq=False)
class Fault:
    """What goes wrong with the calls that match. A field that is None matches anything.

    status: the answer, with `message`, and `Retry-After: retry_after`; `plain` makes it text instead of a Status.
    delay: seconds before anything else. hang: no answer until the client goes away. reset: the connection is cut, before
    or after the call was carried out. executed: the call is carried out although its answer is a fault.
    drop_events, repeat_events: so many events of a watch are lost, then so many are sent twice; bookmarks count too.
    after_events: what goes wrong with a watch comes when so many events were sent, its reset or hang last of all; a
    reset before, a status and a delay come before it begins.
    times: how many calls it spoils, None for all; skip: how many it lets pass before.
    """

    verb: str | None = None
    kind: str | None = None
    namespace: str | None = None
    name: str | None = None
    subresource: str | None = None
    manager: str | None = None
    when: Callable[[Call], bool] | None = None
    status: int | None = None
    message: str = "injected"
    reason: str = ""
    retry_after: int | None = None
    plain: bool = False
    delay: float = 0.0
    hang: bool = False
    reset: Literal["before", "after"] | None = None
    executed: bool = False
    drop_events: int = 0
    repeat_events: int = 0
    after_events: int = 0
    times: int | None = 1
    skip: int = 0
    hits: int = field(default=0, init=False)

    def matches(self, call: Call) -> bool:
        """Whether it spoils a call, its number aside."""
        wanted = (
            (self.verb, call.verb),
            (self.kind, call.kind.kind),
            (self.namespace, call.namespace),
            (self.name, call.name),
            (self.subresource, call.subresource),
            (self.manager, call.manager),
        )
        same = all(want in (None, have) for want, have in wanted)
        return same and (self.when is None or self.when(call))


class Faults:
    """The faults in force, first come first served."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Put one in."""
        self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Take one out, if it is still there."""
        if fault in self._faults:
            self._faults.remove(fault)

    def clear(self) -> None:
        """Take all out."""
        self._faults.clear()

    def take(self, call: Call) -> Fault | None:
        """The fault of a call; None for a call that goes well."""
        for fault in self._faults:
            if not fault.matches(call):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.hits += 1
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
            return fault
        return None
