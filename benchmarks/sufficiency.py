"""Conversations and everyday requests in, how well the probability that a memory answers tells the two apart out.

    python benchmarks/sufficiency.py --data set_31.json set_77.json          what each threshold withholds
    python benchmarks/sufficiency.py --data set_31.json set_77.json --fit    and the coefficients that these data give

Asked are the questions of the generated set (what was told, and what never was) and, of every user, the requests in
everyday.txt, which concern no memory. The product is put together as the server does it, without HTTP. With ``--fit``
each file is judged by coefficients of the others, so nothing is judged by what it was learnt from; without, by those
that ship (memory/sufficiency.py).
"""

import argparse
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from retrieval_metrics import auroc
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scale_probe import settings_of

from adapters.ranker.training.conversations import Conversation, Question, read
from memory.sufficiency import DENSE, LEXICAL, Regression, is_personal
from memory.turn import Scope
from proxy.compose import compose
from proxy.memory_turns import turn_records
from proxy.memory_wire import TurnMessage
from proxy.parts import Parts

EVERYDAY = "everyday request"
_ONLY_OF_OTHERS = ("forget",)  # whether what was forgotten stays away is another question
_THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
_WEIGHTS = {EVERYDAY: 0.3, "abstain": 4.0}  # there are eight times as many of the one, an eighth of the other
_SIGNALS = ("cosine", "mass", "attribute", "topic", "advice", "day", "personal")
_EACH_ALONE = [Regression(**{each: float(each == name) for each in (*_SIGNALS, "bias")}) for name in _SIGNALS]
_ROUNDS = 6  # which hit answers is told by the coefficients, which are learnt from the hits that answer

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question with the signals of what was found, a row for each hit."""

    kind: str
    data: int
    answerable: bool
    hits: Values
    told: float  #: the product's own sufficiency


def asked_of(path: Path, number: int, everyday: Sequence[str], *, dense: bool) -> Iterator[Asked]:
    """Yield all that is asked of a file's conversations, each a user of a vault of its own."""
    for one in read(path, "generated"):
        with tempfile.TemporaryDirectory(prefix="sufficiency-") as folder:
            parts = compose(settings_of(Path(folder), **({} if dense else {"embedder": "none"})))
            try:
                yield from _of_user(parts, one, number, everyday)
            finally:
                parts.store.close()


def _of_user(parts: Parts, one: Conversation, number: int, everyday: Sequence[str]) -> Iterator[Asked]:
    scope = Scope(user="somebody")
    questions = [question for question in one.questions if question.kind not in _ONLY_OF_OTHERS]
    for session in one.sessions:
        messages = [
            TurnMessage.model_validate(
                {"role": each.role, "content": each.text, "id": each.id, "created_at": each.said_at}
            )
            for each in session
        ]
        for record in turn_records(scope, session[0].session, messages):
            parts.store.ledger.append(record)
        while exchanges := parts.store.ledger.claim(limit=16, lease_s=60):
            for exchange in exchanges:
                parts.pipeline.after(exchange)
        yield from (_asked(parts, scope, q, number) for q in questions if q.after == session[0].session)
    last = [question for question in questions if not question.after]
    yield from (_asked(parts, scope, question, number) for question in last)
    concerns_nothing = replace(last[0], kind=EVERYDAY, answerable=False)
    yield from (_asked(parts, scope, replace(concerns_nothing, text=text), number) for text in everyday)


def _asked(parts: Parts, scope: Scope, question: Question, number: int) -> Asked:
    recall = parts.pipeline.search(scope, query=question.text, top_k=10, now=question.asked_at)
    personal = is_personal(question.text)
    hits = [hit for hit in recall.hits if "question" not in hit.cube.tags]
    rows = [[each.odds(hit.signals, personal=personal) for each in _EACH_ALONE] for hit in hits]
    values = np.array(rows or np.zeros((1, len(_SIGNALS))), np.float64)
    return Asked(question.kind, number, question.answerable, values, recall.sufficiency)


def learnt(asked: Sequence[Asked], columns: Sequence[int]) -> Regression:
    """Return the regression that tells best which questions are answered, by their likeliest hit."""
    right = np.array([each.answerable for each in asked], np.float64)
    weights = np.array([_WEIGHTS.get(each.kind, 1.0) for each in asked])
    rows = np.array([each.hits.max(axis=0)[columns] for each in asked])
    found = np.zeros(len(columns) + 1)
    for _ in range(_ROUNDS):
        found = _fitted(rows, right, weights)
        likeliest = [int(np.argmax(each.hits[:, columns] @ found[:-1])) for each in asked]
        rows = np.array([each.hits[row][columns] for each, row in zip(asked, likeliest, strict=True)])
    amounts = {_SIGNALS[column]: float(value) for column, value in zip(columns, found[:-1], strict=True)}
    return Regression(**dict.fromkeys(_SIGNALS, 0.0) | amounts, bias=float(found[-1]))


def _fitted(rows: Values, right: Values, weights: Values, steps: int = 6000, rate: float = 0.5) -> Values:
    """Logistic regression by gradient descent on standardised columns."""
    mean, deviation = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    inputs = np.column_stack([(rows - mean) / deviation, np.ones(len(rows))])
    found = np.zeros(inputs.shape[1])
    for _ in range(steps):
        wrong = weights * (1 / (1 + np.exp(-inputs @ found)) - right)
        found -= rate * (inputs.T @ wrong / weights.sum() + 2e-3 * found)
    scaled = found[:-1] / deviation
    return np.append(scaled, found[-1] - scaled @ mean)


def judged_by(regression: Regression, one: Asked) -> float:
    """Return the probability that the likeliest hit answers."""
    amounts = np.array([getattr(regression, name) for name in _SIGNALS])
    return float((1 / (1 + np.exp(-(one.hits @ amounts + regression.bias)))).max())


def report(asked: Sequence[Asked], told: Values, console: Console) -> None:
    """Print what each threshold lets through, and how often each probability is right."""
    answerable = np.array([each.answerable for each in asked])
    kinds = np.array([each.kind for each in asked])
    table = Table("questions", "n", "AUROC", *(f"at least {each:g}" for each in _THRESHOLDS))
    for kind in sorted(set(kinds.tolist()), key=lambda each: (each in _WEIGHTS, each)):
        of_kind = kinds == kind
        separates = f"{auroc(told[answerable].tolist(), told[of_kind].tolist()):.3f}" if kind in _WEIGHTS else ""
        shares = [f"{100 * (told[of_kind] >= each).mean():.0f} %" for each in _THRESHOLDS]
        table.add_row(kind, str(of_kind.sum()), separates, *shares)
    console.print(table)
    weights = np.array([_WEIGHTS.get(kind, 1.0) for kind in kinds])
    table = Table("said", "n", "answered")
    for low in np.arange(0, 1, 0.2):
        here = (told >= low) & (told < low + 0.2 + 1e-9 * (low > 0.7))
        share = (weights * answerable)[here].sum() / max(weights[here].sum(), 1e-9)
        table.add_row(f"{low:.1f} to {low + 0.2:.1f}", str(here.sum()), f"{share:.2f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="generated sets")
    parser.add_argument("--everyday", type=Path, default=Path(__file__).with_name("everyday.txt"))
    parser.add_argument("--fit", action="store_true", help="learn the coefficients, each file judged by the others'")
    parser.add_argument("--no-embedder", action="store_true", help="words alone")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    console = Console(width=120)
    everyday = [line for line in options.everyday.read_text("utf-8").splitlines() if line]
    asked = [
        each
        for number, path in enumerate(track(options.data, "asking", console=Console(stderr=True)))
        for each in asked_of(path, number, everyday, dense=not options.no_embedder)
    ]
    told = np.array([each.told for each in asked])
    if options.fit:
        columns = [n for n, name in enumerate(_SIGNALS) if name != "cosine" or not options.no_embedder]
        for number in range(len(options.data)) if len(options.data) > 1 else ():
            regression = learnt([each for each in asked if each.data != number], columns)
            here = [n for n, each in enumerate(asked) if each.data == number]
            told[here] = [judged_by(regression, asked[n]) for n in here]
        console.print("learnt from all:", learnt(asked, columns))
        console.print("that ships:", LEXICAL if options.no_embedder else DENSE)
    report(asked, told, console)


if __name__ == "__main__":
    main()
