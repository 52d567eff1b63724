from gco_stream_reconciler.workqueue.backoff import Backoff
from gco_stream_reconciler.workqueue.failures import Failures


class Highest:
    """Draws the highest number."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Story:
    """Failures, second by second, with the longest delays."""

    def __init__(self) -> None:
        self.failures = Failures(Backoff(initial_seconds=1, maximum_seconds=300, random=Highest()))
        self.now = 0.0

    def fail(self, key: str, *, terminal: bool = False) -> float:
        self.now += 1
        return self.failures.failed(key, self.now, error="boom", terminal=terminal)


def test_keys_back_off_apart_from_each_other() -> None:
    story = Story()
    assert [story.fail("a"), story.fail("a"), story.fail("b"), story.fail("a")] == [1, 2, 1, 4]
    assert [story.failures.retries(key) for key in ("a", "b", "c")] == [3, 1, 0]


def test_a_success_starts_the_backoff_afresh_and_leaves_nothing() -> None:
    story = Story()
    story.fail("a")
    story.fail("a")
    story.failures.forget("a")
    assert story.failures.retries("a") == 0
    assert story.failures.snapshot() == {}
    assert story.fail("a") == 1


def test_a_terminal_failure_is_slow_at_once_and_counts_like_any_other() -> None:
    story = Story()
    assert story.fail("a", terminal=True) == 300
    assert story.failures.retries("a") == 1
    assert story.fail("a") == 2


def test_thousands_of_failures_neither_overflow_nor_exceed_the_maximum() -> None:
    story = Story()
    assert max(story.fail("a") for _ in range(5_000)) == 300
