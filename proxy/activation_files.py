"""A user's salt in, no file of their activation memories out: removal that needs no engine.

The law: what was computed of erased memories is gone from the disk whichever engine computed it, also where the present
backend is none.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from adapters.activation_store.folder import erase_owner, salt_hash_of
from memory.prefix import Dropped
from memory.turn import Scope

logger = logging.getLogger(__name__)

ACTIVATIONS_FOLDER = "activations"  # in the data folder


class Salts(Protocol):
    """Who knows the names under which an engine keeps what it computed; ``memory/vault/keys.py`` does."""

    def cache_salt(self, user: str) -> str: ...

    def shared_cache_salt(self, key_id: str) -> str: ...


@dataclass(frozen=True, slots=True)
class ActivationFiles:
    """The folder of activation memories; ``Derivations`` where no engine runs here. Calls block, from any thread."""

    folder: Path
    salts: Salts

    def changed(self, scope: Scope) -> None:
        """Nothing is built here."""

    def removed(self, scope: Scope) -> Mapping[str, Any]:
        """Remove what engines of earlier runs left of this user, and report it."""
        gone, found = self.remove(scope.user)
        return report_of(gone, found=found)

    def remove(self, user: str) -> tuple[Dropped, int]:
        """Remove all files of the user, of every engine; return what went, and how many are there all the same."""
        try:
            return self._erased(user), self._count(user)
        except OSError:
            logger.exception("files of activation memories could not be removed")
            return Dropped(), 1

    def _erased(self, user: str) -> Dropped:
        if not self.folder.is_dir():
            return Dropped()
        removed = erase_owner(self.folder, self.salts.cache_salt(user))
        return Dropped(prefixes=len(removed.digests), files=removed.files, size_bytes=removed.file_bytes)

    def _count(self, user: str) -> int:
        if not self.folder.is_dir():
            return 0
        salt = self.salts.cache_salt(user)
        spaces = [path for path in self.folder.iterdir() if path.is_dir()]
        return sum(1 for space in spaces for _ in space.glob(f"{salt_hash_of(space.name, salt)}.*"))


def report_of(gone: Dropped, *, found: int) -> dict[str, Any]:
    """Return the line of an erase report."""
    return {"prefixes": gone.prefixes, "files": gone.files, "bytes": gone.size_bytes, "found": found}
