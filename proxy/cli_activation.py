"""``memos activation``: what engines keep computed in, shown or dropped, beside a running server or without one."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
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


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the list."""

    kept: Activation
    engine: str  #: names the folder of one engine and model; "": in memory only
    user: str = ""  #: "": of nobody who is known here, such as what the users of a key share
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
    """Drop what is kept of a user, what is named, or all of it; chats compute it again when they need it."""
    if not (chosen.all or chosen.user or chosen.digests):
        raise Invalid("Say what to drop: DIGEST ..., --user USER or --all.")
    folder, socket_path = _folder(chosen), running_socket(loaded(chosen).settings.data.dir)
    with opened_vault(chosen) as files:
        salt = None if chosen.user is None else files.keys.cache_salt(chosen.user)
        there = Dropped() if socket_path is None else _in_engine(socket_path, partial(_drop_there, chosen, salt))
        removed = _drop_files(folder, chosen, salt)
    if removed.left:
        raise Unavailable(f"These files could not be removed, remove them by hand: {removed.left}.")
    count = there.prefixes + len(removed.digests)
    if chosen.digests and not count:
        raise NotFound("There is no such activation memory; `memos activation ls` shows them.")
    print(f"{count} dropped, {there.files + removed.files} files removed.")
    return 0


async def _drop_there(chosen: argparse.Namespace, salt: str | None, engine: EngineActivations) -> Dropped:
    if salt is not None:
        return await engine.drop(salt)
    kept = await engine.list(None)
    wanted = [each.digest for each in kept if chosen.all or _named(each.digest, chosen.digests)]
    return await engine.drop("", wanted)


def _drop_files(folder: Path, chosen: argparse.Namespace, salt: str | None) -> Removed:
    """Remove the files that no engine has removed, such as those of another model."""
    if salt is not None:
        return erase_owner(folder, salt)
    removed = Removed()
    for entry in list(read_folder(folder)):
        digest = entry.path.name.split(".")[1]
        if chosen.all or _named(digest, chosen.digests):
            removed.unlink(entry.path)
            removed.digests.append(digest)
    return removed


def _named(digest: str, wanted: list[str]) -> bool:
    return any(digest.startswith(each) for each in wanted)


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
        engine, digest = entry.path.parent.name, entry.path.name.split(".")[1]
        stored = entry.stored
        if stored is None:
            kept = Activation(digest=digest, tokens=0, size_bytes=entry.file_bytes, tier="")
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
    """Find out whose each is: only who knows the pepper can."""
    users = Backlog(files.connections).users()
    engines = {row.engine for row in rows}
    owners = {
        salt_hash_of(engine, salt): user
        for user, salt in ((user, files.keys.cache_salt(user)) for user in users)
        for engine in engines
    }
    return [replace(row, user=owners.get(row.kept.salt_hash, "")) for row in rows]


def _table(rows: list[_Row]) -> Table:
    numbers = (Column(name, justify="right") for name in ("tokens", "size", "uses"))
    table = Table(Column("digest", no_wrap=True), "user", *numbers, "where", "memories", "made", "last used", "engine")
    for row in rows:
        kept = row.kept
        table.add_row(
            kept.digest[:_SHOWN_DIGEST],
            escape(row.user) or "(shared)",
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
    return values | {"user": row.user, "labels": labels, "damaged": row.damaged, "engine": row.engine}
