"""What an action would change, as a unified diff of YAML. Pure. No value of workload environment is in it."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gco_stream_reconciler.cli.output import plain_copy, yaml_of
from gco_stream_reconciler.cli.projecting import projected
from gco_stream_reconciler.controller.describing import reasons_of, verb_of
from gco_stream_reconciler.planning.actions import (
    AbsorbManagers,
    Action,
    Annotate,
    Apply,
    Delete,
    ObjectRef,
    Plan,
    SetReplicas,
)
from gco_stream_reconciler.planning.observed import KubeObject, Observed, live_replicas, metadata
from gco_stream_reconciler.redaction import REDACTED, redacted

ANOTHER = "[redacted, another value]"


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that an action would change. diff: unified, empty where nothing visible changes."""

    ref: ObjectRef
    action: str
    reasons: tuple[str, ...]
    diff: str


def differences_of(decided: Plan, observed: Observed) -> Iterator[Difference]:
    """One for each action, in order."""
    for action in decided.actions:
        yield _difference(action, observed.get(action.ref))


def _difference(action: Action, live: KubeObject | None) -> Difference:
    verb = verb_of(action)
    if isinstance(action, Apply):
        verb = "change" if live else "create"
    return Difference(action.ref, verb, reasons_of(action), _diff(action, live))


def _diff(action: Action, live: KubeObject | None) -> str:
    match action:
        case Apply():
            return _apply_diff(action, live)
        case Delete():
            return _unified(action.ref, _identity(action.ref), None)
        case SetReplicas():
            before, after = {"replicas": live_replicas(live)}, {"replicas": action.replicas}
            return _unified(action.ref, {"spec": before}, {"spec": after})
        case Annotate():
            return _annotate_diff(action, live)
        case AbsorbManagers():
            return ""


def _apply_diff(action: Apply, live: KubeObject | None) -> str:
    wanted = plain_copy(action.manifest)
    if live is None:
        return _unified(action.ref, None, redacted(wanted))
    ours = plain_copy(projected(wanted, live))
    shown = redacted(wanted)
    _mark(shown, wanted, ours)
    return _unified(action.ref, redacted(ours), shown)


def _annotate_diff(action: Annotate, live: KubeObject | None) -> str:
    standing = metadata(live or {}).get("annotations") or {}
    before = {name: standing[name] for name in action.annotations if name in standing}
    return _unified(action.ref, {"annotations": before}, {"annotations": dict(action.annotations)})


def _identity(ref: ObjectRef) -> dict[str, Any]:
    return {"kind": ref.kind, "metadata": {"name": ref.name, "namespace": ref.namespace}}


def _unified(ref: ObjectRef, before: Any, after: Any) -> str:
    lines = difflib.unified_diff(
        _lines(before), _lines(after), fromfile=f"live {ref}", tofile=f"wanted {ref}", lineterm=""
    )
    return "\n".join(lines)


def _lines(value: Any) -> list[str]:
    return [] if value is None else yaml_of(value).splitlines()


def _mark(shown: Any, wanted: Any, live: Any) -> None:
    """Both sides of a changed variable would read the same: say on the wanted one that it is another."""
    if isinstance(shown, dict) and isinstance(live, dict):
        for key, each in shown.items():
            if key == "env" and isinstance(each, list):
                _mark_environment(each, wanted[key], live.get(key))
            else:
                _mark(each, wanted[key], live.get(key))
    elif isinstance(shown, list) and isinstance(live, list):
        for index, each in enumerate(shown):
            twin = _twin(wanted[index], index, live)
            _mark(each, wanted[index], twin)


def _twin(item: Any, index: int, live: list[Any]) -> Any:
    if isinstance(item, dict) and "name" in item:
        return next(
            (each for each in live if isinstance(each, dict) and each.get("name") == item["name"]), None
        )
    return live[index] if index < len(live) else None


def _mark_environment(shown: list[Any], wanted: list[Any], live: Any) -> None:
    before = {each.get("name"): each for each in live or () if isinstance(each, Mapping)}
    for entry, real in zip(shown, wanted, strict=True):
        standing = before.get(real.get("name"))
        if (
            standing is not None
            and standing.get("value") != real.get("value")
            and entry.get("value") == REDACTED
        ):
            entry["value"] = ANOTHER
