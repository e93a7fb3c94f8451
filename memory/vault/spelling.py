"""The terms of a query in, how they are spelt in what is searched out.

A word that stands nowhere is taken for the one most like it that does: names are misspelt by those who hear them, and
"colour" is "color" elsewhere. Law: a word that stands somewhere is left as it is, and what a word is only taken for is
no evidence that anything answers.

Likeness is Dice's coefficient of character bigrams (Adamson and Boreham, "The use of an association measure based on
character structure", 1974); compared are words with the same first letter, which is seldom the wrong one.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

_SHORTEST = 4  #: letters: of shorter words one wrong letter leaves too little
_LEAST = 0.82  #: below it too many are other words: "brother" and "bother", "Martin" and "Martina" have .8
_SHORTEST_SWAPPED = 6  #: letters of a word that two swapped ones leave the same: "trail" is not "trial"
_MOST_MISSING = 8  #: words of a query: a text of nonsense costs no more
_THERE = "SELECT 1 FROM postings WHERE owner = ? AND term = ? LIMIT 1"
# a walk from word to word through the index; DISTINCT would read every posting
_ALIKE = """
    WITH RECURSIVE words (term) AS (
        SELECT min(term) FROM postings WHERE owner = :owner AND term >= :first
        UNION ALL
        SELECT (SELECT min(term) FROM postings WHERE owner = :owner AND term > words.term)
        FROM words WHERE words.term IS NOT NULL AND words.term < :end
    )
    SELECT term FROM words WHERE term < :end AND length(term) BETWEEN :shortest AND :longest
"""


def terms_as_spelled(
    connection: sqlite3.Connection,
    partitions: Sequence[str],
    terms: Sequence[str],
    standing: Callable[[], Sequence[str]] = tuple,
) -> list[str]:
    """Return what the terms are taken for, each once: what is to be searched in the partitions. See ``spelled``."""
    return list(dict.fromkeys(spelled(connection, partitions, terms, standing).values()))


def spelled(
    connection: sqlite3.Connection,
    partitions: Sequence[str],
    terms: Sequence[str],
    standing: Callable[[], Sequence[str]] = tuple,
) -> dict[str, str]:
    """Return each term with what it is taken for: itself where it stands in the partitions, or in those ``standing``.

    Costs one look into an index for each term, and for each missing one a pass over the words with its first letter.
    """
    missing = [term for term in terms if not _stands(connection, partitions, term)]
    if missing:  # seldom: what stands elsewhere need not be known before
        others = [each for each in standing() if each not in partitions]
        missing = [term for term in missing if not _stands(connection, others, term)][:_MOST_MISSING]
    taken_for = {term: _nearest(connection, partitions, term) for term in missing}
    return {term: taken_for.get(term, term) for term in terms}


def _stands(connection: sqlite3.Connection, partitions: Sequence[str], term: str) -> bool:
    return any(connection.execute(_THERE, (each, term)).fetchone() is not None for each in partitions)


def _nearest(connection: sqlite3.Connection, partitions: Sequence[str], term: str) -> str:
    """Return the word most like this one, itself where none is like it."""
    if len(term) < _SHORTEST or not term.isalpha():
        return term
    bound = {
        "first": term[0],
        "end": chr(ord(term[0]) + 1),
        "shortest": max(_SHORTEST, int(len(term) * 0.6)),
        "longest": int(len(term) / 0.6) + 1,
    }
    words = {row[0] for each in partitions for row in connection.execute(_ALIKE, {**bound, "owner": each})}
    most, word = max(((likeness(term, word), word) for word in words if word.isalpha()), default=(0.0, ""))
    return word if most >= _LEAST else term


def likeness(one: str, other: str) -> float:
    """Return how alike two words are, in [0, 1]; 1 for the same word, and for the same in British and American."""
    if _american(one) == _american(other):
        return 1.0
    if _swapped(one, other):
        return 0.9
    grams, others = (Counter(pairwise(f" {word} ")) for word in (one, other))
    return 2 * (grams & others).total() / (grams.total() + others.total())


def _american(word: str) -> str:
    return word.replace("our", "or").replace("is", "iz").replace("ys", "yz")


def _swapped(one: str, other: str) -> bool:
    """True where two inner neighbours of a long word are swapped: "Micheal"."""
    if len(one) != len(other) or len(one) < _SHORTEST_SWAPPED or (one[0], one[-1]) != (other[0], other[-1]):
        return False
    differ = [n for n, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    return (
        len(differ) == 2
        and differ[1] == differ[0] + 1
        and (one[differ[0]], one[differ[1]]) == (other[differ[1]], other[differ[0]])
    )
