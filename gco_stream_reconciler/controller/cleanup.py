"""The limit on clean-ups that nobody commanded (rule 13), remembered in the cluster so that it outlives the leader."""

import asyncio
from collections.abc import Callable
from typing import Any

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.controller.inventory import Inventory
from gco_stream_reconciler.controller.ports import Cluster, ClusterCache, ControllerObserver
from gco_stream_reconciler.controller.table_identity import TableIdentity
from gco_stream_reconciler.errors import TerminalError
from gco_stream_reconciler.planning.orphans import (
    Admission,
    Ledger,
    OrphanWatch,
    admit,
    decode_ledger,
    encode_ledger,
    recent_cleanups,
)
from gco_stream_reconciler.planning.ownership import FIELD_MANAGER
from gco_stream_reconciler.planning.strays import endpoint_of
from gco_stream_reconciler.settings import LEDGER_NAME

ANNOTATION_LEDGER = "gco.io/cleanups"


class CleanupRefusedError(TerminalError):
    """Too much would be cleaned up. The message says how a person lets it go on."""


class CleanupLimit:
    """Admits clean-ups one at a time. `now` is epoch seconds.

    The ledger is read and written for every admission: they are rare, and a stale one would admit too much.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        cache: ClusterCache,
        inventory: Inventory,
        orphans: OrphanWatch,
        identity: TableIdentity,
        namespace: str,
        limit: int | None,
        observer: ControllerObserver,
        now: Callable[[], float],
        log: FilteringBoundLogger,
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._inventory = inventory
        self._orphans = orphans
        self._identity = identity
        self._namespace = namespace
        self._limit = limit
        self._observer = observer
        self._now = now
        self._log = log
        self._one_at_a_time = asyncio.Lock()

    async def admit(self, name: str) -> None:
        """Return if the endpoint may be cleaned up; then it is in the ledger.

        Raises CleanupRefusedError, TableReplacedError, and whatever the cluster or the table raises: without the ledger,
        or without knowing that the table is the same one, nothing is cleaned up.
        """
        async with self._one_at_a_time:
            ledger = await self._read()
            decided = self._decide(name, ledger)
            if decided.refusal is not None:
                self._observer.cleanup_refused()
                self._log.error("cleanup_refused", endpoint=name, reason=decided.refusal)
                raise CleanupRefusedError(decided.refusal)
            await self._identity.check()
            if decided.ledger != ledger:
                await self._cluster.apply(
                    self._manifest(decided.ledger), field_manager=FIELD_MANAGER, force=True
                )

    def _decide(self, name: str, ledger: Ledger) -> Admission:
        now = self._now()
        held = self._cache.endpoint_keys()
        doomed = self._inventory.unwanted_here(held) | self._orphans.candidates
        affected = {*recent_cleanups(ledger, now), *doomed, name}

        def judged(standing: set[str]) -> Admission:
            endpoints = len(standing | affected)
            return admit(name, ledger, doomed=doomed, endpoints=endpoints, limit=self._limit, now=now)

        # What is refused of more endpoints than there are is refused anyway; only else each object is looked at, for a
        # refusal is repeated for every endpoint that it concerns.
        most = judged(held)
        return most if most.refusal is not None else judged(self._standing(held))

    def _standing(self, held: set[str]) -> set[str]:
        """Endpoints with objects. A canary of the predecessor's is held under two names."""
        found = {
            endpoint_of(obj, self._inventory) for key in held for _, obj in self._cache.for_endpoint(key)
        }
        return {name for name in found if name is not None}

    async def _read(self) -> Ledger:
        found = await self._cluster.get("Lease", self._namespace, LEDGER_NAME)
        text = None if found is None else (found["metadata"].get("annotations") or {}).get(ANNOTATION_LEDGER)
        try:
            return decode_ledger(text)
        except (ValueError, TypeError) as error:
            raise CleanupRefusedError(
                f"the annotation {ANNOTATION_LEDGER} of Lease {self._namespace}/{LEDGER_NAME} cannot be read ({error}), so "
                "nothing is cleaned up; delete the Lease"
            ) from error

    def _manifest(self, ledger: Ledger) -> dict[str, Any]:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": LEDGER_NAME,
                "namespace": self._namespace,
                "annotations": {ANNOTATION_LEDGER: encode_ledger(ledger)},
            },
        }
