"""What was done for each endpoint lately, bounded. Pure state."""

from collections import OrderedDict
from dataclasses import dataclass, replace

from gco_stream_reconciler.console.views import ActionRecord, ErrorRecord
from gco_stream_reconciler.printable import shortened

ACTIONS_KEPT = 20
ERRORS_KEPT = 10
ENDPOINTS_KEPT = 10_000
_TEXT_LIMIT = 500


@dataclass(slots=True)
class _Memory:
    """Newest first. Tuples: a deque takes half a kibibyte before it holds anything."""

    actions: tuple[ActionRecord, ...] = ()
    errors: tuple[ErrorRecord, ...] = ()


class ActionHistory:
    """The last actions and errors of each endpoint; beyond `endpoints_kept` the longest untouched goes."""

    def __init__(self, *, endpoints_kept: int = ENDPOINTS_KEPT) -> None:
        self._most = endpoints_kept
        self._memories: OrderedDict[str, _Memory] = OrderedDict()

    def __len__(self) -> int:
        """Endpoints that something is remembered of."""
        return len(self._memories)

    def acted(self, endpoint: str, record: ActionRecord) -> None:
        """Remember an action."""
        short = replace(
            record, reason=shortened(record.reason, _TEXT_LIMIT), error=shortened(record.error, _TEXT_LIMIT)
        )
        memory = self._memory(endpoint)
        memory.actions = (short, *memory.actions[: ACTIONS_KEPT - 1])

    def failed(self, endpoint: str, record: ErrorRecord) -> None:
        """Remember a reconcile that failed."""
        memory = self._memory(endpoint)
        memory.errors = (
            replace(record, error=shortened(record.error, _TEXT_LIMIT)),
            *memory.errors[: ERRORS_KEPT - 1],
        )

    def actions(self, endpoint: str) -> tuple[ActionRecord, ...]:
        """The endpoint's last actions, newest first."""
        found = self._memories.get(endpoint)
        return found.actions if found else ()

    def errors(self, endpoint: str) -> tuple[ErrorRecord, ...]:
        """The endpoint's last errors, newest first."""
        found = self._memories.get(endpoint)
        return found.errors if found else ()

    def forget(self, endpoint: str) -> None:
        """The endpoint's item is gone."""
        self._memories.pop(endpoint, None)

    def _memory(self, endpoint: str) -> _Memory:
        found = self._memories.setdefault(endpoint, _Memory())
        self._memories.move_to_end(endpoint)
        if len(self._memories) > self._most:
            self._memories.popitem(last=False)
        return found
