"""The controller of another Region, as far as the table shows it: reports what it is asked to do, after a while."""

import copy
from random import Random

from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import DesiredState
from tests.simulation.table import Item
from tests.simulation.world import OTHER_REGION, World

_SAYS = {
    DesiredState.DEPLOYING: "running",
    DesiredState.RUNNING: "running",
    DesiredState.STOPPED: "stopped",
    DesiredState.DELETED: "deleted",
}


async def other_region(world: World, random: Random) -> None:
    """Report for ever."""
    looked_at: dict[str, Item] = {}
    while True:
        if not await world.pause(random.uniform(3, 15)):
            return
        for name in sorted(world.table.items):
            item = world.table.items[name]
            # An item is never changed in place: the same one asks for the same, which was done.
            if looked_at.get(name) is not item:
                looked_at[name] = item
                _look(world, name, item)


def _look(world: World, name: str, item: Item) -> None:
    endpoint = decode_endpoint(item)
    targeted = OTHER_REGION in (endpoint.target_regions or ())
    reported = endpoint.region_status.get(OTHER_REGION)
    if not targeted and reported is None:
        return
    says = _SAYS[endpoint.desired_state or DesiredState.RUNNING] if targeted else "deleted"
    if reported is not None and (reported.state, reported.observed_spec) == (says, endpoint.spec_hash):
        return
    new = copy.deepcopy(item)
    new["region_status"]["M"][OTHER_REGION] = {
        "M": {"state": {"S": says}, "observed_spec": {"S": endpoint.spec_hash}}
    }
    world.table.put(OTHER_REGION, name, new)
