"""The Lease as this process last saw it, and the calls that read and write it, each with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from gco_stream_reconciler.errors import FatalError, UnavailableError
from gco_stream_reconciler.leadership.rules import (
    LeaseRecord,
    Observation,
    Rules,
    lease_of,
    observe,
    record_of,
)

T = TypeVar("T")


class LeaseStore(Protocol):
    """Leases of one namespace, as coordination/v1 objects in plain dicts; every method raises ReconcilerError."""

    async def get(self, name: str) -> dict[str, Any] | None:
        """The newest version, or None."""

    async def create(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Create it; raises ConflictError when there is one."""

    async def replace(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Replace exactly the version in metadata.resourceVersion; raises ConflictError, NotFoundError."""


class LeaseCopy:
    """What is known of the Lease `name`. `clock` is monotonic seconds.

    Calls raise what the store raises, and UnavailableError where no answer comes within a call's time.
    """

    def __init__(self, name: str, *, leases: LeaseStore, rules: Rules, clock: Callable[[], float]) -> None:
        self.name = name
        self.observation: Observation | None = None
        """The record as last seen, since when; kept when the Lease goes. None before the first."""
        self._leases = leases
        self._rules = rules
        self._clock = clock
        # As last read or written, None while there is none; an update replaces exactly this version.
        self._lease: dict[str, Any] | None = None

    @property
    def holder(self) -> str:
        """Holder as last seen, "" for nobody."""
        return self.observation.record.holder if self.observation else ""

    @property
    def is_ours(self) -> bool:
        """Whether there is a Lease and this process holds it."""
        return self._lease is not None and self.holder == self._rules.identity

    @property
    def is_not_ours(self) -> bool:
        """Whether there is a Lease and somebody else or nobody holds it; False while there is none."""
        return self._lease is not None and self.holder != self._rules.identity

    def own_record(self) -> LeaseRecord:
        """The record of a Lease that this process holds."""
        if self.observation is None:
            raise FatalError("a lease is held that was never seen; this is a bug")
        return self.observation.record

    async def read(self) -> None:
        """Ask for the newest version and take it in."""
        lease = await self._bounded(self._leases.get(self.name))
        if lease is None:
            self._lease = None
        else:
            self.saw(lease)

    async def write(self, record: LeaseRecord) -> dict[str, Any]:
        """Create the Lease, or replace the version last seen; the answer, which is the caller's to take in (`saw`)."""
        lease = lease_of(self.name, record, self._lease)
        if self._lease is None:
            return await self._bounded(self._leases.create(lease))
        return await self._bounded(self._leases.replace(lease))

    def saw(self, lease: dict[str, Any]) -> None:
        """Take an answer in: this is the newest version now."""
        record = record_of(lease, default_lease_seconds=self._rules.lease_seconds)
        self._lease = lease
        self.observation = observe(self.observation, record, self._clock())

    async def _bounded(self, call: Awaitable[T]) -> T:
        seconds = self._rules.call_seconds()
        try:
            async with asyncio.timeout(seconds):
                return await call
        except TimeoutError as error:
            raise UnavailableError(f"Lease {self.name}: no answer within {seconds:.1f} s") from error
