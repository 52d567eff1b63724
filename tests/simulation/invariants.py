"""What must hold after every single write, whoever made it."""

import json
from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.history import Event
from tests.simulation.wishes import NOTHING, wants, wish
from tests.simulation.world import NAMESPACE, REGION, World

WORKLOADS = ("Deployment", "Service", "Ingress", "HorizontalPodAutoscaler")
DECIDED_WITHIN = 60.0
"""A write may rest on what the table said up to this long ago: reads, retries and stages take their time."""
CACHE_AGE = 120.0
"""A cache may be this old before it counts as stale, a broken watch and its new start included."""
INGRESS_WAIT = 300.0
WATCHDOG = 300.0
ORPHAN = 60.0
Object = dict[str, Any]
Key = tuple[str, str, str]


class Invariants:
    """Listens to cluster and table. slack: seconds by which clocks may be wrong together."""

    def __init__(self, world: World, *, slack: float = 5.0) -> None:
        self._world = world
        self._slack = slack
        self._objects = world.server.store.objects
        self.strangers: set[Key] = set()
        self._ready_at: dict[Key, float] = {}
        self._ended_by: dict[Key, tuple[str, float]] = {}
        self._ready_since: dict[Key, float] = {}
        # Since when a Deployment has not been ready, a minute of readiness aside.
        self._unready_since: dict[Key, float] = {}
        self.made: defaultdict[Key, int] = defaultdict(int)
        self.deleted: defaultdict[Key, int] = defaultdict(int)
        self._adopted_from: set[Key] = set()
        world.server.store.listen(self._heard)
        world.table.listeners.append(self._table)

    # --- The cluster --------------------------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        kind = event.obj["kind"]
        if kind not in WORKLOADS:
            return
        key = (kind, event.obj["metadata"]["namespace"], event.obj["metadata"]["name"])
        if kind == "Deployment":
            self._note_readiness(key, event)
        actor = self._world.server.actor
        if actor is not None:
            self._written(actor, key, event)
        self._references(event)

    def _note_readiness(self, key: Key, event: Event) -> None:
        now = self._world.clock()
        ready = int((event.obj.get("status") or {}).get("readyReplicas") or 0) > 0
        if event.type == "DELETED" or "deletionTimestamp" in event.obj["metadata"]:
            # Pods of a Deployment that is going are no Pods to send requests to.
            if self._ready_since.pop(key, None) is not None:
                self._ready_at[key] = now
                self._ended_by[key] = self._world.server.actor or "", now
            self._unready_since.pop(key, None)
        elif ready:
            self._ready_at[key] = now
            self._ready_since.setdefault(key, now)
        else:
            since = self._ready_since.pop(key, None)
            if since is not None:
                self._ready_at[key] = now
                if now - since >= 60 + self._slack:
                    self._unready_since.pop(key, None)
            self._unready_since.setdefault(key, now)

    def _written(self, actor: str, key: Key, event: Event) -> None:
        kind, _, name = key
        what = f"{actor} {event.type.lower()} {kind} {name}"
        if key in self.strangers:
            self._found(f"{what}, which is a stranger's")
        self._led(actor, what)
        if event.old is not None and _made_for(event.old) not in (None, _made_for(event.obj)):
            self._found(f"{what}, which was made for endpoint {_made_for(event.old)}")
        began = event.old is not None and "deletionTimestamp" in event.old["metadata"]
        goes = event.type == "DELETED" or "deletionTimestamp" in event.obj["metadata"]
        if event.type == "ADDED":
            self.made[key] += 1
            self._wanted(key, what)
        elif goes and not began:
            self.deleted[key] += 1
            self._justified(key, event.obj, what)
        if kind == "Ingress" and not goes:
            self._first_references(event, what)
        if kind in ("Deployment", "Service") and self._ends(event, goes=goes, began=began):
            self._traffic_is_away(key, what)

    def _ends(self, event: Event, *, goes: bool, began: bool) -> bool:
        if goes and not began:
            return True
        old = (event.old or {}).get("spec", {}).get("replicas")
        return event.obj["kind"] == "Deployment" and bool(old) and event.obj["spec"].get("replicas") == 0

    def _led(self, actor: str, what: str) -> None:
        lease = self._objects.get(("Lease", NAMESPACE, self._world.settings.leadership.lease_name))
        holder = None if lease is None else lease["spec"].get("holderIdentity")
        if holder != f"gco-stream-reconciler/{actor}":
            self._found(f"{what} while {holder} holds the lease")

    def _endpoint(self, key: Key) -> str:
        kind, _, name = key
        if kind == "Ingress":
            return name.removeprefix("inference-")
        return self._owner(key, self._objects.get(key))

    def _owner(self, key: Key, obj: Object | None) -> str:
        return key[2] if obj is None else _made_for(obj) or key[2]

    def _items(self, name: str, within: float) -> list[Object | None]:
        """What the table has said of an item in the last seconds."""
        history = self._world.table.history[name]
        begins = self._world.clock() - within
        found: list[Object | None] = [item for at, item in history if at > begins]
        before = [item for at, item in history if at <= begins]
        return [before[-1] if before else None, *found]

    def _wanted(self, key: Key, what: str) -> None:
        if not self._has_been_wanted(self._endpoint(key), key):
            self._found(f"{what}, which nobody asked for")

    def _has_been_wanted(self, name: str, key: Key) -> bool:
        return any(wants(wish(item), name, key) for item in self._items(name, DECIDED_WITHIN))

    def _justified(self, key: Key, obj: Object, what: str) -> None:
        # The object is gone from the cluster, so its labels are those of the event.
        name = self._endpoint(key) if key[0] == "Ingress" else self._owner(key, obj)
        names = {name, name.removesuffix("-canary")} if key[0] != "Ingress" else {name}
        for each in sorted(names):
            items = self._items(each, DECIDED_WITHIN)
            if any(item is not None and not wants(wish(item), each, key) for item in items):
                return
        if None in self._items(name, DECIDED_WITHIN) and self._was_absent(name):
            return
        if name != key[2] and self._has_been_wanted(key[2], key):
            return  # a canary gives way to the endpoint of its name
        if key[0] == "Ingress" and self._watchdog_may(name):
            return
        self._found(f"{what} without a reason: the table wants it")

    def _was_absent(self, name: str) -> bool:
        """Whether the item was gone for a minute, up to a moment ago."""
        now, history = self._world.clock(), self._world.table.history[name]
        changes = [*history, (now, NOTHING)]
        for (since, item), (until, _) in pairwise(changes):
            if item is None and until >= now - DECIDED_WITHIN and until - since >= ORPHAN:
                return True
        return not history

    def _watchdog_may(self, name: str) -> bool:
        since = self._unready_since.get(("Deployment", NAMESPACE, name))
        return since is not None and self._world.clock() - since >= WATCHDOG - self._slack

    def _traffic_is_away(self, key: Key, what: str) -> None:
        """Pods and Services go only after their Ingress, or after five minutes of waiting for it."""
        _, namespace, name = key
        for ingress in self._world.server.store.objects.values():
            if ingress["kind"] != "Ingress" or ingress["metadata"]["namespace"] != namespace:
                continue
            if name not in services_of(ingress):
                continue
            stamp = ingress["metadata"].get("deletionTimestamp")
            waited = 0.0 if stamp is None else self._world.now() - _seconds(stamp)
            if waited < INGRESS_WAIT - self._slack:
                self._found(f"{what} while Ingress {ingress['metadata']['name']} sends it requests")

    def _first_references(self, event: Event, what: str) -> None:
        before = set() if event.old is None else services_of(event.old)
        namespace = event.obj["metadata"]["namespace"]
        for service in sorted(services_of(event.obj) - before):
            live = self._objects.get(("Service", namespace, service))
            if live is None or "deletionTimestamp" in live["metadata"]:
                self._found(f"{what} names Service {service}, which is not there")
            if not self._may_be_seen_ready(("Deployment", namespace, service)):
                self._found(f"{what} names Service {service}, which has had no ready Pod")

    def _may_be_seen_ready(self, key: Key) -> bool:
        """Whether it is ready, or was so lately that a cache may not show the difference yet."""
        if key in self._ready_since:
            return True
        by, at = self._ended_by.get(key, ("", float("-inf")))
        if by == self._world.server.actor and at >= self._ready_at.get(key, at):
            return False  # who has ended it knows
        return self._world.clock() - self._ready_at.get(key, float("-inf")) <= CACHE_AGE

    def _references(self, event: Event) -> None:
        """A weighted forward to a missing Service is an error for every Ingress of the load balancer."""
        if event.obj["kind"] not in ("Ingress", "Service"):
            return
        namespace = event.obj["metadata"]["namespace"]
        for ingress in list(self._objects.values()):
            if ingress["kind"] != "Ingress" or ingress["metadata"]["namespace"] != namespace:
                continue
            weights = weights_of(ingress)
            if weights is None or "deletionTimestamp" in ingress["metadata"]:
                continue
            name = ingress["metadata"]["name"]
            if sum(weights.values()) != 100:
                self._found(f"Ingress {name} has weights {weights}")
            for service in weights:
                if ("Service", namespace, service) not in self._objects:
                    self._found(f"Ingress {name} forwards to Service {service}, which is not there")

    # --- The table ----------------------------------------------------------------------------------------------

    def _table(self, actor: str, name: str, old: Object | None, new: Object | None) -> None:
        if not actor.startswith("p"):
            return
        what = f"{actor} writes item {name}"
        self._led(actor, what)
        if old is None:
            self._found(f"{what}, which was not there")
        elif new is None:
            self._purged(what, name, old)
        else:
            self._wrote_its_own(what, old, new)

    def _purged(self, what: str, name: str, old: Object) -> None:
        if old["desired_state"]["S"] != "deleted":
            self._found(f"{what}: purged although it is to be {old['desired_state']['S']}")
        left = [
            key
            for key, obj in self._objects.items()
            if (obj["metadata"].get("labels") or {}).get("gco.io/endpoint") == name and key[0] in WORKLOADS
        ]
        if left:
            self._found(f"{what}: purged although {left} are there")

    def _wrote_its_own(self, what: str, old: Object, new: Object) -> None:
        changed = {field for field in {*old, *new} if old.get(field) != new.get(field)}
        promoted = (old["desired_state"], new["desired_state"]) == ({"S": "deploying"}, {"S": "running"})
        if changed - {"region_status"} and not (changed == {"desired_state"} and promoted):
            self._found(f"{what}: changed {sorted(changed)}")
        name = new["endpoint_name"]["S"]
        said, says = _state(old), _state(new)
        # The report may be of a spec that somebody has replaced since it was read; it names that spec.
        runs_nothing = any(wish(item).replicas == 0 for item in self._items(name, DECIDED_WITHIN))
        ready = self._may_be_seen_ready(("Deployment", NAMESPACE, name))
        if says == "running" != said and not runs_nothing and not ready:
            self._found(f"{what}: running, without a ready Pod that stays")

    def _found(self, what: str) -> None:
        self._world.found(what)


def _made_for(obj: Object) -> str | None:
    return (obj["metadata"].get("labels") or {}).get("gco.io/endpoint")  # type: ignore[no-any-return]


def _state(item: Object) -> str | None:
    status = item.get("region_status", {}).get("M", {}).get(REGION, {}).get("M", {})
    return status.get("state", {}).get("S")  # type: ignore[no-any-return]


def weights_of(ingress: Object) -> dict[str, int] | None:
    """Service → weight of a weighted forward."""
    text = (ingress["metadata"].get("annotations") or {}).get(
        "alb.ingress.kubernetes.io/actions.weighted-routing"
    )
    backends = [path["backend"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
    if not any(backend["service"]["name"] == "weighted-routing" for backend in backends):
        return None
    groups = json.loads(text or "{}").get("forwardConfig", {}).get("targetGroups", [])
    return {group["serviceName"]: int(group["weight"]) for group in groups}


def services_of(ingress: Object) -> set[str]:
    """The Services that an Ingress names."""
    weights = weights_of(ingress)
    if weights is not None:
        return set(weights)
    return {
        path["backend"]["service"]["name"]
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
    }


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
