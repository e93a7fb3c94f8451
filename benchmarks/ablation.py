"""Conversations of a public data set in, what each part of the ranking is worth out: recall without it.

    python benchmarks/ablation.py --data locomo10.json --out benchmarks/results
    python benchmarks/ablation.py --data longmemeval_s.json --limit 20

The product's own signals and mixtures over an index of each conversation in memory; no server, no facts and none of the
cues that need what was read while writing, so the whole is a little less than what benchmarks/retrieval.py shows.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from bench_console import progress_bar
from retrieval_metrics import Result, Row, Rows, row_of
from retrieval_results import Table
from rich.console import Console

from adapters.minilm import MiniLM
from adapters.ranker import TreeRanker
from adapters.ranker.training.conversations import FORMATS, Conversation, Question, read
from adapters.ranker.training.samples import Index
from config.settings import load
from memory.columns import Numbers
from memory.finding import CHAT, TALK, Mixture, mixed, reordered
from memory.ports import Ranker
from memory.signals import Signals

WHOLE = "everything"
_VALUES = ("recall@1", "recall@5", "recall@10", "recall_all@5", "nDCG@10", "session_all@5")
_SHOWN = 50  #: results of a ranking
_SIGNALS = tuple(field.name for field in fields(Mixture))

Ranking = Callable[[Signals, Index, Question], Numbers]


def rankings(mixture: Mixture, ranker: Ranker | None) -> Mapping[str, Ranking]:
    """Return the whole, the whole without each of its parts, and the plain methods that it is made of."""

    def by(weights: Mixture) -> Ranking:
        return lambda signals, index, _: mixed(signals, index.outline, weights)

    found: dict[str, Ranking] = {}
    if ranker is not None:
        found[f"{WHOLE}, and the learned ranker"] = lambda signals, index, question: reordered(
            mixed(signals, index.outline, mixture), ranker, signals, index.outline, question.text
        )
    found[WHOLE] = by(mixture)
    found |= {f"without {name}": by(replace(mixture, **{name: 0.0})) for name in _SIGNALS if getattr(mixture, name)}
    if mixture.lexical_near or mixture.dense_near:
        lexical, dense = mixture.lexical + mixture.lexical_near, mixture.dense + mixture.dense_near
        found["without neighbours"] = by(replace(mixture, lexical=lexical, dense=dense, lexical_near=0, dense_near=0))
    found["BM25 and cosine"] = by(Mixture(lexical=1.0, dense=1.0))
    found["BM25"] = by(Mixture(lexical=1.0))
    found["cosine"] = by(Mixture(dense=1.0))
    return found


def rows_of(one: Conversation, embedder: MiniLM, ranker: Ranker | None) -> Iterator[tuple[str, Row]]:
    """Yield what every ranking makes of every question that names its evidence."""
    asked = [question for question in one.questions if question.evidence and not question.after]
    if not asked:
        return
    index = Index(one, embedder.embed)
    named = index.outline.named
    every = rankings(TALK if named else CHAT, ranker if ranker is not None and ranker.of_talks == named else None)
    text_of = {message.id: message.text for message in one.messages}
    session_of = {message.id: message.session for message in one.messages}
    for question in asked:
        signals = index.signals(question)
        for name, ranking in every.items():
            best = np.argsort(-ranking(signals, index, question), kind="stable")[:_SHOWN].tolist()
            results = [Result(text_of[index.outline.ids[row]], (index.outline.ids[row],)) for row in best]
            yield name, row_of(one.id, question, results, session_of, None)


def table(found: Mapping[str, Rows], title: str) -> Table:
    """Return means in percent, and what each part is worth."""
    whole = found[WHOLE]
    rows = []
    for name, each in found.items():
        worth = f"{100 * (each.mean('recall@5') - whole.mean('recall@5')):+.1f}"
        rows.append([name, *(f"{100 * each.mean(value):.1f}" for value in _VALUES), "" if name == WHOLE else worth])
    return Table(title, ("ranking", *_VALUES, "recall@5 against everything"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--format", choices=FORMATS, default="", help="absent: told by the file")
    parser.add_argument("--limit", type=int, help="conversations")
    parser.add_argument("--ranker", default="shipped", help="shipped, none, or a file")
    parser.add_argument("--out", type=Path, help="a folder for ablation-DATA.md")
    options = parser.parse_args()
    embedder = MiniLM(load().settings.data.cache_dir)
    ranker = None
    if options.ranker != "none":
        ranker = TreeRanker() if options.ranker == "shipped" else TreeRanker(Path(options.ranker))
    found: dict[str, Rows] = {}
    with progress_bar() as progress:
        for one in progress.track(read(options.data, options.format, options.limit), description="conversations"):
            for name, row in rows_of(one, embedder, ranker):
                found.setdefault(name, Rows()).rows.append(row)
    stem = options.data.name.partition(".")[0]
    shown = table(found, f"{stem}: what each part is worth, {len(found[WHOLE].rows)} questions, in percent")
    Console(width=150).print(shown.shown())
    if options.out is not None:
        (options.out / f"ablation-{stem}.md").write_text(shown.markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()
