"""A question, an outline, postings and similarities in, one number per memory and signal out.

A question is often answered by an utterance that does not repeat its words, while the one before it does: the terms
and the likeness of neighbours are mixed in (half of the one before, a quarter of the one after), which gave more than
any other signal. BM25 as in Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory.columns import DENSE_FLOOR, LEXICAL_FLOOR, Numbers, Rows, z
from memory.outline import AFTER, BEFORE, Outline
from memory.postings import Postings
from memory.rules.assistants import OF_THE_ASSISTANT
from memory.turn import TimeExpression

_K1, _B, _B_CONVERSATION = 1.2, 0.5, 0.75
_WORD = re.compile(r"[^\W_]+")
_DAY_US = 86_400_000_000
_NEAR_TIME = 0.4  #: of a memory that lies outside the time asked about, and not farther than it is long
_SHORTEST_NAME = 3
_NICKNAMES = (3, 4)  #: letters of a longer first name that stand for it: Mel, Joan


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What speaks for each memory of an outline, in its order; similarities are raw, not normalised."""

    lexical: Numbers  #: BM25
    lexical_near: Numbers  #: BM25 with the neighbours' terms mixed in
    lexical_conversation: Numbers  #: BM25 of the whole conversation
    coverage: Numbers  #: share of the question's idf mass that stands in it, in [0, 1]
    coverage_near: Numbers  #: the same, with its neighbours
    dense: Numbers  #: cosine
    dense_near: Numbers  #: with the neighbours' added
    dense_conversation: Numbers  #: the best of the conversation
    deviations: Mapping[str, Numbers]  #: of the six above that are no shares, in z units, by name
    speaker: Numbers  #: 1: the one that the question names, -1: another one, 0: it names none, or several
    role: Numbers  #: 1: said by the one who is asked for, the user or the assistant; 0: by the other
    dated: Numbers  #: in [0, 1]: how near to the times that the question names


def signals_of(
    outline: Outline, postings: Postings, similarities: Numbers, question: str, times: Sequence[TimeExpression]
) -> Signals:
    """Return the signals of all memories. Costs some dozens of passes over arrays of that length."""
    lexical = _Lexical(outline, postings)
    best = np.full(len(outline.conversations), -1.0, np.float32)
    np.maximum.at(best, outline.conversations, similarities)
    raw = {
        "lexical": (lexical.plain, LEXICAL_FLOOR),
        "lexical_near": (lexical.near, LEXICAL_FLOOR),
        "lexical_conversation": (lexical.conversation[outline.conversations], LEXICAL_FLOOR),
        "dense": (similarities, DENSE_FLOOR),
        "dense_near": (outline.with_neighbours(similarities), DENSE_FLOOR),
        "dense_conversation": (best[outline.conversations], DENSE_FLOOR),
    }
    return Signals(
        **{name: values for name, (values, _) in raw.items()},
        deviations={name: z(values, floor) for name, (values, floor) in raw.items()},
        coverage=lexical.coverage,
        coverage_near=lexical.coverage_near,
        speaker=_speaker(outline, question),
        role=np.where(outline.user == (not OF_THE_ASSISTANT.search(question)), 1, 0).astype(np.float32),
        dated=_dated(outline, times),
    )


class _Lexical:
    """All lexical signals of one question, term by term."""

    def __init__(self, outline: Outline, postings: Postings) -> None:
        self._outline = outline
        n, conversations = len(outline), int(outline.conversations.max(initial=-1)) + 1
        self.plain, self.near = np.zeros((2, n), np.float32)
        self.coverage, self.coverage_near = np.zeros((2, n), np.float32)
        self.conversation = np.zeros(conversations, np.float32)
        mass = 0.0
        for term, entries in postings.entries.items():
            rows = outline.rows_of(entries["seq"])
            here = rows >= 0
            if here.any():
                counts = entries["count"][here].astype(np.float32)
                mass += self._add(rows[here], counts, sure=term not in postings.guessed)
        if mass:
            self.coverage /= mass
            self.coverage_near /= mass

    def _add(self, rows: Rows, counts: Numbers, *, sure: bool) -> float:
        """Return the idf mass that speaks for an answer: a word that was only guessed ranks, and covers nothing."""
        n, lengths = len(self._outline), self._outline.lengths
        before, after = self._outline.neighbours
        idf = _idf(n, len(rows))
        self.plain[rows] += idf * _saturated(counts, lengths.plain[rows], _B)
        self.coverage[rows] += idf * sure
        # what a memory says is mixed into the one after it (whose "before" it is) and the one before it
        spread = np.concatenate([rows, after[rows], before[rows]])
        shares = np.concatenate([counts, BEFORE * counts, AFTER * counts])
        reached = spread >= 0
        mixed = np.bincount(spread[reached], shares[reached], n).astype(np.float32)
        touched = np.flatnonzero(mixed)
        self.near[touched] += idf * _saturated(mixed[touched], lengths.near[touched], _B)
        self.coverage_near[touched] += idf * sure
        told = np.bincount(self._outline.conversations[rows], counts, len(self.conversation)).astype(np.float32)
        where = np.flatnonzero(told)
        rare = _idf(len(self.conversation), len(where))
        self.conversation[where] += rare * _saturated(told[where], lengths.conversation[where], _B_CONVERSATION)
        return idf * sure


def _idf(n: int, holding: int) -> float:
    return float(np.log1p((n - holding + 0.5) / (holding + 0.5)))


def _saturated(counts: Numbers, relative_length: Numbers, b: float) -> Numbers:
    norm = _K1 * (1 - b + b * relative_length)
    return (counts * (_K1 + 1) / (counts + norm)).astype(np.float32)


def _speaker(outline: Outline, question: str) -> Numbers:
    asked = set(_WORD.findall(question.casefold()))
    named = [number for number, name in enumerate(outline.speakers.names) if _forms(name) & asked]
    if len(named) != 1:
        return np.zeros(len(outline), np.float32)
    return np.where(outline.speakers.numbers == named[0], 1, -1).astype(np.float32)


def _forms(name: str) -> set[str]:
    words = _WORD.findall(name.casefold())
    forms = {word for word in words if len(word) >= _SHORTEST_NAME}
    if words and len(words[0]) > max(_NICKNAMES):
        forms |= {words[0][:letters] for letters in _NICKNAMES}
    return forms


def _dated(outline: Outline, times: Sequence[TimeExpression]) -> Numbers:
    found = np.zeros(len(outline), np.float32)
    for time in times:
        start, end = (int(each.timestamp() * 1_000_000) for each in (time.start, time.end))
        width = max(end - start, _DAY_US)
        inside: NDArray[np.bool_] = (outline.at >= start) & (outline.at < max(end, start + 1))
        near = (outline.at >= start - width) & (outline.at < end + width)
        found = np.maximum(found, np.where(inside, 1.0, _NEAR_TIME * near).astype(np.float32))
    return found
