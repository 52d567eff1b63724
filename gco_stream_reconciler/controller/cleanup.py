"""The limit on clean-ups that nobody commanded (rule 13), remembered in the cluster so that it outlives the leader."""

import asyncio
from collections.abc import Callable
from typing import Any

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.controller.inventory import Inventory
from gco_stream_reconciler.controller.ports import Cluster, ClusterCache, ControllerObserver
from gco_stream_reconciler.errors import TerminalError
from gco_stream_reconciler.planning.orphans import (
    Ledger,
    OrphanWatch,
    admit,
    decode_ledger,
    encode_ledger,
)
from gco_stream_reconciler.planning.ownership import FIELD_MANAGER

LEDGER_NAME = "gco-stream-reconciler-cleanups"
"""A Lease of this name carries the ledger: a kind that the controller's Role covers anyway."""

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
        self._namespace = namespace
        self._limit = limit
        self._observer = observer
        self._now = now
        self._log = log
        self._one_at_a_time = asyncio.Lock()

    async def admit(self, name: str) -> None:
        """Return if the endpoint may be cleaned up; then it is in the ledger.

        Raises CleanupRefusedError, and whatever the cluster raises: without the ledger nothing is cleaned up.
        """
        async with self._one_at_a_time:
            ledger = await self._read()
            held = self._cache.endpoint_keys()
            doomed = self._inventory.unwanted_here(held) | self._orphans.candidates
            decided = admit(
                name,
                ledger,
                doomed=doomed,
                endpoints=self._inventory.count({*held, *ledger}),
                limit=self._limit,
                now=self._now(),
            )
            if decided.refusal is not None:
                self._observer.cleanup_refused()
                self._log.error("cleanup_refused", endpoint=name, reason=decided.refusal)
                raise CleanupRefusedError(decided.refusal)
            if decided.ledger != ledger:
                await self._cluster.apply(
                    self._manifest(decided.ledger), field_manager=FIELD_MANAGER, force=True
                )

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
