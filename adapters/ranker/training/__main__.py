"""Conversations with questions in, ``ranker.onnx`` out: python -m adapters.ranker.training FILE... [--out FILE]

LambdaMART over the product's own features. Each file is of LoCoMo's, LongMemEval's or the generated set's format. What
ships learns only from data whose licence allows it; the file that is written says what it learnt from.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from rich.console import Console
from rich.progress import track

from adapters.minilm import MiniLM
from adapters.ranker import SHIPPED
from adapters.ranker.training.conversations import Conversation, read
from adapters.ranker.training.samples import Sample, samples_of
from adapters.ranker.training.trees import write_trees
from memory.features import FEATURES_VERSION
from memory.ports import Matrix

TREES = 120
_SETTINGS = {
    "objective": "lambdarank",
    "verbose": -1,
    "seed": 1,
    "num_threads": 1,  # with more threads sums come in another order, and the same data give another ranker
    "min_data_in_leaf": 60,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambdarank_truncation_level": 20,
    "learning_rate": 0.06,
    "num_leaves": 7,
}


class CachedEmbedder:
    """Embeds each text once: the files share sessions."""

    def __init__(self, model: MiniLM) -> None:
        self._model = model
        self._known: dict[str, Matrix] = {}

    def __call__(self, texts: Sequence[str]) -> Matrix:
        """Return one unit row per text."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            self._known.update(zip(missing, self._model.embed(missing), strict=True))
        return np.stack([self._known[text] for text in texts])


def learnt(conversations: Sequence[Sequence[Sample]], *, trees: int = TREES) -> lightgbm.Booster:
    """Return the trees that order the samples' answers first.

    One of many questions to the same conversation counts less, by the root of their number.
    """
    samples = [sample for questions in conversations for sample in questions]
    weights = [len(questions) ** -0.5 for questions in conversations for _ in questions]
    sizes = [len(sample.answers) for sample in samples]
    data = lightgbm.Dataset(
        np.concatenate([sample.features.rows for sample in samples]),
        np.concatenate([sample.answers for sample in samples]).astype(int),
        weight=np.repeat(weights, sizes),
        group=sizes,
        feature_name=list(samples[0].features.names),
    )
    return lightgbm.train(_SETTINGS, data, num_boost_round=trees)


def recall(samples: Sequence[Sample], scores: Sequence[Any], at: int) -> float:
    """Return the mean share of a question's answers among its first rows by these scores."""
    found = [
        sample.answers[np.argsort(-np.asarray(score), kind="stable")[:at]].sum() / (sample.answers.sum())
        for sample, score in zip(samples, scores, strict=True)
    ]
    return float(np.mean(found))


def thinned(conversation: Conversation, sessions: int, seed: int) -> Conversation:
    """Return the conversation with the sessions that answer and so many others: texts cost time to embed."""
    kept = {session for question in conversation.questions for session in question.sessions}
    others = sorted({session[0].session for session in conversation.sessions} - kept)
    if len(conversation.questions) == 1:  # in long talks each session answers something
        kept |= set(random.Random(seed).sample(others, min(sessions, len(others))))  # noqa: S311 (no secret)
    else:
        kept |= set(others)
    return replace(conversation, sessions=tuple(each for each in conversation.sessions if each[0].session in kept))


def main() -> None:
    """Read, learn on all but each tenth conversation, say how that does on the tenth, learn on all, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("files", nargs="+", type=Path)
    options.add_argument("--out", type=Path, default=SHIPPED)
    options.add_argument("--sessions", type=int, default=8, help="beside those that answer, of each conversation")
    options.add_argument("--cache", type=Path, default=Path("build"), help="folder of the embedder's graph")
    chosen = options.parse_args()
    console, embed = Console(), CachedEmbedder(MiniLM(chosen.cache))
    conversations = [each for file in chosen.files for each in read(file)]
    groups: list[list[Sample]] = []
    for number, conversation in enumerate(track(conversations, "reading and embedding", console=console)):
        samples = list(samples_of(thinned(conversation, chosen.sessions, number), embed))
        groups += [samples] if samples else []
    talks = {bool(sample.features.rows[0, sample.features.names.index("talk")]) for group in groups for sample in group}
    if len(talks) != 1:
        raise SystemExit("The files are partly talks between people and partly chats: train a ranker for each.")
    _judge(groups, console)
    every = [sample for group in groups for sample in group]
    booster = learnt(groups)
    said = {
        "features_version": str(FEATURES_VERSION),
        "conversations": "talks" if talks.pop() else "chats",
        "learnt_from": f"{', '.join(file.name for file in chosen.files)}: {len(every)} questions",
    }
    write_trees(booster.dump_model(), said, every[0].features.names, chosen.out)
    console.print(f"{chosen.out} ({chosen.out.stat().st_size // 1024} KiB)")


def _judge(groups: Sequence[Sequence[Sample]], console: Console) -> None:
    """Say how a ranker does on conversations that it did not learn from: ten parts, each judged by the other nine."""
    judged: list[Sample] = []
    scores: list[Any] = []
    for part in range(min(10, len(groups))):
        away = [sample for group in groups[part::10] for sample in group]
        booster = learnt([group for n, group in enumerate(groups) if n % 10 != part])
        judged += away
        scores += [_z(booster.predict(sample.features.rows)) + _z(sample.linear) for sample in away]
    for at in (1, 5, 10):
        before = recall(judged, [sample.linear for sample in judged], at)
        console.print(
            f"recall@{at}: {100 * before:.1f} linear, {100 * recall(judged, scores, at):.1f} learned (unseen)"
        )


def _z(values: Any) -> Any:
    return (values - np.mean(values)) / (np.std(values) or 1.0)


if __name__ == "__main__":
    main()
