"""Which of a cache's objects may belong to which endpoint. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from gco_stream_reconciler.informer.objects import Key, endpoint_keys


class EndpointIndex:
    """Endpoint → keys of its objects, in the order in which they were added. Never holds an endpoint without objects.

    Keeps nothing of the objects: whoever changes one says what stood there before.
    """

    def __init__(self, objects: Mapping[Key, dict[str, Any]]) -> None:
        self._keys: dict[str, tuple[Key, ...]] = {}
        for key, obj in objects.items():
            self._add(key, endpoint_keys(obj))

    def keys_of(self, endpoint: str) -> tuple[Key, ...]:
        """Keys of the objects that may belong to an endpoint."""
        return self._keys.get(endpoint, ())

    def endpoints(self) -> Iterable[str]:
        """Every endpoint that some object may belong to."""
        return self._keys.keys()

    def change(self, key: Key, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        """An object has taken another's place under a key; None for no object."""
        before = () if old is None else endpoint_keys(old)
        after = () if new is None else endpoint_keys(new)
        if before != after:
            self._remove(key, before)
            self._add(key, after)

    def _add(self, key: Key, endpoints: tuple[str, ...]) -> None:
        for endpoint in endpoints:
            self._keys[endpoint] = (*self._keys.get(endpoint, ()), key)

    def _remove(self, key: Key, endpoints: tuple[str, ...]) -> None:
        for endpoint in endpoints:
            left = tuple(each for each in self._keys[endpoint] if each != key)
            if left:
                self._keys[endpoint] = left
            else:
                del self._keys[endpoint]

    def validate(self, objects: Mapping[Key, dict[str, Any]]) -> None:
        """Raise AssertionError unless these are the objects that it stands for, each once."""
        expected: dict[str, set[Key]] = {}
        for key, obj in objects.items():
            for endpoint in endpoint_keys(obj):
                expected.setdefault(endpoint, set()).add(key)
        indexed = {endpoint: set(keys) for endpoint, keys in self._keys.items()}
        if indexed != expected or any(len(keys) != len(set(keys)) for keys in self._keys.values()):
            raise AssertionError("the index by endpoint does not match the objects")
