"""What the table asks this Region to have, told independently of the planner."""

from dataclasses import dataclass
from typing import Any

from tests.simulation.world import NAMESPACE, REGION

Item = dict[str, Any]
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Wish:
    """What one item asks for here. replicas: None where an autoscaler decides."""

    runs: bool = False
    stopped: bool = False
    replicas: int | None = 0
    image: str = ""
    autoscaled: bool = False
    canary: str = ""
    weight: int = 0


NOTHING = Wish()


def wish(item: Item | None) -> Wish:
    """Read an item as the command line's manual says."""
    if item is None:
        return NOTHING
    state = item["desired_state"]["S"]
    here = REGION in [region["S"] for region in item["target_regions"]["L"]]
    if not here or state == "deleted":
        return NOTHING
    if state == "stopped":
        return Wish(stopped=True)
    spec = item["spec"]["M"]
    autoscaling = spec.get("autoscaling", {}).get("M", {})
    autoscaled = bool(autoscaling.get("enabled", {}).get("BOOL"))
    canary = spec.get("canary", {}).get("M", {})
    return Wish(
        runs=True,
        replicas=None if autoscaled else int(spec["replicas"]["N"]),
        image=spec["image"]["S"],
        autoscaled=autoscaled,
        canary=canary.get("image", {}).get("S", ""),
        weight=int(canary.get("weight", {}).get("N", 0)),
    )


def wants(wished: Wish, name: str, key: Key) -> bool:
    """Whether an object may stand for an endpoint."""
    kind, namespace, object_name = key
    if namespace != NAMESPACE or not (wished.runs or wished.stopped):
        return False
    canary = object_name == f"{name}-canary" and kind != "Ingress"
    if canary:
        return bool(wished.canary)
    if kind in ("Deployment", "Service"):
        return True
    if kind == "HorizontalPodAutoscaler":
        return wished.autoscaled
    return wished.runs and wished.replicas != 0
