"""The state of a token prefix in, a safetensors file out, and back.

The law: what is read is what was written, or ``Damaged`` is raised, whichever byte of the file has changed. A file is
there whole or not at all. Nothing in a file is ever executed.
"""

import json
import os
import secrets
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import xxhash

from adapters.prefix_cache import State
from memory.errors import Invalid

_FORMAT: Final = "memos-activation-1"
_ALIGNMENT: Final = 64  #: bytes, of where the state begins
_LARGEST_HEADER: Final = 1 << 24  #: bytes
_NO_CHECKSUM: Final = "0" * 32
TMP: Final = ".tmp"


class Damaged(Invalid):
    """A stored activation memory is not what was stored; it is removed, and the text is read instead."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, code="activation_damaged")


class Coding(StrEnum):
    """How a file holds a state."""

    EXACT = "exact"
    INT8 = "int8"  #: about half the bytes, and not exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a file says about its state; the fields are those of ``StoredPrefix``."""

    fingerprint: str
    digest: str
    parent: str | None
    salt_hash: str
    start: int
    length: int
    size_bytes: int  #: of the exact state
    build_s: float
    created_at: float
    labels: Mapping[str, Sequence[str]]
    coding: Coding = Coding.EXACT


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHead:
    """All of a file but its state."""

    head: Head
    tokens: bytes  #: from ``start`` to ``length``, each as a little-endian int32
    data_at: int  #: where the state begins
    data_bytes: int
    data_checksum: str

    @property
    def file_bytes(self) -> int:
        return self.data_at + self.data_bytes


def file_bytes(head: Head, tokens: bytes, data_bytes: int) -> int:
    """Return the size of the file that ``write`` would make."""
    return len(_encoded(head, tokens, data_bytes, _NO_CHECKSUM)) + data_bytes


def write(path: Path, head: Head, tokens: bytes, data: State) -> None:
    """Write the file so that a crash leaves all of it or nothing but ``path`` + ``TMP``. Raises: OSError."""
    data = np.ascontiguousarray(data)
    tmp = path.with_name(path.name + TMP)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(tmp, flags, 0o600), "wb") as file:
            file.write(_encoded(head, tokens, data.nbytes, _checksum(data)))
            file.write(data.data)
            file.flush()
            os.fsync(file.fileno())
        tmp.replace(path)
    finally:
        tmp.unlink(missing_ok=True)
    sync_folder(path.parent)


def replace_text(path: Path, text: str) -> None:
    """Write a small file that only this user may read, whole or not at all; losing it is harmless. Raises: OSError."""
    tmp = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TMP}")
    try:
        with os.fdopen(os.open(tmp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(text)
        tmp.replace(path)
    finally:
        tmp.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make what was added to a folder and removed from it outlive a crash of the machine."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def read_head(path: Path) -> FileHead:
    """Return what a file says about its state, which itself is not looked at. Raises: Damaged, OSError."""
    with path.open("rb") as file:
        return _read_head(file)


def read_state(path: Path, expected: Head, *, mapped: bool) -> State:
    """Return the state of a file, read-only; ``mapped``: as a map of the file, else in memory of its own.

    Either way all bytes are read once, to verify them.

    Raises: Damaged, OSError: among them FileNotFoundError.
    """
    with path.open("rb") as file:
        found = _read_head(file)
        same = (found.head.digest, found.head.parent, found.head.start, found.head.coding, found.head.size_bytes)
        if same != (expected.digest, expected.parent, expected.start, expected.coding, expected.size_bytes):
            raise Damaged
        if mapped:
            data: State = np.memmap(file, np.uint8, "r", found.data_at, (found.data_bytes,))
        else:
            data = np.empty(found.data_bytes, np.uint8)
            if file.readinto(data.data) != found.data_bytes:
                raise Damaged
            data.flags.writeable = False
    if _checksum(data) != found.data_checksum:
        raise Damaged
    return data


def _checksum(data: State) -> str:
    return xxhash.xxh3_128_hexdigest(data.data)


def _encoded(head: Head, tokens: bytes, data_bytes: int, data_checksum: str) -> bytes:
    """Return the one spelling of all that stands before the state; https://github.com/huggingface/safetensors#format."""
    node = json.dumps(asdict(head), sort_keys=True)
    header = {
        "__metadata__": {
            "format": _FORMAT,
            "node": node,
            "data_checksum": data_checksum,
            "checksum": xxhash.xxh3_128_hexdigest(b"\0".join((node.encode(), data_checksum.encode(), tokens))),
        },
        "tokens": {"dtype": "I32", "shape": [len(tokens) // 4], "data_offsets": [0, len(tokens)]},
        "state": {"dtype": "U8", "shape": [data_bytes], "data_offsets": [len(tokens), len(tokens) + data_bytes]},
    }
    text = json.dumps(header, sort_keys=True).encode()
    text += b" " * (-(8 + len(text) + len(tokens)) % _ALIGNMENT)
    return struct.pack("<Q", len(text)) + text + tokens


def _read_head(file: BinaryIO) -> FileHead:
    """Return the head and leave the file where the state begins."""
    size_bytes = os.fstat(file.fileno()).st_size
    try:
        prefix = file.read(8)
        (header_bytes,) = struct.unpack("<Q", prefix)
        if header_bytes > min(_LARGEST_HEADER, size_bytes):
            raise Damaged
        header = file.read(header_bytes)
        values = json.loads(header)
        tokens_bytes, data_bytes = int(values["tokens"]["shape"][0]) * 4, int(values["state"]["shape"][0])
        if 8 + header_bytes + tokens_bytes + data_bytes != size_bytes:
            raise Damaged
        tokens = file.read(tokens_bytes)
        metadata = values["__metadata__"]
        head = _head(json.loads(metadata["node"]))
        checksum = str(metadata["data_checksum"])
        same = _encoded(head, tokens, data_bytes, checksum) == prefix + header + tokens
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, struct.error) as error:
        raise Damaged from error
    if not same:
        raise Damaged
    return FileHead(head=head, tokens=tokens, data_at=file.tell(), data_bytes=data_bytes, data_checksum=checksum)


def _head(values: dict[str, Any]) -> Head:
    values["coding"] = Coding(values["coding"])
    return Head(**values)
