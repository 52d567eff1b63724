"""When a lease may be taken, must be given up, and what to write into it. Pure.

Every time is one of the local monotonic clock, in seconds, unless it is called RFC 3339. The rules are those of client-go's
leaderelection, with the stricter choice wherever "now" could be before or after a request: a leader counts from
before it sent its renewal, a candidate from after it received what it saw.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

IDENTITY_PREFIX = "gco-stream-reconciler/"
READ_INTERVAL_SECONDS = 1.0
# As many tries fit between the first failing renewal and the renew deadline, should each of them hang.
_TRIES_PER_DEADLINE = 3
_RELEASED_LEASE_SECONDS = 1


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """The spec of a Lease, as far as elections go. Two equal records mean: nobody has renewed in between.

    `holder` is "" for nobody. Both times are RFC 3339, as found, and only ever compared for equality.
    """

    holder: str
    lease_seconds: float
    acquire_time: str = ""
    renew_time: str = ""
    transitions: int = 0


@dataclass(frozen=True, slots=True)
class Observation:
    """A record, and when this process saw it change to what it is."""

    record: LeaseRecord
    observed_at: float


@dataclass(frozen=True, slots=True)
class Rules:
    """One candidate's figures; `validate` them once.

    `identity` must start with the prefix and be new for every process: a restarted one must not take itself for its
    predecessor's holder.
    """

    identity: str
    lease_seconds: float
    renew_deadline_seconds: float
    renew_interval_seconds: float
    predecessor_grace_seconds: float

    def validate(self) -> None:
        """Raises ValueError when these figures could make two leaders, or none."""
        if not self.identity.startswith(IDENTITY_PREFIX) or self.identity == IDENTITY_PREFIX:
            raise ValueError(
                f"identity {self.identity!r} must be {IDENTITY_PREFIX}<something unique to the process>"
            )
        if self.lease_seconds < 1 or self.lease_seconds != int(self.lease_seconds):
            raise ValueError("lease_seconds must be a whole number of at least 1")
        if not 0 < self.renew_interval_seconds < self.renew_deadline_seconds < self.lease_seconds:
            raise ValueError("0 < renew interval < renew deadline < lease duration must hold")
        if self.predecessor_grace_seconds < 0:
            raise ValueError("predecessor_grace_seconds must not be negative")

    # --- As a candidate -----------------------------------------------------------------------------------

    def free_at(self, observation: Observation | None) -> float:
        """From when on the lease may be taken; minus infinity = now.

        None is a lease that has never been there. A holder whose identity is not of our form is a predecessor that renews
        in its own slow rhythm: it is given the longer of its lease and the grace.
        """
        if observation is None or observation.record.holder in ("", self.identity):
            return float("-inf")
        record = observation.record
        ours = record.holder.startswith(IDENTITY_PREFIX)
        binding = record.lease_seconds if ours else max(record.lease_seconds, self.predecessor_grace_seconds)
        return observation.observed_at + binding

    def may_acquire(self, observation: Observation | None, now: float) -> bool:
        """Whether the lease may be taken now, by an update of exactly the version that was observed."""
        return now >= self.free_at(observation)

    def next_try(self, observation: Observation | None, now: float, *, chance: float) -> float:
        """When to look again: within a second, and exactly when the lease expires. `chance` is in [0, 1)."""
        soon = now + READ_INTERVAL_SECONDS * (1 - 0.2 * chance)
        expiry = self.free_at(observation)
        return min(soon, expiry) if expiry > now else soon

    # --- As the leader ------------------------------------------------------------------------------------

    def leads_until(self, renewed_at: float) -> float:
        """When leadership ends unless renewed; `renewed_at` is from before that renewal was sent."""
        return renewed_at + self.renew_deadline_seconds

    def still_leads(self, renewed_at: float, now: float) -> bool:
        """Whether work may go on."""
        return now < self.leads_until(renewed_at)

    def next_renewal(self, renewed_at: float, now: float, *, failed: bool, chance: float) -> float:
        """When to renew: at the interval; after a failure within half of it. `chance` is in [0, 1)."""
        if failed:
            return now + self.renew_interval_seconds * (0.5 - 0.25 * chance)
        return max(now, renewed_at + self.renew_interval_seconds)

    def call_seconds(self) -> float:
        """Deadline of one call, so that a hung one leaves time for others."""
        return self.renew_deadline_seconds / _TRIES_PER_DEADLINE

    @property
    def stop_seconds(self) -> float:
        """How long the work may take to end once the lease is lost."""
        return self.lease_seconds - self.renew_deadline_seconds

    # --- What to write ------------------------------------------------------------------------------------

    def acquired(self, old: LeaseRecord | None, now: datetime) -> LeaseRecord:
        """The record that takes the lease; a change of holder counts as a transition."""
        if old is not None and old.holder == self.identity:
            return self.renewed(old, now)
        return LeaseRecord(
            holder=self.identity,
            lease_seconds=self.lease_seconds,
            acquire_time=rfc3339(now),
            renew_time=rfc3339(now),
            transitions=0 if old is None else old.transitions + 1,
        )

    def renewed(self, old: LeaseRecord, now: datetime) -> LeaseRecord:
        """The record that keeps the lease. Its time always moves on: an equal record would look like no renewal."""
        last = _parsed(old.renew_time)
        moment = now if last is None else max(now, last + timedelta(microseconds=1))
        acquired = old.acquire_time or rfc3339(now)
        return replace(
            old, lease_seconds=self.lease_seconds, acquire_time=acquired, renew_time=rfc3339(moment)
        )

    def released(self, old: LeaseRecord, now: datetime) -> LeaseRecord:
        """The record that lets others in at once; the next holder counts the transition."""
        return replace(
            old,
            holder="",
            lease_seconds=_RELEASED_LEASE_SECONDS,
            acquire_time=rfc3339(now),
            renew_time=rfc3339(now),
        )


def observe(previous: Observation | None, record: LeaseRecord | None, now: float) -> Observation | None:
    """What is known after a read whose answer arrived at `now`.

    A lease that has vanished (None) binds for as long as it would have: its holder may not know yet.
    """
    if record is None:
        return previous
    if previous is not None and previous.record == record:
        return previous
    return Observation(record, now)


# --- The Lease object -------------------------------------------------------------------------------------


def record_of(lease: Mapping[str, Any], *, default_lease_seconds: float) -> LeaseRecord:
    """Read a coordination/v1 Lease. All fields of its spec are optional; a missing duration is taken to be ours."""
    spec = lease.get("spec") or {}
    seconds = spec.get("leaseDurationSeconds")
    return LeaseRecord(
        holder=spec.get("holderIdentity") or "",
        lease_seconds=seconds if isinstance(seconds, int) and seconds > 0 else default_lease_seconds,
        acquire_time=spec.get("acquireTime") or "",
        renew_time=spec.get("renewTime") or "",
        transitions=spec.get("leaseTransitions") or 0,
    )


def lease_of(name: str, record: LeaseRecord, read: Mapping[str, Any] | None) -> dict[str, Any]:
    """The Lease to write: `read` with our fields changed, its resourceVersion and whatever else it holds kept."""
    old = read or {"metadata": {"name": name}}
    spec = {
        **(old.get("spec") or {}),
        "holderIdentity": record.holder,
        "leaseDurationSeconds": int(record.lease_seconds),
        "acquireTime": record.acquire_time,
        "renewTime": record.renew_time,
        "leaseTransitions": record.transitions,
    }
    return {**old, "spec": spec}


def _parsed(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def rfc3339(moment: datetime) -> str:
    """A MicroTime in UTC: `2026-11-21T01:00:00.000000Z`. Raises ValueError for a naive time."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be written into a Lease")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
