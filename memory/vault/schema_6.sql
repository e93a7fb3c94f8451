-- What ranking knows of each current memory without reading it, in order of arrival: see memory/vault/outlines.py.

CREATE TABLE IF NOT EXISTS outlines (
    owner        TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    id           TEXT NOT NULL,
    utterance    INTEGER NOT NULL,            -- 1: a verbatim turn, which has neighbours
    conversation TEXT NOT NULL,
    role         TEXT NOT NULL,
    speaker      TEXT NOT NULL,               -- '': without a name
    at           INTEGER NOT NULL,            -- valid_from
    words        INTEGER,                     -- index terms; NULL: not counted yet
    marks        INTEGER,                     -- packed: see memory/outline.py
    PRIMARY KEY (owner, seq)
) STRICT, WITHOUT ROWID;

INSERT OR REPLACE INTO outlines (owner, seq, id, utterance, conversation, role, speaker, at)
SELECT owner, seq, id, semantic_type = 'turn', coalesce(json_extract(said, '$.source.conversation_id'), ''),
       coalesce(json_extract(said, '$.source.role'), 'user'), coalesce(json_extract(said, '$.source.name'), ''), valid_from
FROM (SELECT *, CASE WHEN json_valid(data) THEN data ELSE '{}' END AS said FROM cubes)
WHERE superseded_at IS NULL AND state NOT IN ('archived', 'expired');
