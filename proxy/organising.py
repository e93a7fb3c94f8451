"""New memories in, duplicates merged out, when it is quiet: one thread beside the requests, never in their way.

It waits until nothing was written for a while, looks at a batch, and leaves the vault to others for as long as the
batch took. The thread is a daemon: a call to a model cannot be broken off, and the process does not wait for one at its
end. What was not finished comes first after the next start.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable

from adapters import registry
from config.settings import Settings
from memory.errors import Unavailable
from memory.organiser import Nearness, Organiser
from memory.pipeline import Stations
from memory.ports import Extractor, Organised, Written
from memory.prompts import DUPLICATES_SYSTEM
from memory.turn import Exchange

logger = logging.getLogger(__name__)

_LOOK_S = 60.0  # memories written by hand or by another process wake nobody


def organising_of(settings: Settings, vault: Organised, stations: Stations) -> "Organising | None":
    """Return what merges duplicates, as it is configured; None when it is off."""
    wanted, llm = settings.organiser, settings.writer.llm
    if not wanted.enabled:
        return None
    judge: Extractor | None = None
    if llm.base_url is not None and llm.model is not None and wanted.ask_pairs:
        judge = registry.extractor(
            base_url=llm.base_url,
            api_key=llm.api_key.get_secret_value() if llm.api_key is not None else None,
            model=llm.model,
            timeout_s=llm.timeout_s,
            system=DUPLICATES_SYSTEM,
            schema_name="duplicates",
        )
    organiser = Organiser(
        vault,
        stations.embeddings,
        stations.derivations,
        nearness=Nearness(same=wanted.same_above, grey=wanted.ask_above),
        judge=judge,
        judged_pairs=wanted.ask_pairs,
    )
    return Organising(organiser, batch=wanted.batch, quiet_s=wanted.quiet_s)


class Organising:
    """Runs the organiser in batches, ``quiet_s`` after the last write."""

    def __init__(self, organiser: Organiser, *, batch: int, quiet_s: float) -> None:
        self._organiser = organiser
        self._batch = batch
        self._quiet_s = quiet_s
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="organising", daemon=True)

    def after(self, write: Callable[[Exchange], Written]) -> Callable[[Exchange], Written]:
        """Return ``write``, followed by a look at what it left."""

        def written(exchange: Exchange) -> Written:
            result = write(exchange)
            self._wake.set()
            return result

        return written

    async def start(self) -> None:
        """Organise from now on."""
        self._thread.start()

    async def stop(self, timeout_s: float = 5.0) -> None:
        """End after the batch that runs; one that waits for a model is left behind."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._settle()
            try:
                while not self._stopping.is_set() and not self._wake.is_set():
                    started = time.perf_counter()
                    if not self._organiser.step(limit=self._batch):
                        break
                    self._stopping.wait(time.perf_counter() - started)
            except Unavailable as fault:
                if not self._stopping.is_set():
                    logger.warning("organising waits: %s", type(fault).__name__)
            except Exception:
                if not self._stopping.is_set():
                    logger.exception("organising goes on after a mistake")
            self._wake.wait(_LOOK_S)

    def _settle(self) -> None:
        """Return once nothing was written for ``quiet_s``, or at the end."""
        self._wake.clear()
        while not self._stopping.is_set() and self._wake.wait(self._quiet_s):
            self._wake.clear()
