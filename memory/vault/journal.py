"""What a transaction touched in, one line of the journal and one of the audit log out, in the same transaction.

Law: memories change inside a ``Change`` or not at all, and each change stands in both. The audit log is a chain:
each row's MAC covers the one before, under a key that lies outside the database, so no row can be changed, taken out
or put in unseen. It holds pseudonyms only (HMACs), so that it can outlive what was erased.
"""

import hashlib
import hmac
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from memory.change import DESTROYING, Change, Operation
from memory.cube import MemCube
from memory.vault.anchor import NO_MAC, Anchor, Head
from memory.vault.rows import dumps

AUDIT_COLUMNS = "seq, at, who, key_id, operation, kinds, cubes, digest, mac"


@dataclass(frozen=True, slots=True)
class Touched:
    """A memory and its version before and after; 0 where it was or is not there."""

    seq: int
    cube_id: str
    kind: str
    before: int
    after: int
    content_hash: str


class WritingConnection(sqlite3.Connection):
    """The connection that writes; it remembers which memories its transaction touched."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.touched: dict[int, Touched] = {}
        self.appended: Head | None = None  #: the newest row that its transaction added to the audit log
        self.joined: set[Operation] = set()  #: of the changes that joined another one

    def let_go(self) -> None:
        """Forget what a transaction did that is rolled back."""
        self.touched.clear()
        self.joined.clear()
        self.appended = None


def touch(connection: sqlite3.Connection, seq: int, before: MemCube | None, after: MemCube | None) -> None:
    """Take down that a memory is another one now; None: it was or is not there."""
    cube = after or before
    if cube is None:
        raise TypeError("a memory that neither was nor is cannot change")
    versions = before.version if before else 0, after.version if after else 0
    touched(connection, Touched(seq, cube.id, cube.kind.value, *versions, cube.content_hash))


def touched(connection: sqlite3.Connection, change: Touched) -> None:
    """Take down a change; of several of one memory in one transaction the first and the last version count."""
    if not isinstance(connection, WritingConnection):
        raise TypeError("memories change on the writing connection only")
    known = connection.touched.get(change.seq)
    connection.touched[change.seq] = change if known is None else replace(change, before=known.before)


class Journal:
    """Writes journal and audit log. ``key``: secret bytes that are kept outside the database."""

    def __init__(self, key: bytes, anchor: Anchor | None = None) -> None:
        self._key = key
        self._anchor = anchor

    def begin(self, connection: sqlite3.Connection) -> None:
        """Anchor the beginning of a chain where the database has none yet. Raises: OSError."""
        sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'audit'"
        if self._anchor is not None and connection.execute(sql).fetchone() is None:
            self._anchor.plant()

    def committed(self, connection: WritingConnection) -> None:
        """Anchor what the transaction that was just committed added to the audit log. Never raises."""
        head, connection.appended = connection.appended, None
        if head is not None and self._anchor is not None:
            self._anchor.follow(connection, head)

    def who(self, user: str) -> str:
        """Return the user's pseudonym in the audit log."""
        return self._hmac(b"who", user.encode()).hex()[:32]

    def renew(self, head: Head) -> None:
        """Anchor the chain at this link whatever was anchored before. Raises: OSError."""
        if self._anchor is not None:
            self._anchor.renew(head)

    def record(self, connection: WritingConnection, change: Change | None, *, at: int) -> None:
        """Write down what the transaction touched; nothing when it touched nothing and need not be audited.

        What was removed for good inside a change of another kind, a pipeline's, has a row of the audit log of its own.

        Raises: RuntimeError: memories were touched outside a change.
        """
        touched, connection.touched = connection.touched, {}
        joined, connection.joined = connection.joined, set()
        if change is None:
            if touched:
                raise RuntimeError("memories were changed outside a Change")
            return
        if not touched and not change.audited:
            return
        number = self.audit(connection, change, touched.values(), at=at)
        gone = [each for each in touched.values() if each.before and not each.after]
        if gone and change.operation not in DESTROYING and (destroying := joined.intersection(DESTROYING)):
            self._removal(connection, change, max(destroying), gone, at=at)
        there = [each for each in touched.values() if each.after]
        if not there:
            return
        columns = "id, user, at, key_id, operation, turn_id, note, audit_seq"
        row = (
            change.id, change.user, at, change.key_id, change.operation.value, change.turn_id,
            change.note, number,
        )  # fmt: skip
        cursor = connection.execute(f"INSERT INTO changes ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.executemany(
            "INSERT INTO change_cubes (change_seq, seq, version_before, version_after) VALUES (?, ?, ?, ?)",
            [(cursor.lastrowid, each.seq, each.before, each.after) for each in there],
        )

    def removed_by(self, connection: sqlite3.Connection, user: str, change_id: str, audit_seq: int) -> int:
        """Return how many memories a change removed for good, though it is of a kind that can be undone."""
        sql = "SELECT cubes FROM audit WHERE seq = ? AND digest = ?"
        row = connection.execute(sql, (audit_seq + 1, self._digest(user, None, change_id, ()))).fetchone()
        return 0 if row is None else int(row["cubes"])

    def _removal(
        self, connection: WritingConnection, change: Change, operation: Operation, gone: Sequence[Touched], *, at: int
    ) -> None:
        """Append the row behind the change's own by which ``removed_by`` knows it: its digest names the change."""
        removal = Change(user=change.user, key_id=change.key_id, operation=operation, note=change.id)
        kinds = sorted({each.kind for each in gone if each.kind})
        self.append(connection, removal, kinds=kinds, cubes=len(gone), what=(), at=at)

    def audit(self, connection: sqlite3.Connection, change: Change, touched: Iterable[Touched], *, at: int) -> int:
        """Append a row to the audit log inside the caller's transaction and return its number."""
        cubes = list(touched)
        what = [(each.cube_id, each.before, each.after, each.content_hash) for each in cubes]
        kinds = sorted({each.kind for each in cubes if each.kind})
        return self.append(connection, change, kinds=kinds, cubes=len(cubes), what=what, at=at)

    def append(
        self,
        connection: sqlite3.Connection,
        change: Change,
        *,
        kinds: Sequence[str],
        cubes: int,
        what: Sequence[tuple[str, int, int, str]],
        at: int,
    ) -> int:
        """Append a row about so many memories of these kinds and return its number; of ``what`` only a digest stays."""
        digest = self._digest(change.user, change.turn_id, change.note, what)
        last = connection.execute("SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        number, before = (last["seq"] + 1, last["mac"]) if last is not None else (1, NO_MAC)
        who, operation = self.who(change.user), change.operation.value
        row = (number, at, who, change.key_id, operation, ",".join(kinds), cubes, digest)
        sql = f"INSERT INTO audit ({AUDIT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        mac = self.mac(before, row)
        connection.execute(sql, (*row, mac))
        if isinstance(connection, WritingConnection):
            connection.appended = Head(number, mac)
        return number

    def mac(self, before: bytes, row: Sequence[object]) -> bytes:
        """Return what chains a row (all columns but the MAC, in order) to the MAC of the one before."""
        return self._hmac(b"chain", before + dumps(list(row)).encode())

    def _digest(self, user: str, turn_id: str | None, note: str, what: Sequence[tuple[str, int, int, str]]) -> str:
        return self._hmac(b"what", dumps([user, turn_id, note, what]).encode()).hex()

    def _hmac(self, purpose: bytes, message: bytes) -> bytes:
        return hmac.digest(self._key, purpose + b"\0" + message, hashlib.sha256)
