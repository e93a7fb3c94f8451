"""Documents in, their chunks as MemCubes out: cut at once, embedded and stored in batches beside the requests.

Law: what waits on disk has passed governance's redaction, and what becomes a memory passes governance like everything
else. A document's words are a document's word, whoever handed it over: external, and never part of the profile.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from memory.chunks import chunks_of
from memory.cube import Origin, SemanticType, Source, Trust
from memory.document import Batch, Document, NewDocument
from memory.embeddings import embedding_text
from memory.errors import Invalid, MemoryFault, NotFound
from memory.pipeline import Pipeline, Stations
from memory.ports import DocumentStore, Written
from memory.rules.sentences import well_formed
from memory.turn import Draft, Scope

logger = logging.getLogger(__name__)

_REMOVED_AT_ONCE = 100  # memories in one transaction
_RETRY_S, _LONGEST_RETRY_S = 2.0, 300.0


class Documents:
    """Keeps and removes documents. Thread-safe."""

    def __init__(
        self,
        pipeline: Pipeline,
        stations: Stations,
        store: DocumentStore,
        *,
        max_chars: int = 4_000_000,
        batch: int = 8,
    ) -> None:
        """``batch``: chunks that are embedded and stored at once."""
        self._pipeline = pipeline
        self._at = stations
        self._store = store
        self._max_chars = max_chars
        self._batch = batch

    def keep(self, scope: Scope, wanted: NewDocument) -> tuple[Document, bool]:
        """Return the document, its chunks waiting; False: the user has one with this text, which is not kept twice.

        Costs some milliseconds a page. Raises: Invalid: it is too long, or there is nothing in it.
        """
        if len(wanted.text) > self._max_chars:
            raise Invalid(
                f"The document has {len(wanted.text)} characters; one may have {self._max_chars}. Split it, or raise "
                "documents.max_chars in the configuration.",
                param="text",
                code="document_too_large",
            )
        redact = self._at.governance.redact
        clean = replace(wanted, text=well_formed(wanted.text), title=redact(well_formed(wanted.title)))
        chunks = [redact(chunk) for chunk in chunks_of(clean.text, clean.title)]
        if not any(map(str.isalnum, clean.text)):
            raise Invalid("There are no words in this document.", param="text", code="empty_document")
        return self._store.keep_document(scope, clean, chunks)

    def step(self) -> bool:
        """Turn the next waiting chunks into memories; False: none wait. A fault is kept with the document."""
        batch = self._store.next_batch(limit=self._batch)
        if batch is None:
            return False
        try:
            self._keep(batch)
        except MemoryFault as fault:
            self._failed(batch, str(fault))
        except Exception as error:
            logger.exception("chunks of the document %s could not be kept", batch.document.id)
            self._failed(batch, type(error).__name__)
        return True

    def delete(self, scope: Scope, document_id: str) -> None:
        """Remove a document with all its memories for good. Raises: NotFound."""
        cube_ids = self._store.withdraw_document(scope, document_id)
        for start in range(0, len(cube_ids), _REMOVED_AT_ONCE):
            self._pipeline.delete(scope, cube_ids[start : start + _REMOVED_AT_ONCE])

    def withdrawn(self, scope: Scope, ids: Sequence[str]) -> list[str]:
        """Return the ids with documents replaced by their memories; what still waits of them never becomes one."""
        found: list[str] = []
        for each in ids:
            if not each.startswith("doc_"):
                found.append(each)
                continue
            with suppress(NotFound):
                found += self._store.withdraw_document(scope, each)
        return found

    def _keep(self, batch: Batch) -> Written:
        scope, embeddings = batch.scope, self._at.embeddings
        drafts = [self._draft(batch.document, position, text) for position, text in batch.chunks]
        admitted = self._at.governance.admit(scope, drafts)
        texts = [item.draft.text for item in admitted]
        vectors = embeddings.embed([embedding_text(text) for text in texts]) if texts else None
        by_text = {} if vectors is None else dict(zip(texts, vectors, strict=True))
        with embeddings.writing(scope):
            written = self._store.put_chunks(batch, admitted, vectors, embeddings.model_id)
            embeddings.follow(scope, written, {c.id: by_text[c.text] for c in written.created if c.text in by_text})
        return written

    def _draft(self, document: Document, position: int, text: str) -> Draft:
        return Draft(
            text=text,
            semantic_type=SemanticType.DOCUMENT,
            origin=Origin.EXTERNAL,
            source=Source(role="document", document_id=document.id, position=position),
            trust=Trust.DOCUMENT,
            valid_from=document.created_at,
            tags=document.tags,
            ttl_s=document.ttl_s,
        )

    def _failed(self, batch: Batch, reason: str) -> None:
        wait_s = min(_LONGEST_RETRY_S, _RETRY_S * 2**batch.document.attempts)
        logger.warning("chunks of the document %s are kept later: %s", batch.document.id, reason)
        self._store.batch_failed(batch, reason, retry_in_s=wait_s)
