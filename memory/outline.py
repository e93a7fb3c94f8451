"""A user's current memories in, what ranking knows of each without reading it out: who spoke, when, after what.

One row a memory, in order of arrival, so that signals are computed over all of them at once. Only utterances have
neighbours: the utterances before and after them in the same conversation.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

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


class _Columns(NamedTuple):
    seqs: NDArray[np.int64]
    utterance: NDArray[np.bool_]
    user: NDArray[np.bool_]
    at: NDArray[np.int64]
    words: Numbers
    marks: NDArray[np.int64]

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "_Columns":
        rows = [(each.seq, each.utterance, each.role == "user", each.at, each.words, each.marks) for each in entries]
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * len(cls._fields)
        seqs, utterance, user, at_us, words, marks = columns
        return cls(
            np.array(seqs, np.int64),
            np.array(utterance, bool),
            np.array(user, bool),
            np.array(at_us, np.int64),
            np.array(words, np.float32),
            np.array(marks, np.int64),
        )

    def followed_by(self, more: "_Columns") -> "_Columns":
        pairs: Any = zip(self, more, strict=True)
        return _Columns(*map(np.concatenate, pairs))


class Lengths(NamedTuple):
    """Lengths in words, relative to their mean."""

    plain: Numbers
    near: Numbers  #: with the neighbours' shares
    conversation: Numbers  #: by conversation


class Outline:
    """All of a user's current memories as columns; never changed, so that recalls may share it."""

    def __init__(self, entries: Sequence[Entry], *, behind: "Outline | None" = None) -> None:
        """``entries`` in order of arrival; ``behind``: an outline that they follow, whose columns are taken over."""
        columns, ids = _Columns.of(entries), (entry.id for entry in entries)
        speakers, conversations = (entry.speaker for entry in entries), map(_conversation_of, entries)
        if behind is None:
            self.entries, self.ids, self._columns = entries, tuple(ids), columns
            self.speakers, self._conversations = _Names(speakers), _Names(conversations)
            self._aligned: tuple[Sequence[str], Rows] = ([], np.zeros(0, np.intp))
            before: dict[str, int] = {}
        else:
            self.entries, self.ids = [*behind.entries, *entries], (*behind.ids, *ids)
            self._columns = behind._columns.followed_by(columns)
            self.speakers = _Names(speakers, behind.speakers)
            self._conversations = _Names(conversations, behind._conversations)
            known, rows = behind._aligned
            self._aligned = list(known), rows  # another list: what was not here when it was looked up may be now
            before = behind.places
        new = {entry.id: place for place, entry in enumerate(entries, len(before))}
        self.places: dict[str, int] = {**before, **new}  #: by id
        self.seqs, self.utterance, self.user, self.at, self.words, self._marks = self._columns

    def __len__(self) -> int:
        return len(self.seqs)

    def changed(self, gone: frozenset[str], more: Sequence[Entry]) -> "Outline":
        """Return the outline without some memories and with others.

        Costs a copy of its columns where others only follow, a pass over all memories where one is gone.
        """
        unchanged = gone.isdisjoint(self.places)
        kept = self if unchanged else Outline([entry for entry in self.entries if entry.id not in gone])
        if not more or not len(kept) or kept.entries[-1].seq < more[0].seq:
            return Outline(more, behind=kept)
        return Outline(sorted([*kept.entries, *more]))

    def rows_of(self, seqs: NDArray[np.integer]) -> Rows:
        """Return the places of memories by their order of arrival; -1 for those that are not here."""
        if not len(self):
            return np.full(len(seqs), -1, np.intp)
        places = np.minimum(np.searchsorted(self.seqs, seqs), len(self) - 1)
        return np.where(self.seqs[places] == seqs, places, -1)

    def rows_of_ids(self, ids: Sequence[str]) -> Rows:
        """Return the places of memories by id; -1 for those that are not here.

        The same list again costs nothing, and one that only grew little.
        """
        known, rows = self._aligned
        if known is not ids:
            if ids[: len(known)] != known:
                known, rows = [], np.zeros(0, np.intp)
            rows = np.concatenate([rows, self._looked_up(ids[len(known) :])])
            unknown = np.flatnonzero(rows < 0)  # they may have come since
            rows[unknown] = self._looked_up([ids[row] for row in unknown.tolist()])
            self._aligned = ids, rows
        return rows

    def _looked_up(self, ids: Sequence[str]) -> Rows:
        return np.fromiter((self.places.get(cube_id, -1) for cube_id in ids), np.intp, len(ids))

    @cached_property
    def question(self) -> Numbers:
        """1 for what ends as a question."""
        return ((self._marks & _QUESTION) > 0).astype(np.float32)

    @cached_property
    def number(self) -> Numbers:
        """1 for what names an amount."""
        return ((self._marks & _NUMBER) > 0).astype(np.float32)

    @cached_property
    def names(self) -> Numbers:
        """How many names each has, at most ``_MOST_NAMES``."""
        names: Numbers = np.minimum(self._marks >> _NAMES_AT & _MASK, _MOST_NAMES).astype(np.float32)
        return names

    @cached_property
    def times(self) -> Numbers:
        """How many words of each tell a time, at most ``_MOST_TIMES``."""
        times: Numbers = np.minimum(self._marks >> _TIMES_AT & _MASK, _MOST_TIMES).astype(np.float32)
        return times

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

    @property
    def conversations(self) -> NDArray[np.intp]:
        """The number of each utterance's conversation; every other memory is a conversation of its own."""
        return self._conversations.numbers

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
    """Names as numbers, in the order in which they first came."""

    def __init__(self, names: Iterable[str], behind: "_Names | None" = None) -> None:
        """``behind``: names that these follow, with their numbers."""
        self._known: dict[str, int] = {} if behind is None else dict(behind._known)
        known = self._known
        numbers = np.array([known.setdefault(name, len(known)) for name in names], np.intp)
        self.numbers: NDArray[np.intp] = numbers if behind is None else np.concatenate([behind.numbers, numbers])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of each number."""
        return tuple(self._known)


def _conversation_of(entry: Entry) -> str:
    return entry.conversation if entry.utterance and entry.conversation else entry.id


def _relative(lengths: Numbers) -> Numbers:
    mean = float(lengths.mean()) if len(lengths) else 0.0
    return (lengths / (mean or 1.0)).astype(np.float32)
