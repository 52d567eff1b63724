"""The writes of GCO's command line, each with the condition that what it rests on is still as it was read. Pure.

GCO's own commands are not versioned and write unconditionally. An edit made here fails instead of undoing what somebody
else wrote between the read and the write.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import DesiredState, RegionStatus, State
from gco_stream_reconciler.endpoints.status import encode_region_status

Item = Mapping[str, Any]
Paths = Mapping[tuple[str, ...], Any]

BEING_DELETED = (
    "the endpoint is being deleted: wait for `endpoint wait NAME --for deleted`, then deploy it again"
)
"""Why nothing else may be asked of it."""


class RefusedEditError(Exception):
    """The edit makes no sense for this item; the message names the remedy."""


@dataclass(frozen=True, slots=True)
class Edit:
    """sets: path → attribute value; a path is a tuple of attribute names. unchanged: paths → values as read, None for absent.

    note: what the person should know beside.
    """

    sets: Paths
    unchanged: Paths = field(default_factory=dict)
    note: str = ""

    def request(self) -> dict[str, Any]:
        """Expressions of an UpdateItem."""
        names: dict[str, str] = {"#key": "endpoint_name"}
        values: dict[str, Any] = {}

        def path(parts: tuple[str, ...]) -> str:
            placeholders = []
            for part in parts:
                known = next((key for key, name in names.items() if name == part), f"#n{len(names)}")
                names[known] = part
                placeholders.append(known)
            return ".".join(placeholders)

        def value(given: Any) -> str:
            placeholder = f":v{len(values)}"
            values[placeholder] = given
            return placeholder

        assignments = [f"{path(parts)} = {value(given)}" for parts, given in self.sets.items()]
        conditions = ["attribute_exists(#key)"]
        for parts, given in self.unchanged.items():
            where = path(parts)
            conditions.append(
                f"attribute_not_exists({where})" if given is None else f"{where} = {value(given)}"
            )
        return {
            "UpdateExpression": f"SET {', '.join(assignments)}",
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }

    def applied(self, item: Item) -> dict[str, Any]:
        """The item as it will be: for checks before the write."""
        after: dict[str, Any] = dict(item)
        for parts, given in self.sets.items():
            after = _with(after, parts, given)
        return after


# --- States -----------------------------------------------------------------------------------------------------------


def set_state(item: Item, state: DesiredState, now: str) -> Edit:
    """What stop, start and delete write. Only a deletion may follow a deletion."""
    if state is not DesiredState.DELETED:
        _refuse_deleted(item)
    note = ""
    if state is DesiredState.DELETED and not (item.get("target_regions") or {}).get("L"):
        note = "target_regions is empty: the item goes as soon as no Region reports anything but deleted"
    return _edit(item, {("desired_state",): {"S": state.value}}, now, note=note)


def request_reconcile(item: Item, now: str) -> Edit:
    """Ask every Region to look again now. Nothing that is wanted changes, so `updated_at` stays."""
    return Edit({("reconcile_requested_at",): {"S": now}}, _read(item, ("created_at",)))


# --- The spec ---------------------------------------------------------------------------------------------------------


def scale(item: Item, replicas: int, now: str) -> Edit:
    """What scale writes: `spec.replicas` alone."""
    _refuse_deleted(item)
    spec = _spec(item)
    note = ""
    decoded = decode_endpoint(item).spec
    if decoded is not None and decoded.autoscaling is not None:
        auto = decoded.autoscaling
        note = (
            f"autoscaling is on ({auto.min_replicas} to {auto.max_replicas} replicas) and goes on deciding; "
            "spec.replicas counts when it is switched off"
        )
    unchanged: Paths = {("spec", "replicas"): spec.get("replicas"), ("spec", "image"): spec.get("image")}
    return _edit(item, {("spec", "replicas"): {"N": str(replicas)}}, now, unchanged=unchanged, note=note)


def update_image(item: Item, image: str, now: str) -> Edit:
    """The spec with another image, back to deploying."""
    spec = _spec(item)
    note = "" if "canary" not in spec else "the canary stays beside the new image"
    return _whole_spec(item, {**spec, "image": {"S": image}}, now, note=note)


def start_canary(item: Item, image: str, weight: int, replicas: int, now: str) -> Edit:
    """The spec with a canary, in place of one that is there already."""
    canary = {"image": {"S": image}, "weight": {"N": str(weight)}, "replicas": {"N": str(replicas)}}
    return _whole_spec(item, {**_spec(item), "canary": {"M": canary}}, now)


def promote(item: Item, now: str) -> Edit:
    """The canary's image becomes the endpoint's, and the canary goes."""
    spec, canary = _spec(item), _canary(item)
    rest = {key: value for key, value in spec.items() if key != "canary"}
    return _whole_spec(item, {**rest, "image": canary["image"]}, now)


def rollback(item: Item, now: str) -> Edit:
    """The canary goes, the endpoint stays as it is."""
    _canary(item)
    return _whole_spec(item, {key: value for key, value in _spec(item).items() if key != "canary"}, now)


# --- Regions ----------------------------------------------------------------------------------------------------------


def forget_region(item: Item, region: str, by: str, now: str) -> Edit:
    """Say of a Region that will not report again that the endpoint is gone there.

    It is no target any more either, or promotion would wait for it (rule 7). Should the Region come back, its controller
    cleans up there (rule 6).
    """
    statuses = _reports(item)
    targets = [each.get("S") for each in (item.get("target_regions") or {}).get("L") or ()]
    regions = {*filter(None, targets), *(statuses or ())}
    if region not in regions:
        raise RefusedEditError(
            f"the endpoint has nothing to do with Region {region}: "
            f"its Regions are {', '.join(sorted(regions)) or 'none'}"
        )
    message = f"forgotten by {by}: this Region did not report this itself"
    status = encode_region_status(RegionStatus(State.DELETED, last_sync=now, message=message))
    path: tuple[str, ...]
    if statuses is None:
        path, before, after = ("region_status",), item.get("region_status"), {"M": {region: status}}
    else:
        path, before, after = ("region_status", region), statuses.get(region), status
    sets: dict[tuple[str, ...], Any] = {path: after}
    unchanged = {path: before, **_read(item, ("target_regions",))}
    if region in targets and _state(item) != DesiredState.DELETED:
        sets["target_regions",] = {"L": [{"S": each} for each in targets if each != region]}
    return _edit(item, sets, now, unchanged=unchanged)


# --- Parts ------------------------------------------------------------------------------------------------------------


def _edit(
    item: Item,
    sets: Paths,
    now: str,
    *,
    unchanged: Paths | None = None,
    note: str = "",
) -> Edit:
    rests_on = {**_read(item, ("created_at",)), **_read(item, ("desired_state",)), **(unchanged or {})}
    return Edit({**sets, ("updated_at",): {"S": now}}, rests_on, note)


def _whole_spec(item: Item, spec: Mapping[str, Any], now: str, *, note: str = "") -> Edit:
    _refuse_deleted(item)
    if _state(item) == DesiredState.STOPPED:
        note = "; ".join(filter(None, (note, "the endpoint was stopped and is started by this")))
    sets: Paths = {("spec",): {"M": dict(spec)}, ("desired_state",): {"S": DesiredState.DEPLOYING.value}}
    return _edit(item, sets, now, unchanged=_read(item, ("spec",)), note=note)


def _read(item: Item, path: tuple[str]) -> dict[tuple[str, ...], Any]:
    return {path: item.get(path[0])}


def _state(item: Item) -> str:
    return str((item.get("desired_state") or {}).get("S", ""))


def _reports(item: Item) -> Mapping[str, Any] | None:
    """Region → its entry; None where the item has no map of them, which must then be written whole."""
    reports = item.get("region_status")
    found = reports.get("M") if isinstance(reports, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _spec(item: Item) -> Mapping[str, Any]:
    spec = item.get("spec")
    found = spec.get("M") if isinstance(spec, Mapping) else None
    if not isinstance(found, Mapping):
        raise RefusedEditError("the item has no spec: delete the endpoint and deploy it again")
    return found


def _canary(item: Item) -> Mapping[str, Any]:
    canary = _spec(item).get("canary")
    found = canary.get("M") if isinstance(canary, Mapping) else None
    if not isinstance(found, Mapping) or "image" not in found:
        raise RefusedEditError("the endpoint has no canary: start one with `endpoint canary NAME IMAGE`")
    return found


def _refuse_deleted(item: Item) -> None:
    if _state(item) == DesiredState.DELETED:
        raise RefusedEditError(BEING_DELETED)


def _with(node: Mapping[str, Any], parts: tuple[str, ...], given: Any) -> dict[str, Any]:
    head, *rest = parts
    if not rest:
        return {**node, head: given}
    inner = (node.get(head) or {}).get("M") or {}
    return {**node, head: {"M": _with(inner, tuple(rest), given)}}
