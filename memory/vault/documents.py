"""Documents in, their rows, their waiting chunks and the MemCubes that these become out.

Law: a chunk waits in the queue or is a memory, never both and never neither: it changes from one to the other in one
transaction. So whatever ends the process, the next one goes on where it stood. A document goes with its last memory.
"""

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson

from memory.change import Change, Operation
from memory.document import MAX_ATTEMPTS, Batch, Document, DocumentPage, NewDocument, documents_partition
from memory.errors import Invalid, NotFound, Refused
from memory.ports import Matrix, Written
from memory.spaces import Terms
from memory.turn import Admitted, Scope
from memory.vault import lexical
from memory.vault.rows import dumps, micros, moment
from memory.vault.sharing import CubeSharing
from memory.vault.spelling import terms_as_spelled
from memory.vault.words import query_terms

_DOCUMENT = """
    SELECT documents.*, (SELECT count(*) FROM document_queue WHERE document = documents.id) AS waiting,
           (SELECT count(*) FROM cubes WHERE document = documents.id AND superseded_at IS NULL) AS stored
    FROM documents
"""
_INSERT = """
    INSERT INTO documents (id, user, key_id, digest, title, media_type, source_url, space, tags, ttl_s, chunks,
                           created_at, due_at)
    VALUES (:id, :user, :key_id, :digest, :title, :media_type, :source_url, :space, :tags, :ttl_s, :chunks, :now, :now)
"""
_NEXT = f"""
    {_DOCUMENT} WHERE attempts < {MAX_ATTEMPTS} AND due_at <= ?
    AND EXISTS (SELECT 1 FROM document_queue WHERE document = documents.id) ORDER BY due_at, seq LIMIT 1
"""
_WAITING = "SELECT position, text FROM document_queue WHERE document = ? ORDER BY position LIMIT ?"
_OF_BATCH = "document = ? AND position IN (SELECT value FROM json_each(?))"
_CUBES = """
    SELECT id FROM cubes WHERE document IN (SELECT value FROM json_each(:documents)) AND +owner = :owner
    ORDER BY document, position
"""
_FOUND = """
    SELECT seq, id FROM cubes WHERE +owner = :owner AND (expires_at IS NULL OR expires_at > :now)
    AND seq IN (SELECT value FROM json_each(:seqs))
"""


class CubeDocuments(CubeSharing):
    """Documents and their chunks."""

    def keep_document(self, scope: Scope, wanted: NewDocument, chunks: Sequence[str]) -> tuple[Document, bool]:
        """Store a document with its chunks waiting; False when the user has one with this text, which stays as it is.

        One that failed is tried again.
        """
        with self._connections.write() as connection:
            known = _of_digest(connection, scope, wanted.digest)
            if known is not None:
                sql = "UPDATE documents SET attempts = 0, due_at = ? WHERE id = ?"
                connection.execute(sql, (self._now(), known["id"]))
                return self.document(scope, known["id"]), False
            row: dict[str, Any] = {
                "id": f"doc_{self._new_id()}",
                "user": scope.user,
                "key_id": scope.key_id,
                "digest": wanted.digest,
                "title": wanted.title,
                "media_type": wanted.media_type,
                "source_url": wanted.source_url,
                "space": wanted.space_id,
                "tags": dumps(list(wanted.tags)),
                "ttl_s": wanted.ttl_s,
                "chunks": len(chunks),
                "now": self._now(),
            }
            connection.execute(_INSERT, row)
            connection.executemany(
                "INSERT INTO document_queue (document, position, text) VALUES (?, ?, ?)",
                [(row["id"], position, text) for position, text in enumerate(chunks)],
            )
            return _document(_row(connection, scope, row["id"])), True

    def document(self, scope: Scope, document_id: str) -> Document:
        """Raises: NotFound: there is none for this user."""
        with self._connections.snapshot() as connection:
            return _document(_row(connection, scope, document_id))

    def documents(self, scope: Scope, *, limit: int, after: str | None = None) -> DocumentPage:
        """Return documents newest first, those that come after the document ``after``.

        Raises: Invalid: ``after`` names no document of this user.
        """
        with self._connections.snapshot() as connection:
            before = 2**62
            if after is not None:
                sql = "SELECT seq FROM documents WHERE user = ? AND id = ?"
                row = connection.execute(sql, (scope.user, after)).fetchone()
                if row is None:
                    raise Invalid(f"There is no document {after!r} to continue after.", param="after")
                before = row["seq"]
            sql = f"{_DOCUMENT} WHERE user = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
            rows = connection.execute(sql, (scope.user, before, limit + 1)).fetchall()
        return DocumentPage(documents=[_document(row) for row in rows[:limit]], has_more=len(rows) > limit)

    def document_cubes(self, scope: Scope, document_ids: Sequence[str]) -> list[str]:
        """Return the ids of all memories of these documents, whatever their state, in order."""
        with self._connections.read() as connection:
            return _cubes(connection, scope, document_ids)

    def next_batch(self, *, limit: int) -> Batch | None:
        """Return the next waiting chunks: documents take turns, so that a long one does not hold up a short one."""
        with self._connections.snapshot() as connection:
            row = connection.execute(_NEXT, (self._now(),)).fetchone()
            if row is None:
                return None
            waiting = connection.execute(_WAITING, (row["id"], limit)).fetchall()
        return Batch(
            scope=Scope(user=row["user"], key_id=row["key_id"]),
            document=_document(row),
            chunks=tuple((each["position"], each["text"]) for each in waiting),
        )

    def put_chunks(self, batch: Batch, admitted: Sequence[Admitted], vectors: Matrix | None, model_id: str) -> Written:
        """Store chunks and take them out of the queue, in one transaction; share them where the document is shared.

        Nothing is written when some of them no longer wait: another process kept them, or the document was deleted.
        """
        scope, document = batch.scope, batch.document
        positions = dumps([position for position, _ in batch.chunks])
        with self._connections.write(Change.by(scope, Operation.REMEMBER, note=document.id)) as connection:
            count = f"SELECT count(*) FROM document_queue WHERE {_OF_BATCH}"
            if connection.execute(count, (document.id, positions)).fetchone()[0] != len(batch.chunks):
                return Written()
            connection.execute(f"DELETE FROM document_queue WHERE {_OF_BATCH}", (document.id, positions))
            sql = "UPDATE documents SET attempts = 0, error = '', due_at = ? WHERE id = ?"
            connection.execute(sql, (self._now(), document.id))
            written = self.put(admitted, vectors, model_id)
            if document.space_id is not None:
                self._share_all(scope, [cube.id for cube in written.created], document.space_id)
            return written

    def batch_failed(self, batch: Batch, reason: str, *, retry_in_s: float) -> None:
        """Try the document's chunks again after so many seconds."""
        due = micros(self._clock() + timedelta(seconds=retry_in_s))
        with self._connections.write() as connection:
            sql = "UPDATE documents SET attempts = attempts + 1, error = ?, due_at = ? WHERE id = ?"
            connection.execute(sql, (reason, due, batch.document.id))

    def withdraw_document(self, scope: Scope, document_id: str) -> list[str]:
        """Stop keeping what waits of a document and return its memories; one that has none is gone.

        Raises: NotFound.
        """
        with self._connections.write() as connection:
            _row(connection, scope, document_id)
            connection.execute("DELETE FROM document_queue WHERE document = ?", (document_id,))
            cubes = _cubes(connection, scope, [document_id])
            if not cubes:
                connection.execute("DELETE FROM documents WHERE id = ?", (document_id,))
            return cubes

    def document_words(self, scope: Scope, query: str, *, limit: int = 64) -> list[tuple[str, float]]:
        """Return (cube id, BM25 score >= 0) best first over the chunks of the user's documents."""
        partition = [documents_partition(scope.user)]
        with self._connections.snapshot() as connection:
            terms = terms_as_spelled(connection, partition, query_terms(query), lambda: [scope.user])
            found = lexical.search(connection, partition, terms, limit=limit) if terms and limit > 0 else []
            bound = {"owner": scope.user, "now": self._now(), "seqs": dumps([seq for seq, _ in found])}
            ids = {row["seq"]: row["id"] for row in connection.execute(_FOUND, bound)} if found else {}
        return [(ids[seq], score) for seq, score in found if seq in ids]

    def _share_all(self, scope: Scope, cube_ids: Sequence[str], space_id: str) -> None:
        for cube_id in cube_ids:
            try:
                self.share(scope, cube_id, space_id, Terms())
            except (NotFound, Refused):  # the space ended, or the user may share there no more: the document stays
                return


def _row(connection: sqlite3.Connection, scope: Scope, document_id: str) -> sqlite3.Row:
    sql = f"{_DOCUMENT} WHERE user = ? AND id = ?"
    row: sqlite3.Row | None = connection.execute(sql, (scope.user, document_id)).fetchone()
    if row is None:
        raise NotFound(f"There is no document {document_id!r}.")
    return row


def _of_digest(connection: sqlite3.Connection, scope: Scope, digest: str) -> sqlite3.Row | None:
    sql = "SELECT id FROM documents WHERE user = ? AND digest = ?"
    row: sqlite3.Row | None = connection.execute(sql, (scope.user, digest)).fetchone()
    return row


def _cubes(connection: sqlite3.Connection, scope: Scope, document_ids: Sequence[str]) -> list[str]:
    bound = {"documents": dumps(list(document_ids)), "owner": scope.user}
    return [row["id"] for row in connection.execute(_CUBES, bound)]


def _document(row: sqlite3.Row) -> Document:
    return Document(
        id=row["id"],
        title=row["title"],
        media_type=row["media_type"],
        source_url=row["source_url"],
        space_id=row["space"],
        tags=tuple(orjson.loads(row["tags"])),
        ttl_s=row["ttl_s"],
        created_at=moment(row["created_at"]),
        chunks=row["chunks"],
        stored=row["stored"],
        waiting=row["waiting"],
        attempts=row["attempts"],
        error=row["error"],
    )
