"""What happened, in virtual time."""

import hashlib
from collections import deque
from collections.abc import Callable

from tests.simulation.running import say


class Story:
    """The last events, and a digest of all of them: two runs with one digest are the same run."""

    def __init__(self, clock: Callable[[], float], *, kept: int = 4000, aloud: bool = False) -> None:
        self._clock = clock
        self._began = clock()
        self._digest = hashlib.sha256()
        self._aloud = aloud
        self.lines: deque[str] = deque(maxlen=kept)

    @property
    def elapsed(self) -> float:
        """Virtual seconds since the beginning."""
        return self._clock() - self._began

    def tell(self, who: str, what: str) -> None:
        """Something happened."""
        line = f"{self.elapsed:12.3f}  {who:<10} {what}"
        self._digest.update(line.encode())
        self.lines.append(line)
        if self._aloud:
            say(line)

    @property
    def digest(self) -> str:
        """A fingerprint of everything told so far."""
        return self._digest.hexdigest()[:16]
