"""A database file in, one writing and many reading connections out.

SQLite in WAL mode: readers never wait, and one writer at a time over all processes. Inside this process the writer is
guarded by a lock; other processes are waited for up to the busy timeout, then it is VaultLocked.
"""

import logging
import math
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from memory.change import Change
from memory.errors import Unavailable, VaultLocked
from memory.ports import Clock
from memory.vault.failpoints import Failpoints
from memory.vault.journal import Journal, WritingConnection
from memory.vault.migrations import migrate
from memory.vault.rows import micros

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
logger = logging.getLogger(__name__)

DAMAGED = "vault_damaged"  # a fault's code
CANNOT_OPEN = "vault_cannot_be_opened"  # another: the file may be as it should be
_CACHED_STATEMENTS = 256
_RETRY_LOG_S = 1.0

_Connection = TypeVar("_Connection", bound=sqlite3.Connection)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Connections:
    """Connections to one database file. Thread-safe; a connection is never used by two threads at once."""

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout_ms: int = 250,
        journal: Journal | None = None,
        clock: Clock = _utc_now,
        failpoints: Failpoints | None = None,
    ) -> None:
        self.path = path
        self._failpoints = failpoints or Failpoints()
        self._writing_thread: int | None = None
        self.journal = journal or Journal(b"")
        self._clock = clock
        self._change: Change | None = None
        self._afterwards: list[Callable[[], None]] = []
        self._busy_timeout_ms = busy_timeout_ms
        self._lock = threading.RLock()
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = False
        self._log_owed_since: float | None = None
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        with translated():
            self._writer = self._connect(WritingConnection)
            self._writer.execute("PRAGMA journal_mode = WAL")
            self.journal.begin(self._writer)
            migrate(self._writer)

    def _connect(self, factory: type[_Connection]) -> _Connection:
        connection = sqlite3.connect(
            self.path,
            factory=factory,
            timeout=self._busy_timeout_ms / 1000,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_CACHED_STATEMENTS,
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        return connection

    @contextmanager
    def write(self, change: Change | None = None) -> Iterator[sqlite3.Connection]:
        """Yield the writing connection inside a transaction that is committed at the end, or rolled back on an error.

        A write inside a write joins it, and its change. What touches memories needs a ``change``; journal and audit log
        are written at the end of the outermost write.

        Raises: VaultLocked: another process is writing for longer than the busy timeout.
        """
        with self._lock, translated():
            if self._closed:
                raise Unavailable("The vault is closed.")
            if self._writer.in_transaction:  # a write inside a write joins it
                if self._change is None:
                    self._change = change
                elif change is not None:
                    self._writer.joined.add(change.operation)
                yield self._writer
                return
            self._writer.execute("BEGIN IMMEDIATE")
            self._failpoints.reach("write.begun")
            self._change = change
            self._writing_thread = threading.get_ident()
            try:
                yield self._writer
                self._failpoints.reach("write.changed")
                self.journal.record(self._writer, self._change, at=micros(self._clock()))
                self._failpoints.reach("write.recorded")
                self._writer.execute("COMMIT")
                self._failpoints.reach("write.committed")
                self.journal.committed(self._writer)
                self._empty_log_when_owed()
            except BaseException:
                self._writer.let_go()
                self._afterwards.clear()
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            finally:
                self._writing_thread = None
            afterwards, self._afterwards = self._afterwards, []
        _done(afterwards)

    def afterwards(self, call: Callable[[], None]) -> None:
        """Call once what this thread is writing is committed: at once outside a write, never after a rollback."""
        if self._writing_thread == threading.get_ident():
            self._afterwards.append(call)
        else:
            call()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Yield a reading connection; each statement sees what was committed before it.

        Inside a write of the same thread it is the writing one: what the transaction did is seen there.
        """
        if self._writing_thread == threading.get_ident():
            yield self._writer
            return
        with translated():
            connection = self._take()
            try:
                yield connection
            finally:
                self._give(connection)

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Yield a reading connection on which all statements see one state of the database."""
        with self.read() as connection:
            if connection is self._writer:
                yield connection
                return
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:  # a signal may end it halfway: its own error must come out, not this one
                    connection.execute("ROLLBACK")

    def checkpoint(self) -> bool:
        """Move the write-ahead log into the database file and empty it.

        False when somebody was still reading from it: then it is tried again after later writes.
        """
        with self._lock, translated():
            if self._writer.in_transaction:  # of a write around it, which does it at its end
                self._log_owed_since = -math.inf
                return False
            self._failpoints.reach("checkpoint.before")
            busy, _, _ = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._log_owed_since = time.monotonic() if busy else None
            self._failpoints.reach("checkpoint.after")
            return not busy

    def rebuild(self) -> bool:
        """Write the whole file anew, from what is stored and nothing else, and empty the log; takes seconds for a GB.

        ``secure_delete`` overwrites what is removed, but not the copies that stay behind in a page's unused middle when
        SQLite moves rows from one page to another. False when the log could not be emptied.
        """
        with self._lock, translated():
            self._failpoints.reach("rebuild.before")
            self._writer.execute("VACUUM")
            self._failpoints.reach("rebuild.after")
            return self.checkpoint()

    def _empty_log_when_owed(self) -> None:
        """Try again, without waiting for anybody, and not after each write."""
        owed_since = self._log_owed_since
        if owed_since is not None and time.monotonic() - owed_since > _RETRY_LOG_S:
            self._writer.execute("PRAGMA busy_timeout = 0")
            self.checkpoint()
            self._writer.execute(f"PRAGMA busy_timeout = {self._busy_timeout_ms:d}")

    def close(self) -> None:
        """Close all connections; those in use are closed when they are given back."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
            self._writer.close()

    def _take(self) -> sqlite3.Connection:
        if self._closed:
            raise Unavailable("The vault is closed.")
        try:
            return self._idle.pop()
        except IndexError:
            connection = self._connect(sqlite3.Connection)
            connection.execute("PRAGMA query_only = ON")
            return connection

    def _give(self, connection: sqlite3.Connection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)


def _done(afterwards: list[Callable[[], None]]) -> None:
    for call in afterwards:
        try:
            call()
        except Exception:  # the change stands: neither its caller nor the other calls may take it for failed
            logger.exception("what follows a committed change could not be done")


@contextmanager
def translated() -> Iterator[None]:
    """Turn SQLite's errors into those of memory."""
    try:
        yield
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # Python's own, of what is no UTF-8, has none
        if code in _BUSY:
            raise VaultLocked("Another process is writing to the vault; try again.", retry_after_s=1.0) from error
        if code == sqlite3.SQLITE_FULL:
            raise Unavailable("The disk is full, so nothing can be kept; make room.", code="disk_full") from error
        closed = CANNOT_OPEN if code == sqlite3.SQLITE_CANTOPEN else None
        raise Unavailable(f"The vault cannot be used: {error}.", code=closed) from error
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _CORRUPT:
            raise
        raise Unavailable(
            f"The vault file is damaged or not a database: {error}. `memos doctor` says how to recover.",
            code=DAMAGED,
        ) from error
