"""The writer: changes endpoints as GCO's command line does, and keeps a log of what it asked for."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from gco_stream_reconciler.sandbox.table import Writer
from tests.chaos.world import REGION

SECRET = "chaos-secret"
_ELSEWHERE = "eu-west-1"
_FOREVER = float("inf")


@dataclass
class Wish:
    """What the log says of one endpoint. `state` is "absent" before the first deploy.

    canary and here stay as they were while the spec is malformed: nothing may go because of that.
    """

    state: str = "absent"
    image: str = ""
    replicas: int = 0
    canary: bool = False
    here: bool = True
    malformed: bool = False

    @property
    def stands(self) -> bool:
        """Whether its Deployment may not go."""
        return self.state not in ("absent", "deleted") and self.here

    @property
    def canary_stands(self) -> bool:
        """Whether its canary's Deployment may not go."""
        return self.stands and self.canary and self.state != "stopped"


@dataclass
class Commands:
    """Writes one command after the other; `log` tells when each Deployment was not wanted."""

    writer: Writer
    chance: Random
    names: list[str]
    wishes: dict[str, Wish] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    # Deployment → spans of epoch seconds in which its going was asked for.
    unwanted: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    slowest_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.wishes = {name: Wish() for name in self.names}
        self.unwanted = {each: [(0.0, _FOREVER)] for name in self.names for each in (name, f"{name}-canary")}

    async def write_until(self, stop: asyncio.Event) -> None:
        """Change endpoints at random, about ten a second."""
        for name in self.names:
            await self._do(name, "deploy")
        while not stop.is_set():
            name = self.chance.choice(self.names)
            await self._do(name, self._choice(self.wishes[name]))
            await asyncio.sleep(self.chance.uniform(0.02, 0.15))

    async def make_all_well_formed(self) -> None:
        """The last commands, so that every endpoint has an end that can be told."""
        for name, wish in self.wishes.items():
            if wish.malformed and wish.state != "deleted":
                await self._do(name, "update-image")

    def asked_for(self, deployment: str, made: float, gone: float) -> bool:
        """Whether a Deployment that was made and went at these times was asked to go while it stood."""
        return any(begin <= gone and end >= made for begin, end in self.unwanted.get(deployment, ()))

    def _choice(self, wish: Wish) -> str:
        if not wish.stands and wish.here:
            return "deploy"
        if not wish.here:
            return self.chance.choice(["add-region", "scale", "update-image", "delete"])
        weights = {
            "scale": 30,
            "update-image": 20,
            "canary": 8,
            "delete": 8,
            "remove-region": 4,
            "malform": 4,
        }
        weights["start" if wish.state == "stopped" else "stop"] = 8
        if wish.canary:
            weights |= {"promote": 10, "rollback": 10}
        return self.chance.choices(list(weights), list(weights.values()))[0]

    async def _do(self, name: str, command: str) -> None:
        wish = self.wishes[name]
        before = (wish.stands, wish.canary_stands)
        began = time.time()
        change = self._prepared(name, wish, command)
        await asyncio.to_thread(*change)
        ended = time.time()
        self.slowest_seconds = max(self.slowest_seconds, ended - began)
        self.counts[command] += 1
        wish = self.wishes[name]
        after = (wish.stands, wish.canary_stands)
        for deployment, was, stands in zip((name, f"{name}-canary"), before, after, strict=True):
            spans = self.unwanted[deployment]
            if was and not stands:
                spans.append((began, _FOREVER))
            elif stands and not was:
                spans[-1] = (spans[-1][0], ended)

    def _prepared(self, name: str, wish: Wish, command: str) -> tuple[Any, ...]:
        """Change the wish; returns the call that writes it."""
        writer = self.writer
        match command:
            case "deploy":
                wish = self.wishes[name] = Wish("deploying", self._image(), self.chance.randint(1, 4))
                return writer.deploy, name, self._spec(wish), [REGION]
            case "scale":
                wish.replicas = self.chance.randint(1, 5)
                return writer.scale, name, wish.replicas
            case "stop" | "start" | "delete":
                wish.state = {"stop": "stopped", "start": "running", "delete": "deleted"}[command]
                return writer.set_state, name, wish.state
            case "add-region" | "remove-region":
                wish.here = command == "add-region"
                return writer.set_regions, name, [REGION] if wish.here else [_ELSEWHERE]
            case "malform":
                wish.malformed, wish.state = True, "deploying"
                return writer.set_spec, name, {**self._spec(wish), "image": "no image at all"}
            case _:
                wish.malformed, wish.state = False, "deploying"
                wish.canary = command == "canary"
                if command != "rollback":
                    wish.image = self._image()
                return writer.set_spec, name, self._spec(wish)

    def _image(self) -> str:
        return f"vllm/vllm-openai:v{self.chance.randint(1, 10**6)}"

    @staticmethod
    def _spec(wish: Wish) -> dict[str, Any]:
        spec: dict[str, Any] = {
            "image": wish.image,
            "replicas": wish.replicas,
            "env": {"TOKEN": SECRET},
        }
        if wish.canary:
            spec["canary"] = {"image": "vllm/vllm-openai:canary", "weight": 10, "replicas": 1}
        return spec
