"""A conversation in, what a ranker learns from each of its questions out: features, and which rows answer.

Signals and features are the product's own, over an index of the conversation's messages that is kept in memory.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from adapters.ranker.training.conversations import Conversation, Question
from memory.features import features_of
from memory.finding import CHAT, RERANKED, TALK, mixed
from memory.outline import Entry, Outline, packed
from memory.ports import Features, Matrix
from memory.postings import POSTING, Postings
from memory.rules.marks import marks_of
from memory.rules.times import find_times
from memory.signals import Signals, signals_of
from memory.vault.words import query_terms, terms

Embed = Callable[[Sequence[str]], Matrix]


@dataclass(frozen=True, slots=True)
class Sample:
    """One question."""

    kind: str
    features: Features  #: of the best rows of the linear mixture, and of all that answer
    linear: NDArray[np.float32]  #: the mixture's score of each
    answers: NDArray[np.bool_]  #: which of them do
    missed: int  #: answers that are not among the best of the linear mixture


def samples_of(conversation: Conversation, embed: Embed) -> Iterator[Sample]:
    """Yield a sample for each question that the whole conversation answers."""
    answered = [question for question in conversation.questions if question.evidence and not question.after]
    if answered:
        index = Index(conversation, embed)
        yield from map(index.sample, answered)


class Index:
    """A conversation's messages, each a memory."""

    def __init__(self, conversation: Conversation, embed: Embed) -> None:
        self._embed = embed
        self._places: dict[str, int] = {}
        entries: list[Entry] = []
        found: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
        texts: list[str] = []
        for message in chain.from_iterable(conversation.sessions):
            stems = terms(f"{message.name} {message.text}" if message.name else message.text)
            self._places[message.id] = len(entries)
            entries.append(
                Entry(
                    seq=len(entries),
                    id=message.id,
                    utterance=True,
                    conversation=message.session,
                    role=message.role,
                    speaker=message.name,
                    at=int(message.said_at.timestamp() * 1_000_000),
                    words=len(stems),
                    marks=packed(marks_of(message.text)),
                )
            )
            texts.append(message.text)
            for stem, count in Counter(stems).items():
                found[stem].append((len(entries) - 1, count, min(len(stems), 65_535)))
        self.outline = Outline(entries)
        self._vectors = embed(texts)
        self._postings = {stem: np.array(rows, POSTING) for stem, rows in found.items()}
        self._end = datetime.fromtimestamp(max(entry.at for entry in entries) / 1_000_000, UTC)

    def signals(self, question: Question) -> Signals:
        """Return what speaks for each message, in the outline's order."""
        times = find_times(question.text, question.asked_at or self._end)
        words = question.text
        for time in times:
            words = words.replace(time.text, " ")
        nowhere = np.zeros(0, POSTING)
        postings = Postings(
            {stem: self._postings.get(stem, nowhere) for stem in query_terms(words)},
            len(self.outline),
            int(self.outline.words.sum()),
        )
        similarities = (self._vectors @ self._embed([question.text])[0]).astype(np.float32)
        return signals_of(self.outline, postings, similarities, question.text, times)

    def sample(self, question: Question) -> Sample:
        """Return what a ranker learns from a question."""
        signals = self.signals(question)
        scores = mixed(signals, self.outline, TALK if self.outline.named else CHAT)
        answers = np.array([self._places[each] for each in question.evidence if each in self._places], np.intp)
        best = np.argsort(-scores, kind="stable")[:RERANKED]
        rows = np.union1d(best, answers)
        return Sample(
            kind=question.kind,
            features=features_of(signals, self.outline, question.text, rows),
            linear=scores[rows],
            answers=np.isin(rows, answers),
            missed=int((~np.isin(answers, best)).sum()),
        )
