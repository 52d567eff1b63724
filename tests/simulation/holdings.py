"""What a process of the controller holds: every container that can be reached from its application, by its owner.

Nothing is looked up by its name, so a structure that is new is counted too. What only a suspended task holds is not
reached; the garbage collector's count of objects tells of that.
"""

import gc
import resource
import sys
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

from gco_stream_reconciler.app.application import Application

_PLAIN = (str, bytes, int, float, bool, type(None), type, ModuleType)
_LISTS = (list, tuple, set, frozenset, deque)
# The world around the controller, and machinery that is shared by everything in the process.
_ELSEWHERE = ("tests.", "asyncio", "_asyncio", "structlog", "logging", "random", "threading", "_thread")

CAPACITY: Mapping[str, int] = {
    "ValuePool._strings": 32_768,
    "ValuePool._numbers": 4_096,
    # Field names and items of 4,096 maps and lists; their keys have as many entries again.
    "ValuePool._maps": 60_000,
    "ValuePool._lists": 30_000,
    "EventRecorder._buckets": 4_096,
    "Cache._floors": 10_000,
    "Cache._gone": 10_000,
}
"""What fills up slowly to a size of its own, whatever comes and goes; held to that size instead of to no growth."""


class Holdings:
    """One look. lengths: entries of containers by owner, "Class.attribute"; named: texts by owner that contain `name`.

    size: bytes, without what the owners of CAPACITY hold: a pool may fill for longer than a day.
    """

    def __init__(self, application: Application, *, name: str | None = None) -> None:
        self.lengths: Counter[str] = Counter()
        self.named: Counter[str] = Counter()
        self.size = 0
        self._name = name
        self._seen: set[int] = set()
        self._walk(application)

    def _walk(self, application: Application) -> None:
        waiting: list[tuple[Any, str]] = [(vars(application), "Application")]
        while waiting:
            found, owner = waiting.pop()
            if isinstance(found, str):
                self._read(found, owner)
            if id(found) in self._seen or _is_elsewhere(found):
                continue
            self._seen.add(id(found))
            if owner not in CAPACITY:
                self.size += sys.getsizeof(found)
            waiting += self._inside(found, owner)

    def _read(self, text: str, owner: str) -> None:
        if self._name is not None and self._name in text:
            self.named[owner] += 1

    def _inside(self, found: Any, owner: str) -> Iterator[tuple[Any, str]]:
        if isinstance(found, _PLAIN):
            return
        if isinstance(found, dict | Counter):
            self.lengths[owner] += len(found)
            for key, value in list(found.items()):
                yield key, owner
                yield value, owner
        elif isinstance(found, _LISTS):
            self.lengths[owner] += len(found)
            yield from ((each, owner) for each in list(found))
        elif isinstance(found, MethodType):
            yield found.__self__, owner
        elif isinstance(found, FunctionType):
            yield from ((cell, owner) for cell in found.__closure__ or ())
        elif isinstance(found, CellType):
            yield from _content(found, owner)
        else:
            yield from _attributes(found)


def _content(cell: CellType, owner: str) -> Iterator[tuple[Any, str]]:
    try:
        yield cell.cell_contents, owner
    except ValueError:
        return


def _attributes(found: Any) -> Iterator[tuple[Any, str]]:
    kind = type(found)
    for name, value in list(getattr(found, "__dict__", {}).items()):
        yield value, f"{kind.__name__}.{name}"
    for each in kind.__mro__:
        slots = vars(each).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            hidden = f"_{each.__name__.lstrip('_')}{slot}" if slot.startswith("__") else slot
            if slot != "__dict__" and hasattr(found, hidden):
                yield getattr(found, hidden), f"{kind.__name__}.{slot}"


def _is_elsewhere(found: Any) -> bool:
    return (
        type(found).__module__.startswith(_ELSEWHERE) or getattr(type(found), "__name__", "") == "VirtualLoop"
    )


def objects_in_process() -> int:
    """Objects that the garbage collector tracks, after a collection."""
    gc.collect()
    return len(gc.get_objects())


def resident_kib() -> int:
    """The process's resident memory now; where that cannot be told, the most it ever was."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * resource.getpagesize() // 1024
