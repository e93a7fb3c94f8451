"""Documents that wait in, their chunks as memories out: one thread beside the requests, never in their way.

After each batch it leaves embedder and vault to others for half as long as the batch took. What was not finished when
the process ended comes first after the next start.
"""

import asyncio
import contextlib
import logging
import os
import threading
import time

from adapters import registry
from adapters.exclusive import remove_free
from config.settings import Settings
from memory.documents import Documents
from memory.errors import Unavailable
from memory.pipeline import Pipeline, Stations
from memory.ports import Converter, DocumentStore, VectorIndex

logger = logging.getLogger(__name__)

_FOLDER = "chroma"  # in the data folder
_LOOK_S = 5.0  # failed ones are due some time, and other processes' documents wake nobody
_REST = 0.5  # of the time that a batch took
_NICE = 10


def shelf_of(settings: Settings) -> VectorIndex | None:
    """Return the index of documents and of what is shared; None: it is that of private memory.

    The files of one that is not used any more are removed. Raises: EngineMissing: its package is not installed.
    """
    folder = settings.data.dir / _FOLDER
    if settings.documents.index == "chroma":
        return registry.indexes().create("chroma", folder=folder)
    remove_free(folder)
    return None


def shelving_of(settings: Settings, store: DocumentStore, pipeline: Pipeline, stations: Stations) -> "Shelving":
    """Return what keeps documents, as it is configured."""
    wanted = settings.documents
    converter = registry.converter(
        max_pages=wanted.max_pages, max_chars=wanted.max_chars, timeout_s=wanted.convert_timeout_s
    )
    documents = Documents(pipeline, stations, store, max_chars=wanted.max_chars, batch=wanted.batch)
    return Shelving(documents, store, converter)


class Shelving:
    """Works off the queue of documents."""

    def __init__(self, documents: Documents, store: DocumentStore, converter: Converter) -> None:
        self.documents = documents
        self.store = store
        self.converter = converter
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shelving", daemon=True)

    async def start(self) -> None:
        """Work from now on."""
        self._thread.start()

    def wake(self) -> None:
        """Look at once: a document has come."""
        self._wake.set()

    async def stop(self, timeout_s: float = 10.0) -> None:
        """End after the batch that runs."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, timeout_s)

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # of this thread alone: whoever asks something comes first
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                while not self._stopping.is_set():
                    started = time.perf_counter()
                    if not self.documents.step():
                        break
                    self._stopping.wait(_REST * (time.perf_counter() - started))
            except Unavailable as fault:
                logger.warning("documents wait: %s", type(fault).__name__)
            except Exception:
                logger.exception("keeping documents goes on after a mistake")
            if not self._stopping.is_set():
                self._wake.wait(_LOOK_S)
