"""Micro-benchmarks: `python -m tests.benchmarks.children queue|cache N` prints one line of JSON."""

import asyncio
import copy
import gc
import json
import os
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from prometheus_client import CollectorRegistry

from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.informer.cache import Cache
from gco_stream_reconciler.informer.compaction import ValuePool
from gco_stream_reconciler.planning.actions import Apply, ObjectRef
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.situation import PlanSettings
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.store import Store
from gco_stream_reconciler.settings import LifecycleSettings
from gco_stream_reconciler.telemetry.metrics import Metrics
from gco_stream_reconciler.workqueue.queue import WorkQueue
from tests.benchmarks.table import REGION, item

_REPEATS = 5
_KEYS = 1000
_ADDS = 200_000
_CYCLES = 100_000
_PAGE = 500
_ROUNDS = 6
_NAME = "name-of-the-endpoint"
_NAMESPACE = "gco-inference"
_MANAGER = "gco-stream-reconciler"


def main() -> None:
    """Run one."""
    found = uvloop.run(_queue()) if sys.argv[1] == "queue" else _cache(int(sys.argv[2]))
    sys.stdout.write(json.dumps(found) + "\n")


async def _queue() -> dict[str, float]:
    """The median of some runs each, through the real metrics."""
    await asyncio.sleep(0)
    keys = [f"endpoint-{number}" for number in range(_KEYS)]
    adds, cycles = [], []
    for _ in range(_REPEATS):
        adds.append(_adds(_made(), keys))
        cycles.append(await _cycles(_made(), keys))
    return {"adds": sorted(adds)[_REPEATS // 2], "cycles": sorted(cycles)[_REPEATS // 2]}


def _made() -> WorkQueue:
    metrics = Metrics(CollectorRegistry(), clock=time.monotonic)
    return WorkQueue(
        name="benchmark", clock=time.monotonic, random=random.Random(1), observer=metrics.queue("benchmark")
    )


def _adds(queue: WorkQueue, keys: list[str]) -> float:
    for key in keys:
        queue.add(key)
    began = time.perf_counter()
    for _ in range(_ADDS // len(keys)):
        for key in keys:
            queue.add(key)
    return _ADDS / (time.perf_counter() - began)


async def _cycles(queue: WorkQueue, keys: list[str]) -> float:
    began = time.perf_counter()
    for _ in range(_CYCLES // len(keys)):
        for key in keys:
            queue.add(key)
        for _ in keys:
            queue.done(await queue.get())
    return _CYCLES / (time.perf_counter() - began)


def _cache(endpoints: int) -> dict[str, float]:
    """Memory of the caches, filled from the bytes of listings as the informers fill them."""
    pool = ValuePool()
    pages = _pages(endpoints)
    caches = {kind: Cache(kind=kind, pool=pool) for kind in pages}
    gc.collect()
    before, began = _rss_mib(), time.perf_counter()
    for kind, texts in pages.items():
        items = [caches[kind].compact(obj) for text in texts() for obj in json.loads(text)]
        caches[kind].listing_started()
        caches[kind].replace(items, "9999999")
    seconds = time.perf_counter() - began
    gc.collect()
    objects = sum(len(cache) for cache in caches.values())
    return {"mib": _rss_mib() - before, "objects": objects, "seconds": seconds}


def _pages(endpoints: int) -> dict[str, Callable[[], Iterator[str]]]:
    """Kind → what gives the pages of a listing, made one at a time, so that their text is no part of the figure."""
    samples = {obj["kind"]: json.dumps(obj) for obj in _objects()}

    def of(kind: str) -> Iterator[str]:
        for first in range(0, endpoints, _PAGE):
            numbers = range(first, min(endpoints, first + _PAGE))
            yield "[" + ",".join(_renamed(samples[kind], number) for number in numbers) + "]"

    return {kind: partial(of, kind) for kind in samples}


def _renamed(text: str, number: int) -> str:
    obj = json.loads(text.replace(_NAME, f"endpoint-{number:05d}"))
    obj["metadata"]["uid"] = str(uuid.uuid4())
    obj["metadata"]["resourceVersion"] = str(1_000_000 + number)
    return json.dumps(obj)


def _objects() -> list[dict[str, Any]]:
    """What stands for one endpoint that runs, as the API server shows it."""
    store = Store()
    store.add_namespace(_NAMESPACE)
    settings = PlanSettings(REGION, (_NAMESPACE,), "table-1", LifecycleSettings())
    endpoint = decode_endpoint(item(_NAME, _NAMESPACE))
    known: dict[ObjectRef, dict[str, Any]] = {}
    fetched: frozenset[ObjectRef] = frozenset()
    for _ in range(_ROUNDS):
        decided = plan(endpoint, Observed(objects=known, fetched=fetched), time.time(), settings)
        fetched |= set(decided.reads)
        for action in decided.actions:
            if isinstance(action, Apply):
                kind = BY_NAME[action.ref.kind]
                manifest = json.loads(json.dumps(action.manifest))
                made, _ = store.apply(kind, _NAMESPACE, manifest, manager=_MANAGER, force=True)
                known[action.ref] = copy.deepcopy(made)
        for ref, obj in known.items():
            if ref.kind == "Deployment":
                counts = ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas")
                obj["status"] = {"observedGeneration": 1, **dict.fromkeys(counts, 1)}
    return list(known.values())


def _rss_mib() -> float:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
