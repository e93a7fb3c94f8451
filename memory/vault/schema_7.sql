-- Documents: a group of memories each, and the pieces that are still to become one. See memory/vault/documents.py.

ALTER TABLE cubes ADD COLUMN document TEXT;                            -- the document that it is a piece of
ALTER TABLE cubes ADD COLUMN position INTEGER;                         -- in it, from 0
CREATE INDEX cubes_document ON cubes (document, position) WHERE document IS NOT NULL;

CREATE TABLE documents (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    user       TEXT NOT NULL,
    key_id     TEXT NOT NULL,
    digest     TEXT NOT NULL,                 -- SHA-256 of its text: the same text is kept once
    title      TEXT NOT NULL,
    media_type TEXT NOT NULL,
    source_url TEXT,
    space      TEXT,                          -- where its pieces are shared
    tags       TEXT NOT NULL,                 -- JSON
    ttl_s      REAL,
    chunks     INTEGER NOT NULL,              -- pieces that it was cut into
    created_at INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,    -- that failed, since the last piece was kept
    due_at     INTEGER NOT NULL,
    error      TEXT NOT NULL DEFAULT '',
    UNIQUE (user, digest)
) STRICT;

CREATE TABLE document_queue (
    document TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (document, position)
) STRICT, WITHOUT ROWID;

-- A document goes with the last of its pieces.
CREATE TRIGGER documents_emptied AFTER DELETE ON cubes
WHEN OLD.document IS NOT NULL AND NOT EXISTS (SELECT 1 FROM cubes WHERE document = OLD.document)
BEGIN
    DELETE FROM documents WHERE id = OLD.document
    AND NOT EXISTS (SELECT 1 FROM document_queue WHERE document = OLD.document);
END;
