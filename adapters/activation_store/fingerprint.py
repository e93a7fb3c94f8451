"""What a state depends on in, a name out: states are restored only under the name they were computed under."""

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from adapters.activation_store.files import replace_text
from memory.errors import Invalid

_SPLIT_GGUF: Final = re.compile(r"(.+-)\d{5}(-of-\d{5}\.gguf)")
_FOLDER_SUFFIXES: Final = {".safetensors", ".json"}

_Hashes = dict[str, tuple[int, int, str]]  #: by path: size in bytes, time of change in ns, SHA-256


def fingerprint_of(parts: Mapping[str, Any]) -> str:
    """Return 64 hexadecimal digits that differ when any part does.

    A part is what JSON can say; ``1``, ``1.0``, ``True`` and ``"1"`` are different, the order of keys does not matter.

    Raises: TypeError, ValueError: a part cannot be said in JSON.
    """
    text = json.dumps(parts, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def model_file_hash(path: Path, cache_file: Path) -> str:
    """Return the SHA-256 of a model's content: of a GGUF file (all parts of a split one), or a folder's weights.

    Reading costs about a second for each GB. Then the hashes in ``cache_file`` hold for as long as a file's path, size
    and time of change stay the same; a cache that cannot be read or written is done without.

    Raises: Invalid: there is no model at that path.
    """
    files = _files_of(path)
    known = _read_cache(cache_file)
    fresh: _Hashes = {}
    for file in files:
        stat = file.stat()
        size_bytes, changed_ns, digest = known.get(str(file), (-1, -1, ""))
        if (size_bytes, changed_ns) != (stat.st_size, stat.st_mtime_ns):
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        fresh[str(file)] = stat.st_size, stat.st_mtime_ns, digest
    if any(known.get(name) != entry for name, entry in fresh.items()):
        _write_cache(cache_file, known | fresh)
    if len(files) == 1 and path.is_file():
        return next(iter(fresh.values()))[2]
    return fingerprint_of({file.name: fresh[str(file)][2] for file in files})


def _files_of(path: Path) -> list[Path]:
    path = path.absolute()
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in _FOLDER_SUFFIXES and file.is_file())
        if not any(file.suffix == ".safetensors" for file in files):
            raise Invalid(f"{path} holds no .safetensors file: name a GGUF file or a Hugging Face model folder.")
        return files
    if not path.is_file():
        raise Invalid(f"There is no model at {path}.")
    split = _SPLIT_GGUF.fullmatch(path.name)
    if split is None:
        return [path]
    parts = re.compile(re.escape(split[1]) + r"\d{5}" + re.escape(split[2]))
    return sorted(file for file in path.parent.iterdir() if parts.fullmatch(file.name))


def _read_cache(cache_file: Path) -> _Hashes:
    try:
        entries = json.loads(cache_file.read_bytes())
        return {str(name): (int(size), int(changed), str(digest)) for name, (size, changed, digest) in entries.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _write_cache(cache_file: Path, hashes: _Hashes) -> None:
    present = {name: entry for name, entry in hashes.items() if Path(name).exists()}
    with contextlib.suppress(OSError):
        cache_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_text(cache_file, json.dumps(present, indent=1))
