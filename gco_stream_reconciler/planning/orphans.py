"""Objects of ours whose item is gone (rule 13): candidates first, deleted only when two complete looks agree.

And the limit on what is cleaned up without a delete command, orphans and removed Regions alike: a wrong table, a wrong
REGION or a restored backup must not empty a cluster.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint
from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.planning.actions import ObjectRef, Plan
from gco_stream_reconciler.planning.deletion import plan_deletion
from gco_stream_reconciler.planning.observed import KubeObject, Observed, annotation
from gco_stream_reconciler.planning.ownership import Owner, owner_of
from gco_stream_reconciler.planning.situation import PlanSettings, Situation, is_named

CONFIRMED_AFTER_SECONDS = 60.0
WINDOW_SECONDS = 3600.0
_LEAST_LIMIT = 5
_SHARE = 10


def orphaned_objects(name: str, observed: Observed, settings: PlanSettings) -> dict[ObjectRef, KubeObject]:
    """What this controller made for an endpoint of this very table; all else is never an orphan."""
    return {
        ref: obj
        for ref, obj in observed.objects.items()
        if is_named(ref, name)
        and owner_of(obj, name) is Owner.OURS
        and annotation(obj, names.ANNOTATION_TABLE_ID) == settings.table_id
        and ref.namespace in settings.namespaces
    }


def plan_orphan(name: str, observed: Observed, now: float, settings: PlanSettings) -> Plan:
    """Take away what this controller made for an item that is gone; what others made, or for another table, stays."""
    ours = orphaned_objects(name, observed, settings)
    if not ours:
        return Plan()
    gone = Endpoint(
        name=name,
        desired_state=DesiredState.DELETED,
        target_regions=(settings.region,),
        namespace=min(ref.namespace for ref in ours),
        spec=None,
        spec_hash="",
        ingress_path=None,
    )
    situation = Situation(gone, replace(observed, objects=ours), now, settings)
    decided = plan_deletion(situation, reason="the item is gone from the table")
    return replace(decided, status=None, cleans_up=bool(decided.stages))


class OrphanWatch:
    """Which keys may be treated as orphans. `now` is monotonic seconds.

    Invariant: `_first_seen` holds exactly the candidates of the last complete look whose item nobody has seen since.
    """

    def __init__(self) -> None:
        self._first_seen: dict[str, float] = {}
        self._confirmed: frozenset[str] = frozenset()

    def look(self, candidates: Iterable[str], now: float) -> frozenset[str]:
        """Take in a complete look at table and cluster; returns the confirmed ones."""
        self._first_seen = {name: self._first_seen.get(name, now) for name in candidates}
        self._confirmed = frozenset(
            name for name, first in self._first_seen.items() if now - first >= CONFIRMED_AFTER_SECONDS
        )
        return self._confirmed

    def item_seen(self, name: str) -> None:
        """Somebody has read the item: what was found before counts no more, it takes two looks again."""
        if self._first_seen.pop(name, None) is not None:
            self._confirmed -= {name}

    @property
    def candidates(self) -> frozenset[str]:
        """Those of the last complete look, without items that were seen since."""
        return frozenset(self._first_seen)

    def is_confirmed(self, name: str) -> bool:
        """Whether two complete looks, a minute apart, have found its item gone."""
        return name in self._confirmed

    def next_look(self, now: float) -> float | None:
        """Seconds until the youngest candidate can be confirmed, None where all are."""
        waiting = [first for name, first in self._first_seen.items() if name not in self._confirmed]
        return max(0.0, max(waiting) + CONFIRMED_AFTER_SECONDS - now) if waiting else None


Ledger = Mapping[str, float]
"""Endpoint → epoch seconds at which its clean-up was admitted."""


def recent_cleanups(ledger: Ledger, now: float) -> Ledger:
    """What was admitted within the hour."""
    return {each: at for each, at in ledger.items() if now - at < WINDOW_SECONDS}


@dataclass(frozen=True, slots=True)
class Admission:
    """refusal: why nothing may be cleaned up, None when it may; then `ledger` is what is to be written first."""

    ledger: Ledger
    refusal: str | None = None


def admit(
    name: str, ledger: Ledger, *, doomed: frozenset[str], endpoints: int, limit: int | None, now: float
) -> Admission:
    """Decide about one clean-up. With more `endpoints` never less is admitted.

    doomed: every endpoint that is about to be cleaned up here. endpoints: how many have objects here, or had within the
    hour. limit: a person's setting; None for max(5, 10 %), and never all of more than one.
    """
    recent = recent_cleanups(ledger, now)
    if name in recent:
        return Admission(recent)
    affected = len({*recent, *doomed, name})
    allowed = max(_LEAST_LIMIT, endpoints // _SHARE) if limit is None else limit
    # What was cleaned up within the hour is not among the endpoints any more, but among the affected.
    everything = limit is None and affected > 1 and affected >= endpoints
    if affected > allowed or everything:
        return Admission(
            recent,
            f"{affected} of {endpoints} endpoints would be cleaned up within an hour without a delete command, "
            f"{'all of them' if everything else f'more than {allowed}'}: nothing is deleted. Check REGION and the table; if "
            f"both are right, set DELETION_LIMIT to at least {affected}",
        )
    return Admission({**recent, name: now})


def encode_ledger(ledger: Ledger) -> str:
    """The ledger as an annotation's value."""
    return json.dumps({name: round(at) for name, at in sorted(ledger.items())}, separators=(",", ":"))


def decode_ledger(text: str | None) -> Ledger:
    """The ledger of an annotation. Raises ValueError for one that cannot be read: then nothing may be deleted."""
    raw = json.loads(text) if text else {}
    if not isinstance(raw, dict):
        raise ValueError("not a map of names and times")  # noqa: TRY004 - bad content, not a bad argument
    return {str(name): float(at) for name, at in raw.items()}
