"""A question about an earlier time in, the memories that were known then and may answer it out, at a bounded cost.

What has left the indexes (superseded, or its words changed) keeps its stems among its owner's labels, behind a mark of
their own: no search of the present reads them, and they go with the cube. Such a search reads at most ``_NEWEST`` cubes
for each word. Beside these it takes what answers at present, and what states the same facts: the value of then is found
by the value of now. A user who has few memories is asked for all of them.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from memory.cube import MemCube
from memory.document import documents_partition
from memory.turn import Scope
from memory.vault import lexical
from memory.vault.labels import archived_label
from memory.vault.past_words import past_label
from memory.vault.reading import CubeReading, known_in
from memory.vault.rows import dumps, micros
from memory.vault.words import query_terms

_FEW = 500  #: memories, the past ones too: all of them cost less than choosing
_NEWEST = 1_000
_LIKELY = 256  #: looked up in each index, the best ones first, and
_TAKEN = 40  #: taken of those that were there already

_BY_WORD = "SELECT seq FROM labels WHERE owner = ? AND label = ? ORDER BY seq DESC LIMIT ?"
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM cubes WHERE owner = ? LIMIT ?)"
_SINCE = "SELECT since FROM past_words"
_SEQS = "SELECT id, seq FROM cubes WHERE +owner = ? AND id IN (SELECT value FROM json_each(?))"
_THERE = """
    SELECT seq FROM cubes WHERE +owner = ? AND seq IN (SELECT value FROM json_each(?)) AND recorded_at <= ?
"""
_SAME_FACTS = """
    SELECT other.seq FROM cubes AS one JOIN cubes AS other
    ON other.owner = one.owner AND other.subject = one.subject AND other.attribute = one.attribute
    WHERE one.seq IN (SELECT value FROM json_each(:seqs)) AND one.owner = :owner AND one.subject IS NOT NULL
    LIMIT :limit
"""
_EVER_STABLE = "SELECT seq FROM cubes WHERE owner = ? AND (stable = 1 OR was_stable = 1) AND recorded_at <= ?"
_VECTORS = """
    SELECT cubes.id, cubes.text, vector FROM cubes JOIN embeddings USING (seq)
    WHERE +owner = :owner AND id IN (SELECT value FROM json_each(:ids)) AND model_id = :model_id
"""


class CubePast(CubeReading):
    """Reads of what was known at a time."""

    def known_likely(self, scope: Scope, as_of: datetime, query: str, near: Sequence[str]) -> list[MemCube]:
        """Return cubes as they were known at that time that may answer, by when they began to hold.

        ``near`` are ids of what is like the query at present, best first. All that was known, where that is little, or
        lies before the words were kept.
        """
        with self._connections.snapshot() as connection:
            few = connection.execute(_COUNT, (scope.user, _FEW + 1)).fetchone()[0] <= _FEW
            if few or micros(as_of) < connection.execute(_SINCE).fetchone()[0]:
                return known_in(connection, scope.user, as_of)
            seqs = _likely(connection, scope.user, query_terms(query), near, micros(as_of))
            return known_in(connection, scope.user, as_of, seqs)

    def profile(self, scope: Scope, *, as_of: datetime | None = None) -> list[MemCube]:
        """Return pinned cubes and current profile facts, by when they began to hold."""
        if as_of is None:
            return super().profile(scope)
        with self._connections.snapshot() as connection:
            seqs = [row[0] for row in connection.execute(_EVER_STABLE, (scope.user, micros(as_of)))]
            known = known_in(connection, scope.user, as_of, seqs)
        return [cube for cube in known if cube.in_use and (cube.pinned or (cube.fact and cube.fact.profile))]

    def embedded_texts(self, scope: Scope, cube_ids: Sequence[str], model_id: str) -> dict[str, tuple[str, bytes]]:
        """Return the newest text of cubes that have an embedding, and that embedding as float32, by id."""
        bound = {"owner": scope.user, "ids": dumps(list(cube_ids)), "model_id": model_id}
        with self._connections.read() as connection:
            return {row["id"]: (row["text"], row["vector"]) for row in connection.execute(_VECTORS, bound)}


def _likely(
    connection: sqlite3.Connection, owner: str, stems: Sequence[str], near: Sequence[str], as_of: int
) -> set[int]:
    numbers = {row["id"]: row["seq"] for row in connection.execute(_SEQS, (owner, dumps(list(near)[:_LIKELY])))}
    found = (
        [seq for seq, _ in lexical.search(connection, [owner, documents_partition(owner)], stems, limit=_LIKELY)],
        [numbers[cube_id] for cube_id in near if cube_id in numbers],
        _by_words(connection, owner, stems),
    )
    every = dumps([seq for seqs in found for seq in seqs])
    there = {row[0] for row in connection.execute(_THERE, (owner, every, as_of))}
    likely = {seq for seqs in found for seq in [seq for seq in seqs if seq in there][:_TAKEN]}
    now = dumps([seq for seqs in found for seq in seqs[:_TAKEN]])
    bound = {"seqs": now, "owner": owner, "limit": 4 * _TAKEN}
    return likely.union(row[0] for row in connection.execute(_SAME_FACTS, bound))


def _by_words(connection: sqlite3.Connection, owner: str, stems: Iterable[str]) -> list[int]:
    """Return what holds the rarest of the words, or the most of them."""
    scores: defaultdict[int, float] = defaultdict(float)
    for stem in stems:
        for label in (past_label(stem), archived_label(stem)):
            rows = connection.execute(_BY_WORD, (owner, label, _NEWEST)).fetchall()
            for row in rows:
                scores[row[0]] += 1 / (1 + len(rows))
    return sorted(scores, key=scores.__getitem__, reverse=True)[:_LIKELY]
