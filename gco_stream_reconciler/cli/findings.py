"""What explain finds, and what it says of the watchdog whatever else the item says. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime

from gco_stream_reconciler.planning.observed import ready_replicas
from gco_stream_reconciler.planning.situation import Situation
from gco_stream_reconciler.planning.watchdog import RECOVERY_SECONDS, Watch


@dataclass(frozen=True, slots=True)
class Finding:
    """rule: its number in docs/lifecycle.md, None for a plain fact. since: ISO 8601."""

    rule: int | None
    about: str
    says: str
    since: str | None = None


def watchdog_finding(situation: Situation, watch: Watch, *, wanted_replicas: int) -> Finding:
    """Since when the watchdog's clock runs, what it counts to, and when time alone changes that; or why none does."""
    clock = watch.clock
    if clock is None:
        return Finding(2, "watchdog", f"not counting: {_why_at_rest(situation, wanted_replicas)}")
    left = "" if watch.due is None else f"; time alone changes this in {watch.due:.0f} s"
    times = f"; the Ingress was taken away {clock.removals} times since" if clock.removals else ""
    if clock.ready_since is not None:
        says = (
            f"ready again since {iso(clock.ready_since)}; {RECOVERY_SECONDS:g} s of readiness clear the clock"
        )
    else:
        limit = situation.settings.lifecycle.unhealthy_threshold_seconds
        says = f"no Pod is ready; after {limit:g} s the Ingress goes"
    return Finding(2, "watchdog", f"{says}{times}{left}", iso(clock.unready_since))


def _why_at_rest(situation: Situation, wanted_replicas: int) -> str:
    if wanted_replicas == 0:
        return "it is to run 0 replicas"
    ready = ready_replicas(situation.standing("Deployment")) > 0
    return "a Pod is ready" if ready else "it is not exposed"


def iso(moment: float) -> str:
    """Seconds since the epoch as ISO 8601, UTC, whole seconds."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
