"""Plans and their actions in words: for log lines, metrics, the operator's page and commands. Pure."""

from collections.abc import Iterable

from gco_stream_reconciler.planning.actions import (
    ABSENT,
    CHANGED,
    AbsorbManagers,
    Action,
    Annotate,
    Apply,
    Delete,
    Plan,
    SetReplicas,
)

CLUSTER_CHANGED = "the cluster has changed"
"""Why a status changes although the plan has no action."""

_NOT_DRIFT = frozenset({ABSENT, CHANGED})
_MOST_REASONS = 8
_MOST_ACTIONS = 3


def verb_of(action: Action) -> str:
    """What the action does."""
    match action:
        case Apply():
            return "apply"
        case SetReplicas():
            return f"scale to {action.replicas}"
        case Delete():
            return "delete"
        case Annotate():
            return "annotate"
        case AbsorbManagers():
            return "take over"


def reasons_of(action: Action) -> tuple[str, ...]:
    """Why it is done; names of fields, never values."""
    match action:
        case Apply():
            return action.reasons
        case AbsorbManagers():
            return ("fields of inference_monitor become ours, with the values they have",)
        case _:
            return (action.reason,)


def reason_of(action: Action) -> str:
    """Its first reasons, as one text."""
    return ", ".join(reasons_of(action)[:_MOST_REASONS])


def reason_of_plan(decided: Plan) -> str:
    """Why the endpoint's state changes, as far as the plan knows: its first actions."""
    actions = decided.actions
    if not actions:
        return CLUSTER_CHANGED
    said = [f"{verb_of(action)} {action.ref}: {reason_of(action)}" for action in actions[:_MOST_ACTIONS]]
    more = len(actions) - len(said)
    return "; ".join((*said, *((f"{more} more",) if more else ())))


def is_drift(reasons: Iterable[str]) -> bool:
    """Whether an apply puts right what somebody else has changed."""
    return not _NOT_DRIFT.intersection(reasons)


def drifted_groups(action: Action) -> frozenset[str]:
    """Groups of the fields that an apply puts right: the first two names of each path, of which a kind has a handful."""
    if not isinstance(action, Apply) or not is_drift(action.reasons):
        return frozenset()
    return frozenset(_group(path) for path in action.reasons)


def _group(path: str) -> str:
    first, _, rest = path.partition(".")
    second = rest.partition(".")[0].partition("[")[0]
    return f"{first}.{second}" if second else first
