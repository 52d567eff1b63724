"""When a reflector lists and watches, and how long it pauses after a failure. Pure.

The pauses and limits are client-go's (tools/cache/reflector.go). Times are seconds on the caller's monotonic clock,
passed in as `now`.
"""

from gco_stream_reconciler.errors import RetryableError
from gco_stream_reconciler.informer.ports import Uniform

SILENCE_SECONDS = 75.0
"""A watch without an event for so long is silent: a bookmark is due every minute."""

# Server-side length of a watch: client-go's 5 to 10 minutes, random so that watches do not end together.
_SHORTEST_WATCH_SECONDS = 300.0
_LONGEST_WATCH_SECONDS = 600.0
# No list after a list and no watch after a watch within this time, whatever happened between.
_MINIMUM_INTERVAL_SECONDS = 1.0
# Shorter waits may not move the loop's clock at all.
_CLOCK_RESOLUTION_SECONDS = 0.001
_BACKOFF_INITIAL_SECONDS = 1.0
_BACKOFF_MAXIMUM_SECONDS = 30.0
_MAXIMUM_RETRY_AFTER_SECONDS = 300.0
_MOST_DOUBLINGS = 10
# A watch that lived this long ends a row of failures.
_HEALTHY_SECONDS = 30.0
# So many listings in a row that are older than what was seen: etcd was restored from a backup.
_OLDER_LISTINGS_BELIEVED = 5
# So many failures in a row are not cured by resuming the watch: it may meet the same event again, or a server that
# does not know its version.
_FAILURES_BEFORE_LISTING = 5
# Beyond silence: time to find that the watch can be opened again.
_REOPENING_SECONDS = 15.0


class Rhythm:
    """Paces one reflector: counts what fails in a row, and remembers when it last listed, watched and heard a sign of life."""

    def __init__(self, random: Uniform) -> None:
        self.failures = 0
        """Failed lists and watches in a row; only a watch that lasted ends the row."""
        self.older_listings = 0
        """Refused listings in a row, each older than what was seen before."""
        self._random = random
        # None before the first.
        self._alive_at: float | None = None
        self._listed_at: float | None = None
        self._watched_at: float | None = None

    # --- List and watch ---------------------------------------------------------------------------------------

    def until_listing(self, now: float) -> float:
        """Seconds until a listing may begin; 0 for at once."""
        return _wait(self._listed_at, now)

    def listing_begins(self, now: float) -> None:
        """The first page is about to be asked for."""
        self._listed_at = now

    def listed_lately(self, now: float) -> bool:
        """Whether the last listing is so fresh that its version should not have expired yet."""
        return _since(self._listed_at, now) < _HEALTHY_SECONDS

    @property
    def history_restarted(self) -> bool:
        """Whether the next listing is to be believed, older or not."""
        return self.older_listings >= _OLDER_LISTINGS_BELIEVED

    def listing_was_older(self) -> None:
        """A listing showed an older state than was seen before, and was refused."""
        self.older_listings += 1

    def listing_was_taken(self) -> None:
        """A listing is in the cache."""
        self.older_listings = 0

    def until_watch(self, now: float) -> float:
        """Seconds until a watch may begin; 0 for at once."""
        return _wait(self._watched_at, now)

    def watch_begins(self, now: float) -> None:
        """A watch is about to be asked for."""
        self._watched_at = now

    def length_of_watch(self) -> float:
        """Seconds after which the API server is to end a watch."""
        return self._random.uniform(_SHORTEST_WATCH_SECONDS, _LONGEST_WATCH_SECONDS)

    def watch_was_short(self, now: float) -> bool:
        """Whether the last watch began so short a time ago that its end is suspicious."""
        return _since(self._watched_at, now) < _MINIMUM_INTERVAL_SECONDS

    def watch_ended(self, now: float) -> None:
        """A watch is over: a long one ends the row of failures."""
        if _since(self._watched_at, now) >= _HEALTHY_SECONDS:
            self.failures = 0

    # --- Failures ---------------------------------------------------------------------------------------------

    def back_off(self, error: Exception) -> float:
        """Count a failure; seconds to pause: full jitter below a doubling ceiling, or longer where the server asks for it."""
        ceiling = _BACKOFF_INITIAL_SECONDS * 2 ** min(self.failures, _MOST_DOUBLINGS)
        self.failures += 1
        pause = self._random.uniform(0.0, min(_BACKOFF_MAXIMUM_SECONDS, ceiling))
        if isinstance(error, RetryableError) and error.retry_after_seconds is not None:
            return max(pause, min(error.retry_after_seconds, _MAXIMUM_RETRY_AFTER_SECONDS))
        return pause

    @property
    def needs_listing(self) -> bool:
        """Whether so much has failed that only a listing helps."""
        return self.failures >= _FAILURES_BEFORE_LISTING

    # --- Signs of life ----------------------------------------------------------------------------------------

    def alive(self, now: float) -> None:
        """The server gave a sign of life: a listing, an accepted watch, an event, a bookmark."""
        self._alive_at = now

    def stale_for(self, now: float) -> float:
        """Seconds since the last sign of life; infinite before the first."""
        return max(0.0, _since(self._alive_at, now))

    def is_stale(self, now: float) -> bool:
        """Whether nothing was heard for longer than a healthy watch can be quiet."""
        return self.stale_for(now) > SILENCE_SECONDS + _REOPENING_SECONDS


def _since(last: float | None, now: float) -> float:
    return float("inf") if last is None else now - last


def _wait(last: float | None, now: float) -> float:
    left = _MINIMUM_INTERVAL_SECONDS - _since(last, now)
    return left if left > _CLOCK_RESOLUTION_SECONDS else 0.0
