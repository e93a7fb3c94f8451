"""A document: a text that somebody handed over, kept as a group of MemCubes, one a chunk; pure values, no storage.

Its chunks are memories like all others, a document's word. They are found in an index of their own, so that a long
document neither changes nor slows how the user's own words are ranked.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from memory.turn import Scope

MAX_TITLE_CHARS = 200
MAX_ATTEMPTS = 8  #: in a row at the next chunks of a document; then it waits until it is sent again


class DocumentStatus(StrEnum):
    """How far a document is."""

    QUEUED = "queued"  #: some chunks are still to be embedded; the others can be found
    STORED = "stored"
    FAILED = "failed"  #: tried too often; sending it again tries it again


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """What somebody wants to be kept."""

    text: str  #: Markdown, or plain text
    title: str
    media_type: str  #: of what was sent
    source_url: str | None = None
    space_id: str | None = None  #: the chunks are shared there
    tags: tuple[str, ...] = ()
    ttl_s: float | None = None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the text: the same text is kept once."""
        return hashlib.sha256(self.text.encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document as it is kept."""

    id: str
    title: str
    media_type: str
    source_url: str | None
    space_id: str | None
    tags: tuple[str, ...]
    ttl_s: float | None
    created_at: datetime
    chunks: int  #: that it was cut into
    stored: int  #: that are memories now
    waiting: int  #: that are still to become memories
    attempts: int = 0  #: that failed, since the last chunk was kept
    error: str = ""  #: why the last attempt failed

    @property
    def status(self) -> DocumentStatus:
        """How far it is."""
        if not self.waiting:
            return DocumentStatus.STORED
        return DocumentStatus.FAILED if self.attempts >= MAX_ATTEMPTS else DocumentStatus.QUEUED


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Chunks of one document that are to become memories next."""

    scope: Scope
    document: Document
    chunks: tuple[tuple[int, str], ...]  #: position and text


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPage:
    """One page of documents."""

    documents: list[Document]
    has_more: bool


def documents_partition(user: str) -> str:
    """Return the key under which a user's documents are indexed; no user and no space is called so."""
    return f"docs_{hashlib.sha256(user.encode(errors='surrogatepass')).hexdigest()[:32]}"
