"""Ranked results and the evidence of a question in, numbers between 0 and 1 out.

Strict: evidence are the messages that the data set names, found is a message that a result says it rests on, and
several results that rest on the same message find it once.
"""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from adapters.ranker.training.conversations import Question

CUTS = (1, 3, 5, 10)
BUDGETS = (500, 1000)  #: tokens
_TOKENS_PER_WORD = 4 / 3


@dataclass(frozen=True, slots=True)
class Result:
    """One result, as it was ranked."""

    text: str
    messages: tuple[str, ...]  #: ids of those that it rests on


@dataclass(frozen=True, slots=True)
class Row:
    """How one ranking answered one question."""

    conversation: str
    kind: str
    answerable: bool
    values: Mapping[str, float]  #: without recall where no evidence is named
    sufficiency: float | None  #: None: the ranking says nothing about it


@dataclass(slots=True)
class Rows:
    """How one ranking answered, and at what cost."""

    rows: list[Row] = field(default_factory=list)
    query_cpu_ms: float = math.nan  #: CPU of one query
    kept_cpu_ms: float = math.nan  #: CPU of keeping one message

    def of(self, kind: str) -> "Rows":
        """Return those of one kind of questions."""
        return Rows([row for row in self.rows if row.kind == kind])

    def mean(self, name: str) -> float:
        """Return the mean over the questions that have this value; NaN: none has."""
        values = [row.values[name] for row in self.rows if name in row.values]
        return sum(values) / len(values) if values else math.nan

    def count(self, name: str = "recall@5") -> int:
        """How many questions have this value."""
        return sum(name in row.values for row in self.rows)


def row_of(
    conversation: str,
    question: Question,
    results: Sequence[Result],
    session_of: Mapping[str, str],
    sufficiency: float | None,
) -> Row:
    """Return how results answer a question."""
    values = judged(results, question, session_of)
    return Row(conversation, question.kind, question.answerable, values, sufficiency)


def tokens_of(text: str) -> float:
    """Return about how many tokens a model reads: four for three words."""
    return len(text.split()) * _TOKENS_PER_WORD


def judged(results: Sequence[Result], question: Question, session_of: Mapping[str, str]) -> dict[str, float]:
    """Return every value of one question; those of evidence only where the data set names some.

    ``recall@k``: share of the evidence that the first k results rest on. ``recall_all@5``: 1 when nothing is missing.
    ``nDCG@10``: a result gains the evidence that no result before it had. ``in N tokens``: recall of the results that
    fit, up to the first that does not. ``session_all@5``: all evidence sessions are among the first five that results
    come from.
    """
    values: dict[str, float] = {}
    sizes = [tokens_of(result.text) for result in results]
    for cut in (5, 10):
        values[f"tokens@{cut}"] = sum(sizes[:cut])
    if question.evidence:
        values |= _recalled(_gains(results, question.evidence), sizes, len(question.evidence))
    if question.sessions:
        come = list(dict.fromkeys(session_of[id_] for each in results for id_ in each.messages if id_ in session_of))
        values["session_all@5"] = float(question.sessions <= set(come[:5]))
    return values


def _gains(results: Sequence[Result], evidence: frozenset[str]) -> list[int]:
    seen: set[str] = set()
    gains = []
    for result in results:
        fresh = (evidence & set(result.messages)) - seen
        seen |= fresh
        gains.append(len(fresh))
    return gains


def _recalled(gains: Sequence[int], sizes: Sequence[float], evidence: int) -> dict[str, float]:
    values = {f"recall@{cut}": sum(gains[:cut]) / evidence for cut in CUTS}
    values["recall_all@5"] = float(sum(gains[:5]) == evidence)
    values["nDCG@10"] = min(1.0, _discounted(gains[:10]) / _discounted([1] * min(10, evidence)))
    for budget in BUDGETS:
        used = found = 0.0
        for gain, size in zip(gains, sizes, strict=True):
            used += size
            if used > budget:
                break
            found += gain
        values[f"in {budget} tokens"] = found / evidence
    return values


def _discounted(gains: Iterable[int]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def interval(rows: Iterable[Row], name: str, draws: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean; conversations are drawn, not questions: those of one are alike.

    NaN where fewer than two conversations have the value.
    """
    by_conversation: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if name in row.values:
            by_conversation[row.conversation].append(row.values[name])
    groups = [(sum(values), len(values)) for values in by_conversation.values()]
    if len(groups) < 2:
        return math.nan, math.nan
    rng, means = random.Random(seed), []
    for _ in range(draws):
        drawn = rng.choices(groups, k=len(groups))
        means.append(sum(total for total, _ in drawn) / sum(count for _, count in drawn))
    means.sort()
    return means[int(0.025 * draws)], means[int(0.975 * draws)]


def auroc(higher: Sequence[float], lower: Sequence[float]) -> float:
    """Return how often one of ``higher`` is above one of ``lower``; equal ones count half. NaN without either."""
    if not higher or not lower:
        return math.nan
    marked = sorted([(value, True) for value in higher] + [(value, False) for value in lower])
    wins = below = 0.0
    for _, tied in groupby(marked, key=itemgetter(0)):
        marks = [is_higher for _, is_higher in tied]
        ups, downs = sum(marks), len(marks) - sum(marks)
        wins += ups * (below + downs / 2)
        below += downs
    return wins / (len(higher) * len(lower))


@dataclass(frozen=True, slots=True)
class Withholding:
    """What comes of bringing in nothing where sufficiency is below a threshold."""

    precision: float  #: share of the questions with nothing brought in that nothing answers; NaN: there are none
    recall: float  #: share of the questions that nothing answers for which nothing is brought in


def withholding(answerable: Sequence[float], unanswerable: Sequence[float], threshold: float) -> Withholding:
    """Return precision and recall of "nothing here answers" at this threshold."""
    right, wrong = (sum(value < threshold for value in values) for values in (unanswerable, answerable))
    precision = right / (right + wrong) if right + wrong else math.nan
    return Withholding(precision, right / len(unanswerable) if unanswerable else math.nan)
