"""Who does what to whose memory: the value that every write of the vault carries into its journal and audit log."""

import secrets
from dataclasses import dataclass, field
from enum import StrEnum

from memory.turn import Scope


class Operation(StrEnum):
    """What is done with memories. Those that only read stand in the audit log, never in the journal."""

    REMEMBER = "remember"
    REVISE = "revise"
    RETRACT = "retract"
    DELETE = "delete"
    FORGET = "forget"
    ERASE = "erase"
    IMPORT = "import"
    ROLLBACK = "rollback"
    UNDO = "undo"
    MERGE = "merge"
    ARCHIVE = "archive"
    ACTIVATE = "activate"
    EXPIRE = "expire"
    FREEZE = "freeze"
    SHARE = "share"
    REVOKE = "revoke"
    PIPELINE = "pipeline"
    SWEEP = "sweep"
    # administering
    CREATE_KEY = "create_key"
    REVOKE_KEY = "revoke_key"
    ANCHOR = "anchor"
    # reading
    READ = "read"
    SEARCH = "search"
    RECALL = "recall"
    EXPORT = "export"
    LOG = "log"


#: What removes for good: no way leads back behind it.
DESTROYING = (Operation.DELETE, Operation.FORGET, Operation.ERASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one user's memory: everything that is written inside it belongs together."""

    user: str
    operation: Operation
    key_id: str = ""  #: the API key that acts; "" for the system itself
    turn_id: str | None = None  #: the turn whose words brought it about
    note: str = ""  #: short, never a memory's words
    audited: bool = False  #: it stands in the audit log also when it touched no memory
    id: str = field(default_factory=lambda: f"chg_{secrets.token_hex(10)}")  #: of its line in the journal

    @classmethod
    def by(cls, scope: Scope, operation: Operation, *, turn_id: str | None = None, note: str = "") -> "Change":
        """Return the change that the caller of this scope makes."""
        return cls(user=scope.user, key_id=scope.key_id, operation=operation, turn_id=turn_id, note=note)
