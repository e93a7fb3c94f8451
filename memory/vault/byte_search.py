"""A data folder and words in, which of the words stand in the bytes of which file out.

Law: a database that this process has open is never opened as a file beside SQLite: closing it would give up all locks
that SQLite holds on it (SQLite, "How To Corrupt An SQLite Database File", 2.2), and the next process to come would take
the log away. So a child looks.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from memory.errors import Unavailable

_TIMEOUT_S = 300.0
_SCAN = Path(__file__).with_name("byte_scan.py")
_SEARCHED_BYTES = 2_000_000_000  # words times bytes: a few seconds
_FEWEST_WORDS, _MOST_WORDS = 12, 160
#: of files outside the database: states and adapters are numbers, what they are called stands in front
_HEAD_BYTES = 4 << 20
_DATABASE_SUFFIXES = ("", "-wal", "-shm", "-journal")


def database_files(database: Path) -> list[Path]:
    """Return the files of a database that exist."""
    paths = [database.with_name(database.name + suffix) for suffix in _DATABASE_SUFFIXES]
    return [path for path in paths if path.exists()]


def files_of(folder: Path) -> list[Path]:
    """Return all files in a folder and below."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def affordable(database: Path) -> int:
    """Return how many words can be searched for at a bounded cost."""
    size = sum(path.stat().st_size for path in database_files(database))
    return max(_FEWEST_WORDS, min(_MOST_WORDS, _SEARCHED_BYTES // max(1, size)))


def found_in(paths: Sequence[Path], words: Sequence[bytes], *, database: Path) -> Mapping[bytes, list[Path]]:
    """Return the words that stand in any of the files, and in which; of other files than the database's the front.

    Raises: Unavailable: the files could not be searched.
    """
    if not words or not paths:
        return {}
    whole = set(database_files(database))
    files = [(str(path), sys.maxsize if path in whole else _HEAD_BYTES) for path in paths]
    sought = json.dumps({"files": files, "words": [word.hex() for word in words]})
    command = [sys.executable, "-I", "-S", str(_SCAN)]
    try:
        done = subprocess.run(  # noqa: S603  # our own file, run by this interpreter
            command, input=sought, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"The vault's files could not be searched: {error}") from error
    found: dict[bytes, list[Path]] = {}
    for path, numbers in json.loads(done.stdout).items():
        for number in numbers:
            found.setdefault(words[number], []).append(Path(path))
    return found
