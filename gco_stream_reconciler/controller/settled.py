"""Endpoints for which a complete look has found nothing to do: the next look needs only see that nothing has changed."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from gco_stream_reconciler import jsontext
from gco_stream_reconciler.planning.observed import KubeObject, metadata
from gco_stream_reconciler.planning.rivals import Rivals


def fingerprint(
    item: Mapping[str, Any], objects: Iterable[tuple[str, KubeObject]], rivals: Rivals
) -> int | None:
    """Everything that a plan without a timer rests on, as one number of this process; None where it has none.

    An object is what its UID and resourceVersion say; the API server changes the latter with every change.
    """
    versions = []
    for _, obj in objects:
        meta = metadata(obj)
        versions.append((meta.get("uid"), meta.get("resourceVersion")))
    try:
        text = jsontext.encode(item)
    except (TypeError, ValueError):
        return None  # binary attributes: looked at anew each time
    return hash((text, tuple(sorted(versions, key=str)), rivals))


class Settled:
    """Fingerprint of each endpoint as it was last found at rest."""

    def __init__(self) -> None:
        self._marks: dict[str, int] = {}

    def holds(self, name: str, mark: int | None) -> bool:
        """Whether the endpoint was at rest with this very fingerprint."""
        return mark is not None and self._marks.get(name) == mark

    def note(self, name: str, mark: int | None, *, at_rest: bool) -> None:
        """A look has ended."""
        if at_rest and mark is not None:
            self._marks[name] = mark
        else:
            self._marks.pop(name, None)

    def retain(self, names: Collection[str]) -> None:
        """Forget all others."""
        self._marks = {name: mark for name, mark in self._marks.items() if name in names}
