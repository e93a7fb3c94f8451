"""A data folder in, whether its audit log is whole out, and if not, which row is the first wrong one and how.

Reads only: it makes no folder, no pepper and no file beside the database, and needs nobody to stand still. Rows are
read in batches, so that the write-ahead log can be emptied meanwhile.
"""

import hmac
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from memory.errors import NotFound, Unavailable
from memory.vault.anchor import FILE_NAME, START, Anchor, AnchorDamaged, Head
from memory.vault.journal import AUDIT_COLUMNS, Journal
from memory.vault.keys import kept_audit_key
from memory.vault.rows import moment

_BATCH_ROWS = 2000
_LOWEST = -(2**63)
_LOOK_AHEAD_ROWS = 1000  # so many rows taken out in one place are recognised as such

Row: TypeAlias = tuple[Any, ...]  # AUDIT_COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """The first thing that is wrong."""

    row: int  #: number in the chain
    what: str  #: changed | missing | inserted | reordered | cut off | not anchored
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found in an audit log."""

    rows: int  #: that were read
    head: Head  #: of the last of them that holds
    first_at: datetime | None
    last_at: datetime | None
    flaw: Flaw | None = None


class AuditFile:
    """The database of a data folder, opened for reading only, beside a running server or without one."""

    def __init__(self, data_dir: Path) -> None:
        """Raises: NotFound: there is no vault, or none with an audit log. Unavailable: it or its pepper is lost."""
        self.path = data_dir / "memos.db"
        if not self.path.is_file():
            raise NotFound(f"There is no vault in {data_dir.resolve()}.")
        key = kept_audit_key(data_dir / "pepper")
        self.journal = Journal(key)
        self.anchor = Anchor(data_dir / FILE_NAME, key)
        self._stands_still = not self.path.with_name(self.path.name + "-wal").exists()
        self._seen = self._look()
        self._connection = self._opened()

    def _opened(self) -> sqlite3.Connection:
        # With a log beside it the file belongs to a server; without one SQLite would make one and leave it there.
        mode = "mode=ro&immutable=1" if self._stands_still else "mode=ro"
        with _readable(self.path):
            connection = sqlite3.connect(f"{self.path.resolve().as_uri()}?{mode}", uri=True, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            connection.text_factory = lambda value: value.decode(errors="backslashreplace")
            found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'audit'").fetchone()
        if found is None:
            connection.close()
            raise NotFound("This vault has no audit log yet; it begins when the proxy opens the vault the next time.")
        return connection

    @property
    def moved(self) -> bool:
        """True when a server opened a file that stood still: what was read in between may be of two times."""
        return self._stands_still and self._look() != self._seen

    def _look(self) -> tuple[int, int, bool]:
        status = self.path.stat()
        return status.st_mtime_ns, status.st_size, self.path.with_name(self.path.name + "-wal").exists()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection. Raises: Unavailable."""
        with _readable(self.path):
            yield self._connection

    def newest(self) -> Head:
        """Return the head of the chain, unproved."""
        with self.read() as connection:
            row = connection.execute("SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        return START if row is None else Head(row["seq"], row["mac"])

    def rows(self, after: int = _LOWEST) -> Iterator[Row]:
        """Yield the rows of the chain behind a number, by number."""
        sql = f"SELECT {AUDIT_COLUMNS} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
        while True:
            with self.read() as connection:
                batch = [tuple(row) for row in connection.execute(sql, (after, _BATCH_ROWS))]
            yield from batch
            if len(batch) < _BATCH_ROWS or batch[-1][0] <= after:
                return
            after = batch[-1][0]

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be read: {error}.") from error


def verify(
    data_dir: Path, *, kept: bytes | None = None, progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Return whether the audit log of a data folder is whole.

    ``kept``: the MAC of a head that was kept elsewhere; the chain must have it. ``progress`` is told how many rows were
    read of how many. Costs some 10 microseconds a row.

    Raises: NotFound, Unavailable.
    """
    while True:
        file = AuditFile(data_dir)
        try:
            found = _Walk(file, kept, progress).result()
            if not file.moved:
                return found
        finally:
            file.close()


class _Walk:
    """One way through the chain."""

    def __init__(self, file: AuditFile, kept: bytes | None, progress: Callable[[int, int], None] | None) -> None:
        self._file = file
        self._kept = kept
        self._progress = progress or (lambda _done, _total: None)
        self._head = START
        self._first_at: int | None = None
        self._last_at: int | None = None
        self._count = 0
        self._kept_found = kept is None or kept == START.mac

    def result(self) -> Verification:
        """Walk it."""
        anchored: Head | None = None
        unanchored: Flaw | None = None
        try:  # before the rows: the chain only grows
            anchored = self._file.anchor.read()
        except (AnchorDamaged, OSError) as error:
            unanchored = _unanchored(f"{error}.")
        else:
            if anchored is None:
                unanchored = _unanchored(f"{FILE_NAME} is missing.")
        flaw = self._chained(anchored) or unanchored or self._cut_off(anchored)
        return Verification(
            rows=self._count,
            head=self._head,
            first_at=None if self._first_at is None else moment(self._first_at),
            last_at=None if self._last_at is None else moment(self._last_at),
            flaw=flaw,
        )

    def _chained(self, anchored: Head | None) -> Flaw | None:
        total = self._file.newest().seq
        for row in self._file.rows():
            self._count += 1
            flaw = self._wrong(row)
            if flaw is not None:
                return flaw
            self._head = Head(row[0], row[-1])
            self._first_at = row[1] if self._first_at is None else self._first_at
            self._last_at = row[1]
            self._kept_found = self._kept_found or row[-1] == self._kept
            if anchored is not None and anchored.seq == row[0] and anchored.mac != row[-1]:
                return Flaw(
                    row=row[0],
                    what="cut off",
                    message=f"the chain was cut off at or before row {row[0]}, and other rows were written there",
                )
            if self._count % _BATCH_ROWS == 0:
                self._progress(self._count, total)
        self._progress(self._count, self._count)
        return None

    def _cut_off(self, anchored: Head | None) -> Flaw | None:
        behind = self._head.seq + 1
        if anchored is not None and anchored.seq > self._head.seq:
            gone = f"rows {behind} to {anchored.seq} are gone" if anchored.seq > behind else f"row {behind} is gone"
            return Flaw(
                row=behind,
                what="cut off",
                message=f"the end of the chain was cut off: {gone}. After a power failure the last moments of the "
                "database may be lost; otherwise somebody removed them",
            )
        if not self._kept_found:
            return Flaw(
                row=behind,
                what="cut off",
                message="the head that you kept is not in this chain: its end was cut off, or it is another vault's",
            )
        return None

    def _wrong(self, row: Row) -> Flaw | None:
        """Say what is wrong with the next row, if anything is."""
        number, expected = row[0], self._head.seq + 1
        if number < expected:
            return Flaw(row=number, what="inserted", message=f"row {number} was put in before row {expected}")
        if number > expected:
            gone = f"rows {expected} to {number - 1} were" if number - 1 > expected else f"row {expected} was"
            return Flaw(row=expected, what="missing", message=f"{gone} taken out")
        if self._genuine(self._head.mac, number, row):
            return None
        what, how = self._diagnosis(number, row)
        return Flaw(row=number, what=what, message=how)

    def _genuine(self, before: object, number: int, row: Row) -> bool:
        """Whether this row's MAC was made for this number, behind a row with that MAC."""
        mac = row[-1]
        if not isinstance(mac, bytes) or not isinstance(before, bytes):
            return False
        try:
            return hmac.compare_digest(mac, self._file.journal.mac(before, (number, *row[1:-1])))
        except (TypeError, ValueError):  # a value of another type than it was written with
            return False

    def _diagnosis(self, number: int, row: Row) -> tuple[str, str]:
        """Say what happened to a row whose MAC is wrong."""
        place = self._place_of(number, row)
        if place is not None:
            return "reordered", f"row {number} is not the one that was written there: it is row {place}"
        following = next(self._file.rows(after=number), None)
        if following is not None and following[0] == number + 1:
            if self._genuine(self._head.mac, number, following):
                return "inserted", f"row {number} was put in: the row behind it is the genuine row {number}"
            gone = self._gone_before(number, row, following)
            if gone:
                taken = "a row was" if gone == 1 else f"{gone} rows were"
                return "missing", f"{taken} taken out before row {number}, and those behind it renumbered"
        if number == 1 and self._anchor_fits_not():
            return "changed", "row 1 does not fit the pepper, nor does audit.head: the pepper is another one"
        return "changed", f"row {number} was changed after it was written"

    def _gone_before(self, number: int, row: Row, following: Row) -> int:
        """How many rows were taken out, when the next two follow each other under higher numbers; 0: they do not."""
        behind = range(number + 2, number + 2 + _LOOK_AHEAD_ROWS)
        if self._genuine(row[-1], number + 1, following):
            return 0
        return next((n - number - 1 for n in behind if self._genuine(row[-1], n, following)), 0)

    def _place_of(self, number: int, row: Row) -> int | None:
        """The number that the row was written with, when the row before that place still tells."""
        before: object = START.mac
        for other in self._file.rows():
            if other[0] != number and any(self._genuine(mac, other[0], row) for mac in (before, other[-1])):
                return int(other[0])
            before = other[-1]
        return None

    def _anchor_fits_not(self) -> bool:
        try:
            self._file.anchor.read()
        except AnchorDamaged:
            return True
        return False


def _unanchored(what: str) -> Flaw:
    return Flaw(
        row=0,
        what="not anchored",
        message=f"{what} The rows themselves hold, but whether the end of the chain was cut off cannot be told. "
        "Compare with a head that you keep elsewhere (--head), or begin a new anchor with `memos audit head --renew`",
    )
