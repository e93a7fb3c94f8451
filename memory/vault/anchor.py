"""The newest link of the audit chain in, a small file beside the database out: it says how far the chain once reached.

A chain alone does not tell when its end was cut off; the anchor does. It is written after each commit, without waiting
for the disk, so after a crash it may lie behind the chain. It is written in place, in one write of a fixed size far
smaller than a page: replacing the file at each commit cost several times the commit itself. Law: it only ever moves
forward along one chain, for it is read and written under one lock, whoever of several processes commits. Where the
chain does not lead on from it, it stays as it is: it is the evidence.
"""

import contextlib
import fcntl
import hashlib
import hmac
import json
import logging
import os
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

FILE_NAME = "audit.head"
NO_MAC = bytes(32)
_SIZE_BYTES = 256


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
        self._written: tuple[bytes, Head] | None = None  # what was put into the file, and what that says
        self._complained = False

    def read(self) -> Head | None:
        """Return the link that it holds; None: there is no file. Raises: AnchorDamaged, OSError."""
        try:
            with _held(self._path, os.O_RDONLY, fcntl.LOCK_SH) as file:
                return self._head_of(file)
        except FileNotFoundError:
            return None

    def check(self) -> None:
        """Say in the log when what is there was not written under this key: most likely the pepper is another one."""
        try:
            self.read()
        except AnchorDamaged:
            logger.error(  # noqa: TRY400 (where it was raised says nothing)
                "%s was not written under the pepper beside it: either was changed, or is of another data folder. With "
                "a wrong pepper no key works. Restore both from one backup; `memos audit verify` says more.",
                self._path,
            )
        except OSError as error:
            logger.error("%s cannot be read: %s", self._path, error)  # noqa: TRY400 (as above)

    def plant(self) -> None:
        """Begin a chain: write the link before its first row, unless there is an anchor. Raises: OSError."""
        if not self._path.exists():
            with self._draft(START) as draft, contextlib.suppress(FileExistsError):  # another process was faster
                os.link(draft, self._path)

    def renew(self, head: Head) -> None:
        """Write a link whatever stood there before. Raises: OSError."""
        with self._draft(head) as draft:
            draft.replace(self._path)

    def follow(self, connection: sqlite3.Connection, head: Head) -> None:
        """Move on to a link that was committed, if the chain leads there. Never raises: it was committed."""
        try:
            with _held(self._path, os.O_RDWR, fcntl.LOCK_EX) as file:
                before = self._head_of(file)
                if before.seq >= head.seq:
                    return
                if _stands(connection, before):
                    content = self._content(head)
                    os.pwrite(file, content, 0)
                    self._written = (content, head)
                else:
                    self._complain("the audit log does not lead on from %s: it was changed", self._path)
        except FileNotFoundError:
            self._complain("%s is missing; `memos audit verify` says what to do", self._path)
        except (AnchorDamaged, OSError, sqlite3.Error) as error:
            self._complain("the audit log's end cannot be anchored: %s", error)

    @contextlib.contextmanager
    def _draft(self, head: Head) -> Iterator[Path]:
        """Yield a file with a link in it that is to take the anchor's name, so that nobody sees half of one."""
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            draft.touch(mode=0o600, exist_ok=False)
            draft.write_bytes(self._content(head))
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def _head_of(self, file: int) -> Head:
        """The link in an open file; its seal is proved again only when another process wrote it."""
        content = os.pread(file, _SIZE_BYTES + 1, 0)
        if self._written is not None and self._written[0] == content:
            return self._written[1]
        return self._head_in(content)

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


@contextlib.contextmanager
def _held(path: Path, flags: int, how: int) -> Iterator[int]:
    """Yield the open file, locked against others who hold it. Raises: OSError."""
    file = os.open(path, flags | os.O_CLOEXEC)
    try:
        fcntl.flock(file, how)
        yield file
    finally:
        os.close(file)


def _stands(connection: sqlite3.Connection, head: Head) -> bool:
    """True while the chain has this link."""
    if head == START:
        return True
    row = connection.execute("SELECT mac FROM audit WHERE seq = ?", (head.seq,)).fetchone()
    return row is not None and row[0] == head.mac
