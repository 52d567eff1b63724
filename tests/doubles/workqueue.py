"""What a work queue is given where nobody measures."""


class NullQueueObserver:
    """Measures nothing."""

    def added(self) -> None:
        """Nothing."""

    def got(self, waited_seconds: float) -> None:
        """Nothing."""

    def done(self, worked_seconds: float) -> None:
        """Nothing."""

    def retried(self) -> None:
        """Nothing."""
