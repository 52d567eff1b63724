"""GCO's command line: reads the item, writes it back, without a condition or a version."""

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.simulation.wishes import NOTHING, wish
from tests.simulation.world import EPOCH, NAMESPACE, OTHER_REGION, REGION, World

Item = dict[str, Any]
ACTOR = "writer"


class Writer:
    """Commands. Each does nothing where the real one would refuse: no item, or one that is there already."""

    def __init__(self, world: World) -> None:
        self._world = world

    def deploy(self, name: str, *, regions: tuple[str, ...] = (REGION,), **spec: Any) -> bool:
        """A new endpoint; `spec` in plain values."""
        if name in self._world.table.items:
            return False
        stamp = {"S": self._stamp()}
        self._put(
            name,
            {
                "endpoint_name": {"S": name},
                "desired_state": {"S": "deploying"},
                "target_regions": {"L": [{"S": region} for region in regions]},
                "namespace": {"S": NAMESPACE},
                "spec": value({"image": "vllm/vllm-openai:v1", "replicas": 1, **spec}),
                "ingress_path": {"S": f"/inference/{name}"},
                "created_at": stamp,
                "updated_at": stamp,
                "region_status": {"M": {}},
            },
        )
        return True

    def scale(self, name: str, replicas: int) -> bool:
        return self._change(name, lambda item: _spec(item).update(replicas={"N": str(replicas)}))

    def state(self, name: str, state: str) -> bool:
        """Stop, start, delete."""
        return self._change(name, lambda item: item.update(desired_state={"S": state}))

    def stop(self, name: str) -> bool:
        return self.state(name, "stopped")

    def start(self, name: str) -> bool:
        return self.state(name, "running")

    def delete(self, name: str) -> bool:
        return self.state(name, "deleted")

    def update_image(self, name: str, image: str) -> bool:
        return self._respec(name, image={"S": image})

    def canary(self, name: str, *, image: str, weight: int = 10, replicas: int = 1) -> bool:
        return self._respec(name, canary=value({"image": image, "weight": weight, "replicas": replicas}))

    def promote(self, name: str) -> bool:
        canary = self._canary_of(name)
        return canary is not None and self._respec(name, image=canary["image"], canary=None)

    def rollback(self, name: str) -> bool:
        return self._canary_of(name) is not None and self._respec(name, canary=None)

    def autoscale(self, name: str, *, enabled: bool) -> bool:
        """No command of the CLI's, but a spec that is deployed with it may change."""
        wanted = value({"enabled": True, "min_replicas": 2, "max_replicas": 4}) if enabled else None
        return self._respec(name, autoscaling=wanted)

    def regions(self, name: str, *regions: str) -> bool:
        """Add-region and remove-region."""
        listed = {"L": [{"S": region} for region in regions]}
        return self._change(name, lambda item: item.update(target_regions=listed))

    def remove(self, name: str) -> bool:
        """Take the item away by hand, as nobody should."""
        if name not in self._world.table.items:
            return False
        self._world.table.put(ACTOR, name, None)
        return True

    def _canary_of(self, name: str) -> Item | None:
        item = self._world.table.items.get(name)
        found: Item | None = None if item is None else _spec(item).get("canary", {}).get("M")
        return found

    def _respec(self, name: str, **fields: Any) -> bool:
        def change(item: Item) -> None:
            for field, new in fields.items():
                if new is None:
                    _spec(item).pop(field, None)
                else:
                    _spec(item)[field] = new
            item["desired_state"] = {"S": "deploying"}

        return self._change(name, change)

    def _change(self, name: str, change: Any) -> bool:
        item = self._world.table.items.get(name)
        if item is None:
            return False
        new = copy.deepcopy(item)
        change(new)
        new["updated_at"] = {"S": self._stamp()}
        self._put(name, new)
        return True

    def _put(self, name: str, item: Item) -> None:
        self._world.table.put(ACTOR, name, item)

    def _stamp(self) -> str:
        return datetime.fromtimestamp(EPOCH + self._world.clock(), UTC).isoformat()


def value(plain: Any) -> dict[str, Any]:
    """Plain data as an attribute value, integers as numbers."""
    if isinstance(plain, bool):
        return {"BOOL": plain}
    if isinstance(plain, int):
        return {"N": str(plain)}
    if isinstance(plain, str):
        return {"S": plain}
    if isinstance(plain, Mapping):
        return {"M": {key: value(each) for key, each in plain.items()}}
    return {"L": [value(each) for each in plain]}


def _spec(item: Item) -> Item:
    spec: Item = item["spec"]["M"]
    return spec


class RandomWriter:
    """Commands by chance, on few names, so that they meet each other."""

    def __init__(self, world: World, random: Random, names: tuple[str, ...]) -> None:
        self._writer = Writer(world)
        self._world = world
        self._random = random
        self._names = names
        self._version = 1
        self.removals = 0

    def step(self) -> None:
        """One command."""
        random, writer = self._random, self._writer
        name = random.choice(self._names)
        item = self._world.table.items.get(name)
        if item is None:
            self._deploy(name)
            return
        choice = random.random()
        if choice < 0.16:
            writer.scale(name, random.choice((0, 1, 1, 2, 3)))
        elif choice < 0.30:
            writer.stop(name)
        elif choice < 0.46:
            writer.start(name)
        elif choice < 0.56:
            writer.delete(name)
        elif choice < 0.66:
            writer.update_image(name, self._image())
        elif choice < 0.78:
            writer.canary(name, image=self._image(), weight=random.choice((1, 10, 50, 99)))
        elif choice < 0.84:
            writer.promote(name)
        elif choice < 0.89:
            writer.rollback(name)
        elif choice < 0.93:
            writer.autoscale(name, enabled=random.random() < 0.6)
        elif choice < 0.98:
            writer.regions(name, *random.choice(((REGION,), (REGION, OTHER_REGION), (OTHER_REGION,))))
        elif self.removals < 1:
            self.removals += 1
            writer.remove(name)

    def mend(self) -> None:
        """What somebody would do in the end: replace images that cannot run, and give one endpoint its Region back where
        all that stand have lost it. Nothing may be cleaned up then (rule 13), and that is no state to settle in.
        """
        self._give_a_region_back()
        for name, item in sorted(self._world.table.items.items()):
            if "broken" in item["spec"]["M"]["image"]["S"]:
                self._writer.update_image(name, "vllm/vllm-openai:mended")
            canary = item["spec"]["M"].get("canary", {}).get("M", {})
            if "broken" in canary.get("image", {}).get("S", ""):
                self._writer.rollback(name)

    def _give_a_region_back(self) -> None:
        items = self._world.table.items
        labels = (obj["metadata"].get("labels") or {} for obj in self._world.server.store.objects.values())
        standing = {label["gco.io/endpoint"] for label in labels if "gco.io/endpoint" in label}
        left = [
            name for name in sorted(standing & items.keys()) if items[name]["desired_state"]["S"] != "deleted"
        ]
        if left and all(wish(items[name]) == NOTHING for name in left):
            self._writer.regions(left[0], REGION, OTHER_REGION)

    def _deploy(self, name: str) -> None:
        random = self._random
        more: dict[str, Any] = {"replicas": random.choice((1, 1, 2, 3))}
        if random.random() < 0.2:
            more["autoscaling"] = {"enabled": True, "min_replicas": 2, "max_replicas": 5}
        regions = (REGION,) if random.random() < 0.7 else (REGION, OTHER_REGION)
        self._writer.deploy(name, regions=regions, **more)

    def _image(self) -> str:
        self._version += 1
        tag = "broken" if self._random.random() < 0.12 else f"v{self._version}"
        return f"vllm/vllm-openai:{tag}"
