"""A user's current memories in, what ranking knows of each without reading it out: who spoke, when, after what.

One row a memory, in order of arrival, so that signals are computed over all of them at once. Only utterances have
neighbours: the utterances before and after them in the same conversation.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory.columns import Numbers, Rows, at, z
from memory.rules.marks import Marks

BEFORE, AFTER = 0.5, 0.25  #: shares of the neighbours' terms and likeness
_QUESTION, _NUMBER = 1, 2
_NAMES_AT, _TIMES_AT, _MASK = 8, 16, 0xFF
_SHORT = 16  #: words of an answer that says little without its question
_MOST_NAMES, _MOST_TIMES = 4, 3  #: that count
_TALK_SHARE = 0.5  #: of utterances that carry a speaker's name; a few names in a chat log make no talk of it


class Entry(NamedTuple):
    """One memory of an outline."""

    seq: int  #: the order of arrival
    id: str
    utterance: bool
    conversation: str
    role: str
    speaker: str  #: "": without a name
    at: int  #: microseconds since 1970, UTC
    words: int  #: index terms, with repetitions
    marks: int  #: as ``packed`` made it


def packed(marks: Marks) -> int:
    """Return the marks as one number."""
    flags = _QUESTION * marks.question + _NUMBER * marks.number
    return flags | marks.names << _NAMES_AT | marks.times << _TIMES_AT


class Lengths(NamedTuple):
    """Lengths in words, relative to their mean."""

    plain: Numbers
    near: Numbers  #: with the neighbours' shares
    conversation: Numbers  #: by conversation


class Outline:
    """All of a user's current memories as columns; never changed, so that recalls may share it."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        """``entries`` in order of arrival."""
        self.entries = entries
        columns = list(zip(*entries, strict=True)) if entries else [()] * len(Entry._fields)
        self.ids: tuple[str, ...] = columns[1]
        self.seqs = np.array(columns[0], np.int64)
        self.utterance = np.array(columns[2], bool)
        self.user = np.array([role == "user" for role in columns[4]], bool)
        self.speakers = _Names(columns[5])
        self.at = np.array(columns[6], np.int64)
        self.words = np.array(columns[7], np.float32)
        marks = np.array(columns[8], np.int64)
        self.question = ((marks & _QUESTION) > 0).astype(np.float32)  # 1: it ends as a question
        self.number = ((marks & _NUMBER) > 0).astype(np.float32)  # 1: it names an amount
        self.names = np.minimum(marks >> _NAMES_AT & _MASK, _MOST_NAMES).astype(np.float32)
        self.times = np.minimum(marks >> _TIMES_AT & _MASK, _MOST_TIMES).astype(np.float32)
        self._aligned: tuple[Sequence[str], Rows] | None = None

    def __len__(self) -> int:
        return len(self.seqs)

    def changed(self, gone: frozenset[str], more: Sequence[Entry]) -> "Outline":
        """Return the outline without some memories and with others; costs a copy."""
        kept = [entry for entry in self.entries if entry.id not in gone]
        newer = not kept or not more or kept[-1].seq < more[0].seq
        return Outline([*kept, *more] if newer else sorted([*kept, *more]))

    def rows_of(self, seqs: NDArray[np.integer]) -> Rows:
        """Return the places of memories by their order of arrival; -1 for those that are not here."""
        if not len(self):
            return np.full(len(seqs), -1, np.intp)
        places = np.minimum(np.searchsorted(self.seqs, seqs), len(self) - 1)
        return np.where(self.seqs[places] == seqs, places, -1)

    def rows_of_ids(self, ids: Sequence[str]) -> Rows:
        """Return the places of memories by id; -1 for those that are not here. The same list again costs nothing."""
        if self._aligned is None or self._aligned[0] is not ids:
            places = self.places
            self._aligned = ids, np.fromiter((places.get(cube_id, -1) for cube_id in ids), np.intp, len(ids))
        return self._aligned[1]

    @cached_property
    def log_words(self) -> Numbers:
        """Logarithms of the lengths in words."""
        return np.log1p(self.words)

    @cached_property
    def length(self) -> Numbers:
        """The same in standard deviations from their mean."""
        return z(self.log_words)

    @cached_property
    def lengths(self) -> Lengths:
        """What BM25 holds lengths against."""
        conversations = np.bincount(self.conversations, self.words).astype(np.float32)
        return Lengths(*map(_relative, (self.words, self.with_neighbours(self.words), conversations)))

    def with_neighbours(self, values: Numbers) -> Numbers:
        """Return the values with the shares of the utterances before and after."""
        before, after = self.neighbours
        total: Numbers = (values + BEFORE * at(values, before) + AFTER * at(values, after)).astype(np.float32)
        return total

    @cached_property
    def after_question(self) -> Numbers:
        """1 where the utterance before ends as a question."""
        return at(self.question, self.neighbours[0])

    def asked(self, rows: Sequence[int]) -> list[tuple[int, int]]:
        """Return those that are short answers, each with the place of the short question right before it."""
        before, words = self.neighbours[0], self.words
        answers = [row for row in rows if self.utterance[row] and self.after_question[row] and words[row] <= _SHORT]
        return [(row, int(before[row])) for row in answers if words[before[row]] <= 2 * _SHORT]

    @cached_property
    def total_words(self) -> int:
        """Index terms of all memories together."""
        return int(self.words.sum(dtype=np.float64))

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each memory by id."""
        return {cube_id: place for place, cube_id in enumerate(self.ids)}

    @cached_property
    def conversations(self) -> NDArray[np.intp]:
        """The number of each utterance's conversation; every other memory is a conversation of its own."""
        known: dict[str, int] = {}
        numbers = [
            known.setdefault(entry.conversation if entry.utterance and entry.conversation else entry.id, len(known))
            for entry in self.entries
        ]
        return np.array(numbers, np.intp)

    @cached_property
    def neighbours(self) -> tuple[Rows, Rows]:
        """The places of the utterance before and of the one after each; -1 where there is none."""
        before, after = np.full((2, len(self)), -1, np.intp)
        order = np.argsort(self.conversations, kind="stable")
        same = self.conversations[order][1:] == self.conversations[order][:-1]
        before[order[1:][same]] = order[:-1][same]
        after[order[:-1][same]] = order[1:][same]
        return before, after

    @cached_property
    def named(self) -> bool:
        """True when most utterances carry their speaker's name: a talk between people, no chat with an assistant."""
        said = self.speakers.numbers[self.utterance]
        named = np.array([bool(name) for name in self.speakers.names], bool)
        return bool(len(said)) and len(set(said[named[said]])) > 1 and float(named[said].mean()) >= _TALK_SHARE


class _Names:
    """Speakers as numbers."""

    def __init__(self, spoken: Sequence[str]) -> None:
        known: dict[str, int] = {}
        self.numbers = np.array([known.setdefault(name, len(known)) for name in spoken], np.intp)
        self.names = tuple(known)


def _relative(lengths: Numbers) -> Numbers:
    mean = float(lengths.mean()) if len(lengths) else 0.0
    return (lengths / (mean or 1.0)).astype(np.float32)
