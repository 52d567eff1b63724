"""The shell around the rules: reads and writes the Lease, runs the work while it is held."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from random import Random
from typing import Any, Protocol

import structlog
from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.errors import (
    ConfigurationError,
    ConflictError,
    FatalError,
    NotFoundError,
    RetryableError,
    TerminalError,
)
from gco_stream_reconciler.leadership.failures import FailureObserver, LeaseFailures
from gco_stream_reconciler.leadership.lease_copy import LeaseCopy, LeaseStore
from gco_stream_reconciler.leadership.rules import Rules
from gco_stream_reconciler.leadership.uncancelled import to_its_end
from gco_stream_reconciler.settings import LeadershipSettings

Lead = Callable[[], Awaitable[None]]
# Below the resolution of a clock a wait would return without any time having passed, and be repeated.
_SHORTEST_WAIT_SECONDS = 0.001


class LeadershipObserver(FailureObserver, Protocol):
    """Measurements."""

    def leading(self, leads: bool) -> None:
        """Leadership was won or has ended."""

    def renewed(self, seconds: float) -> None:
        """A renewal took so long."""


class LeaderElector:
    """Runs work while, and only while, this process holds the lease.

    `clock` is monotonic seconds, `wall_clock` tells the time with its zone. Raises ConfigurationError for figures or an
    identity by which two could lead at once.
    """

    def __init__(
        self,
        *,
        leases: LeaseStore,
        identity: str,
        settings: LeadershipSettings,
        clock: Callable[[], float],
        wall_clock: Callable[[], datetime],
        random: Random,
        observer: LeadershipObserver,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._rules = Rules(
            identity=identity,
            lease_seconds=settings.lease_seconds,
            renew_deadline_seconds=settings.renew_deadline_seconds,
            renew_interval_seconds=settings.renew_interval_seconds,
            predecessor_grace_seconds=settings.predecessor_grace_seconds,
        )
        try:
            self._rules.validate()
        except ValueError as error:
            raise ConfigurationError(f"leader election: {error}") from error
        self._copy = LeaseCopy(settings.lease_name, leases=leases, rules=self._rules, clock=clock)
        self._clock = clock
        self._wall_clock = wall_clock
        self._random = random
        self._observer = observer
        self._log: FilteringBoundLogger = log or structlog.get_logger()
        self.failures = LeaseFailures(settings.lease_name, clock=clock, observer=observer, log=self._log)
        # When the request that last won or renewed the lease was sent; None = not leading.
        self._renewed_at: float | None = None
        # An acquisition was sent whose outcome is not known, or may have come about later.
        self._acquiring = False

    @property
    def is_leader(self) -> bool:
        """Whether work may go on at this very moment, by the clock: true of no two processes at once."""
        return self._leads_now()

    @property
    def has_seen_the_lease(self) -> bool:
        """Whether this process has ever seen it; before, nothing is known of a leader."""
        return self._copy.observation is not None

    @property
    def leader_identity(self) -> str:
        """Holder as this process last saw it, "" for nobody."""
        return self._copy.holder

    async def run(self, lead: Lead) -> None:
        """Stand for election, run `lead()` while elected, stand again when the lease was lost.

        Returns when `lead()` has returned, raises what it raised; the lease is released before either. On loss `lead()` is
        cancelled, with `is_leader` False: it must not drain then. On cancellation it is cancelled with `is_leader`
        True: it may drain, and the lease is renewed until it has ended; a second cancellation is passed on to it.
        """
        while True:
            try:
                await self._stand()
            except asyncio.CancelledError:
                if self._acquiring:
                    await to_its_end(self._release(), "lease-release")
                raise
            if await self._serve(lead):
                return

    # --- As a candidate -----------------------------------------------------------------------------------

    async def _stand(self) -> None:
        """Return once elected."""
        while True:
            try:
                elected = await self._acquire()
            except ConflictError:
                self.failures.succeeded()
                self._log.debug("lease_taken_by_another", lease=self._copy.name)
            except (RetryableError, TerminalError) as error:
                self.failures.failed("acquire", error)
            else:
                self.failures.succeeded()
                if elected:
                    return
            now = self._clock()
            await asyncio.sleep(
                self._rules.next_try(self._copy.observation, now, chance=self._random.random()) - now
            )

    async def _acquire(self) -> bool:
        await self._copy.read()
        sent = self._clock()
        if not self._rules.may_acquire(self._copy.observation, sent):
            return False
        before = self._copy.observation
        record = self._rules.acquired(before.record if before else None, self._wall_clock())
        self._acquiring = True
        written = await self._copy.write(record)
        self._acquiring = False
        self._copy.saw(written)
        self._renewed_at = sent
        self._observer.leading(True)
        self._log.info(
            "leadership_won", lease=self._copy.name, identity=record.holder, transitions=record.transitions
        )
        return True

    # --- As the leader ------------------------------------------------------------------------------------

    async def _serve(self, lead: Lead) -> bool:
        """Run the work and renew the lease; True when the work has ended by itself, False when the lease was lost.

        The tasks are not in a TaskGroup: at shutdown a group would cancel the renewal together with the work, and the
        lease could pass on while the work drains.
        """
        work = asyncio.create_task(_run(lead), name="leader-work")
        renewal = asyncio.create_task(self._keep(), name="lease-renewal")
        shutdown = await self._until_over(work, renewal)
        lost = not work.done()
        self._renewed_at = None
        self._observer.leading(False)
        if lost:
            self._log.error(
                "leadership_lost", lease=self._copy.name, reason=_reason(renewal), holder=self.leader_identity
            )
            shutdown = await self._stop(work) or shutdown
        renewal.cancel()
        shutdown = await to_its_end(_ended(renewal, self._rules.call_seconds()), "lease-wait") or shutdown
        if not lost:
            shutdown = await to_its_end(self._release(), "lease-release") or shutdown
        return _outcome(work, renewal, lost=lost, shutdown=shutdown)

    def _leads_now(self) -> bool:
        return self._renewed_at is not None and self._rules.still_leads(self._renewed_at, self._clock())

    async def _until_over(self, work: asyncio.Task[None], renewal: asyncio.Task[str]) -> bool:
        """Wait until the work has ended or the lease is lost; whether this task was cancelled meanwhile."""
        shutdown = False
        while not work.done() and not renewal.done() and self._renewed_at is not None:
            # Judged here by the clock, whatever the renewal waits for.
            left = self._rules.leads_until(self._renewed_at) - self._clock()
            if left <= 0:
                break
            try:
                await asyncio.wait(
                    {work, renewal},
                    timeout=max(left, _SHORTEST_WAIT_SECONDS),
                    return_when=asyncio.FIRST_COMPLETED,
                )
            except asyncio.CancelledError:
                shutdown = True
                self._log.info("leader_stops", lease=self._copy.name)
                work.cancel()
        return shutdown

    async def _stop(self, work: asyncio.Task[None]) -> bool:
        """Cancel the work until it has ended; whether this task was cancelled meanwhile."""
        shutdown = False
        limit = self._clock() + self._rules.stop_seconds
        warned = False
        while not work.done():
            # Again and again: the first cancellation may only have begun a drain.
            work.cancel()
            try:
                await asyncio.wait({work}, timeout=self._rules.stop_seconds / 2)
            except asyncio.CancelledError:
                shutdown = True
            if not work.done() and not warned and self._clock() >= limit:
                warned = True
                self._log.error(
                    "work_outlives_the_lease", lease=self._copy.name, limit_seconds=self._rules.stop_seconds
                )
        return shutdown

    async def _keep(self) -> str:
        """Renew until the lease is lost; returns why."""
        failed = False
        while self._renewed_at is not None:
            now = self._clock()
            due = self._rules.next_renewal(self._renewed_at, now, failed=failed, chance=self._random.random())
            await asyncio.sleep(due - now)
            try:
                if not await self._renew():
                    return f"the lease is {self.leader_identity or 'nobody'}'s now"
                failed = False
            except (RetryableError, TerminalError) as error:
                failed = True
                self.failures.failed("renew", error)
        return "not renewed in time"

    async def _renew(self) -> bool:
        """Renew once; False when the lease is not ours any more."""
        sent = self._clock()
        if not self._leads_now():
            return False
        try:
            written = await self._copy.write(self._rules.renewed(self._copy.own_record(), self._wall_clock()))
        except (ConflictError, NotFoundError):
            await self._copy.read()
            if self._copy.is_not_ours:
                return False
            # Our own earlier update has arrived late, or somebody has edited or deleted the Lease: try again with that.
            raise
        if not self._leads_now():
            # The answer came too late: the work is being stopped, and a new term begins with a new election.
            return False
        self._copy.saw(written)
        self._renewed_at = sent
        self.failures.succeeded()
        self._observer.renewed(self._clock() - sent)
        return True

    async def _release(self) -> None:
        """Let others in at once, if the lease is still ours; gives up after a call's time, the lease expires then."""
        try:
            async with asyncio.timeout(self._rules.call_seconds()):
                while not await self._release_once():
                    await self._copy.read()
        except (RetryableError, TerminalError, TimeoutError) as error:
            self.failures.failed("release", error)
        finally:
            self._acquiring = False

    async def _release_once(self) -> bool:
        """False when another write came before ours: the Lease has to be read again."""
        if self._acquiring:
            await self._copy.read()
        if not self._copy.is_ours:
            return True
        record = self._rules.released(self._copy.own_record(), self._wall_clock())
        try:
            self._copy.saw(await self._copy.write(record))
        except ConflictError:
            return False
        self._log.info("leadership_released", lease=self._copy.name)
        return True


async def _run(lead: Lead) -> None:
    await lead()


async def _ended(task: asyncio.Task[Any], seconds: float) -> None:
    await asyncio.wait({task}, timeout=seconds)


def _reason(renewal: asyncio.Task[str]) -> str:
    if not renewal.done() or renewal.cancelled():
        return "not renewed in time"
    error = renewal.exception()
    return f"{type(error).__name__}: {error}" if error else renewal.result()


def _outcome(work: asyncio.Task[None], renewal: asyncio.Task[str], *, lost: bool, shutdown: bool) -> bool:
    """What `_serve` makes of its ended tasks: a crash of either is raised, before a cancellation is."""
    for task in (work, renewal):
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            raise error
    if shutdown:
        raise asyncio.CancelledError
    if work.cancelled() and not lost:
        raise FatalError("the leader's work cancelled itself; the process ends so that another takes over")
    return not lost
