"""What memory asks of the store of documents, and of what converts them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from memory.document import Batch, Document, DocumentPage, NewDocument
from memory.ports.values import Matrix
from memory.ports.vault import Written
from memory.turn import Admitted, Scope


class DocumentStore(Protocol):
    """The vault as documents see it."""

    def keep_document(self, scope: Scope, wanted: NewDocument, chunks: Sequence[str]) -> tuple[Document, bool]:
        """Store a document with its chunks waiting; False when the user has one with this text already."""
        ...

    def document(self, scope: Scope, document_id: str) -> Document:
        """Raises: NotFound: there is none for this user."""
        ...

    def documents(self, scope: Scope, *, limit: int, after: str | None = None) -> DocumentPage:
        """Newest first."""
        ...

    def document_cubes(self, scope: Scope, document_ids: Sequence[str]) -> list[str]:
        """Ids of all memories of these documents, in order."""
        ...

    def next_batch(self, *, limit: int) -> Batch | None:
        """The next waiting chunks, of the document whose turn it is."""
        ...

    def put_chunks(self, batch: Batch, admitted: Sequence[Admitted], vectors: Matrix | None, model_id: str) -> Written:
        """Store chunks and take them out of the queue, in one transaction; nothing where they wait no more."""
        ...

    def batch_failed(self, batch: Batch, reason: str, *, retry_in_s: float) -> None:
        """Try the document's chunks again later."""
        ...

    def withdraw_document(self, scope: Scope, document_id: str) -> list[str]:
        """Stop keeping what waits of a document, and return the memories that are to be removed for it to be gone.

        Raises: NotFound.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What a converter made of a file."""

    text: str  #: Markdown
    title: str = ""  #: as the file itself says


class Converter(Protocol):
    """Turns files into Markdown. It fetches nothing and runs nothing that the file holds."""

    def convert(self, content: bytes, media_type: str) -> Converted:
        """Return the file's words. Blocks until it is done or its time is over.

        Raises: Invalid: it is damaged, encrypted or too long. EngineMissing: the converter is not installed.
        """
        ...
