"""What the console shows, as plain data. `app` fills it in; the pages and the JSON are made of it and of nothing else.

Every `at` is epoch seconds; ages and delays are seconds. Fields of type Any take whatever holds the facts: dataclasses,
mappings, sequences, numbers, texts. Secrets need not be taken out: no value leaves the console unredacted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class About:
    """Which process this is."""

    cluster: str = ""
    region: str = ""
    table: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Depth:
    """How much the queue holds at one moment."""

    live: int = 0
    observed: int = 0
    timer: int = 0
    resync: int = 0
    in_process: int = 0

    @property
    def waiting(self) -> int:
        """Keys of all lanes."""
        return self.live + self.observed + self.timer + self.resync


@dataclass(frozen=True, slots=True)
class WaitingKey:
    """A key that waits for a worker. `lane` is `LIVE`, `OBSERVED`, `TIMER` or `RESYNC`."""

    key: str
    lane: str
    age_seconds: float


@dataclass(frozen=True, slots=True)
class KeyInProcess:
    """A key that a worker has."""

    key: str
    age_seconds: float


@dataclass(frozen=True, slots=True)
class DelayedKey:
    """A key that is added later."""

    key: str
    lane: str
    due_in_seconds: float


@dataclass(frozen=True, slots=True)
class FailingKey:
    """A key that has failed since its last success. A terminal failure waits for new input."""

    key: str
    failures: int
    error: str
    terminal: bool
    failing_for_seconds: float
    """Since the first of them."""


@dataclass(frozen=True, slots=True)
class QueueView:
    """The work queue, in the order in which keys come out of it."""

    waiting: tuple[WaitingKey, ...] = ()
    in_process: tuple[KeyInProcess, ...] = ()
    delayed: tuple[DelayedKey, ...] = ()
    failing: tuple[FailingKey, ...] = ()


@dataclass(frozen=True, slots=True)
class CanarySplit:
    """A canary's share of the traffic in percent: what the item asks for, what the Ingress has."""

    weight_wanted: int
    weight_applied: int


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One endpoint in this Region, as last seen."""

    name: str
    namespace: str = ""
    desired_state: str = ""
    state: str = ""
    replicas_ready: int = 0
    replicas_desired: int = 0
    exposure: str = ""
    canary: CanarySplit | None = None
    error: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """One step of a plan. `target` as `Deployment gco-inference/llama`.

    `action` is `apply`, `scale to 3`, `delete`, `annotate` or `take over`.
    """

    action: str
    target: str
    reasons: tuple[str, ...] = ()
    manifest: Any = None


@dataclass(frozen=True, slots=True)
class PlanView:
    """What would be done now. Actions of one stage are independent; a stage starts when the one before has succeeded."""

    stages: tuple[tuple[PlannedAction, ...], ...] = ()
    status: Any = None
    requeue_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """Something that was done. `result` is `done` or `failed`."""

    at: float
    action: str
    target: str
    reason: str
    result: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """A reconcile that failed."""

    at: float
    error: str


@dataclass(frozen=True, slots=True)
class EndpointDetail:
    """Everything that is known of one endpoint.

    desired: the decoded item. observed: title of an object (`Deployment gco-inference/llama`) → the object.
    why: sentences that name the rules which decided. actions and errors: newest first.
    """

    row: EndpointRow
    desired: Any = None
    observed: Mapping[str, Any] = field(default_factory=dict)
    plan: PlanView = field(default_factory=PlanView)
    why: tuple[str, ...] = ()
    actions: tuple[ActionRecord, ...] = ()
    errors: tuple[ErrorRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class ShardView:
    """One shard. `phase` is `READING`, `WAITING` or `DRAINED`; what only a reader knows is None without one."""

    shard_id: str
    phase: str
    parent_id: str | None = None
    polled_age_seconds: float | None = None
    lag_seconds: float | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class StreamView:
    """The change stream. `polled_age_seconds`: of the shard that has waited longest for a read, None without any."""

    arn: str = ""
    polled_age_seconds: float | None = None
    last_error: str = ""
    shards: tuple[ShardView, ...] = ()

    @property
    def lag_seconds(self) -> float | None:
        """The shard's that is furthest behind; None while none is read."""
        return max((s.lag_seconds for s in self.shards if s.lag_seconds is not None), default=None)


@dataclass(frozen=True, slots=True)
class LeadershipView:
    """Who leads. `holder` is "" for nobody; `known`: whether the lease was ever seen."""

    leads: bool = False
    holder: str = ""
    identity: str = ""
    known: bool = True


class ConsoleSource(Protocol):
    """Where the console gets what it shows. Only reads; called on the event loop, so none of it may block.

    A follower has an empty queue and stream, and what it knows of the endpoints.
    """

    def depth(self) -> Depth:
        """How much the queue holds; called once a second."""

    def queue(self) -> QueueView:
        """The whole queue."""

    def endpoints(self) -> Sequence[EndpointRow]:
        """Every endpoint, in any order."""

    async def endpoint(self, name: str) -> EndpointDetail | None:
        """One endpoint, or None. Raises ReconcilerError where something had to be read and could not."""

    def stream(self) -> StreamView:
        """The change stream and its shards."""

    def leadership(self) -> LeadershipView:
        """Who leads."""
