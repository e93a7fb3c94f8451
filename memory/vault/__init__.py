"""A data directory in, the open vault out: memories, ledger, receipts and keys in one SQLite file, ``memos.db``."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from memory.ports import Clock
from memory.vault.connections import Connections
from memory.vault.extractions import SqliteExtractions
from memory.vault.journal import Journal
from memory.vault.keys import SqliteKeys, audit_key
from memory.vault.ledger import SqliteLedger
from memory.vault.liveness import Liveness
from memory.vault.receipts import SqliteReceipts
from memory.vault.sqlite import SqliteVault

__all__ = ["VaultFiles", "open_vault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultFiles:
    """What lies in one data directory, opened."""

    vault: SqliteVault
    ledger: SqliteLedger
    extractions: SqliteExtractions
    receipts: SqliteReceipts
    keys: SqliteKeys
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
) -> VaultFiles:
    """Open or create the vault. Several processes may have it open at once.

    ``redact`` takes secrets out of what is stored unseen by governance: ledger rows and imports.

    Raises: Unavailable: the file cannot be opened. Refused: a newer program wrote it.
    """
    ids = new_id or (lambda: secrets.token_hex(12))
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    pepper = data_dir / "pepper"
    connections = Connections(
        data_dir / "memos.db", busy_timeout_ms=busy_timeout_ms, journal=Journal(audit_key(pepper)), clock=clock
    )
    liveness = Liveness(data_dir / "processes")
    return VaultFiles(
        vault=SqliteVault(connections, clock, ids, redact=redact),
        ledger=SqliteLedger(connections, clock, ids, liveness, redact=redact),
        extractions=SqliteExtractions(connections, clock, liveness, redact=redact),
        receipts=SqliteReceipts(connections, clock, keep_s=receipts_ttl_s),
        keys=SqliteKeys(connections, clock, pepper),
        connections=connections,
        liveness=liveness,
    )
