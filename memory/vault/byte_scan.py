"""Files and words in (JSON on the standard input), which of the words stand in their bytes out. A program of its own.

It needs nothing but the standard library, so that it starts in milliseconds: ``memory/vault/byte_search.py`` runs it.
"""

import json
import mmap
import sys
from pathlib import Path


def _found(path: Path, words: list[bytes], most_bytes: int) -> set[int]:
    try:
        with path.open("rb") as file:
            size = min(path.stat().st_size, most_bytes)
            if size == 0:
                return set()
            with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content:
                return {number for number, word in enumerate(words) if content.find(word) >= 0}
    except FileNotFoundError:  # it was removed meanwhile
        return set()


def _main() -> None:
    sought = json.load(sys.stdin)
    words = [bytes.fromhex(word) for word in sought["words"]]
    found = {path: sorted(_found(Path(path), words, most_bytes)) for path, most_bytes in sought["files"]}
    json.dump({path: numbers for path, numbers in found.items() if numbers}, sys.stdout)


if __name__ == "__main__":
    _main()
