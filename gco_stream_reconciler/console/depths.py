"""The queue's depth over the last minutes. Pure state."""

from collections import deque
from dataclasses import dataclass

from gco_stream_reconciler.console.views import Depth

SAMPLE_SECONDS = 1.0
SAMPLES_KEPT = 300


@dataclass(frozen=True, slots=True)
class Sample:
    """The queue at one moment; `at` is epoch seconds."""

    at: float
    depth: Depth


class DepthHistory:
    """A ring of samples, oldest first."""

    def __init__(self, *, kept: int = SAMPLES_KEPT) -> None:
        self.kept = kept
        self._ring: deque[Sample] = deque(maxlen=kept)

    def add(self, sample: Sample) -> None:
        """Take a sample; the oldest goes when the ring is full."""
        self._ring.append(sample)

    def samples(self) -> tuple[Sample, ...]:
        """Every sample kept, oldest first."""
        return tuple(self._ring)
