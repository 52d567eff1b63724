"""What the controller needs of the world, as small Protocols. `app` passes in what satisfies them."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

from gco_stream_reconciler.endpoints.model import Endpoint, RegionStatus
from gco_stream_reconciler.planning.actions import Action, Notice
from gco_stream_reconciler.planning.observed import KubeObject

Item = dict[str, Any]
"""An item of the table as DynamoDB JSON: attribute name → attribute value."""


class Identified(Protocol):
    """What tells a table from another one of its name."""

    @property
    def table_id(self) -> str:
        """Its id, which is given to no other table."""


class Table(Protocol):
    """The endpoint table. Every method raises RetryableError, PermissionDeniedError or TableNotFoundError."""

    async def get(self, name: str) -> Item | None:
        """The item as the read Region has it, or None."""

    async def get_home(self, name: str) -> Item | None:
        """The item as the home Region has it, read consistently, or None."""

    def scan(self) -> AsyncIterator[list[Item]]:
        """Every item, page by page; an incomplete scan raises."""

    async def write_status(
        self,
        *,
        name: str,
        region: str,
        created_at: str | None,
        status: Mapping[str, Any],
        only_if_desired_state: str | None,
        region_status_exists: bool,
    ) -> None:
        """Set one Region's entry; raises ConditionFailedError when the item is another one by now."""

    async def promote(self, item: Item) -> None:
        """Set desired_state to running; raises ConditionFailedError unless all that it rests on is as in `item`."""

    async def purge(self, item: Item) -> None:
        """Delete the item; raises ConditionFailedError unless every attribute is as in `item`."""

    async def describe(self) -> Identified:
        """The home table."""

    async def names_at_home(self) -> frozenset[str]:
        """Every endpoint of the home table, read consistently; an incomplete scan raises."""


class ClusterReads(Protocol):
    """What a plan may ask the API server for."""

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The object with its managedFields, or None."""

    async def list_pods(self, namespace: str, label_selector: str, *, limit: int) -> list[dict[str, Any]]:
        """The Pods that match."""


class Cluster(ClusterReads, Protocol):
    """Calls to the API server about single objects."""

    async def apply(self, manifest: Mapping[str, Any], *, field_manager: str, force: bool) -> dict[str, Any]:
        """Server-side apply; returns the object as the API server now has it."""

    async def delete(
        self,
        kind: str,
        namespace: str,
        name: str,
        *,
        uid: str,
        propagation: Literal["Foreground", "Background"],
    ) -> dict[str, Any] | None:
        """Delete one incarnation; returns the object while finalizers hold it, None when it is gone."""

    async def replace_managed_fields(
        self, obj: KubeObject, managed_fields: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Put other managedFields on the object as it was read; raises ConflictError when it has changed since."""


class ClusterCache(Protocol):
    """What list+watch has seen."""

    def get(self, kind: str, namespace: str, name: str) -> KubeObject | None:
        """The object, or None."""

    def for_endpoint(self, key: str) -> Iterable[tuple[str, KubeObject]]:
        """Kind and object of everything that may belong to the endpoint."""

    def endpoint_keys(self) -> set[str]:
        """Every endpoint that some object may belong to."""

    def stale(self, now: float) -> bool:
        """Whether some kind has been out of touch with the API server; `now` is monotonic."""

    def write_through(self, obj: dict[str, Any]) -> None:
        """Take the API server's own answer to a write; a difference is announced and queues the key."""

    def forget(self, kind: str, namespace: str, name: str, uid: str) -> None:
        """Drop an incarnation that the API server has confirmed gone; announced like a change."""


class Announcer(Protocol):
    """Tells people, in the way that `kubectl describe` shows. Never blocks and never raises."""

    def announce(self, regarding: KubeObject, notice: Notice) -> None:
        """Say something about an object."""


class Queue(Protocol):
    """A work queue of endpoint names."""

    async def get(self) -> str:
        """The next key; nobody else gets it until `done`."""

    def add(self, key: str) -> None:
        """Look at this key."""

    def add_after(self, key: str, seconds: float) -> None:
        """Look at this key later."""

    def done(self, key: str) -> None:
        """The key's work has ended."""

    def retry(
        self, key: str, *, error: str, terminal: bool = False, retry_after_seconds: float | None = None
    ) -> float:
        """Look again after the key's backoff; returns the delay in seconds."""

    def forget(self, key: str) -> None:
        """The key's work has succeeded: its backoff starts afresh."""


class ResyncQueue(Protocol):
    """Where a resync puts what differs."""

    def add_resync(self, key: str) -> None:
        """Look at this key when nothing more urgent waits."""


class ControllerObserver(Protocol):
    """Measurements. Durations are seconds."""

    def reconciled(self, result: str, seconds: float) -> None:
        """One reconcile ended as `success`, `retry`, `terminal` or `bug`."""

    def retried(self, error: str) -> None:
        """A reconcile failed and comes again; `error` is the class name of the error."""

    def applied(self, kind: str, reason: str) -> None:
        """An object was applied because it was `absent`, its `wanted state changed`, or it had `drift`."""

    def deleted(self, kind: str) -> None:
        """An object was deleted."""

    def reacted(self, seconds: float) -> None:
        """From a write in the table to the end of the applies that it caused."""

    def watchdog_removed(self) -> None:
        """The watchdog has taken an Ingress away."""

    def item_written(self, write: str, result: str) -> None:
        """A promotion or purge ended as `success` or `conflict`."""

    def orphans_seen(self, candidates: int) -> None:
        """A complete look at table and cluster found so many endpoints of ours without an item."""

    def orphans_left(self, made_by: str, endpoints: int) -> None:
        """The same look found so many endpoints without an item whose objects are not ours to delete."""

    def cleanup_refused(self) -> None:
        """The limit on clean-ups without a delete command has refused one."""

    def status_written(self, result: str) -> None:
        """A status write ended as `success`, `conflict` or `retry`."""

    def resynced(self, result: str, seconds: float, queued: int) -> None:
        """A resync ended as `success` or `failed`, having queued so many keys."""


class Journal(Protocol):
    """Takes what happens to each endpoint, for people to look at. Nothing here blocks or raises."""

    def seen(self, endpoint: Endpoint) -> None:
        """An item was read; its status of this Region is the newest that is known."""

    def reported(self, endpoint: Endpoint, status: RegionStatus) -> None:
        """This Region's status has changed, and is about to be written."""

    def gone(self, name: str) -> None:
        """The table has no such item."""

    def retain(self, names: Collection[str]) -> None:
        """A complete look at the table found these and no others."""

    def acted(self, name: str, action: Action, error: str) -> None:
        """An action was carried out; "" is success."""

    def failed(self, name: str, error: str) -> None:
        """A reconcile failed."""
