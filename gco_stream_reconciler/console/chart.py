"""The queue's depth as inline SVG: the lanes stacked, time to the right. Pure."""

from collections.abc import Iterable, Sequence

from gco_stream_reconciler.console.depths import SAMPLE_SECONDS, Sample
from gco_stream_reconciler.console.markup import Html, element
from gco_stream_reconciler.console.views import Depth
from gco_stream_reconciler.console.wording import number

_WIDTH, _HEIGHT = 600, 150
_LEFT, _BOTTOM, _TOP = 34, 18, 8
_BUCKETS = 150
_STEPS = (4, 10, 20)
LANES = (
    ("live", "table changes"),
    ("observed", "cluster changes"),
    ("timer", "retries and timers"),
    ("resync", "resync"),
)
"""Lanes from the bottom up, with their names for people."""


def depth_chart(samples: Sequence[Sample], *, kept: int, now: float) -> Html:
    """Draw the samples of the last `kept` seconds; what is older than `now` minus that is left out."""
    span = kept * SAMPLE_SECONDS
    buckets = _buckets([sample for sample in samples if sample.at > now - span], now=now, span=span)
    most = max((depth.waiting for _, depth in buckets), default=0)
    top = ceiling(most)
    current = samples[-1].depth.waiting if samples else 0
    label = f"Waiting keys over the last {span / 60:.0f} minutes: now {current}, at most {most}"
    return element(
        "svg",
        element("title", label),
        _grid(top, span),
        [
            element("path", d=path, class_=f"lane-{name}")
            for name, path in zip((name for name, _ in LANES), _areas(buckets, top), strict=True)
            if path
        ],
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        class_="chart",
        aria_label=label,
    )


def ceiling(most: int) -> int:
    """The top of the scale: the next of 4, 10, 20 times a power of ten, so that half of it is whole."""
    power = 1
    while True:
        for step in _STEPS:
            if step * power >= most:
                return step * power
        power *= 10


def summary(samples: Sequence[Sample]) -> str:
    """The chart in words."""
    if not samples:
        return "no sample yet"
    waiting = [sample.depth.waiting for sample in samples]
    return f"{number(waiting[-1], 'key')} now, at most {max(waiting):,}"


def _buckets(samples: Iterable[Sample], *, now: float, span: float) -> list[tuple[int, Depth]]:
    """At most one depth a bucket of time, the largest of it, so that no peak is lost."""
    largest: dict[int, Depth] = {}
    for sample in samples:
        bucket = min(_BUCKETS, max(0, round((sample.at - now + span) / span * _BUCKETS)))
        held = largest.get(bucket)
        if held is None or sample.depth.waiting > held.waiting:
            largest[bucket] = sample.depth
    return sorted(largest.items())


def _areas(buckets: Sequence[tuple[int, Depth]], top: int) -> list[str]:
    """One closed path a lane, "" for one that is empty throughout."""
    floor = [0] * len(buckets)
    paths = []
    for name, _ in LANES:
        heights = [getattr(depth, name) for _, depth in buckets]
        roof = [low + height for low, height in zip(floor, heights, strict=True)]
        xs = [_x(bucket) for bucket, _ in buckets]
        edge = _line(xs, [_y(value, top) for value in roof])
        back = _line(xs[::-1], [_y(value, top) for value in floor[::-1]])
        paths.append(f"M{edge}L{back}Z" if any(heights) else "")
        floor = roof
    return paths


def _line(xs: Sequence[int], ys: Sequence[int]) -> str:
    """Points, without those in the middle of a level stretch: a quiet queue weighs nothing."""
    last = len(xs) - 1
    kept = [
        f"{x} {ys[at]}"
        for at, x in enumerate(xs)
        if at in (0, last) or ys[at - 1] != ys[at] or ys[at + 1] != ys[at]
    ]
    return "L".join(kept)


def _grid(top: int, span: float) -> Iterable[Html]:
    for value in (0, top // 2, top):
        y = _y(value, top)
        yield element("path", d=f"M{_LEFT} {y}H{_WIDTH}", class_="grid" if value else "axis")
        yield element("text", f"{value:,}", x=_LEFT - 6, y=y + 4, class_="scale-y")
    minutes = round(span / 60)
    for minute in range(minutes + 1):
        x = _LEFT + round((_WIDTH - _LEFT) * (minutes - minute) / max(1, minutes))
        anchor = "end" if minute == 0 else "start" if minute == minutes else "middle"
        words = f"{minute} min ago" if minute else "now"
        yield element("text", words, x=x, y=_HEIGHT - 4, text_anchor=anchor, class_="scale-x")


def _x(bucket: int) -> int:
    return _LEFT + round((_WIDTH - _LEFT) * bucket / _BUCKETS)


def _y(value: int, top: int) -> int:
    return round(_HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * value / top)
