"""Current cubes in, BM25 over one user's words out: an inverted index kept in ordinary tables.

Each user has postings, counts and lengths of their own, so what others store changes neither the ranking nor the cost,
and a removed cube leaves nothing behind. What is shared in a space is indexed once more under that space; whoever
searches in several of these partitions gets one ranking over all of them. SQLite's FTS5 ranks over the whole table: its
cost grows with all users together, and removed words stay in its segments until all of them are merged.

A posting is (seq of the cube, occurrences of the term, length of the cube in words), in chunks ordered by seq.
BM25 as in Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009), with an idf that is never negative.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memory.cube import MemCube
from memory.postings import POSTING
from memory.vault.words import terms

_ENTRY = POSTING
_CHUNK_ENTRIES = 120  # a row of about one kilobyte
MAX_LENGTH = 65_535  #: words of a memory, and of one term in it, that count
_K1 = 1.2
_B = 0.5

_LAST_CHUNK = """
    SELECT first_seq, entries FROM postings
    WHERE owner = ? AND term = ? AND first_seq <= ? ORDER BY first_seq DESC LIMIT 1
"""
_PUT_CHUNK = "INSERT OR REPLACE INTO postings (owner, term, first_seq, entries) VALUES (?, ?, ?, ?)"
_COUNT = """
    INSERT INTO lexicons (owner, cubes, words) VALUES (?, ?, ?)
    ON CONFLICT (owner) DO UPDATE SET cubes = cubes + excluded.cubes, words = words + excluded.words
"""


def indexed_text(cube: MemCube) -> str:
    """Return what is indexed: the text, with the speaker's name when it has one."""
    return f"{cube.source.name} {cube.text}" if cube.source.name else cube.text


def add(connection: sqlite3.Connection, partition: str, seq: int, cube: MemCube) -> None:
    """Index a current cube in a partition: its owner, or a space."""
    found = terms(indexed_text(cube))
    length = min(len(found), MAX_LENGTH)
    for term, count in Counter(found).items():
        entry = np.array([(seq, min(count, MAX_LENGTH), length)], _ENTRY).tobytes()
        row = connection.execute(_LAST_CHUNK, (partition, term, seq)).fetchone()
        if row is None or _is_full(row["entries"], seq):
            connection.execute(_PUT_CHUNK, (partition, term, seq, entry))
        else:
            connection.execute(_PUT_CHUNK, (partition, term, row["first_seq"], row["entries"] + entry))
    connection.execute(_COUNT, (partition, 1, length))


def remove(connection: sqlite3.Connection, partition: str, seq: int, cube: MemCube) -> None:
    """Take a cube out of a partition; the cube must be as it was when it was indexed."""
    found = terms(indexed_text(cube))
    for term in set(found):
        row = connection.execute(_LAST_CHUNK, (partition, term, seq)).fetchone()
        if row is None:
            continue
        entries = np.frombuffer(row["entries"], _ENTRY)
        rest = entries[entries["seq"] != seq]
        key = (partition, term, row["first_seq"])
        if len(rest):
            connection.execute(_PUT_CHUNK, (*key, rest.tobytes()))
        else:
            connection.execute("DELETE FROM postings WHERE owner = ? AND term = ? AND first_seq = ?", key)
    connection.execute(_COUNT, (partition, -1, -min(len(found), MAX_LENGTH)))


def drop(connection: sqlite3.Connection, owner: str) -> None:
    """Remove the owner's index."""
    connection.execute("DELETE FROM postings WHERE owner = ?", (owner,))
    connection.execute("DELETE FROM lexicons WHERE owner = ?", (owner,))


def size(connection: sqlite3.Connection, partitions: Sequence[str]) -> tuple[int, int]:
    """Return how many cubes are indexed in the partitions, and how many words they have together."""
    sql = "SELECT cubes, words FROM lexicons WHERE owner = ?"
    rows = [row for each in partitions for row in connection.execute(sql, (each,))]
    return sum(row["cubes"] for row in rows), sum(row["words"] for row in rows)


def search(
    connection: sqlite3.Connection, partitions: Sequence[str], query: Sequence[str], *, limit: int
) -> list[tuple[int, float]]:
    """Return (seq, score) of the cubes that hold any of the terms, best first; the newer of two equal ones first."""
    cubes, words = size(connection, partitions)
    seqs: list[NDArray[np.uint32]] = []
    scores: list[NDArray[np.float64]] = []
    for term in query:
        entries = postings(connection, partitions, term)
        if len(entries):
            seqs.append(entries["seq"])
            scores.append(_bm25(entries, cubes, words / cubes))
    if not seqs:
        return []
    found, scored = _summed(seqs, scores)
    if len(found) > limit:
        best = np.argpartition(-scored, limit - 1)[:limit] if limit else np.empty(0, int)
        ties = np.flatnonzero(scored == scored[best].min()) if limit else best
        best = np.union1d(best, ties[-limit:])
        found, scored = found[best], scored[best]
    order = np.lexsort((-found.astype(np.int64), -scored))[:limit]
    return list(zip(found[order].tolist(), scored[order].tolist(), strict=True))


def _is_full(entries: bytes, seq: int) -> bool:
    """True when a new chunk should start; a cube that is indexed again goes where its neighbours are."""
    full = len(entries) >= _CHUNK_ENTRIES * _ENTRY.itemsize
    return full and int(np.frombuffer(entries, _ENTRY)["seq"].max()) < seq


def postings(connection: sqlite3.Connection, partitions: Sequence[str], term: str) -> NDArray[np.void]:
    """Return the entries of a stem in these partitions, each cube once."""
    sql = "SELECT entries FROM postings WHERE owner = ? AND term = ?"
    chunks = [row[0] for each in partitions for row in connection.execute(sql, (each, term))]
    entries = np.frombuffer(b"".join(chunks), _ENTRY)
    if len(partitions) > 1 and len(chunks) > 1:  # one cube may be found in several
        _, first = np.unique(entries["seq"], return_index=True)
        entries = entries[first]
    return entries


def _bm25(entries: NDArray[np.void], cubes: int, mean_length: float) -> NDArray[np.float64]:
    idf = np.log1p((cubes - len(entries) + 0.5) / (len(entries) + 0.5))
    count = entries["count"].astype(np.float64)
    norm = _K1 * (1 - _B + _B * entries["length"] / mean_length)
    scores: NDArray[np.float64] = idf * count * (_K1 + 1) / (count + norm)
    return scores


def _summed(
    seqs: list[NDArray[np.uint32]], scores: list[NDArray[np.float64]]
) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
    """Return distinct seqs and the sums of their scores."""
    if len(seqs) == 1:
        return seqs[0], scores[0]
    every = np.concatenate(seqs)
    first, last = int(every.min()), int(every.max())
    if last - first < 8 * len(every):  # one user's cubes mostly lie close together: counting beats sorting
        sums = np.bincount(every - first, np.concatenate(scores)).astype(np.float64, copy=False)
        present = np.zeros(len(sums), bool)
        present[every - first] = True
        found = np.flatnonzero(present)
        return (found + first).astype(np.uint32), sums[found]
    found_seqs, position = np.unique(every, return_inverse=True)
    return found_seqs, np.bincount(position, np.concatenate(scores)).astype(np.float64, copy=False)
