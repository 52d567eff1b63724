import re
from itertools import pairwise
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.console.chart import ceiling, depth_chart, summary
from gco_stream_reconciler.console.depths import DepthHistory, Sample
from gco_stream_reconciler.console.views import Depth

NOW = 1000.0
counts = st.integers(0, 20_000)
histories = st.lists(st.builds(Depth, counts, counts, counts, counts), max_size=300).map(
    lambda depths: [Sample(NOW - len(depths) + 1 + at, depth) for at, depth in enumerate(depths)]
)


def drawn(samples: list[Sample]) -> str:
    return depth_chart(samples, kept=300, now=NOW)


@given(histories)
def test_the_chart_is_well_formed_and_stays_within_its_frame(samples: list[Sample]) -> None:
    svg = ET.fromstring(drawn(samples))  # noqa: S314 - our own
    _, _, width, height = map(int, svg.attrib["viewBox"].split())
    for path in svg.iter("path"):
        if path.attrib["class"].startswith("lane-"):
            points = [tuple(map(int, pair.split())) for pair in re.split("[MLZ]+", path.attrib["d"]) if pair]
            assert points
            assert all(0 <= x <= width and 0 <= y <= height for x, y in points)


def test_a_quiet_queue_draws_no_lane() -> None:
    assert "lane-" not in drawn([Sample(NOW - at, Depth()) for at in range(300, 0, -1)])


def test_a_level_stretch_is_two_points() -> None:
    svg = drawn([Sample(NOW - at, Depth(live=3)) for at in range(300, 0, -1)])
    (path,) = re.findall('class="lane-live"|d="(M[^"]*)" class="lane-live"', svg)
    assert path.count("L") == 3


def test_a_peak_of_one_second_is_seen() -> None:
    samples = [Sample(NOW - at, Depth(live=900 if at == 151 else 0)) for at in range(300, -1, -1)]
    assert "at most 900" in drawn(samples)


def test_what_is_older_than_the_chart_is_left_out() -> None:
    assert "at most 0" in drawn([Sample(NOW - 400, Depth(live=9)), Sample(NOW, Depth())])


def test_the_chart_says_in_words_what_it_shows() -> None:
    samples = [Sample(NOW - 1, Depth(live=5, resync=2)), Sample(NOW, Depth(timer=1))]
    assert "Waiting keys over the last 5 minutes: now 1, at most 7" in drawn(samples)
    assert summary(samples) == "1 key now, at most 7"
    assert summary([]) == "no sample yet"


@given(st.integers(0, 10**9))
def test_the_scale_ends_just_above_the_highest_value_and_its_middle_is_whole(most: int) -> None:
    top = ceiling(most)
    assert most <= top
    assert top <= max(4, 2.5 * most)
    assert top % 2 == 0


def test_the_ring_keeps_the_newest_samples() -> None:
    history = DepthHistory(kept=3)
    for at in range(5):
        history.add(Sample(at, Depth()))
    kept = [sample.at for sample in history.samples()]
    assert kept == [2, 3, 4]
    assert all(one < other for one, other in pairwise(kept))
