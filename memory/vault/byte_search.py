"""Files and words in, how many of the words stand in their bytes out: run as a process of its own.

Law: a database that this process has open is never opened as a file beside SQLite: closing it would give up all locks
that SQLite holds on it (SQLite, "How To Corrupt An SQLite Database File", 2.2), and the next process to come would take
the log away. So a child looks.
"""

import json
import mmap
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from memory.errors import Unavailable

_TIMEOUT_S = 300.0


def count_found(paths: Sequence[Path], words: Sequence[bytes]) -> int:
    """Return how many of the words each file holds, added up; files that are missing hold none.

    Raises: Unavailable: the files could not be searched.
    """
    if not words:
        return 0
    sought = json.dumps({"paths": [str(path) for path in paths], "words": [word.hex() for word in words]})
    command = [sys.executable, "-m", "memory.vault.byte_search"]
    try:
        done = subprocess.run(  # noqa: S603  # this module, run by this interpreter
            command, input=sought, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"The vault's files could not be searched: {error}") from error
    return int(done.stdout)


def _found(path: Path, words: Sequence[bytes]) -> int:
    if not path.exists() or path.stat().st_size == 0:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return sum(content.find(word) >= 0 for word in words)


def _main() -> None:
    sought = json.load(sys.stdin)
    words = [bytes.fromhex(word) for word in sought["words"]]
    sys.stdout.write(str(sum(_found(Path(path), words) for path in sought["paths"])))


if __name__ == "__main__":
    _main()
