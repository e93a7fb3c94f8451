"""Queued turns in, written memories out, beside the requests and never in their way.

One task and one thread: SQLite has one writer. A row is leased, read by the writer, and either written or tried again
later, each time twice as long, until it is dead; dead rows stay visible and can be run again. What a locked vault could
not take waits in the spool and is put into the ledger first.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from memory.errors import MemoryFault, Unavailable
from memory.ports import Ledger, Written
from memory.turn import Exchange, Scope
from memory.vault.failpoints import Failpoints
from proxy.spool import Spool, SpooledTurn

logger = logging.getLogger(__name__)

SETTLE_POLL_S = 0.05  # rows may be written by another process, which wakes nobody here
MAX_BACKOFF_S = 3600.0
AFTER_FAILURE_S = 0.25  # whoever waits wakes the worker all the time; a store that refuses needs a rest
UNAVAILABLE_RETRY_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOptions:
    """How the queue is worked off."""

    batch: int = 16
    lease_s: float = 60.0
    max_attempts: int = 6
    backoff_s: float = 1.0
    idle_s: float = 1.0  #: how often an idle worker looks for rows that have become due
    dedupe_window_s: float = 600.0  #: for turns that come out of the spool


def retry_in_s(options: QueueOptions, attempt: int) -> float | None:
    """Return how long to wait after this attempt, each time twice as long; None after the last."""
    return None if attempt >= options.max_attempts else min(options.backoff_s * 2 ** (attempt - 1), MAX_BACKOFF_S)


def reason_of(error: Exception) -> str:
    """Return what the queue keeps of an error. A foreign one may quote what was said; our own never do."""
    return f"{type(error).__name__}: {error}" if isinstance(error, MemoryFault) else type(error).__name__


class Background:
    """Works off the turn ledger."""

    def __init__(
        self,
        ledger: Ledger,
        write: Callable[[Exchange], Written],
        spool: Spool,
        options: QueueOptions | None = None,
        *,
        failpoints: Failpoints | None = None,
    ) -> None:
        self._failpoints = failpoints or Failpoints()
        self.spool = spool
        self._ledger = ledger
        self._write = write
        self._options = options or QueueOptions()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="background")
        self._wake = asyncio.Event()
        self._progress = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._refused = False  #: the last step failed: what is in the spool stays there for now

    async def start(self) -> None:
        """Take up what an earlier process left, and work from now on."""
        self._loop = asyncio.get_running_loop()
        await self._loop.run_in_executor(self._thread, self._recover)
        self._task = asyncio.create_task(self._run(), name="background")

    def wake(self) -> None:
        """Say that rows were queued. From any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    def pending(self, scope: Scope) -> int:
        """How many turns of this user cannot be found yet. For threads: it asks the vault."""
        return self._ledger.pending(scope) + self.spool.waiting(scope.user)

    async def settled(self, scope: Scope, *, timeout_s: float) -> bool:
        """Wait until nothing of this user is on its way into memory; False: it still is after the time-out."""
        loop = asyncio.get_running_loop()
        if self._refused:  # for two more tries, not for as long as somebody else holds the vault
            timeout_s = min(timeout_s, 2.5 * AFTER_FAILURE_S)
        try:
            async with asyncio.timeout(timeout_s):
                while await loop.run_in_executor(None, self.pending, scope):
                    self._wake.set()
                    await self._progressed()
        except TimeoutError:
            return False
        return True

    async def drain(self, timeout_s: float) -> bool:
        """Write what is queued, then stop; False: some is left for the next start."""
        self._stopping = True
        self._wake.set()
        task, self._task = self._task, None
        if task is None:
            return True
        done, _ = await asyncio.wait({task}, timeout=timeout_s)
        if not done:
            task.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)
        return bool(done)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            try:
                worked = await loop.run_in_executor(self._thread, self._step)
                self._refused = False
            except Unavailable as error:
                logger.warning("the vault cannot be written at the moment: %s", type(error).__name__)
                worked, self._refused = 0, True
            except Exception:
                logger.exception("the background worker goes on after a mistake")
                worked, self._refused = 0, True
            async with self._progress:
                self._progress.notify_all()
            if worked:
                continue
            if self._stopping:
                return
            await (asyncio.sleep(AFTER_FAILURE_S) if self._refused else self._idle())

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(self._options.idle_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _progressed(self) -> None:
        try:
            async with asyncio.timeout(SETTLE_POLL_S), self._progress:
                await self._progress.wait()
        except TimeoutError:
            return

    def _recover(self) -> None:
        spooled = self.spool.recover()
        try:
            left = self._ledger.recover()
        except Unavailable:
            logger.warning("the vault is locked; turns of an earlier run are taken up by its own process")
            return
        if left or spooled:
            logger.info("taking up %d turns of an earlier run and %d from the spool", left, spooled)

    def _step(self) -> int:
        if self._refused:  # what the last step had claimed and could not even give back
            self._ledger.release()
        replayed = sum(self._replay(turn) for turn in self.spool.turns())
        exchanges = self._ledger.claim(limit=self._options.batch, lease_s=self._options.lease_s)
        if exchanges:
            self._failpoints.reach("turn.claimed")
        for exchange in exchanges:
            self._work(exchange)
            self._failpoints.reach("turn.written")
        return replayed + len(exchanges)

    def _replay(self, turn: SpooledTurn) -> int:
        try:
            turn_id = turn.turn_id or self._ledger.open(turn.record, dedupe_window_s=self._options.dedupe_window_s)
            self._ledger.close(turn.record.scope, turn_id, turn.answer)
        except Unavailable:
            raise
        except Exception:
            logger.exception("a spooled turn cannot be put into the ledger and is put aside")
            self.spool.put_aside(turn)
            return 0
        self.spool.remove(turn)
        return 1

    def _work(self, exchange: Exchange) -> None:
        if exchange.attempt > self._options.max_attempts:  # it took the whole process down each time
            self._ledger.fail(exchange.turn_id, "the process ended while it was written", retry_in_s=None)
            return
        try:
            self._write(exchange)
        except Unavailable as fault:  # no fault of the turn's: it waits for as long as that takes
            logger.warning("turn %s waits: %s", exchange.turn_id, type(fault).__name__)
            self._ledger.fail(exchange.turn_id, reason_of(fault), retry_in_s=UNAVAILABLE_RETRY_S, counts=False)
        except Exception as error:
            logger.exception("turn %s could not be written", exchange.turn_id)
            self._fail(exchange.turn_id, exchange.attempt, error)

    def _fail(self, turn_id: str, attempt: int, error: Exception) -> None:
        wait_s = retry_in_s(self._options, attempt)
        if wait_s is None:
            logger.error("turn %s is dead after %d attempts: `memos queue retry` runs it again", turn_id, attempt)
        self._ledger.fail(turn_id, reason_of(error), retry_in_s=wait_s)
