"""What else lives in a cluster: the Deployments' controller with the kubelets, and the load balancer's controller."""

from collections.abc import Mapping
from typing import Any, Self

from gco_stream_reconciler.sandbox.kubernetes.answers import Answers
from gco_stream_reconciler.sandbox.kubernetes.deployments import Deployments
from gco_stream_reconciler.sandbox.kubernetes.history import Event
from gco_stream_reconciler.sandbox.kubernetes.ingress_controller import IngressController
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.load_balancer import LoadBalancer
from gco_stream_reconciler.sandbox.kubernetes.store import Store
from gco_stream_reconciler.sandbox.kubernetes.timers import Timers

Object = dict[str, Any]


class ClusterSimulation:
    """The controllers of a cluster, from entering to leaving."""

    def __init__(
        self,
        store: Store,
        *,
        ready_delay_seconds: float,
        ingress_delete_seconds: float,
        programming_seconds: float = 0.05,
        pods: bool = True,
    ) -> None:
        self._store = store
        self._timers = Timers()
        self.load_balancer = LoadBalancer(self._timers.now)
        self._ingresses = IngressController(
            store,
            self._timers,
            self.load_balancer,
            programming_seconds=programming_seconds,
            deregistration_seconds=ingress_delete_seconds,
        )
        self._deployments = Deployments(
            store, self._timers, ready_delay_seconds=ready_delay_seconds, pods=pods, turned=self._turned
        )

    async def __aenter__(self) -> Self:
        self._timers.start()
        self._store.listen(self._heard)
        for kind in ("Service", "Deployment", "Ingress"):
            for obj in self._store.of_kind(BY_NAME[kind], None):
                self._heard(Event("ADDED", 0, obj, None))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._timers.stop()

    # --- What a test does -------------------------------------------------------------------------------------

    def fail(self, namespace: str, deployment: str) -> None:
        """Let the Pods of a Deployment crash: none is ready until `heal`."""
        self._deployments.fail(namespace, deployment)

    def heal(self, namespace: str, deployment: str) -> None:
        """Let them become ready again, after the usual delay."""
        self._deployments.heal(namespace, deployment)

    # --- Events -----------------------------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        if self._timers.running:
            self._deployments.heard(event)
            self._ingresses.heard(event)

    def _turned(
        self, namespace: str, pod: str, labels: Mapping[str, str], answers: Answers, ready: bool
    ) -> None:
        self.load_balancer.turn((namespace, pod), labels, answers, ready=ready)
