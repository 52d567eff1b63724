"""The page at `/`. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from gco_stream_reconciler.console.depths import Sample
from gco_stream_reconciler.console.endpoints_section import endpoints_part, filter_form, query_string
from gco_stream_reconciler.console.layout import page, part, section, standing
from gco_stream_reconciler.console.markup import Html, element, joined
from gco_stream_reconciler.console.queue_section import failing_part, legend, queue_part
from gco_stream_reconciler.console.selection import Selection
from gco_stream_reconciler.console.stream_section import stream_part
from gco_stream_reconciler.console.views import About, LeadershipView, QueueView, StreamView


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the page shows. `samples_kept` is how many samples the whole width of the chart is; `now` epoch seconds."""

    queue: QueueView
    samples: Sequence[Sample]
    samples_kept: int
    stream: StreamView
    leadership: LeadershipView
    selection: Selection
    now: float


def overview_page(shown: Overview, about: About) -> Html:
    """The whole document."""
    parts = overview_parts(shown)
    sections = joined(
        element(
            "div",
            section("queue", "Queue", part("queue", parts["queue"]), note=legend()),
            section("stream", "Change stream", part("stream", parts["stream"])),
            class_="pair",
        ),
        part("failing", parts["failing"]),
        section(
            "endpoints", "Endpoints", filter_form(shown.selection), part("endpoints", parts["endpoints"])
        ),
    )
    return page(
        title=" · ".join(each for each in ("Endpoints", about.cluster, about.region) if each),
        about=about,
        fragment=f"/fragment/overview?{query_string(shown.selection, page=shown.selection.page)}",
        sections=sections,
        state=parts["standing"],
    )


def overview_parts(shown: Overview) -> dict[str, Html]:
    """What the script replaces: name of the part → its content."""
    return {
        "standing": standing(shown.leadership, now=shown.now),
        "queue": queue_part(shown.queue, shown.samples, samples_kept=shown.samples_kept, now=shown.now),
        "stream": stream_part(shown.stream, shown.leadership),
        "failing": failing_part(shown.queue),
        "endpoints": endpoints_part(shown.selection),
    }
