"""What needs every Region: promotion of a deployment (rule 7) and the purge of a deleted item (rule 5).

Any Region's controller may do either; the write is conditional on the item as it was read.
"""

from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint, State
from gco_stream_reconciler.planning.actions import TableWrite
from gco_stream_reconciler.planning.report import is_about_current_spec

_NO_REPORT = "no report yet"


def due_table_write(endpoint: Endpoint) -> TableWrite | None:
    """What the item is ripe for, by every Region's report in it."""
    targets = endpoint.target_regions
    if targets is None:
        return None
    if endpoint.desired_state is DesiredState.DELETED:
        return None if awaited(endpoint) else TableWrite.PURGE
    if endpoint.desired_state is DesiredState.DEPLOYING and targets and not endpoint.problems:
        return None if awaited(endpoint) else TableWrite.PROMOTE
    return None


def awaited(endpoint: Endpoint, *, besides: str | None = None) -> tuple[str, ...]:
    """Regions that hold the item up, each with what it last reported: `eu-west-1 (creating)`.

    besides: a Region to leave out. Empty where nothing is waited for.
    """
    if endpoint.desired_state is DesiredState.DELETED:
        # A Region that is no target any more may still have objects.
        regions = {*(endpoint.target_regions or ()), *endpoint.region_status}
        held = {region for region in regions if _state(endpoint, region) != State.DELETED}
    elif endpoint.desired_state is DesiredState.DEPLOYING:
        held = {region for region in endpoint.target_regions or () if not _runs(endpoint, region)}
    else:
        held = set()
    return tuple(f"{region} ({_state(endpoint, region)})" for region in sorted(held - {besides}))


def _runs(endpoint: Endpoint, region: str) -> bool:
    status = endpoint.region_status.get(region)
    return status is not None and status.state == State.RUNNING and is_about_current_spec(status, endpoint)


def _state(endpoint: Endpoint, region: str) -> str:
    status = endpoint.region_status.get(region)
    return status.state if status is not None else _NO_REPORT
