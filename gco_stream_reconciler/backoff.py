"""How pauses grow after failures. Pure: what is drawn below the ceiling is the caller's own jitter."""

# Far beyond every longest pause; 2 to the power of thousands of failures would be no float any more.
_MOST_DOUBLINGS = 60


def ceiling(failures: int, *, first: float, longest: float) -> float:
    """The longest pause after so many failures before this one: `first`, doubled for each, up to `longest`. Seconds."""
    return min(longest, first * 2.0 ** min(failures, _MOST_DOUBLINGS))
