"""A story told on purpose: commands, and waiting until what they ask for has come about."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.manifests.context import ManifestContext
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from tests.doubles.predecessor import predecessors_manifests
from tests.simulation.end_state import unsettled
from tests.simulation.invariants import WORKLOADS, Invariants, Key
from tests.simulation.loop import VirtualLoop
from tests.simulation.replica import Replica
from tests.simulation.table import TABLE_ID
from tests.simulation.world import NAMESPACE, REGION, World, simulated_settings
from tests.simulation.writer import Writer

LONGEST_WAIT = 1500.0
_STEP = 5.0


class Play:
    """What a story has at hand. strict: waits must succeed; a run that has found something ends by itself."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.writer = Writer(world)

    async def rest(self) -> None:
        """Wait until nothing more is to be done."""
        await self.until(lambda: not self._problems(), "rest")

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds and nothing has changed for a while."""
        began, before = self.world.clock(), -1
        while not (holds() and self._activity() == before):
            before = self._activity()
            if self.world.clock() - began > LONGEST_WAIT:
                self.world.found(f"waited in vain for {what}: {self._problems()}")
            if not await self.world.pause(_STEP):
                raise InterruptedError(what)

    def has(self, kind: str, name: str) -> bool:
        """Whether an object is there."""
        return (kind, NAMESPACE, name) in self.world.server.store.objects

    def _activity(self) -> int:
        return self.world.server.changes + sum(self.world.table.writes.values())

    def _problems(self) -> list[str]:
        return unsettled(self.world) + ([] if self.world.leader() else ["nobody leads"])

    def predecessors_objects(self, name: str) -> None:
        """What inference_monitor had made for an item: its own labels, and other field managers."""
        item = decode_endpoint(self.world.table.items[name])
        context = ManifestContext(REGION, TABLE_ID, self.world.settings.lifecycle)
        for obj in predecessors_manifests(item, context):
            annotations = obj["metadata"].pop("annotations")
            if obj["kind"] == "Ingress":
                obj["metadata"]["annotations"] = {
                    key: text for key, text in annotations.items() if key.startswith("alb.")
                }
            kind = BY_NAME[obj["kind"]]
            self.world.server.store.create(kind, NAMESPACE, obj, manager="OpenAPI-Generator")


Story = Callable[[Play], Awaitable[None]]


async def deploy(play: Play) -> None:
    play.writer.deploy("llama", replicas=2)
    await play.rest()


async def scale(play: Play) -> None:
    await deploy(play)
    play.writer.scale("llama", 4)
    await play.rest()
    play.writer.scale("llama", 0)
    await play.rest()
    play.writer.scale("llama", 1)
    await play.rest()


async def image(play: Play) -> None:
    await deploy(play)
    play.writer.update_image("llama", "vllm/vllm-openai:v2")
    await play.rest()


async def stop_and_start(play: Play) -> None:
    play.writer.deploy(
        "llama", replicas=2, autoscaling={"enabled": True, "min_replicas": 2, "max_replicas": 4}
    )
    await play.rest()
    play.writer.stop("llama")
    await play.rest()
    play.writer.start("llama")
    await play.rest()


async def delete(play: Play) -> None:
    await deploy(play)
    play.writer.delete("llama")
    await play.until(lambda: "llama" not in play.world.table.items, "the purge")


async def delete_and_deploy_again(play: Play) -> None:
    await delete(play)
    await deploy(play)


async def canary_promoted(play: Play) -> None:
    await deploy(play)
    play.writer.canary("llama", image="vllm/vllm-openai:v2", weight=10)
    await play.rest()
    play.writer.canary("llama", image="vllm/vllm-openai:v2", weight=50)
    await play.rest()
    play.writer.promote("llama")
    await play.rest()


async def canary_rolled_back(play: Play) -> None:
    await deploy(play)
    play.writer.canary("llama", image="vllm/vllm-openai:v2", weight=10)
    await play.rest()
    play.writer.rollback("llama")
    await play.rest()


async def canary_stopped_and_deleted(play: Play) -> None:
    play.writer.deploy(
        "llama", replicas=2, canary={"image": "vllm/vllm-openai:v2", "weight": 20, "replicas": 1}
    )
    await play.rest()
    play.writer.stop("llama")
    await play.rest()
    play.writer.delete("llama")
    await play.until(lambda: "llama" not in play.world.table.items, "the purge")


async def watchdog(play: Play) -> None:
    await deploy(play)
    play.world.cluster.fail(NAMESPACE, "llama")
    await play.until(lambda: not play.has("Ingress", "inference-llama"), "the watchdog")
    play.world.cluster.heal(NAMESPACE, "llama")
    await play.rest()


async def region_removed_and_added(play: Play) -> None:
    play.writer.deploy("other")
    await deploy(play)
    play.writer.regions("llama", "eu-west-1")
    await play.until(lambda: not play.has("Deployment", "llama"), "the clean-up")
    await play.rest()
    play.writer.regions("llama", "us-east-1")
    await play.rest()


async def adoption(play: Play) -> None:
    play.writer.deploy("llama", replicas=2)
    play.predecessors_objects("llama")
    await play.rest()


async def orphan(play: Play) -> None:
    play.writer.deploy("other")
    await deploy(play)
    play.writer.remove("llama")
    await play.until(lambda: not play.has("Deployment", "llama"), "the clean-up")


STORIES: dict[str, Story] = {
    story.__name__: story
    for story in (
        deploy,
        scale,
        image,
        stop_and_start,
        delete,
        delete_and_deploy_again,
        canary_promoted,
        canary_rolled_back,
        canary_stopped_and_deleted,
        watchdog,
        region_removed_and_added,
        adoption,
        orphan,
    )
}


@dataclass(frozen=True)
class Ending:
    """How a play has ended. state: cluster and table without what differs from run to run."""

    writes: int
    state: dict[str, Any]
    made: dict[Key, int]
    deleted: dict[Key, int]
    findings: tuple[str, ...]
    story: tuple[str, ...] = field(repr=False)


def perform(story: Story, *, kill_at: tuple[str, int] | None = None, aloud: bool = False) -> Ending:
    """Perform a story once; `kill_at` is the moment (`before` or `after`) and number of the write at which the process dies."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_perform(story, kill_at, aloud=aloud))


async def _perform(story: Story, kill_at: tuple[str, int] | None, *, aloud: bool) -> Ending:
    settings = simulated_settings(resync_seconds=60, idle_poll_seconds=3.0, workers=4)
    world = World("play", settings, ready_seconds=2.0, ingress_seconds=2.0, aloud=aloud)
    invariants = Invariants(world)
    count = {"before": 0, "after": 0}

    def interrupt(replica: Replica, when: str, what: str) -> None:
        if not replica.alive:
            return
        count[when] += 1
        if kill_at == (when, count[when]):
            replica.kill(f"{when} write {count[when]}, {what}")

    world.interrupts.append(interrupt)
    async with world.running():
        keeper = asyncio.create_task(_keep_one(world))
        play = Play(world)
        try:
            await story(play)
            await play.world.pause(2.2 * settings.controller.effective_resync_seconds)
        except InterruptedError:
            pass
        keeper.cancel()
        state = _state(world)
    return Ending(
        count["after"],
        state,
        dict(invariants.made),
        dict(invariants.deleted),
        tuple(world.findings),
        tuple(world.story.lines),
    )


async def _keep_one(world: World) -> None:
    while True:
        if not any(replica.alive for replica in world.replicas):
            world.start()
        await asyncio.sleep(1.0)


def _state(world: World) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for (kind, namespace, name), obj in sorted(world.server.store.objects.items()):
        if kind in WORKLOADS:
            meta = obj["metadata"]
            # Whether the watchdog has ever noted something depends on the moment of the crash.
            managers = {
                entry["manager"]
                for entry in meta.get("managedFields", ())
                if "subresource" not in entry and not entry["manager"].endswith("-memory")
            }
            found[f"{kind} {namespace}/{name}"] = {
                "labels": meta.get("labels"),
                "annotations": meta.get("annotations"),
                "managers": sorted(managers),
                "spec": {
                    key: each for key, each in obj["spec"].items() if key not in ("clusterIP", "clusterIPs")
                },
            }
    for name, item in sorted(world.table.items.items()):
        kept = {key: each for key, each in item.items() if key not in ("created_at", "updated_at")}
        statuses = {
            region: {key: each for key, each in status["M"].items() if key != "last_sync"}
            for region, status in item["region_status"]["M"].items()
        }
        found[f"item {name}"] = {**kept, "region_status": statuses}
    return found
