"""The terms of a query in, the terms as they are spelt in what is searched out.

A word that stands nowhere is taken for the one most like it that does: names are misspelt by those who hear them, and
"colour" is "color" elsewhere. Law: a word that stands somewhere is left as it is.

Likeness is Dice's coefficient of character bigrams (Adamson and Boreham, "The use of an association measure based on
character structure", 1974); compared are words with the same first letter, which is seldom the wrong one.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

_SHORTEST = 4  #: letters: of shorter words one wrong letter leaves too little
_LEAST = 0.75  #: below it most are other words: "season" and "soon", "listen" and "lighten" have .67
_MOST_MISSING, _MOST_COMPARED = (
    8,
    4000,
)  #: words of a query; words it may mean: nonsense costs no more
_THERE = "SELECT 1 FROM postings WHERE owner = ? AND term = ? LIMIT 1"
_ALIKE = """
    SELECT DISTINCT term FROM postings
    WHERE owner = ? AND term >= ? AND term < ? AND length(term) BETWEEN ? AND ? LIMIT ?
"""


def spelled(connection: sqlite3.Connection, partitions: Sequence[str], terms: Sequence[str]) -> list[str]:
    """Return the terms in order, each once; those that stand in none of the partitions as they are spelt there.

    Costs one look into an index for each term, and for each missing one a pass over the words with its first letter.
    """
    missing = [term for term in terms if not _stands(connection, partitions, term)][:_MOST_MISSING]
    known = {term: _nearest(connection, partitions, term) for term in missing}
    return list(dict.fromkeys(known.get(term, term) for term in terms))


def _stands(connection: sqlite3.Connection, partitions: Sequence[str], term: str) -> bool:
    return any(connection.execute(_THERE, (each, term)).fetchone() is not None for each in partitions)


def _nearest(connection: sqlite3.Connection, partitions: Sequence[str], term: str) -> str:
    """Return the word most like this one, itself where none is like it."""
    if len(term) < _SHORTEST or not term.isalpha():
        return term
    initial, shortest, longest = term[0], max(_SHORTEST, int(len(term) * 0.6)), int(len(term) / 0.6) + 1
    bound = (initial, chr(ord(initial) + 1), shortest, longest, _MOST_COMPARED)
    words = {row[0] for each in partitions for row in connection.execute(_ALIKE, (each, *bound))}
    most, word = max(((likeness(term, word), word) for word in words if word.isalpha()), default=(0.0, ""))
    return word if most >= _LEAST else term


def likeness(one: str, other: str) -> float:
    """Return how alike two words are, in [0, 1]; the same letters in another order are alike ("Micheal")."""
    if sorted(one) == sorted(other):
        return 1.0
    grams, others = (Counter(pairwise(f" {word} ")) for word in (one, other))
    return 2 * (grams & others).total() / (grams.total() + others.total())
