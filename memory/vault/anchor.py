"""The newest link of the audit chain in, a small file beside the database out: it says how far the chain once reached.

A chain alone does not tell when its end was cut off; the anchor does. It is written after each commit, without waiting
for the disk, so after a crash it may lie behind the chain. It is written in place, in one write of a fixed size far
smaller than a page: replacing the file at each commit cost several times the commit itself. Law: it only ever moves
forward along one chain. Where the chain does not lead on from it, it stays as it is: it is the evidence.
"""

import contextlib
import hashlib
import hmac
import json
import logging
import os
import secrets
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

FILE_NAME = "audit.head"
NO_MAC = bytes(32)
_SIZE_BYTES = 256
_ATTEMPTS, _PAUSE_S = 5, 0.002  # to read it, when another process is just writing it


@dataclass(frozen=True, slots=True)
class Head:
    """A link of the chain: the number of a row and its MAC; 0 and zeros before the first."""

    seq: int
    mac: bytes


START = Head(0, NO_MAC)


class AnchorDamaged(Exception):
    """The anchor is not one that was written under this key."""


class Anchor:
    """The anchor's file. ``key``: that of the chain. One thread at a time; other processes share the file."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key
        self._written: tuple[tuple[int, int], Head] | None = None  # what the file looked like, and what was in it
        self._complained = False

    def read(self) -> Head | None:
        """Return the link that it holds; None: there is no file. Raises: AnchorDamaged, OSError."""
        for attempt in range(_ATTEMPTS):
            try:
                return self._head_in(self._path.read_bytes())
            except FileNotFoundError:
                return None
            except AnchorDamaged:
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_PAUSE_S)
        return None

    def plant(self) -> None:
        """Begin a chain: write the link before its first row, unless there is an anchor. Raises: OSError."""
        if not self._path.exists():
            draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
            try:
                self._write(draft, START)
                with contextlib.suppress(FileExistsError):  # another process was faster
                    os.link(draft, self._path)
            finally:
                draft.unlink(missing_ok=True)

    def renew(self, head: Head) -> None:
        """Write a link whatever stood there before. Raises: OSError."""
        self._path.unlink(missing_ok=True)
        self._write(self._path, head)

    def follow(self, connection: sqlite3.Connection, head: Head) -> None:
        """Move on to a link that was committed, if the chain leads there. Never raises: it was committed."""
        try:
            before = self._before()
            if before is None:
                self._complain("%s is missing; `memos audit verify` says what to do", self._path)
            elif before.seq < head.seq:
                if _stands(connection, before):
                    self._written = (self._write(self._path, head, make=False), head)
                else:
                    self._complain("the audit log does not lead on from %s: it was changed", self._path)
        except (AnchorDamaged, OSError, sqlite3.Error) as error:
            self._complain("the audit log's end cannot be anchored: %s", error)

    def _before(self) -> Head | None:
        """The link in the file; it is read again only when another process wrote it."""
        if self._written is not None:
            with contextlib.suppress(FileNotFoundError):
                if _look(self._path.stat()) == self._written[0]:
                    return self._written[1]
        return self.read()

    def _write(self, path: Path, head: Head, *, make: bool = True) -> tuple[int, int]:
        file = os.open(path, os.O_WRONLY | (os.O_CREAT if make else 0), 0o600)
        try:
            os.write(file, self._content(head))
            return _look(os.fstat(file))
        finally:
            os.close(file)

    def _complain(self, message: str, *details: object) -> None:
        """Say it once: it is found at every write."""
        if not self._complained:
            logger.error(message, *details)
        self._complained = True

    def _head_in(self, content: bytes) -> Head:
        try:
            fields = json.loads(content)
            head = Head(int(fields["seq"]), bytes.fromhex(fields["mac"]))
            expected = self._content(head)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise AnchorDamaged(f"{self._path} cannot be read: {error}") from error
        if not hmac.compare_digest(content, expected):
            raise AnchorDamaged(f"{self._path} was changed, or was written under another pepper")
        return head

    def _content(self, head: Head) -> bytes:
        seal = hmac.digest(self._key, b"head\0%d\0" % head.seq + head.mac, hashlib.sha256)
        fields = {"seq": head.seq, "mac": head.mac.hex(), "seal": seal.hex()}
        return json.dumps(fields).encode().ljust(_SIZE_BYTES - 1) + b"\n"


def _look(status: os.stat_result) -> tuple[int, int]:
    return status.st_ino, status.st_mtime_ns


def _stands(connection: sqlite3.Connection, head: Head) -> bool:
    """True while the chain has this link."""
    if head == START:
        return True
    row = connection.execute("SELECT mac FROM audit WHERE seq = ?", (head.seq,)).fetchone()
    return row is not None and row[0] == head.mac
