"""Workers: take a key, reconcile it, decide when to look again."""

import asyncio
from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.controller.ports import ControllerObserver, Journal, Queue
from gco_stream_reconciler.controller.reconciler import Reconciler
from gco_stream_reconciler.controller.trouble import Trouble
from gco_stream_reconciler.errors import ReconcilerError, RetryableError, TableReplacedError


class Worker:
    """One of several identical workers on one queue."""

    def __init__(
        self,
        *,
        queue: Queue,
        reconciler: Reconciler,
        observer: ControllerObserver,
        clock: Callable[[], float],
        log: FilteringBoundLogger,
        journal: Journal,
        trouble: Trouble,
    ) -> None:
        self._queue = queue
        self._reconciler = reconciler
        self._observer = observer
        self._clock = clock
        self._log = log
        self._journal = journal
        self._trouble = trouble

    async def run(self) -> None:
        """Work until the queue is shut down (its `get` then raises) or the task is cancelled. Raises TableReplacedError."""
        while True:
            key = await self._queue.get()
            try:
                await self._reconcile(key)
            finally:
                self._queue.done(key)
            # A look that needs no call never waits; without this, a worker would hold the loop until the queue is empty.
            await asyncio.sleep(0)

    async def _reconcile(self, key: str) -> None:
        began = self._clock()
        try:
            look_again_after = await self._reconciler.reconcile(key)
        except TableReplacedError:
            raise
        except ReconcilerError as error:
            self._back_off(key, error, began)
        except Exception as error:  # noqa: BLE001 - a bug in one endpoint's path must not stop the others
            self._log.exception("reconcile_failed_by_a_bug", endpoint=key)
            said = f"{type(error).__name__}: {error}"
            self._queue.retry(key, error=said, terminal=True)
            self._observer.reconciled("bug", self._clock() - began)
            self._observer.retried("bug")
            self._journal.failed(key, said)
        else:
            self._queue.forget(key)
            self._trouble.over(key)
            if look_again_after is not None:
                self._queue.add_after(key, look_again_after)
            self._observer.reconciled("success", self._clock() - began)

    def _back_off(self, key: str, error: ReconcilerError, began: float) -> None:
        retryable = isinstance(error, RetryableError)
        delay = self._queue.retry(
            key,
            error=str(error),
            terminal=not retryable,
            retry_after_seconds=error.retry_after_seconds if isinstance(error, RetryableError) else None,
        )
        self._observer.reconciled("retry" if retryable else "terminal", self._clock() - began)
        self._observer.retried(type(error).__name__)
        self._journal.failed(key, str(error))
        self._trouble.failed(key, error, began)
        self._log.warning(
            "reconcile_failed",
            endpoint=key,
            error=str(error),
            terminal=not retryable,
            retry_in_seconds=round(delay, 1),
        )
