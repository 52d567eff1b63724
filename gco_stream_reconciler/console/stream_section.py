"""The change stream on the overview. Pure."""

from gco_stream_reconciler.console.layout import facts, figure, replica, row, shortened, table
from gco_stream_reconciler.console.markup import Html, element, joined
from gco_stream_reconciler.console.views import LeadershipView, ShardView, StreamView
from gco_stream_reconciler.console.wording import NOTHING, duration

_MOST_SHARDS = 50


def stream_part(stream: StreamView, leadership: LeadershipView) -> Html:
    """The figures of the stream and its shards; where to look on a follower."""
    if not leadership.leads:
        return element(
            "p",
            "This replica follows: it keeps its cache warm. Queue and stream are on the page of ",
            replica(leadership.holder) or "the next leader",
            ".",
            class_="empty",
        )
    reading = sum(shard.phase == "READING" for shard in stream.shards)
    return joined(
        facts(
            (
                ("Lag", figure(duration(stream.lag_seconds), "furthest behind")),
                ("Last read", figure(duration(stream.polled_age_seconds), "ago, of the slowest shard")),
                ("Shards", figure(reading, f"read, {len(stream.shards):,} known")),
            )
        ),
        element("p", "Last error: ", stream.last_error, class_="error") if stream.last_error else None,
        table(
            "Shards of the change stream",
            ("Shard", "Phase", "Last read", "Lag", "Last error"),
            (_shard(shard) for shard in stream.shards[:_MOST_SHARDS]),
            empty="No shard is known yet.",
        ),
    )


def _shard(shard: ShardView) -> Html:
    short = shard.shard_id.rpartition("-")[2] or shard.shard_id
    polled = shard.polled_age_seconds
    return row(
        element("span", short, title=shard.shard_id),
        shard.phase.lower(),
        NOTHING if polled is None else f"{duration(polled)} ago",
        duration(shard.lag_seconds),
        element("td", shortened(shard.last_error), class_="error"),
    )
