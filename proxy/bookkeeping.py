"""An accepted turn in, its row in the ledger out.

The law: nothing that was said is lost. The row is opened before the first byte of the answer is relayed and closed
before the last; what a locked vault does not take goes to the spool. None of this runs on the event loop, and no
cancelled request cancels it.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from memory.errors import Unavailable
from memory.ports import Ledger
from memory.turn import TurnRecord
from proxy.spool import Spool, SpooledTurn

logger = logging.getLogger(__name__)

LEDGER_THREADS = 4


class Worker(Protocol):
    """What works off the ledger."""

    @property
    def spool(self) -> Spool: ...

    def wake(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTurn:
    """Where a turn was put; nowhere when there is nothing to keep, or when even the disk refused."""

    record: TurnRecord | None = None
    turn_id: str | None = None
    spooled: SpooledTurn | None = None

    @property
    def write(self) -> str:
        """What ``x-memory-write`` says."""
        return "queued" if self.turn_id else "spooled" if self.spooled else "off"


class Bookkeeper:
    """Opens and closes turns."""

    def __init__(
        self,
        ledger: Ledger,
        worker: Worker,
        *,
        dedupe_window_s: float,
    ) -> None:
        self._ledger = ledger
        self._worker = worker
        self._dedupe_window_s = dedupe_window_s
        self._threads = ThreadPoolExecutor(LEDGER_THREADS, thread_name_prefix="ledger")
        self._running: set[asyncio.Future[Any]] = set()

    def open(self, record: TurnRecord) -> "asyncio.Future[OpenTurn]":
        """Start to record an accepted turn; the future never fails, and lives on when its waiter is cancelled."""
        return self._run(self._open, record)

    def close(self, turn: OpenTurn, answer: str | None) -> "asyncio.Future[None]":
        """Start to record the answer (None: it broke off); the future never fails."""
        return self._run(self._close, turn, answer)

    async def finish(self, timeout_s: float) -> None:
        """Wait for what is being recorded."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=timeout_s)
        self._threads.shutdown(wait=False)

    def _run(self, call: Callable[..., Any], *arguments: Any) -> "asyncio.Future[Any]":
        future = asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    def _open(self, record: TurnRecord) -> OpenTurn:
        try:
            return OpenTurn(record=record, turn_id=self._ledger.open(record, dedupe_window_s=self._dedupe_window_s))
        except Unavailable as fault:
            logger.warning("the turn goes to the spool: %s", type(fault).__name__)
        except Exception:
            logger.exception("the ledger failed; the turn goes to the spool")
        try:
            return OpenTurn(record=record, spooled=self._worker.spool.put(record))
        except Exception:
            logger.exception("the turn could not be kept")
            return OpenTurn(record=record)

    def _close(self, turn: OpenTurn, answer: str | None) -> None:
        try:
            self._close_turn(turn, answer)
        except Exception:
            logger.exception("the answer of a turn could not be kept")
        if turn.write != "off":
            self._worker.wake()

    def _close_turn(self, turn: OpenTurn, answer: str | None) -> None:
        if turn.spooled is not None:
            self._worker.spool.finish(turn.spooled, answer)
        elif turn.turn_id is not None and turn.record is not None:
            try:
                self._ledger.close(turn.record.scope, turn.turn_id, answer)
            except Unavailable as fault:
                logger.warning("the answer goes to the spool: %s", type(fault).__name__)
                self._worker.spool.put_closing(turn.record, turn.turn_id, answer)
            except Exception:
                logger.exception("the ledger failed; the answer goes to the spool")
                self._worker.spool.put_closing(turn.record, turn.turn_id, answer)
