"""API keys in, who calls and what they may do out.

A key is ``sk-memos-<8 hex id>-<43 url-safe characters>`` (256 random bits) and is shown once. Stored is its
HMAC-SHA-256 under a pepper that lies in a file beside the database, so the database alone lets nobody in. Each lookup
reads the database: a key that another process revokes stops working at once. Only while the database cannot be read do
keys go on that worked when it last could: chats need no memory, and a damaged file must not end them.
"""

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import shlex
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson

from memory.change import Change, Operation
from memory.errors import Invalid, NotFound, Unavailable
from memory.ports import Clock
from memory.spaces import PUBLIC
from memory.vault.connections import CANNOT_OPEN, DAMAGED, Connections, translated
from memory.vault.rows import dumps, maybe_moment, micros, moment

#: What a key may be allowed to do. ``admin``: to read the audit log of all users, by pseudonyms.
SCOPES = ("models", "memory:read", "memory:write", "admin")
DEFAULT_SCOPES = ("models", "memory:read", "memory:write")

_KEY = re.compile(r"sk-memos-([0-9a-f]{8})-([A-Za-z0-9_-]{43})\Z")
_IS_SPACE = re.compile(rf"(?:{PUBLIC}\Z|org_|spc_)")  # their memories are indexed under these names
_PEPPER_BYTES = 32
_CHECK_S = 1.0  # so rarely all revoked keys are read
PEPPER_MISSING = "pepper_missing"
_COLUMNS = "id, name, user, assert_users, scopes, mac, last4, created_at, revoked_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What is known about a key; never the key."""

    id: str
    name: str
    user: str  #: whose memory it reads and writes
    assert_users: bool  #: it may name other users
    scopes: tuple[str, ...]
    shown: str  #: the beginning and the end, for display
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key at the only time when it is known."""

    key: str
    record: KeyRecord


class SqliteKeys:
    """API keys in the vault's database."""

    def __init__(self, connections: Connections, clock: Clock, pepper_file: Path) -> None:
        self._connections = connections
        self._clock = clock
        self._pepper = _pepper(pepper_file)
        self._known: dict[str, tuple[bytes, KeyRecord]] = {}  # by id, with their MACs: those that work
        self._checked_at_s = 0.0

    def create(
        self, name: str, *, assert_users: bool = False, scopes: Iterable[str] = DEFAULT_SCOPES, user: str | None = None
    ) -> NewKey:
        """Return a new key; it gets a user of its own unless one is named.

        Raises: Invalid: a scope does not exist, the name is empty, or the user's is that of a space.
        """
        granted = tuple(dict.fromkeys(scopes))
        unknown = [scope for scope in granted if scope not in SCOPES]
        if unknown:
            raise Invalid(f"There is no scope {unknown[0]!r}; there are {', '.join(SCOPES)}.", param="scopes")
        if not name.strip():
            raise Invalid("A key needs a name.", param="name")
        if user is not None and _IS_SPACE.match(user):
            raise Invalid(f"{user!r} is the name of a space and cannot be a user's.", param="user")
        key_id, owner = secrets.token_hex(4), user or f"u_{secrets.token_hex(6)}"
        key = f"sk-memos-{key_id}-{secrets.token_urlsafe(32)}"
        row = (
            key_id,
            name.strip(),
            owner,
            int(assert_users),
            dumps(granted),
            self._mac(b"key", key),
            key[-4:],
            micros(self._clock()),
            None,
        )
        made = Change(user=owner, operation=Operation.CREATE_KEY, key_id=key_id, note=" ".join(granted), audited=True)
        with self._connections.write(made) as connection:
            connection.execute(f"INSERT INTO keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            stored = connection.execute(f"SELECT {_COLUMNS} FROM keys WHERE id = ?", (key_id,)).fetchone()
        return NewKey(key=key, record=_record(stored))

    def lookup(self, key: str) -> KeyRecord | None:
        """Return the record of a valid key that was not revoked; one indexed read.

        Raises: Unavailable: the database cannot be read, and the key is not known from before.
        """
        parts = _KEY.match(key)
        if parts is None:
            return None
        mac = self._mac(b"key", key)
        try:
            return self._looked_up(parts[1], mac)
        except Unavailable as fault:
            known = self._known.get(parts[1])
            # a file that cannot be opened now may say that the key was revoked: too many open files are no damage
            if fault.code == CANNOT_OPEN or known is None or not hmac.compare_digest(mac, known[0]):
                raise
            return known[1]

    def _looked_up(self, key_id: str, mac: bytes) -> KeyRecord | None:
        with self._connections.read() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM keys WHERE id = ?", (key_id,)).fetchone()
        try:
            if row is None or row["revoked_at"] is not None:
                self._known.pop(key_id, None)
                return None
            if not hmac.compare_digest(mac, row["mac"]):
                return None
            record = _record(row)
        except (TypeError, ValueError, OverflowError) as error:
            raise Unavailable(f"The key {key_id} cannot be read: the vault file is damaged.", code=DAMAGED) from error
        self._known[key_id] = mac, record
        self._let_go_of_revoked()
        return record

    def _let_go_of_revoked(self) -> None:
        """What is known must not outlive a revocation by another process, though nobody uses that key any more."""
        now_s = time.monotonic()
        if now_s - self._checked_at_s < _CHECK_S:
            return
        self._checked_at_s = now_s
        with contextlib.suppress(Unavailable), self._connections.read() as connection:
            for row in connection.execute("SELECT id FROM keys WHERE revoked_at IS NOT NULL").fetchall():
                self._known.pop(row["id"], None)

    def list(self) -> list[KeyRecord]:
        """Return all keys, also revoked ones, oldest first."""
        with self._connections.read() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM keys ORDER BY created_at, rowid").fetchall()
        return [_record(row) for row in rows]

    def users(self) -> set[str]:
        """Return all users that have memories, or a key, also a revoked one; costs a look through an index."""
        with self._connections.read() as connection:
            return {row[0] for row in connection.execute("SELECT user FROM keys UNION SELECT owner FROM cubes")}

    def revoke(self, key_id: str) -> KeyRecord:
        """Return the record after the key stopped working; revoking again changes nothing.

        Raises: NotFound.
        """
        select = f"SELECT {_COLUMNS} FROM keys WHERE id = ?"
        with self._connections.write() as outer:
            row = outer.execute(select, (key_id,)).fetchone()
            if row is None:
                raise NotFound(f"There is no key {key_id!r}.", param="id")
            if row["revoked_at"] is None:
                ended = Change(user=row["user"], operation=Operation.REVOKE_KEY, key_id=key_id, audited=True)
                with self._connections.write(ended) as connection:
                    now = micros(self._clock())
                    connection.execute("UPDATE keys SET revoked_at = ? WHERE id = ?", (now, key_id))
            self._known.pop(key_id, None)
            return _record(outer.execute(select, (key_id,)).fetchone())

    def hmac_user(self, provider_key: str) -> str:
        """Return the user id of a caller who is known only by a provider's key: the same key is the same user."""
        return f"p_{self._mac(b'user', provider_key).hex()[:24]}"

    def cache_salt(self, user: str) -> str:
        """Return what keeps the user's computed tokens apart; nobody without the pepper can guess it."""
        return self._mac(b"cache", user).hex()

    def shared_cache_salt(self, key_id: str) -> str:
        """Return what users of one key may share, such as the system prompt of its application; no user's salt."""
        return self._mac(b"cache of a key", key_id).hex()

    def _mac(self, purpose: bytes, text: str) -> bytes:
        return hmac.digest(self._pepper, purpose + b"\0" + text.encode(), hashlib.sha256)


def audit_key(pepper_file: Path) -> bytes:
    """Return the key of the audit log's chain; it lies outside the database. Raises: Unavailable."""
    return hmac.digest(_pepper(pepper_file), b"audit", hashlib.sha256)


def kept_audit_key(pepper_file: Path) -> bytes:
    """Return the same key, and make no new pepper where there is none. Raises: Unavailable."""
    if not pepper_file.is_file():
        raise Unavailable(
            f"{pepper_file} is missing: the audit log can be checked only with the pepper it was written under. "
            "Restore it from a backup."
        )
    return audit_key(pepper_file)


def check_pepper(pepper_file: Path, database: Path) -> None:
    """Raises: Unavailable: the pepper is gone under which the database holds keys or an audit log."""
    if pepper_file.exists() or not _rests_on_pepper(database) or pepper_file.exists():  # others may just make both
        return
    raise Unavailable(
        f"{pepper_file} is missing, and {database.name} holds keys and an audit log that were made with it. Restore it "
        f"from a backup of {pepper_file.parent}: with another one no key works, and the audit log no longer holds. If "
        f"it is lost for good, make another one with `(umask 077; head -c 32 /dev/urandom > "
        f"{shlex.quote(str(pepper_file))})`, and a new key for each user that `memos keys list` shows with `memos keys "
        "create NAME --user USER`. All memories stay; what the audit log says can no longer be proved, and users who "
        "are known by their provider's key alone (`identity.pass_through`) get new ids: their memories stay under the "
        "old ones.",
        code=PEPPER_MISSING,
    )


def _rests_on_pepper(database: Path) -> bool:
    if not database.is_file():
        return False
    with translated(), contextlib.closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name IN ('keys', 'audit')").fetchall()
        return any(connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() for (name,) in tables)


def watermark_key(pepper_file: Path) -> bytes:
    """Return the key of the watermarks on what leaves the vault. Raises: Unavailable."""
    return hmac.digest(_pepper(pepper_file), b"watermark", hashlib.sha256)


def _record(row: sqlite3.Row) -> KeyRecord:
    return KeyRecord(
        id=row["id"],
        name=row["name"],
        user=row["user"],
        assert_users=bool(row["assert_users"]),
        scopes=tuple(orjson.loads(row["scopes"])),
        shown=f"sk-memos-{row['id']}-…{row['last4']}",
        created_at=moment(row["created_at"]),
        revoked_at=maybe_moment(row["revoked_at"]),
    )


def _pepper(path: Path) -> bytes:
    """Return the pepper; the first process to ask creates it, whole or not at all."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        file = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.write(file, secrets.token_bytes(_PEPPER_BYTES))
            os.fsync(file)
            with contextlib.suppress(FileExistsError):  # another process was faster
                os.link(draft, path)
        finally:
            os.close(file)
            draft.unlink()
    pepper = path.read_bytes()
    if len(pepper) != _PEPPER_BYTES:
        raise Unavailable(
            f"{path} is damaged: it must hold {_PEPPER_BYTES} bytes. Restore it: no key works without it."
        )
    return pepper
