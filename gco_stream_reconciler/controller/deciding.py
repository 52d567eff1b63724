"""Plans that ask for reads, with those reads made."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from gco_stream_reconciler.controller.ports import ClusterReads
from gco_stream_reconciler.errors import ReconcilerError, RetryableError
from gco_stream_reconciler.planning.actions import ObjectRef, Plan
from gco_stream_reconciler.planning.observed import KubeObject, Observed

_ROUNDS = 7
_POD_LIMIT = 50


async def decide(
    key: str, make_plan: Callable[[Observed], Plan], observed: Observed, cluster: ClusterReads
) -> tuple[Plan, Observed]:
    """Plan; read what the plan asks for; plan again. Returns the plan and what it was made from.

    Raises RetryableError, and whatever the cluster raises.
    """
    for _ in range(_ROUNDS):
        decided = make_plan(observed)
        if decided.reads:
            observed = await look_by_name(observed, decided.reads, cluster)
        elif decided.needs_pods is not None:
            observed = await _look_at_pods(observed, decided.needs_pods, cluster)
        else:
            return decided, observed
    raise RetryableError(f"endpoint {key}: the plan keeps asking for reads ({decided.reads}); this is a bug")


async def look_by_name(observed: Observed, refs: Iterable[ObjectRef], cluster: ClusterReads) -> Observed:
    """With these objects as they are now, present or absent. Raises the first ReconcilerError, after all reads have ended."""
    asked = tuple(refs)

    async def read(ref: ObjectRef) -> KubeObject | ReconcilerError | None:
        # An error is kept, not raised: a group whose child fails in the very turn in which it is cancelled raises that
        # error and not the cancellation (Python 3.11), and a worker that has lost the lease would go on.
        try:
            return await cluster.get(ref.kind, ref.namespace, ref.name)
        except ReconcilerError as error:
            return error

    async with asyncio.TaskGroup() as group:
        tasks = {ref: group.create_task(read(ref), name=f"read {ref}") for ref in asked}
    objects = dict(observed.objects)
    for ref, task in tasks.items():
        found = task.result()
        if isinstance(found, ReconcilerError):
            raise found
        if found is None:
            objects.pop(ref, None)
        else:
            objects[ref] = found
    return replace(observed, objects=objects, fetched=observed.fetched | set(asked))


async def _look_at_pods(observed: Observed, deployment: ObjectRef, cluster: ClusterReads) -> Observed:
    pods = await cluster.list_pods(deployment.namespace, f"app={deployment.name}", limit=_POD_LIMIT)
    return replace(observed, pods=tuple(pods))
