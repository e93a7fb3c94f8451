-- Times are microseconds since 1970 in UTC. JSON is UTF-8 text. `seq` is the order of arrival.

CREATE TABLE cubes (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    owner         TEXT NOT NULL,
    version       INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    semantic_type TEXT NOT NULL,
    state         TEXT NOT NULL,
    pinned        INTEGER NOT NULL,
    stable        INTEGER NOT NULL,          -- pinned, or a profile fact
    subject       TEXT,                      -- of the fact, case-folded; NULL: no fact
    attribute     TEXT,
    value         TEXT,
    single        INTEGER NOT NULL DEFAULT 0,
    turn_id       TEXT,
    valid_from    INTEGER NOT NULL,
    valid_to      INTEGER,
    confirmed_at  INTEGER NOT NULL,          -- when the fact was last stated
    recorded_at   INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    superseded_at INTEGER,
    expires_at    INTEGER,
    access_count  INTEGER NOT NULL,
    last_used_at  INTEGER,
    text          TEXT NOT NULL,             -- the long columns last: short reads stop before them
    data          TEXT NOT NULL              -- JSON of all that no query asks for
) STRICT;

CREATE INDEX cubes_newest ON cubes (owner, recorded_at, seq);
CREATE INDEX cubes_recent ON cubes (owner, last_used_at, recorded_at, seq) WHERE superseded_at IS NULL;
CREATE INDEX cubes_stable ON cubes (owner) WHERE superseded_at IS NULL AND stable = 1;
CREATE INDEX cubes_fact ON cubes (owner, subject, attribute) WHERE subject IS NOT NULL;
CREATE INDEX cubes_turn ON cubes (turn_id) WHERE turn_id IS NOT NULL;

-- Earlier versions, whole; the newest version is the row in `cubes`.
CREATE TABLE versions (
    seq        INTEGER NOT NULL REFERENCES cubes (seq) ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    data       TEXT NOT NULL,
    PRIMARY KEY (seq, version)
) STRICT;

CREATE TABLE labels (
    owner TEXT NOT NULL,
    label TEXT NOT NULL,                     -- a tag or an entity, case-folded
    seq   INTEGER NOT NULL REFERENCES cubes (seq) ON DELETE CASCADE,
    PRIMARY KEY (owner, label, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX labels_cube ON labels (seq);

CREATE TABLE embeddings (
    seq      INTEGER NOT NULL REFERENCES cubes (seq) ON DELETE CASCADE,
    model_id TEXT NOT NULL,
    vector   BLOB NOT NULL,                  -- little-endian float32, unit norm
    PRIMARY KEY (seq, model_id)
) STRICT;

-- The inverted index over current cubes, one per owner: see memory/vault/lexical.py.
CREATE TABLE postings (
    owner     TEXT NOT NULL,
    term      TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    entries   BLOB NOT NULL,
    PRIMARY KEY (owner, term, first_seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE lexicons (
    owner TEXT PRIMARY KEY,
    cubes INTEGER NOT NULL,                  -- current cubes
    words INTEGER NOT NULL                   -- in them, together
) STRICT, WITHOUT ROWID;

-- The turn ledger.
CREATE TABLE turns (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    user            TEXT NOT NULL,
    key_id          TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    turn_hash       TEXT NOT NULL,
    follows         TEXT NOT NULL DEFAULT '',   -- turn_hash of the turn before; '' for the first
    request_id      TEXT NOT NULL,
    state           TEXT NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    due_at          INTEGER NOT NULL,
    leased_until    INTEGER,
    process         TEXT NOT NULL,           -- which opened or leased it last
    changed         INTEGER NOT NULL DEFAULT 0,  -- the texts changed since it was leased
    error           TEXT NOT NULL DEFAULT '',
    messages        TEXT NOT NULL,
    answer          TEXT,
    injected        TEXT NOT NULL,
    occurred_at     INTEGER NOT NULL,
    created_at      INTEGER NOT NULL
) STRICT;

CREATE INDEX turns_hash ON turns (user, turn_hash, created_at);
CREATE INDEX turns_conversation ON turns (user, conversation_id, seq);
CREATE INDEX turns_waiting ON turns (user, seq) WHERE state IN ('queued', 'failed');
CREATE INDEX turns_state ON turns (state);

-- Turns that an LLM is still to read further facts out of: see memory/vault/extractions.py.
CREATE TABLE extractions (
    turn_id      TEXT PRIMARY KEY REFERENCES turns (id) ON DELETE CASCADE,
    user         TEXT NOT NULL,
    due_at       INTEGER,                    -- NULL: tried too often
    attempts     INTEGER NOT NULL DEFAULT 0,
    leased_until INTEGER,
    process      TEXT NOT NULL DEFAULT '',   -- which leased it last
    withheld     TEXT NOT NULL DEFAULT '[]', -- JSON pairs: attributes of subjects that were forgotten since
    error        TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX extractions_waiting ON extractions (user, due_at);

CREATE TABLE receipts (
    user       TEXT NOT NULL,
    request_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    data       TEXT NOT NULL,
    PRIMARY KEY (user, request_id)
) STRICT;
CREATE INDEX receipts_age ON receipts (created_at);

CREATE TABLE keys (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    user         TEXT NOT NULL,
    assert_users INTEGER NOT NULL,
    scopes       TEXT NOT NULL,
    mac          BLOB NOT NULL,              -- HMAC-SHA-256 of the key
    last4        TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    revoked_at   INTEGER
) STRICT;
