"""A question in, the archived memories that may answer it out, at a bounded cost; and back into use.

What is archived has left the inverted index and the vector index, in which every memory costs every recall. Its stems
stand among its owner's labels instead (``memory/vault/labels.py``). A search reads at most ``_NEWEST`` of them for each
word, from the newest memory back, and finds no synonyms: it is asked only when nothing in use answers.
"""

import math
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from memory.change import Change, Operation
from memory.cube import MemCube, State
from memory.lifecycle import Event, after
from memory.ports import Archived
from memory.turn import Scope
from memory.vault.cubes import by_ids, change, stored
from memory.vault.labels import archived_label
from memory.vault.reading import VaultBase
from memory.vault.rows import dumps, folded
from memory.vault.words import query_terms

_NEWEST = 2_000
_FACTS = 64
_BY_WORD = "SELECT seq FROM labels WHERE owner = ? AND label = ? ORDER BY seq DESC LIMIT ?"
_BY_ATTRIBUTE = """
    SELECT seq FROM cubes
    WHERE owner = ? AND subject = ? AND attribute >= ? AND attribute < ?
      AND state = 'archived' AND superseded_at IS NULL LIMIT ?
"""
# "+owner" keeps SQLite from walking through all of a user's rows where numbers are given.
_FOUND = """
    +owner = ? AND seq IN (SELECT value FROM json_each(?)) AND state = 'archived' AND superseded_at IS NULL
    AND (expires_at IS NULL OR expires_at > ?)
"""
_VECTORS = """
    SELECT seq, vector FROM embeddings WHERE model_id = ? AND seq IN (SELECT value FROM json_each(?))
"""


class CubeArchive(VaultBase):
    """What is archived and not superseded: searched apart, and brought back into use."""

    def archived(
        self, scope: Scope, query: str, asked: Sequence[tuple[str, str]], *, model_id: str, limit: int = 16
    ) -> list[Archived]:
        """Return archived memories that share the rarest words with the query or state an asked attribute, best first.

        ``asked`` are (subject, attribute) pairs; "favourite:" asks for all favourites. One look into an index for each
        word where nothing is archived.
        """
        with self._connections.snapshot() as connection:
            scores = _scores(connection, scope.user, query_terms(query))
            for subject, attribute in asked:
                bound = (scope.user, folded(subject), *_named(folded(attribute)), _FACTS)
                scores |= {row[0]: math.inf for row in connection.execute(_BY_ATTRIBUTE, bound)}
            if not scores:
                return []
            best = sorted(scores, key=lambda seq: (scores[seq], seq), reverse=True)[:limit]
            found = {each.seq: each.cube for each in stored(connection, _FOUND, (scope.user, dumps(best), self._now()))}
            vectors = {
                row["seq"]: np.frombuffer(row["vector"], "<f4").astype(np.float32, copy=False)
                for row in connection.execute(_VECTORS, (model_id, dumps(best)))
            }
        return [Archived(found[seq], vectors.get(seq)) for seq in best if seq in found]

    def reactivate(self, scope: Scope, cube_ids: Sequence[str]) -> list[MemCube]:
        """Bring those of the memories that are archived and not superseded back into use; return them.

        Others, and ids of other users, are left alone. A look without a lock where there is nothing to do.
        """
        with self._connections.read() as connection:
            if not _dormant(connection, scope, cube_ids):
                return []
        now = self._clock()
        with self._connections.write(Change.by(scope, Operation.ACTIVATE, note="needed")) as connection:
            return [
                change(connection, each, replace(each.cube, state=after(each.cube.state, Event.ACTIVATE)), now=now).cube
                for each in by_ids(connection, scope.user, _dormant(connection, scope, cube_ids))
            ]


def _named(attribute: str) -> tuple[str, str]:
    """Return the first attribute that is meant and the first behind them; one that ends in ":" names all below it."""
    return attribute, f"{attribute[:-1]};" if attribute.endswith(":") else f"{attribute}\0"


def _scores(connection: sqlite3.Connection, owner: str, stems: Sequence[str]) -> dict[int, float]:
    """Return by place how rare the words are that a memory shares with the query, summed."""
    scores: defaultdict[int, float] = defaultdict(float)
    for stem in stems:
        rows = connection.execute(_BY_WORD, (owner, archived_label(stem), _NEWEST)).fetchall()
        for row in rows:
            scores[row[0]] += 1 / math.log2(1 + len(rows))
    return scores


def _dormant(connection: sqlite3.Connection, scope: Scope, cube_ids: Sequence[str]) -> list[str]:
    sql = """
        SELECT id FROM cubes WHERE +owner = ? AND id IN (SELECT value FROM json_each(?))
        AND state = ? AND superseded_at IS NULL
    """
    return [row[0] for row in connection.execute(sql, (scope.user, dumps(list(cube_ids)), State.ARCHIVED.value))]
