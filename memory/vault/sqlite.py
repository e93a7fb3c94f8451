"""The Vault of ``memory/ports.py`` on SQLite: reading, writing, erasing and moving, each in its own file."""

from memory.vault.erasing import CubeErasing
from memory.vault.reading import CubeReading
from memory.vault.transfer import CubeTransfer
from memory.vault.writing import CubeWriting


class SqliteVault(CubeReading, CubeWriting, CubeErasing, CubeTransfer):
    """All memories of all users in one SQLite file; every read and write is bound to one user."""
