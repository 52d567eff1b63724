"""The queue on the overview: chart, figures, and what fails. Pure."""

from collections.abc import Sequence

from gco_stream_reconciler.console.chart import LANES, depth_chart, summary
from gco_stream_reconciler.console.depths import Sample
from gco_stream_reconciler.console.layout import endpoint_link, facts, figure, row, section, shortened, table
from gco_stream_reconciler.console.markup import Html, element, joined
from gco_stream_reconciler.console.views import QueueView
from gco_stream_reconciler.console.wording import NOTHING, duration, number

_MOST_FAILING = 20


def legend() -> Html:
    """Which colour is which lane."""
    return element(
        "ul",
        [element("li", words, class_=f"key-{name}") for name, words in LANES],
        class_="legend",
        aria_label="Lanes, from the bottom up",
    )


def queue_part(queue: QueueView, samples: Sequence[Sample], *, samples_kept: int, now: float) -> Html:
    """The chart and the figures of the moment."""
    lanes = {name: sum(each.lane == name.upper() for each in queue.waiting) for name, _ in LANES}
    oldest = max((each.age_seconds for each in queue.waiting), default=None)
    longest = max((each.age_seconds for each in queue.in_process), default=None)
    next_due = min((each.due_in_seconds for each in queue.delayed), default=None)
    return joined(
        depth_chart(samples, kept=samples_kept, now=now),
        element("p", f"Waiting keys over the last minutes: {summary(samples)}.", class_="sr"),
        facts(
            (
                ("Waiting", figure(len(queue.waiting), _lanes(lanes) if queue.waiting else "no key")),
                ("Oldest waits", figure(duration(oldest), "for a worker")),
                (
                    "In process",
                    figure(len(queue.in_process), f"longest {duration(longest)}" if longest else "no key"),
                ),
                (
                    "Later",
                    figure(
                        len(queue.delayed),
                        f"next in {duration(next_due)}" if next_due is not None else "no key",
                    ),
                ),
                ("Failing", figure(len(queue.failing), _failing_note(queue), alarming=True)),
            )
        ),
    )


def _failing_note(queue: QueueView) -> str:
    return "since their last success" if queue.failing else "no key"


def _lanes(lanes: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in lanes.items() if count)


def failing_part(queue: QueueView) -> Html:
    """The keys that fail, as a section of its own; nothing while none does."""
    if not queue.failing:
        return Html("")
    due = {each.key: each.due_in_seconds for each in queue.delayed}
    shown = sorted(queue.failing, key=lambda each: (-each.failures, each.key))[:_MOST_FAILING]
    more = len(queue.failing) - len(shown)
    rows = (
        row(
            endpoint_link(each.key),
            f"{each.failures:,}",
            duration(each.failing_for_seconds),
            "new input" if each.terminal else "time",
            f"in {duration(due[each.key])}" if each.key in due else NOTHING,
            element("td", shortened(each.error), class_="error"),
        )
        for each in shown
    )
    return section(
        "failing",
        "Failing",
        table(
            "Endpoints whose last reconcile failed",
            ("Endpoint", "Failures", "For", "Waits for", "Next try", "Last error"),
            rows,
            empty="",
        ),
        element("p", f"and {number(more, 'more endpoint')}", class_="empty") if more else None,
    )
