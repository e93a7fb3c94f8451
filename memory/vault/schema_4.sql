-- Relations (the table of before could hold none to an entity), those of what is stored already, and how far duplicates
-- were looked for.

DROP TABLE relations;
CREATE TABLE relations (
    owner    TEXT NOT NULL,
    from_seq INTEGER NOT NULL REFERENCES cubes (seq) ON DELETE CASCADE,
    type     TEXT NOT NULL,                   -- supersedes, contradicts, derived_from, about, next, duplicate_of
    to_seq   INTEGER REFERENCES cubes (seq) ON DELETE CASCADE,
    entity   TEXT NOT NULL DEFAULT ''         -- case-folded; of `about` only
) STRICT;
CREATE UNIQUE INDEX relations_from ON relations (from_seq, type, coalesce(to_seq, 0), entity);
CREATE INDEX relations_to ON relations (to_seq) WHERE to_seq IS NOT NULL;
CREATE INDEX relations_entity ON relations (owner, entity) WHERE entity <> '';

-- CROSS JOIN: each memory first, then what it names.
INSERT OR IGNORE INTO relations (owner, from_seq, type, to_seq)
SELECT cubes.owner, cubes.seq, 'supersedes', other.seq
FROM cubes CROSS JOIN json_each(cubes.data, '$.supersedes') AS named
CROSS JOIN cubes AS other ON other.id = named.value AND +other.owner = cubes.owner AND other.seq <> cubes.seq;

INSERT OR IGNORE INTO relations (owner, from_seq, type, to_seq)
SELECT cubes.owner, cubes.seq, 'derived_from', other.seq
FROM cubes CROSS JOIN json_each(cubes.data, '$.derived_from') AS named
CROSS JOIN cubes AS other ON other.id = named.value AND +other.owner = cubes.owner AND other.seq <> cubes.seq;

INSERT INTO relations (owner, from_seq, type, entity)
SELECT DISTINCT cubes.owner, cubes.seq, 'about', folded(named.value)
FROM cubes CROSS JOIN json_each(cubes.data, '$.entities') AS named
WHERE folded(named.value) <> '';

INSERT OR IGNORE INTO relations (owner, from_seq, type, to_seq)
SELECT newer.owner, newer.seq, 'contradicts', older.seq
FROM relations
CROSS JOIN cubes AS newer ON newer.seq = relations.from_seq
CROSS JOIN cubes AS older ON older.seq = relations.to_seq
WHERE relations.type = 'supersedes' AND newer.single = 1 AND older.single = 1
  AND newer.subject = older.subject AND newer.attribute = older.attribute AND newer.value <> older.value;

INSERT OR IGNORE INTO relations (owner, from_seq, type, to_seq)
SELECT owner, seq, 'next', behind
FROM (
    SELECT cubes.owner AS owner, cubes.seq AS seq, LEAD(cubes.seq) OVER (
        PARTITION BY turns.user, turns.conversation_id ORDER BY turns.seq, cubes.valid_from, cubes.seq
    ) AS behind
    FROM cubes JOIN turns ON turns.id = cubes.turn_id AND turns.user = cubes.owner
    WHERE cubes.semantic_type = 'turn'
)
WHERE behind IS NOT NULL;

-- One row: memories up to this one were held against the others of their user.
CREATE TABLE organised (
    through_seq INTEGER NOT NULL
) STRICT;
INSERT INTO organised VALUES (0);
