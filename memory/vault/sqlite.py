"""The Vault of ``memory/ports.py`` on SQLite: each part in its own file."""

from memory.vault.archive import CubeArchive
from memory.vault.documents import CubeDocuments
from memory.vault.erasing import CubeErasing
from memory.vault.graph import CubeGraph
from memory.vault.labelling import CubeLabelling
from memory.vault.merging import CubeMerging
from memory.vault.outlines import CubeOutlining
from memory.vault.past import CubePast
from memory.vault.sharing import CubeSharing
from memory.vault.sweeping import CubeSweeping
from memory.vault.transfer import CubeTransfer
from memory.vault.uses import CubeUses


class SqliteVault(
    CubePast,
    CubeOutlining,
    CubeDocuments,
    CubeSharing,
    CubeErasing,
    CubeTransfer,
    CubeArchive,
    CubeSweeping,
    CubeUses,
    CubeGraph,
    CubeMerging,
    CubeLabelling,
):
    """All memories of all users in one SQLite file; every read and write is bound to one user."""
