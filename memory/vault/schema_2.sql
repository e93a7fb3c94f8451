-- Journal, audit log, snapshots, relations, shared spaces.

ALTER TABLE cubes ADD COLUMN trust INTEGER NOT NULL DEFAULT 3;        -- memory/cube.py, Trust
ALTER TABLE cubes ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cubes ADD COLUMN useful_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cubes ADD COLUMN due_at INTEGER;                           -- when the sweeper looks at it next
UPDATE cubes SET due_at = expires_at WHERE expires_at IS NOT NULL;
CREATE INDEX cubes_due ON cubes (due_at) WHERE due_at IS NOT NULL;

-- What changed, change by change. It goes with the cubes that it is about.
CREATE TABLE changes (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT NOT NULL UNIQUE,
    user      TEXT NOT NULL,
    at        INTEGER NOT NULL,
    key_id    TEXT NOT NULL,
    operation TEXT NOT NULL,
    turn_id   TEXT,
    note      TEXT NOT NULL,
    audit_seq INTEGER NOT NULL
) STRICT;
CREATE INDEX changes_user ON changes (user, seq);
CREATE INDEX changes_audit ON changes (audit_seq);

CREATE TABLE change_cubes (
    change_seq     INTEGER NOT NULL REFERENCES changes (seq) ON DELETE CASCADE,
    seq            INTEGER NOT NULL REFERENCES cubes (seq) ON DELETE CASCADE,
    version_before INTEGER NOT NULL,          -- 0: it was not there
    version_after  INTEGER NOT NULL,
    PRIMARY KEY (change_seq, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX change_cubes_cube ON change_cubes (seq);

-- The audit log: a chain that no row can leave or enter unseen. No user, no cube and no text in clear.
CREATE TABLE audit (
    seq       INTEGER PRIMARY KEY,            -- 1, 2, 3: no gaps
    at        INTEGER NOT NULL,
    who       TEXT NOT NULL,                  -- HMAC of the user
    key_id    TEXT NOT NULL,
    operation TEXT NOT NULL,
    kinds     TEXT NOT NULL,                  -- of the cubes, sorted, with commas
    cubes     INTEGER NOT NULL,               -- how many it touched or brought in
    digest    TEXT NOT NULL,                  -- HMAC of what exactly
    mac       BLOB NOT NULL                   -- HMAC of the row before and this one
) STRICT;
CREATE INDEX audit_who ON audit (who, seq);

CREATE TABLE snapshots (
    user       TEXT NOT NULL,
    name       TEXT NOT NULL,
    at         INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE relations (
    owner    TEXT NOT NULL,
    from_seq INTEGER NOT NULL REFERENCES cubes (seq) ON DELETE CASCADE,
    type     TEXT NOT NULL,                   -- supersedes, contradicts, derived_from, about, next, duplicate_of
    to_seq   INTEGER REFERENCES cubes (seq) ON DELETE CASCADE,
    entity   TEXT NOT NULL DEFAULT '',        -- case-folded; of `about` only
    PRIMARY KEY (from_seq, type, to_seq, entity)
) STRICT;
CREATE INDEX relations_to ON relations (to_seq) WHERE to_seq IS NOT NULL;
CREATE INDEX relations_entity ON relations (owner, entity) WHERE entity <> '';

-- Spaces that several users see: groups, the organisation, the public, two people.
CREATE TABLE spaces (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,                 -- group, organisation, public, direct
    name       TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE members (
    space TEXT NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
    user  TEXT NOT NULL,
    role  TEXT NOT NULL,                      -- reader, writer, admin
    PRIMARY KEY (user, space)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_space ON members (space);

CREATE TABLE grants (
    seq        INTEGER NOT NULL REFERENCES cubes (seq) ON DELETE CASCADE,
    space      TEXT NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
    rights     TEXT NOT NULL,                 -- read, write
    task       TEXT NOT NULL DEFAULT '',      -- only in requests with this X-Memory-Task; '': in all
    granted_by TEXT NOT NULL,
    granted_at INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (seq, space)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_space ON grants (space);
