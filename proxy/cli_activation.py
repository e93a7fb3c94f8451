"""``memos activation``: what engines keep computed in, shown or dropped, beside a running server or without one."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Column, Table

from adapters import registry
from adapters.activation_store.folder import Removed, erase_owner, read_folder, salt_hash_of
from adapters.engine_activations import EngineActivations
from memory.errors import Invalid, NotFound, Unavailable
from memory.prefix import Activation, Dropped
from memory.vault import VaultFiles
from memory.vault.backlog import Backlog
from proxy.activation_files import ACTIVATIONS_FOLDER
from proxy.cli_config import loaded, opened_vault, show_table
from proxy.engine_address import running_socket

T = TypeVar("T")
_URL = "http://engine/v1"  # a name only: the connection goes to a Unix socket
_SHOWN_DIGEST = 12
_LEAST_DIGEST = 8  # characters that name one; fewer are a slip of the hand


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the list."""

    kept: Activation
    engine: str  #: names the folder of one engine and model; "": in memory only
    user: str = ""  #: "": of nobody who is known here
    key_id: str = ""  #: of the key whose users share it
    damaged: bool = False


def list_activations(chosen: argparse.Namespace) -> int:
    """List what is kept, from the files; a running engine adds where each is now and how often it was used."""
    with opened_vault(chosen) as files:
        folder = _folder(chosen)
        rows = _with_users(list(_rows(folder, _asked_engine(chosen))), files)
    if chosen.user is not None:
        rows = [row for row in rows if row.user == chosen.user]
    if chosen.json:
        print(json.dumps([_json(row) for row in rows], ensure_ascii=False, indent=2))
        return 0
    if not rows:
        print("Nothing is kept.")
        return 0
    show_table(_table(rows))
    size_bytes = sum(row.kept.size_bytes for row in rows)
    told = f"{len(rows)} activation memor{'y' if len(rows) == 1 else 'ies'}, {decimal(size_bytes)}"
    Console(stderr=True, highlight=False).print(told, markup=False)
    return 0


def drop(chosen: argparse.Namespace) -> int:
    """Drop what is named, all that is kept of a user, or all of it; chats compute it again when they need it.

    With both a user and names only what is that user's is looked for. Raises: Invalid: it is not clear what is meant.
    """
    _check(chosen)
    folder, socket_path = _folder(chosen), running_socket(loaded(chosen).settings.data.dir)
    with opened_vault(chosen) as files:
        salt = None if chosen.user is None else files.keys.cache_salt(chosen.user)
        digests = None
        if chosen.digests:
            kept = [] if socket_path is None else _in_engine(socket_path, lambda engine: engine.list(salt))
            digests = _meant(chosen.digests, {each.digest for each in kept} | _filed(folder, salt))
        there = Dropped() if socket_path is None else _in_engine(socket_path, partial(_drop_there, salt, digests))
        removed = _drop_files(folder, salt, digests)
    if removed.left:
        raise Unavailable(f"These files could not be removed, remove them by hand: {removed.left}.")
    print(f"{there.prefixes + len(removed.digests)} dropped, {there.files + removed.files} files removed.")
    return 0


def _check(chosen: argparse.Namespace) -> None:
    if chosen.all and (chosen.digests or chosen.user is not None):
        raise Invalid("--all drops everything of everybody; leave it out to drop what you named.")
    if not (chosen.all or chosen.user or chosen.digests) or chosen.user == "":
        raise Invalid("Say what to drop: DIGEST ..., --user USER or --all.")
    for each in chosen.digests:
        if len(each) < _LEAST_DIGEST:
            raise Invalid(f"{each!r} is too short for a digest; give at least its first {_LEAST_DIGEST} characters.")


def _meant(wanted: Sequence[str], known: Collection[str]) -> frozenset[str]:
    """Return the digests that begin so. Raises: NotFound. Invalid: two begin so."""
    found: set[str] = set()
    for each in wanted:
        matches = sorted(digest for digest in known if digest.startswith(each))
        if not matches:
            raise NotFound(f"There is no such activation memory: {each!r}; `memos activation ls` shows them.")
        if len(matches) > 1:
            raise Invalid(f"{each!r} may mean any of these, give more of it: {', '.join(matches)}.")
        found.update(matches)
    return frozenset(found)


def _filed(folder: Path, salt: str | None) -> set[str]:
    """The digests of the files, of one owner or of all."""
    named = [(entry.path.parent.name, *entry.path.name.split(".")[:2]) for entry in read_folder(folder)]
    return {digest for engine, owner, digest in named if salt is None or owner == salt_hash_of(engine, salt)}


async def _drop_there(salt: str | None, digests: Collection[str] | None, engine: EngineActivations) -> Dropped:
    if digests is not None:
        return await engine.drop("", sorted(digests))
    if salt is not None:
        return await engine.drop(salt)
    return await engine.drop("", [each.digest for each in await engine.list(None)])


def _drop_files(folder: Path, salt: str | None, digests: Collection[str] | None) -> Removed:
    """Remove the files that no engine has removed, such as those of another model."""
    if salt is not None and digests is None:
        return erase_owner(folder, salt)
    removed = Removed()
    for entry in list(read_folder(folder)):
        digest = entry.path.name.split(".")[1]
        if digests is None or digest in digests:
            removed.unlink(entry.path)
            removed.digests.append(digest)
    return removed


def _folder(chosen: argparse.Namespace) -> Path:
    return loaded(chosen).settings.data.dir / ACTIVATIONS_FOLDER


def _asked_engine(chosen: argparse.Namespace) -> dict[str, Activation]:
    socket_path = running_socket(loaded(chosen).settings.data.dir)
    if socket_path is None:
        return {}
    try:
        kept = _in_engine(socket_path, lambda engine: engine.list(None))
    except (Unavailable, NotFound):  # it has ended, or is busy: the files are there all the same
        return {}
    return {each.digest: each for each in kept}


def _in_engine(socket_path: Path, call: Callable[[EngineActivations], Awaitable[T]]) -> T:
    async def asked() -> T:
        backend = registry.backends().create("upstream", base_url=_URL, socket_path=str(socket_path))
        try:
            return await call(EngineActivations(backend))
        finally:
            await backend.close()

    return asyncio.run(asked())


def _rows(folder: Path, live: Mapping[str, Activation]) -> list[_Row]:
    rows: list[_Row] = []
    for entry in read_folder(folder):
        engine, (owner, digest) = entry.path.parent.name, entry.path.name.split(".")[:2]
        stored = entry.stored
        if stored is None:
            kept = Activation(digest=digest, tokens=0, size_bytes=entry.file_bytes, tier="", salt_hash=owner)
            rows.append(_Row(kept, engine, damaged=True))
            continue
        kept = Activation(
            digest=stored.digest,
            tokens=stored.length,
            size_bytes=entry.file_bytes,
            tier=stored.tier,
            uses=stored.uses,
            build_ms=1000 * stored.build_s,
            created_at=stored.created_at,
            last_used_at=stored.last_used_at,
            salt_hash=stored.salt_hash,
            labels=stored.labels,
        )
        now = live.get(digest)
        if now is not None:
            kept = replace(kept, tier=now.tier, uses=now.uses, last_used_at=now.last_used_at)
        rows.append(_Row(kept, engine))
    filed = {row.kept.digest for row in rows}
    return rows + [_Row(kept, "") for digest, kept in live.items() if digest not in filed]


def _with_users(rows: list[_Row], files: VaultFiles) -> list[_Row]:
    """Find out whose each is, or which key's users share it: only who knows the pepper can."""
    keys, engines = files.keys, {row.engine for row in rows if row.engine}
    owners: dict[str, tuple[str, str]] = {}  # user and key
    for user in Backlog(files.connections).users():
        owners |= {salt_hash_of(engine, keys.cache_salt(user)): (user, "") for engine in engines}
    for key in keys.list():
        owners |= {salt_hash_of(engine, keys.shared_cache_salt(key.id)): ("", key.id) for engine in engines}
    found = ((row, *owners.get(row.kept.salt_hash, ("", ""))) for row in rows)
    return [replace(row, user=user, key_id=key_id) for row, user, key_id in found]


def _owner(row: _Row) -> str:
    return escape(row.user) or (f"(shared by key {escape(row.key_id)})" if row.key_id else "(unknown)")


def _table(rows: list[_Row]) -> Table:
    numbers = (Column(name, justify="right") for name in ("tokens", "size", "uses"))
    table = Table(Column("digest", no_wrap=True), "user", *numbers, "where", "memories", "made", "last used", "engine")
    for row in rows:
        kept = row.kept
        table.add_row(
            kept.digest[:_SHOWN_DIGEST],
            _owner(row),
            str(kept.tokens),
            decimal(kept.size_bytes),
            str(kept.uses),
            "damaged" if row.damaged else kept.tier,
            str(len(kept.labels.get("cubes", ()))),
            _moment(kept.created_at),
            _moment(kept.last_used_at),
            row.engine[:8],
            style="red" if row.damaged else None,
        )
    return table


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}" if at else ""


def _json(row: _Row) -> dict[str, Any]:
    kept = row.kept
    names = ("digest", "tokens", "size_bytes", "tier", "uses", "build_ms", "created_at", "last_used_at")
    values = {name: getattr(kept, name) for name in names}
    labels = {name: list(each) for name, each in kept.labels.items()}
    return values | {
        "user": row.user,
        "shared_by_key": row.key_id,
        "labels": labels,
        "damaged": row.damaged,
        "engine": row.engine,
    }
