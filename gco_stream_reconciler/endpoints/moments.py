"""Moments as the table has them: ISO 8601 texts."""

from datetime import UTC, datetime


def instant(text: str | None) -> float | None:
    """Epoch seconds of an ISO 8601 text; None for no text and for one that is no moment.

    One without a zone is in UTC, as Python's `utcnow` writes it: what an item means must not depend on the host's zone.
    """
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
