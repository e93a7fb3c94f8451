"""A memory that leaves in, its watermark out; and a row with a watermark in, where it is from out.

A watermark is two MACs under a key of this vault: one of the memory's id, one of id, version and content. So the vault
recognises what it once gave away, and whether it was changed since, also after it has erased the memory itself.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from memory.cube import Kind, MemCube, SemanticType

#: what ``object`` says of a memory in an export, and in an answer of the API
EXPORTED, ANSWERED = "memos.cube", "memory.cube"
_PREFIX = "wm_"
_ID_BYTES, _CONTENT_BYTES = 8, 16


class Verdict(StrEnum):
    """Where a row is from."""

    UNCHANGED = "unchanged"  #: this vault gave it away, with this content
    CHANGED = "changed"  #: this vault gave it away, with other content or as another version
    FOREIGN = "foreign"  #: not from here, or its watermark is gone


class Watermarks:
    """Makes and checks watermarks. ``key``: secret bytes that are kept outside the database."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, cube: MemCube) -> str:
        """Return the watermark of this version of a memory."""
        return self.mark(cube.id, cube.version, cube.content_hash)

    def mark(self, cube_id: str, version: int, content: str) -> str:
        """Return the watermark: "wm_", 64 bits for the id and 128 bits for all three, in hex."""
        whole = f"{cube_id}\0{version}\0{content}"
        return _PREFIX + self._of_id(cube_id) + self._mac(b"content", whole)[:_CONTENT_BYTES].hex()

    def marked(self, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the rows of an export, the memories with their watermark."""
        for row in rows:
            if row.get("object") != EXPORTED:
                yield row
            else:
                yield {**row, "watermark": self.mark(row["id"], row["version"], _content(row))}

    def verdict(self, row: Mapping[str, Any]) -> Verdict:
        """Return where a row is from: a memory as the API gives it, or of an export. Looks at nothing but the row."""
        cube_id, mark = row.get("id"), row.get("watermark")
        if not isinstance(cube_id, str) or not isinstance(mark, str) or not mark.isascii():
            return Verdict.FOREIGN
        if not hmac.compare_digest(mark[: len(_PREFIX) + 2 * _ID_BYTES], _PREFIX + self._of_id(cube_id)):
            return Verdict.FOREIGN
        try:
            expected = self.mark(cube_id, int(row["version"]), _content(row))
        except (KeyError, ValueError, TypeError, OverflowError):
            return Verdict.CHANGED
        return Verdict.UNCHANGED if hmac.compare_digest(mark, expected) else Verdict.CHANGED

    def _of_id(self, cube_id: str) -> str:
        return self._mac(b"id", cube_id)[:_ID_BYTES].hex()

    def _mac(self, purpose: bytes, text: str) -> bytes:
        return hmac.digest(self._key, purpose + b"\0" + text.encode(errors="surrogatepass"), hashlib.sha256)


def _content(row: Mapping[str, Any]) -> str:
    """Return the content hash of what the row says, whatever hash it claims to have."""
    if not isinstance(row["text"], str):
        raise TypeError("the text is none")
    time = datetime.fromisoformat(row["valid_from"]).astimezone(UTC)
    return MemCube(
        id="",
        version=0,
        owner="",
        text=row["text"],
        kind=Kind(row["kind"]),
        semantic_type=SemanticType(row["semantic_type"]),
        valid_from=time,
        recorded_at=time,
        updated_at=time,
    ).content_hash
