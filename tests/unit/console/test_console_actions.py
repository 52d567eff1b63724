import random

from gco_stream_reconciler.console.actions import ACTIONS_KEPT, ERRORS_KEPT, ActionHistory
from gco_stream_reconciler.console.views import ActionRecord, ErrorRecord


def record(at: float, *, error: str = "") -> ActionRecord:
    return ActionRecord(at, "apply", "Service ns/a", "absent", "failed" if error else "done", error)


def test_an_endpoints_last_actions_come_newest_first_and_older_ones_go() -> None:
    history = ActionHistory()
    for at in range(ACTIONS_KEPT + 5):
        history.acted("a", record(at))
    kept = [each.at for each in history.actions("a")]
    assert kept == list(range(ACTIONS_KEPT + 4, 4, -1))


def test_errors_are_kept_beside_the_actions() -> None:
    history = ActionHistory()
    for at in range(ERRORS_KEPT + 1):
        history.failed("a", ErrorRecord(at, f"error {at}"))
    assert len(history.errors("a")) == ERRORS_KEPT
    assert history.errors("a")[0] == ErrorRecord(ERRORS_KEPT, f"error {ERRORS_KEPT}")
    assert history.actions("a") == ()


def test_nothing_is_known_of_an_endpoint_that_was_forgotten() -> None:
    history = ActionHistory()
    history.acted("a", record(1))
    history.forget("a")
    history.forget("never seen")
    assert history.actions("a") == history.errors("a") == ()
    assert len(history) == 0


def test_asking_remembers_nothing() -> None:
    history = ActionHistory()
    history.actions("a")
    history.errors("a")
    assert len(history) == 0


def test_beyond_its_bound_the_longest_untouched_endpoint_goes() -> None:
    history = ActionHistory(endpoints_kept=2)
    history.acted("a", record(1))
    history.acted("b", record(2))
    history.failed("a", ErrorRecord(3, "x"))
    history.acted("c", record(4))
    assert history.actions("b") == ()
    assert history.actions("a")
    assert history.actions("c")


def test_a_long_error_is_cut() -> None:
    history = ActionHistory()
    history.acted("a", record(1, error="x" * 10_000))
    history.failed("a", ErrorRecord(1, "x" * 10_000))
    assert len(history.actions("a")[0].error) == len(history.errors("a")[0].error) == 500
    assert history.errors("a")[0].error.endswith("…")


def test_its_memory_is_bounded_whatever_happens() -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    history = ActionHistory(endpoints_kept=10)
    for at in range(3000):
        name = f"e{chance.randrange(40)}"
        chance.choice(
            (
                lambda name=name, at=at: history.acted(name, record(at)),
                lambda name=name, at=at: history.failed(name, ErrorRecord(at, "x")),
                lambda name=name: history.forget(name),
            )
        )()
        assert len(history) <= 10, f"seed {seed}"
