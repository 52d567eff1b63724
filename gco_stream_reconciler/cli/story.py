"""The demo's story: writes as GCO's command line makes them, and mishaps of the cluster."""

from typing import Any

from gco_stream_reconciler.cli.stage import HOME, NAMESPACE, REGIONS, SECOND, Stage

# Rules wait for minutes where a story has seconds.
WATCHDOG_SECONDS = 2.0
CANARY_SETTLE_SECONDS = 1.0

LLAMA, MISTRAL, EMBEDDER = "vllm-llama3", "tgi-mistral", "cpu-embedder"
SPECS: dict[str, dict[str, Any]] = {
    LLAMA: {
        "image": "vllm/vllm-openai:v0.20.1",
        "replicas": 2,
        "env": {"MODEL": "meta-llama/Llama-3.1-8B-Instruct"},
        "args": ["--enable-prefix-caching"],
    },
    MISTRAL: {"image": "ghcr.io/huggingface/text-generation-inference:3.3.7", "port": 8080},
    EMBEDDER: {
        "image": "ghcr.io/huggingface/text-embeddings-inference:cpu-1.7",
        "port": 80,
        "gpu_count": 0,
        "autoscaling": {"enabled": True, "min_replicas": 2, "max_replicas": 8},
    },
}
_NEXT_IMAGE = "vllm/vllm-openai:v0.21.0"


async def tell_story(stage: Stage) -> None:
    """The whole story. Raises StoryBrokenError where a cluster does not follow in time."""
    await _deploy(stage)
    await _change(stage)
    await _break(stage)
    await _canary(stage)
    await _watchdog(stage)
    await _stop_start_delete(stage)


async def _deploy(stage: Stage) -> None:
    for name, spec in SPECS.items():
        regions = list(REGIONS) if name == LLAMA else [HOME]
        await stage.step(
            f"deploy {name} to {' and '.join(regions)}",
            lambda name=name, spec=spec, regions=regions: stage.writer.deploy(name, spec, regions),  # type: ignore[misc]
            "Deployment made" if len(regions) == 1 else "Deployments made in both",
            lambda name=name, regions=regions: all(  # type: ignore[misc]
                stage.deployment(name, region) is not None for region in regions
            ),
        )
    for name in SPECS:
        await stage.reported(name, "running")
    await stage.reported(LLAMA, "running", SECOND)
    await stage.wanted(LLAMA, "running")


async def _change(stage: Stage) -> None:
    await stage.step(
        f"scale {LLAMA} to 4",
        lambda: stage.writer.scale(LLAMA, 4),
        "replicas 4",
        lambda: stage.replicas(LLAMA) == 4,  # noqa: PLR2004
    )


async def _break(stage: Stage) -> None:
    image = "ghcr.io/huggingface/text-generation-inference:broken"
    await stage.step(
        f"update-image {MISTRAL} to a broken one",
        lambda: stage.writer.update_image(MISTRAL, image),
        "rolling out; old Pods keep serving",
        lambda: stage.image(MISTRAL) == image and stage.served(MISTRAL) == {MISTRAL: 100},
    )
    await stage.reported(MISTRAL, "updating")
    await stage.step(
        f"update-image {MISTRAL} back",
        lambda: stage.writer.set_spec(MISTRAL, SPECS[MISTRAL]),
        "rolled back",
        lambda: stage.image(MISTRAL) == SPECS[MISTRAL]["image"],
    )
    await stage.reported(MISTRAL, "running")


async def _canary(stage: Stage) -> None:
    name = f"{LLAMA}-canary"
    for weight in (10, 25):
        await stage.step(
            f"canary {LLAMA} at {weight} %",
            lambda weight=weight: stage.writer.set_spec(LLAMA, _with_canary(weight)),  # type: ignore[misc]
            "ready, then it gets its share" if weight == 10 else "new share",  # noqa: PLR2004
            lambda weight=weight: stage.served(LLAMA) == {LLAMA: 100 - weight, name: weight},  # type: ignore[misc]
        )
    simulation = stage.clusters[HOME].simulation
    await stage.happens(
        "the canary's Pods crash",
        lambda: simulation.fail(NAMESPACE, name),
        "all requests back to the primary",
        lambda: stage.served(LLAMA) == {LLAMA: 100},
    )
    simulation.heal(NAMESPACE, name)
    await stage.until("the canary is back", lambda: len(stage.served(LLAMA)) > 1)
    await stage.step(
        f"promote the canary of {LLAMA}",
        lambda: stage.writer.set_spec(LLAMA, {**SPECS[LLAMA], "replicas": 4, "image": _NEXT_IMAGE}),
        "rolling out, canary without traffic",
        lambda: stage.image(LLAMA) == _NEXT_IMAGE and stage.served(LLAMA) == {LLAMA: 100},
    )
    await stage.until("the canary is gone", lambda: not stage.stands("Deployment", name))
    await stage.reported(LLAMA, "running")


def _with_canary(weight: int) -> dict[str, Any]:
    canary = {"image": _NEXT_IMAGE, "weight": weight, "replicas": 1}
    return {**SPECS[LLAMA], "replicas": 4, "canary": canary}


async def _watchdog(stage: Stage) -> None:
    simulation, ingress = stage.clusters[HOME].simulation, f"inference-{MISTRAL}"
    await stage.happens(
        f"every Pod of {MISTRAL} crashes",
        lambda: simulation.fail(NAMESPACE, MISTRAL),
        f"the watchdog takes the Ingress away (after {WATCHDOG_SECONDS:g} s here)",
        lambda: not stage.stands("Ingress", ingress),
    )
    await stage.happens(
        "they recover",
        lambda: simulation.heal(NAMESPACE, MISTRAL),
        "exposed again",
        lambda: stage.served(MISTRAL) == {MISTRAL: 100},
    )


async def _stop_start_delete(stage: Stage) -> None:
    ingress = f"inference-{EMBEDDER}"
    await stage.step(
        f"stop {EMBEDDER}",
        lambda: stage.writer.stop(EMBEDDER),
        "Ingress gone, then 0 replicas",
        lambda: not stage.stands("Ingress", ingress) and stage.replicas(EMBEDDER) == 0,
    )
    await stage.reported(EMBEDDER, "stopped")
    await stage.step(
        f"start {EMBEDDER}",
        lambda: stage.writer.start(EMBEDDER),
        "replicas 2 under the autoscaler",
        lambda: stage.replicas(EMBEDDER) == 2 and stage.stands("HorizontalPodAutoscaler", EMBEDDER),  # noqa: PLR2004
    )
    await stage.reported(EMBEDDER, "running")
    kinds = ("Deployment", "Service", "HorizontalPodAutoscaler")
    await stage.step(
        f"delete {EMBEDDER}",
        lambda: stage.writer.delete(EMBEDDER),
        "every object gone",
        lambda: not any(stage.stands(kind, EMBEDDER) for kind in kinds),
    )
    await stage.wanted(EMBEDDER, None)
