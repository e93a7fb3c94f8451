"""Signals and an outline in, what a learned ranker looks at out: one row a candidate, one column a feature.

The columns are about how texts and questions relate, not about what they say, so that a ranker that learnt from some
conversations carries over to others.
"""

import re
from collections.abc import Sequence

import numpy as np

from memory.columns import Numbers, Rows, at
from memory.outline import Outline
from memory.ports.values import Features
from memory.signals import Signals
from memory.vault.words import content_terms

#: Stands with each trained ranker: one that was trained on other columns is refused.
FEATURES_VERSION = 1

_WHEN = re.compile(
    r"(?:when|how long|what (?:date|day|month|year|time)|which (?:date|day|month|year)|"
    r"how many (?:days|weeks|months|years))\b",
    re.IGNORECASE,
)
_OF_WHETHER = re.compile(r"(?:would|does|is|did|could|has|are|was)\b", re.IGNORECASE)
_PLURAL = re.compile(r"\b(?:what|which)\b.*\b\w+s\b", re.IGNORECASE)


def features_of(signals: Signals, outline: Outline, question: str, candidates: Sequence[int] | Rows) -> Features:
    """Return the features of some memories of an outline; ranks and deviations are among all of its memories."""
    rows = np.array(candidates, np.intp)
    columns = {
        **_of_similarity(signals, outline, rows),
        **_of_memory(signals, outline, rows),
        **_of_question(outline, question, rows),
    }
    return Features(tuple(columns), np.stack([np.asarray(column, np.float32) for column in columns.values()], axis=1))


def _of_similarity(signals: Signals, outline: Outline, rows: Rows) -> dict[str, Numbers]:
    before, after = (places[rows] for places in outline.neighbours)
    z = signals.deviations
    lexical, dense = z["lexical"], z["dense"]
    return {
        "lexical": lexical[rows],
        "lexical_near": z["lexical_near"][rows],
        "lexical_conversation": z["lexical_conversation"][rows],
        "lexical_of_best": _of_best(signals.lexical, rows),
        "lexical_near_of_best": _of_best(signals.lexical_near, rows),
        "lexical_before": at(lexical, before),
        "lexical_after": at(lexical, after),
        "lexical_near_rank": _log_ranks(signals.lexical_near, rows),
        "dense": dense[rows],
        "dense_near": z["dense_near"][rows],
        "dense_conversation": z["dense_conversation"][rows],
        "dense_behind_best": signals.dense[rows] - signals.dense.max(),
        "cosine": signals.dense[rows],
        "dense_before": at(dense, before),
        "dense_after": at(dense, after),
        "dense_near_rank": _log_ranks(signals.dense_near, rows),
        "coverage": signals.coverage[rows],
        "coverage_near": signals.coverage_near[rows],
    }


def _of_memory(signals: Signals, outline: Outline, rows: Rows) -> dict[str, Numbers]:
    before = outline.neighbours[0][rows]
    return {
        "speaker": signals.speaker[rows],
        "dated": signals.dated[rows],
        "question": outline.question[rows],
        "after_question": outline.after_question[rows],
        "first": (before < 0).astype(np.float32),
        "length": outline.log_words[rows],
        "times": outline.times[rows],
        "number": outline.number[rows],
        "names": outline.names[rows],
        "user": outline.user[rows].astype(np.float32),
        "utterance": outline.utterance[rows].astype(np.float32),
    }


def _of_question(outline: Outline, question: str, rows: Rows) -> dict[str, Numbers]:
    asks_when = float(_WHEN.match(question) is not None)
    times = outline.times[rows]
    asked = {
        "asks_when": asks_when,
        "asks_how_many": float("how many" in question.casefold()),
        "asks_who": float(question.casefold().startswith("who")),
        "asks_whether": float(_OF_WHETHER.match(question) is not None),
        "asks_for_several": float(_PLURAL.search(question) is not None),
        "asked_words": float(len(content_terms(question))),
        "talk": float(outline.named),
    }
    columns: dict[str, Numbers] = {name: np.full(len(rows), value, np.float32) for name, value in asked.items()}
    return {**columns, "asks_when_times": times if asks_when else np.zeros_like(times)}


def _of_best(values: Numbers, rows: Rows) -> Numbers:
    return (values[rows] / max(float(values.max()), 1e-6)).astype(np.float32)


def _log_ranks(values: Numbers, rows: Rows) -> Numbers:
    """How many are greater, log(1 + n)."""
    greater = len(values) - np.searchsorted(np.sort(values), values[rows], side="right")
    return np.log1p(greater).astype(np.float32)
