"""What `status` shows. Pure."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from gco_stream_reconciler.endpoints.model import Endpoint, RegionStatus
from gco_stream_reconciler.endpoints.moments import instant
from gco_stream_reconciler.planning.regions import awaited
from gco_stream_reconciler.planning.report import is_about_current_spec

COLUMNS = ("NAME", "WANTED", "REGION", "STATE", "READY", "EXPOSURE", "CANARY", "SINCE", "MESSAGE")
_NOTHING = "-"
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "m"))


def rows(
    endpoints: Iterable[Endpoint], now: float, regions: Collection[str] = ()
) -> Iterator[tuple[str, ...]]:
    """A row for each endpoint and Region; one without any Region still has its row."""
    for endpoint in endpoints:
        shown = _asked_for(_regions(endpoint), regions)
        if not shown and not regions:
            yield (endpoint.name, _wanted(endpoint), *([_NOTHING] * 6), _problems(endpoint))
        for region in shown:
            yield (endpoint.name, _wanted(endpoint), *_row(endpoint, region, now))


def _row(endpoint: Endpoint, region: str, now: float) -> tuple[str, ...]:
    status = endpoint.region_status.get(region)
    if status is None:
        return (region, _NOTHING, _NOTHING, _NOTHING, _NOTHING, _NOTHING, "no report yet")
    said = [status.error or "", status.message or ""]
    if region not in (endpoint.target_regions or ()):
        said.insert(0, "no target")
    if status.state == "running" and not is_about_current_spec(status, endpoint):
        said.insert(0, "of an earlier spec")
    return (
        region,
        str(status.state) or _NOTHING,
        f"{status.replicas_ready}/{status.replicas_desired}",
        status.exposure or _NOTHING,
        _canary(status),
        age(status.last_sync, now),
        "; ".join(filter(None, said)),
    )


def within(endpoints: Iterable[Endpoint], regions: Collection[str] = ()) -> list[Endpoint]:
    """The endpoints that have one of these Regions; all without any."""
    return [each for each in endpoints if not regions or _asked_for(_regions(each), regions)]


def known_regions(endpoints: Iterable[Endpoint]) -> list[str]:
    """Every Region that is a target or reports, each once."""
    return sorted({region for endpoint in endpoints for region in _regions(endpoint)})


def document(endpoint: Endpoint, regions: Collection[str] = ()) -> dict[str, Any]:
    """The endpoint for a script: what is wanted, what each Region (of these, where any are given) reports, who is waited for."""
    return {
        "name": endpoint.name,
        "desired_state": endpoint.desired_state,
        "target_regions": None if endpoint.target_regions is None else list(endpoint.target_regions),
        "namespace": endpoint.namespace,
        "ingress_path": endpoint.ingress_path,
        "spec_hash": endpoint.spec_hash,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
        "awaited": list(awaited(endpoint)),
        "problems": [str(problem) for problem in endpoint.problems],
        "warnings": list(endpoint.warnings),
        "regions": {region: _report(endpoint, region) for region in _asked_for(_regions(endpoint), regions)},
    }


def _report(endpoint: Endpoint, region: str) -> dict[str, Any]:
    status = endpoint.region_status.get(region)
    target = region in (endpoint.target_regions or ())
    if status is None:
        return {"target": target, "state": None}
    told = {key: value for key, value in asdict(status).items() if value is not None}
    return {"target": target, "current_spec": is_about_current_spec(status, endpoint), **told}


def age(moment: str | None, now: float) -> str:
    """`3m` since an ISO 8601 moment."""
    began = instant(moment)
    if began is None:
        return _NOTHING
    seconds = now - began
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"


def _regions(endpoint: Endpoint) -> Sequence[str]:
    return sorted({*(endpoint.target_regions or ()), *endpoint.region_status})


def _asked_for(found: Iterable[str], regions: Collection[str]) -> list[str]:
    return [region for region in found if not regions or region in regions]


def _wanted(endpoint: Endpoint) -> str:
    return str(endpoint.desired_state) if endpoint.desired_state is not None else "malformed"


def _canary(status: RegionStatus) -> str:
    canary = status.canary
    if canary is None:
        return _NOTHING
    return f"{canary.state} {canary.weight_applied}/{canary.weight_desired} %"


def _problems(endpoint: Endpoint) -> str:
    return "; ".join(str(problem) for problem in endpoint.problems)
