"""When a wait is over. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from gco_stream_reconciler.cli.edits import BEING_DELETED
from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint, State
from gco_stream_reconciler.planning.report import is_about_current_spec, is_younger_than_the_last_write


class Goal(StrEnum):
    """What is waited for, in every Region that is looked at."""

    RUNNING = "running"
    STOPPED = "stopped"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class RegionProgress:
    """One Region: whether it is where it should be, and what it says."""

    region: str
    state: str
    ready: int
    wanted: int
    reached: bool
    said: str = ""


@dataclass(frozen=True, slots=True)
class WaitProgress:
    """failed: why it cannot be reached without somebody's doing; None while it can."""

    regions: tuple[RegionProgress, ...]
    reached: bool
    failed: str | None = None


_ASKED_BY = {
    Goal.RUNNING: (DesiredState.DEPLOYING, DesiredState.RUNNING),
    Goal.STOPPED: (DesiredState.STOPPED,),
    Goal.DELETED: (DesiredState.DELETED,),
}


def judge(endpoint: Endpoint | None, goal: Goal, only: Collection[str] = ()) -> WaitProgress:
    """How far an endpoint is. None: the item is gone. only: Regions to look at, all if empty; each must be one of its own."""
    if endpoint is None:
        gone = goal is Goal.DELETED
        return WaitProgress((), reached=gone, failed=None if gone else "the endpoint was deleted meanwhile")
    regions = tuple(_region(endpoint, goal, region) for region in _regions(endpoint, goal, only))
    in_vain = _unasked(endpoint, goal) or _unknown(endpoint, goal, only)
    if in_vain:
        return WaitProgress(regions, reached=False, failed=in_vain)
    # With `only`, a Region's own report counts; without, a deletion is over when the item is gone.
    done = (
        bool(regions)
        and all(region.reached for region in regions)
        and (goal is not Goal.DELETED or bool(only))
    )
    return WaitProgress(regions, reached=done, failed=None if done else _broken(endpoint, goal, regions))


def _regions(endpoint: Endpoint, goal: Goal, only: Collection[str]) -> list[str]:
    known = _known(endpoint, goal)
    return sorted(known & set(only)) if only else sorted(known)


def _known(endpoint: Endpoint, goal: Goal) -> set[str]:
    """Regions that can get there. One that is no target any more only has something to delete."""
    targets = set(endpoint.target_regions or ())
    return targets | set(endpoint.region_status) if goal is Goal.DELETED else targets


def _unknown(endpoint: Endpoint, goal: Goal, only: Collection[str]) -> str | None:
    """A misspelt Region must neither be waited for nor count as one that is there."""
    known = _known(endpoint, goal)
    strangers = sorted(set(only) - known)
    if not strangers or endpoint.target_regions is None:
        return None
    verb = "is" if len(strangers) == 1 else "are"
    return (
        f"{', '.join(strangers)} {verb} no Region of it; its Regions are {', '.join(sorted(known)) or 'none'}"
    )


def _region(endpoint: Endpoint, goal: Goal, region: str) -> RegionProgress:
    status = endpoint.region_status.get(region)
    if status is None:
        return RegionProgress(region, "no report yet", 0, 0, reached=False)
    current = goal is not Goal.RUNNING or is_about_current_spec(status, endpoint)
    return RegionProgress(
        region=region,
        state=str(status.state) if current else f"{status.state} (of an earlier spec)",
        ready=status.replicas_ready,
        wanted=status.replicas_desired,
        reached=status.state == goal.value and current,
        said=status.error or status.message or "",
    )


def _unasked(endpoint: Endpoint, goal: Goal) -> str | None:
    wanted = endpoint.desired_state
    if wanted is None or wanted in _ASKED_BY[goal]:
        return None
    if wanted is DesiredState.DELETED:
        return BEING_DELETED
    verb = {Goal.RUNNING: "start", Goal.STOPPED: "stop", Goal.DELETED: "delete"}[goal]
    return f"the table wants it {wanted}, so it will not become {goal}: `endpoint {verb} {endpoint.name}` asks for that"


def _broken(endpoint: Endpoint, goal: Goal, regions: tuple[RegionProgress, ...]) -> str | None:
    """An error that stays until somebody acts: about the spec as it is now and, for a stop or a deletion, said since then.

    A stop or a deletion leaves the spec as it was, so an error from before it is about the same spec. What came first
    is told by two clocks, that of who wrote the item and the controller's. Where the controller's is behind, a new error
    looks old and is waited out until the time is over, which names it; so is one that is said again in the same words,
    since no such report is written anew. Where it is ahead, an old error may end the wait.
    """
    for each in regions:
        status = endpoint.region_status.get(each.region)
        if status is None or status.state != State.ERROR or not is_about_current_spec(status, endpoint):
            continue
        if goal is Goal.RUNNING or is_younger_than_the_last_write(status, endpoint):
            return f"{each.region} reports an error: {status.error or status.message or 'without a reason'}"
    return None
