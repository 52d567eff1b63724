"""What the Ingresses of a group ask for together. Pure state.

Kept path by path, so that a change costs what it touches, not the size of the group.
"""

from collections import defaultdict

from gco_stream_reconciler.sandbox.kubernetes.routing import BuildError, Forward, Model, Place, merged

Changes = dict[str, tuple[Forward, ...] | None]
"""Path → where it leads now; None: nowhere any more."""


class IngressGroup:
    """Invariant: what `changes` has told, taken together, is `merged` of the models by namespace and name."""

    def __init__(self) -> None:
        self._models: dict[Place, Model] = {}
        self._broken: dict[Place, BuildError] = {}
        self._asking: defaultdict[str, set[Place]] = defaultdict(set)
        self._touched: dict[str, None] = {}

    @property
    def error(self) -> BuildError | None:
        """Why there is no model of the group: the first Ingress that has none."""
        return self._broken[min(self._broken)] if self._broken else None

    def put(self, place: Place, built: Model | BuildError | None) -> None:
        """An Ingress has another model, or cannot be modelled, or is a member no more (None)."""
        for path in self._models.pop(place, ()):
            self._asking[path].discard(place)
            self._touched[path] = None
        self._broken.pop(place, None)
        if isinstance(built, BuildError):
            self._broken[place] = built
        elif built is not None:
            self._models[place] = built
            for path in built:
                self._asking[path].add(place)
                self._touched[path] = None

    def changes(self) -> Changes:
        """Where the paths lead that were touched since the last call."""
        found: Changes = {}
        for path in self._touched:
            asking = sorted(self._asking[path])
            found[path] = merged(self._models[place] for place in asking).get(path)
            if not asking:
                del self._asking[path]
        self._touched.clear()
        return found
