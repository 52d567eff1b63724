"""The watchdog's clock of one endpoint: read from its Service, written back there."""

from dataclasses import replace

from gco_stream_reconciler.planning.actions import Annotate, ObjectRef
from gco_stream_reconciler.planning.observed import STALE_LOOK_AGAIN_SECONDS, annotation, ready_replicas, uid
from gco_stream_reconciler.planning.situation import Situation
from gco_stream_reconciler.planning.watchdog import (
    ANNOTATION_WATCHDOG,
    Clock,
    Verdict,
    Watch,
    decode_clock,
    watch,
)

_AT_REST = Watch(Verdict.NO_OBJECTION, None)


def look(situation: Situation, *, wanted_replicas: int) -> Watch:
    """What the clock says now. An endpoint that is to run nothing has none."""
    if wanted_replicas == 0:
        return _AT_REST
    exposed = situation.standing("Ingress") is not None
    found = watch(
        _written(situation),
        spec=situation.endpoint.spec_hash,
        ready=ready_replicas(situation.standing("Deployment")) > 0,
        exposed=exposed,
        now=situation.now,
        threshold_seconds=situation.settings.lifecycle.unhealthy_threshold_seconds,
    )
    return _postponed(found) if exposed and situation.observed.stale else found


def _postponed(found: Watch) -> Watch:
    """Nothing is removed on a stale cache's word, so no removal is counted or said either."""
    if found.verdict is not Verdict.REMOVE or found.clock is None:
        return found
    before = replace(found.clock, removals=found.clock.removals - 1)
    return Watch(Verdict.NO_OBJECTION, before, STALE_LOOK_AGAIN_SECONDS)


def unconfirmed(situation: Situation, found: Watch) -> tuple[ObjectRef, ...]:
    """What must be read by name before an Ingress that stands is taken away: the cache may lag behind a Pod's readiness."""
    if found.verdict is not Verdict.REMOVE or situation.standing("Ingress") is None:
        return ()
    deployment = situation.ref("Deployment")
    return () if deployment in situation.observed.fetched else (deployment,)


def to_write(situation: Situation, clock: Clock | None) -> tuple[Annotate, ...]:
    """What brings the Service's annotation to the clock; nothing where it is there already."""
    service = situation.standing("Service")
    if service is None:
        return ()
    text = None if clock is None else clock.encoded()
    if annotation(service, ANNOTATION_WATCHDOG) == text:
        return ()
    annotations = {} if text is None else {ANNOTATION_WATCHDOG: text}
    reason = "the watchdog's clock is cleared" if text is None else "the watchdog's clock"
    return (Annotate(situation.ref("Service"), uid(service), annotations, reason),)


def _written(situation: Situation) -> Clock | None:
    service = situation.standing("Service")
    return None if service is None else decode_clock(annotation(service, ANNOTATION_WATCHDOG))
