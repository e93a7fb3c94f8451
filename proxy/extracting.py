"""Stored turns in, further facts out, by an LLM that may take its time: nothing ever waits for it.

A few threads, each of which claims a turn, has it read and is free again. They are daemons: a call to a model cannot be
broken off, and the process does not wait for one at its end. What they had claimed then stays in the queue.
"""

import asyncio
import logging
import threading
from collections.abc import Callable

from memory.errors import MemoryFault, Unavailable
from memory.ports import Extractions, Written
from memory.turn import Exchange
from proxy.background import QueueOptions, reason_of, retry_in_s

logger = logging.getLogger(__name__)


class Extracting:
    """Works off the queue of extractions, ``parallel`` turns at once."""

    def __init__(
        self,
        extractions: Extractions,
        extract: Callable[[Exchange], Written],
        options: QueueOptions | None = None,
        *,
        parallel: int = 2,
    ) -> None:
        """A lease of the options must be longer than a call to the model may take."""
        self._extractions = extractions
        self._extract = extract
        self._options = options or QueueOptions()
        self._threads = [
            threading.Thread(target=self._run, name=f"extracting-{n}", daemon=True) for n in range(parallel)
        ]
        self._wake = threading.Event()
        self._stopping = False

    def after(self, write: Callable[[Exchange], Written]) -> Callable[[Exchange], Written]:
        """Return ``write``, followed by a look at what it left to extract."""

        def written(exchange: Exchange) -> Written:
            result = write(exchange)
            self._wake.set()
            return result

        return written

    async def start(self) -> None:
        """Take up what an earlier process left, and work from now on."""
        await asyncio.to_thread(self._recover)
        for thread in self._threads:
            thread.start()

    async def stop(self) -> None:
        """Give up what is being extracted, at once; the next start begins it anew."""
        self._stopping = True
        self._wake.set()
        try:
            await asyncio.to_thread(self._extractions.give_up)
        except Unavailable:
            logger.warning("the vault is locked; extractions that were given up wait until their leases end")

    def _recover(self) -> None:
        try:
            left = self._extractions.recover()
        except Unavailable:
            logger.warning("the vault is locked; extractions of an earlier run wait until their leases end")
            return
        if left:
            logger.info("taking up %d extractions of an earlier run", left)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                worked = self._step()
            except Unavailable as error:
                if not self._stopping:
                    logger.warning("the vault cannot be written at the moment: %s", type(error).__name__)
                worked = False
            except Exception:
                logger.exception("the extracting worker goes on after a mistake")
                worked = False
            if not worked and not self._stopping:
                self._wake.wait(self._options.idle_s)

    def _step(self) -> bool:
        exchange = self._extractions.claim(lease_s=self._options.lease_s)
        if exchange is None:
            return False
        self._wake.set()  # there may be one more, for another thread
        if exchange.attempt > self._options.max_attempts:  # it took the whole process down each time
            self._extractions.fail(exchange.turn_id, "the process ended while it was extracted", retry_in_s=None)
            return True
        try:
            self._extract(exchange)
        except MemoryFault as error:
            self._fail(exchange, error)
        except Exception as error:
            logger.exception("turn %s could not be extracted", exchange.turn_id)
            self._fail(exchange, error)
        return True

    def _fail(self, exchange: Exchange, error: Exception) -> None:
        if self._stopping:  # it was given up
            return
        turn_id, reason = exchange.turn_id, reason_of(error)
        wait_s = retry_in_s(self._options, exchange.attempt)
        self._extractions.fail(turn_id, reason, retry_in_s=wait_s)
        if wait_s is not None:
            logger.warning("turn %s is extracted later: %s", turn_id, reason)
        else:
            logger.error("turn %s is not extracted (%s): `memos queue retry` tries it again", turn_id, reason)
