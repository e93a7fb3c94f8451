-- Spaces: invitations, what makes their indexes stale, and whom what is shared was shown to.

ALTER TABLE spaces ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;  -- grows when what is shared there changes
ALTER TABLE members ADD COLUMN joined_at INTEGER;                     -- NULL: invited

-- Turns into whose prompts somebody else's memory was brought: it is taken out of them when it is shared no more.
CREATE TABLE shown (
    seq     INTEGER NOT NULL REFERENCES cubes (seq) ON DELETE CASCADE,
    turn_id TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    PRIMARY KEY (seq, turn_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX shown_turn ON shown (turn_id);

-- The past, found without reading all of it: see memory/vault/past.py.
ALTER TABLE cubes ADD COLUMN was_stable INTEGER NOT NULL DEFAULT 0;   -- an earlier version was pinned or a profile fact
UPDATE cubes SET was_stable = 1 WHERE stable = 0 AND EXISTS (
    SELECT 1 FROM versions
    WHERE versions.seq = cubes.seq AND (json_extract(data, '$.pinned') OR json_extract(data, '$.fact.profile'))
);
CREATE INDEX cubes_ever_stable ON cubes (owner) WHERE stable = 1 OR was_stable = 1;
CREATE TRIGGER cubes_was_stable AFTER UPDATE OF stable ON cubes WHEN OLD.stable = 1 AND NEW.stable = 0
BEGIN
    UPDATE cubes SET was_stable = 1 WHERE seq = NEW.seq;
END;
-- From when on the words of what was known are kept; what was known before is read as a whole.
CREATE TABLE past_words (since INTEGER NOT NULL) STRICT;
INSERT INTO past_words
SELECT CASE WHEN EXISTS (SELECT 1 FROM cubes) THEN unixepoch() * 1000000 + 1000000 ELSE 0 END;
