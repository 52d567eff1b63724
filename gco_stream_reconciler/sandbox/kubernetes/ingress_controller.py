"""The load balancer's controller: one Application Load Balancer for all Ingresses of the class `alb`.

As the real one, it models its group as a whole: one Ingress in error keeps every other from being updated, from getting
an address, and from going away.
"""

from collections import defaultdict
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.core_events import event_about
from gco_stream_reconciler.sandbox.kubernetes.history import Event
from gco_stream_reconciler.sandbox.kubernetes.ingress_group import IngressGroup
from gco_stream_reconciler.sandbox.kubernetes.load_balancer import LoadBalancer
from gco_stream_reconciler.sandbox.kubernetes.routing import (
    BuildError,
    Model,
    Place,
    is_member,
    model_of,
    services_of,
)
from gco_stream_reconciler.sandbox.kubernetes.store import Store
from gco_stream_reconciler.sandbox.kubernetes.timers import Timers

Object = dict[str, Any]

INGRESS_FINALIZER = "ingress.k8s.aws/resources"


class IngressController:
    """Programs the load balancer a moment after a change; holds an Ingress in deletion until it is deregistered.

    Invariants: while `load_balancer.group_error` is set nothing is programmed; `_group` has the models of the members
    and the Services as they are, but of those in `_stale`; a member not in `_unaddressed` shows the address.
    """

    def __init__(
        self,
        store: Store,
        timers: Timers,
        load_balancer: LoadBalancer,
        *,
        programming_seconds: float,
        deregistration_seconds: float,
    ) -> None:
        self._store = store
        self._timers = timers
        self._load_balancer = load_balancer
        self._programming = programming_seconds
        self._deregistration = deregistration_seconds
        self._services: dict[Place, Object] = {}
        self._members: dict[Place, Object] = {}
        self._leaving: dict[str, tuple[Object, float]] = {}
        self._users: defaultdict[Place, set[Place]] = defaultdict(set)
        self._group = IngressGroup()
        self._stale: set[Place] = set()
        self._unaddressed: set[Place] = set()
        self._warned: set[str] = set()
        self._made = 0
        self._due = False

    # --- Events -----------------------------------------------------------------------------------------------

    def heard(self, event: Event) -> None:
        """Something changed in the store."""
        if event.obj["kind"] == "Ingress":
            self._ingress(event)
        elif event.obj["kind"] == "Service":
            self._service(event)

    def _ingress(self, event: Event) -> None:
        place, meta = _place(event.obj), event.obj["metadata"]
        held = INGRESS_FINALIZER in meta.get("finalizers", ())
        before = self._members.pop(place, None)
        if event.type == "DELETED":
            self._leaving.pop(meta["uid"], None)
        elif is_member(event.obj):
            self._members[place] = event.obj
            self._leaving.pop(meta["uid"], None)
            if not held:
                self._timers.later(0, self._hold, event.obj)
        elif held and meta["uid"] not in self._leaving:
            self._leaving[meta["uid"]] = event.obj, self._timers.now() + self._deregistration
        after = self._members.get(place)
        self._unaddressed.discard(place)
        if after is not None and after.get("status") != self._status():
            self._unaddressed.add(place)
        if _rules(before) == _rules(after) and (after is not None or not self._leaving):
            return
        for service in services_of(before) if before else ():
            self._users[service].discard(place)
        for service in services_of(after) if after else ():
            self._users[service].add(place)
        self._stale.add(place)
        self._reconcile_soon()

    def _service(self, event: Event) -> None:
        place = _place(event.obj)
        if event.type == "DELETED":
            self._services.pop(place, None)
            self._load_balancer.select(place, None)
        else:
            self._services[place] = event.obj
            self._load_balancer.select(place, (event.obj.get("spec") or {}).get("selector") or {})
        for user in self._users.get(place, ()):
            self._stale.add(user)
            self._reconcile_soon()

    def _hold(self, obj: Object) -> None:
        live = self._same(obj)
        if live is not None and is_member(live):
            finalizers = live["metadata"].get("finalizers", [])
            if INGRESS_FINALIZER not in finalizers:
                self._store.set_finalizers(live, [*finalizers, INGRESS_FINALIZER])

    def _same(self, obj: Object) -> Object | None:
        found = self._store.objects.get(("Ingress", *_place(obj)))
        return found if found is not None and found["metadata"]["uid"] == obj["metadata"]["uid"] else None

    # --- The group --------------------------------------------------------------------------------------------

    def _reconcile_soon(self) -> None:
        if not self._due:
            self._due = True
            self._timers.later(self._programming, self._reconcile)

    def _reconcile(self) -> None:
        self._due = False
        for place in sorted(self._stale):
            self._group.put(place, self._built(place))
        self._stale.clear()
        if self._group.error is not None:
            self._failed(str(self._group.error), sorted(self._members))
            return
        self._load_balancer.set_error(None)
        if self._members and not self._load_balancer.exists:
            self._made += 1
            self._unaddressed.update(self._members)
            self._load_balancer.set_exists(True)
        self._load_balancer.program(self._group.changes())
        if not self._members:
            self._load_balancer.set_exists(False)
        self._address()
        for obj, at in list(self._leaving.values()):
            self._timers.later(max(0.0, at - self._timers.now()), self._release, obj)

    def _built(self, place: Place) -> Model | BuildError | None:
        member = self._members.get(place)
        if member is None:
            return None
        try:
            return model_of(member, self._services)
        except BuildError as error:
            return error

    def _failed(self, problem: str, members: list[Place]) -> None:
        """Tell every Ingress of the group, once for each problem."""
        if self._load_balancer.set_error(problem):
            self._warned.clear()
        for place in members:
            member = self._members[place]
            uid = member["metadata"]["uid"]
            if uid not in self._warned:
                self._warned.add(uid)
                note = f"Failed build model due to {problem}"
                stamp = self._store.stamp()
                event = event_about(
                    member, "Warning", "FailedBuildModel", note, component="ingress", now=stamp
                )
                self._store.commit(None, event)

    def _address(self) -> None:
        status = self._status()
        for place in sorted(self._unaddressed):
            member = self._members[place]
            if member.get("status") != status:
                self._store.write_status(member, status, manager="controller")

    def _status(self) -> Object:
        number = f"-{self._made}" if self._made > 1 else ""
        return {"loadBalancer": {"ingress": [{"hostname": f"sandbox{number}.elb.amazonaws.com"}]}}

    def _release(self, obj: Object) -> None:
        """Let an Ingress go that is routed no more."""
        live = self._same(obj)
        if live is not None and obj["metadata"]["uid"] in self._leaving:
            kept = [name for name in live["metadata"].get("finalizers", ()) if name != INGRESS_FINALIZER]
            self._leaving.pop(obj["metadata"]["uid"])
            self._store.set_finalizers(live, kept)


def _place(obj: Object) -> Place:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _rules(ingress: Object | None) -> Any:
    """What of an Ingress the model depends on."""
    if ingress is None:
        return None
    return ingress["metadata"]["uid"], ingress.get("spec"), ingress["metadata"].get("annotations")
