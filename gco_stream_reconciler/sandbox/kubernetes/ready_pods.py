"""Which ready Pods each Service selects. Pure state.

Looked up by labels from both sides, so that a change costs what it touches, not the size of the cluster.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

Place = tuple[str, str]
"""Namespace and name."""
_Item = tuple[str, str, str]


class ReadyPods:
    """Invariant: `pods(service)` are the ready Pods of its namespace that carry all labels of its selector.

    A Service without a selector selects nothing.
    """

    def __init__(self) -> None:
        self._labels: dict[Place, Mapping[str, str]] = {}
        self._pods_with: defaultdict[_Item, set[Place]] = defaultdict(set)
        self._selectors: dict[Place, Mapping[str, str]] = {}
        self._services_with: defaultdict[_Item, set[Place]] = defaultdict(set)
        self._shelf: dict[Place, _Item] = {}
        self._selected: dict[Place, set[Place]] = {}

    def pods(self, service: Place) -> frozenset[Place]:
        """Ready Pods of a Service; none of one that is not there."""
        return frozenset(self._selected.get(service, ()))

    def add_pod(self, pod: Place, labels: Mapping[str, str]) -> list[Place]:
        """A Pod became ready; returns the Services that gained it."""
        if pod in self._labels:
            return []
        self._labels[pod] = dict(labels)
        items = _items(pod[0], labels)
        for item in items:
            self._pods_with[item].add(pod)
        gained = [
            service
            for item in items
            for service in self._services_with.get(item, ())
            if _selects(self._selectors[service], labels)
        ]
        for service in gained:
            self._selected[service].add(pod)
        return gained

    def drop_pod(self, pod: Place) -> list[Place]:
        """A Pod is ready no more; returns the Services that lost it."""
        labels = self._labels.pop(pod, None)
        if labels is None:
            return []
        items = _items(pod[0], labels)
        lost = [
            service
            for item in items
            for service in self._services_with.get(item, ())
            if pod in self._selected[service]
        ]
        for item in items:
            self._pods_with[item].discard(pod)
        for service in lost:
            self._selected[service].discard(pod)
        return lost

    def put_service(self, service: Place, selector: Mapping[str, str]) -> None:
        """A Service is there, or has another selector."""
        if self._selectors.get(service) == selector:
            return
        self.drop_service(service)
        self._selectors[service] = dict(selector)
        items = _items(service[0], selector)
        self._selected[service] = set()
        if not items:
            return
        # Filed under one item only: the one that the fewest others are filed under.
        self._shelf[service] = min(items, key=lambda item: len(self._services_with.get(item, ())))
        self._services_with[self._shelf[service]].add(service)
        rarest = min(items, key=lambda item: len(self._pods_with.get(item, ())))
        candidates = self._pods_with.get(rarest, ())
        self._selected[service] = {pod for pod in candidates if _selects(selector, self._labels[pod])}

    def drop_service(self, service: Place) -> None:
        """A Service is gone."""
        self._selectors.pop(service, None)
        self._selected.pop(service, None)
        item = self._shelf.pop(service, None)
        if item is not None:
            self._services_with[item].discard(service)


def _items(namespace: str, labels: Mapping[str, str]) -> list[_Item]:
    return [(namespace, key, value) for key, value in labels.items()]


def _selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    wanted: Iterable[tuple[str, str]] = selector.items()
    return all(labels.get(key) == value for key, value in wanted)
