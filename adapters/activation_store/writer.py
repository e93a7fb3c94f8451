"""Files to write in, files that outlive a crash out: in a thread of their own, in the order they were given.

The law: after ``cancel`` a file is written whole or not at all, and never later.
"""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path

from adapters.activation_store import files
from adapters.activation_store.files import Head
from adapters.prefix_cache import State

logger = logging.getLogger(__name__)


class WriteJob:
    """A file that is to be written, or is being written, or was."""

    __slots__ = ("claimed", "data", "durable", "head", "path", "size_bytes", "tokens")

    def __init__(self, path: Path, head: Head, tokens: bytes, data: State) -> None:
        self.path = path
        self.head = head
        self.tokens = tokens
        self.data: State | None = data  #: None once the file is there, or never will be
        self.size_bytes = data.nbytes
        self.claimed = False  #: the writer has begun with it, or it is cancelled
        self.durable: Future[bool] = Future()  #: False: cancelled or failed
        self.durable.set_running_or_notify_cancel()  # whoever waits for it cannot cancel it


class FileWriter:
    """One thread that writes files. Every method may be called from any thread."""

    def __init__(self) -> None:
        self.failed: deque[WriteJob] = deque()  #: to be taken by the owner
        self._queue: queue.SimpleQueue[WriteJob | Callable[[], None] | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._waiting_bytes = 0
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="activation-writer", daemon=True)
        self._thread.start()

    @property
    def waiting_bytes(self) -> int:
        """States that are held until they are written."""
        return self._waiting_bytes

    def submit(self, job: WriteJob) -> None:
        """Have a file written; once closed, nothing is written any more."""
        with self._changed:
            if not self._closed:
                self._waiting_bytes += job.size_bytes
                self._queue.put(job)
                return
        job.claimed, job.data = True, None
        job.durable.set_result(False)

    def run(self, task: Callable[[], None]) -> None:
        """Have a task done after what was given before; once closed, it is not."""
        with self._changed:
            if not self._closed:
                self._queue.put(task)

    def wait_below(self, size_bytes: int, timeout_s: float) -> bool:
        """Wait until no more than so many bytes are held; False when it took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._waiting_bytes <= size_bytes or self._closed, timeout_s)

    def cancel(self, job: WriteJob) -> None:
        """Return when the file is either written or never will be."""
        with self._changed:
            first, job.claimed = not job.claimed, True
        if first:
            self._end(job, written=False)
        else:
            wait([job.durable])

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until all that was given before is done; False when it took too long."""
        done = threading.Event()
        self.run(done.set)
        return self._closed or done.wait(timeout_s)

    def close(self, timeout_s: float | None = None) -> None:
        """Write what waits, at most for so long, and end the thread."""
        with self._changed:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
                self._changed.notify_all()
        self._thread.join(timeout_s)

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                if isinstance(job, WriteJob):
                    self._write(job)
                else:
                    job()
            except Exception:
                logger.exception("a file of an activation memory could not be written")

    def _write(self, job: WriteJob) -> None:
        with self._changed:
            if job.claimed:
                return
            job.claimed = True
        written = False
        try:
            if job.data is not None:
                files.write(job.path, job.head, job.tokens, job.data)
                written = True
        finally:
            if not written:
                self.failed.append(job)
            self._end(job, written=written)

    def _end(self, job: WriteJob, *, written: bool) -> None:
        job.data = None
        with self._changed:
            self._waiting_bytes -= job.size_bytes
            self._changed.notify_all()
        job.durable.set_result(written)
