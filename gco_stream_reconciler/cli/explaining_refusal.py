"""Why nothing is made of an endpoint, and what becomes of that which runs. Pure."""

from collections.abc import Iterator

from gco_stream_reconciler.cli.findings import Finding, watchdog_finding
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning import watching
from gco_stream_reconciler.planning.observed import metadata, ready_replicas
from gco_stream_reconciler.planning.refusing import REFUSED_REPLICAS, Refusal, as_it_stands
from gco_stream_reconciler.planning.situation import Situation


def refusal_findings(situation: Situation, refused: Refusal) -> Iterator[Finding]:
    """The reason, by the rule that it comes from; then what the watchdog goes on to watch."""
    standing = as_it_stands(situation)
    # What stands in a namespace that is not served is not watched.
    watched = "" if standing is None else ", the watchdog goes on"
    yield Finding(refused.rule, "refused", f"{refused.text}; what runs stays as it is{watched}")
    if standing is None or not standing.owned:
        return
    yield _exposure(standing)
    watch = watching.look(standing, wanted_replicas=REFUSED_REPLICAS)
    yield watchdog_finding(standing, watch, wanted_replicas=REFUSED_REPLICAS)


def _exposure(situation: Situation) -> Finding:
    ready = ready_replicas(situation.live("Deployment"))
    canary = situation.live("Deployment", role=Role.CANARY)
    pods = f"{ready} Pods are ready" + ("" if canary is None else f", {ready_replicas(canary)} of the canary")
    ingress = situation.standing("Ingress")
    if ingress is None:
        return Finding(
            1, "exposure", f"not exposed: it has no Ingress, and gets none while it is refused; {pods}"
        )
    since = metadata(ingress).get("creationTimestamp")
    return Finding(1, "exposure", f"exposed, as its Ingress stands; {pods}", since)
