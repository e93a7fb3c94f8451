"""A data directory in, the open vault out: memories, ledger, receipts and keys in one SQLite file, ``memos.db``."""

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from memory.cube import SemanticType
from memory.ports import Clock
from memory.vault.anchor import FILE_NAME, Anchor
from memory.vault.audit import AuditLog
from memory.vault.connections import Connections
from memory.vault.extractions import SqliteExtractions
from memory.vault.failpoints import Failpoints
from memory.vault.folders import make_folder
from memory.vault.history import SqliteHistory
from memory.vault.journal import Journal
from memory.vault.keys import SqliteKeys, audit_key, check_pepper, watermark_key
from memory.vault.ledger import SqliteLedger
from memory.vault.liveness import Liveness
from memory.vault.provenance import SqliteProvenance
from memory.vault.receipts import SqliteReceipts
from memory.vault.spaces import SqliteSpaces
from memory.vault.sqlite import SqliteVault
from memory.watermark import Watermarks

__all__ = ["VaultFiles", "open_vault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultFiles:
    """What lies in one data directory, opened."""

    vault: SqliteVault
    spaces: SqliteSpaces
    history: SqliteHistory
    ledger: SqliteLedger
    extractions: SqliteExtractions
    receipts: SqliteReceipts
    keys: SqliteKeys
    audit: AuditLog
    provenance: SqliteProvenance
    watermarks: Watermarks
    connections: Connections
    liveness: Liveness

    def close(self) -> None:
        """Close the database; rows that are still open or leased can then be recovered by others."""
        self.connections.close()
        self.liveness.close()


def open_vault(
    data_dir: Path,
    *,
    clock: Clock,
    busy_timeout_ms: int = 250,
    redact: Callable[[str], str] | None = None,
    new_id: Callable[[], str] | None = None,
    receipts_ttl_s: float = 7 * 86_400,
    decaying: Collection[SemanticType] = (),
    failpoints: Failpoints | None = None,
) -> VaultFiles:
    """Open or create the vault. Several processes may have it open at once.

    ``redact`` takes secrets out of what is stored unseen by governance: ledger rows and imports.
    New memories of the ``decaying`` types are archived once they are cold, unless a draft says otherwise.

    Raises: Unavailable: the folder cannot be made or the file not be opened, or its pepper is gone. Refused: a newer
    program wrote it.
    """
    ids = new_id or (lambda: secrets.token_hex(12))
    make_folder(data_dir)
    pepper, database = data_dir / "pepper", data_dir / "memos.db"
    check_pepper(pepper, database)
    chain_key = audit_key(pepper)
    anchor = Anchor(data_dir / FILE_NAME, chain_key)
    anchor.check()
    journal = Journal(chain_key, anchor)
    connections = Connections(
        database, busy_timeout_ms=busy_timeout_ms, journal=journal, clock=clock, failpoints=failpoints
    )
    liveness = Liveness(data_dir / "processes")
    return VaultFiles(
        spaces=SqliteSpaces(connections, clock, ids),
        vault=SqliteVault(connections, clock, ids, redact=redact, decaying=decaying),
        history=SqliteHistory(connections, clock),
        ledger=SqliteLedger(connections, clock, ids, liveness, redact=redact),
        extractions=SqliteExtractions(connections, clock, liveness, redact=redact),
        receipts=SqliteReceipts(connections, clock, keep_s=receipts_ttl_s),
        keys=SqliteKeys(connections, clock, pepper),
        audit=AuditLog(connections),
        provenance=SqliteProvenance(connections, clock),
        watermarks=Watermarks(watermark_key(pepper)),
        connections=connections,
        liveness=liveness,
    )
