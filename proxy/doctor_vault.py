"""A data folder in, what is wrong with what is stored there and how to recover it out.

Nothing is repaired here: every way back is named, and what it would cost.
"""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from config.settings import Settings
from memory.errors import MemoryFault
from memory.turn import TurnState
from memory.vault import VaultFiles, open_vault
from memory.vault.backlog import Backlog
from memory.vault.chain import verify
from memory.vault.connections import DAMAGED
from memory.vault.health import examined, without_vectors
from memory.vault.keys import PEPPER_MISSING
from proxy.findings import Finding
from proxy.spool import Spool

_LEAST_FREE_BYTES = 200 << 20
_LARGE_LOG_BYTES = 1 << 30


def vault_findings(settings: Settings) -> Iterator[Finding]:
    """Yield findings about the vault, its audit log, its queue and the disk that it lies on."""
    folder = settings.data.dir
    path = folder / "memos.db"
    yield from _disk(folder)
    if not path.exists():
        yield Finding("vault", "ok", "none yet; the first start makes it")
        return
    try:
        files = open_vault(folder, clock=lambda: datetime.now(UTC))
    except MemoryFault as fault:
        yield Finding("vault", "problem", str(fault), _way_back(fault, path))
        return
    try:
        yield from _opened(files, path)
        if settings.embedder.kind != "none" and (lacking := without_vectors(files.connections)):
            detail = f"{lacking} memories have none, and are found by their words only"
            yield Finding("vectors", "note", detail, "memos reembed")
    except MemoryFault as fault:
        yield Finding("vault", "problem", str(fault), _way_back(fault, path))
    finally:
        files.close()
    yield from _audit(folder)


def _opened(files: VaultFiles, path: Path) -> Iterator[Finding]:
    flaws = list(examined(files.connections))
    for flaw in flaws:
        yield Finding(f"vault {flaw.what}", "problem", flaw.message, recovery(path))
    if not flaws:
        with files.connections.read() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        yield Finding("vault", "ok", f"{path}, version {version}, {path.stat().st_size / 1e6:.1f} MB")
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size > _LARGE_LOG_BYTES:
        size = f"{log.stat().st_size / 1e9:.1f} GB"
        mend = "some program has been reading for long; stop it, and the next write empties the log"
        yield Finding("write-ahead log", "note", size, mend)
    backlog = Backlog(files.connections)
    if dead := len(backlog.rows([TurnState.DEAD])):
        yield Finding("queue", "note", f"{dead} turns could not be remembered", "memos queue list; memos queue retry")
    if waiting := Spool(path.parent / "spool").waiting():
        yield Finding("spool", "note", f"{waiting} turns wait in files", "the next start takes them into the vault")


def _audit(folder: Path) -> Iterator[Finding]:
    try:
        found = verify(folder)
    except MemoryFault as fault:
        yield Finding("audit log", "problem", str(fault), "restore pepper and audit.head from a backup")
        return
    if found.flaw is None:
        yield Finding("audit log", "ok", f"{found.rows} rows, the chain holds")
    else:
        mend = "`memos audit verify` says more; where a backup was restored, `memos audit head --renew` begins anew"
        yield Finding("audit log", "problem", found.flaw.message, mend)


def _disk(folder: Path) -> Iterator[Finding]:
    nearest = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    if free < _LEAST_FREE_BYTES:
        detail = f"{free / 1e6:.0f} MB are free where {nearest} is"
        yield Finding("disk", "problem", detail, "make room: without it nothing can be remembered; chats go on")


def _way_back(fault: MemoryFault, path: Path) -> str:
    if fault.code == DAMAGED:
        return recovery(path)
    if fault.code == PEPPER_MISSING:
        return f"put `pepper` of the newest backup of {path.parent.resolve()} back there, before the server starts"
    if fault.code == "disk_full":
        return "make room, then start again; turns that wait in the folder `spool` are taken up"
    return "stop other programs that hold it, then try again; if that is not it, restore a backup of the folder"


def recovery(path: Path) -> str:
    """Return how to get back what a damaged database holds."""
    folder = path.parent.resolve()
    return (
        f"stop the server and copy {folder} first. Best: put memos.db, pepper and audit.head of your newest backup of "
        "that folder in their place, without memos.db-wal and memos.db-shm. "
        f"Without one: sqlite3 {path.resolve()} .recover | sqlite3 {folder / 'recovered.db'}, put recovered.db in the "
        "place of memos.db, then `memos reembed` and `memos audit verify`. While it can still be read, "
        "GET /v1/memory/export saves each user's memory as a file that POST /v1/memory/import takes back"
    )
