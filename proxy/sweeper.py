"""The clock in, memories that are over or cold taken out of use, beside the requests and never in their way.

One task and one thread. A look that finds nothing due reads one entry of an index; what is due goes in batches, each
a short transaction, and between two batches others get the vault for as long as the batch took.
"""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from memory.errors import Unavailable
from memory.upkeep import Upkeep

logger = logging.getLogger(__name__)


class Sweeper:
    """Runs upkeep every ``interval_s``."""

    def __init__(self, upkeep: Upkeep, *, interval_s: float) -> None:
        self._upkeep = upkeep
        self._interval_s = interval_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sweeper")
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Sweep from now on."""
        self._task = asyncio.create_task(self._run(), name="sweeper")

    async def stop(self) -> None:
        """End after the batch that runs."""
        self._stopping.set()
        task, self._task = self._task, None
        if task is not None:
            await task
        self._thread.shutdown(wait=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            try:
                while not self._stopping.is_set():
                    started = time.perf_counter()
                    if not await loop.run_in_executor(self._thread, self._upkeep.sweep):
                        break
                    await self._pause(time.perf_counter() - started)
                await loop.run_in_executor(self._thread, self._upkeep.keep_quotas, self._stopping.is_set)
            except Unavailable as fault:
                logger.warning("the sweep waits: %s", type(fault).__name__)
            except Exception:
                logger.exception("the sweeper goes on after a mistake")
            await self._pause(self._interval_s)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
