"""Answers in four conditions in; tables for the terminal and as Markdown out."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from answers_judge import wilson
from engine_load import percentile
from retrieval_results import MISSING, Table

NONE, HISTORY, RAG, OURS = "no memory", "full history", "plain RAG", "this proxy"
CONDITIONS = (NONE, HISTORY, RAG, OURS)
ANSWERED, NOTHING = "all that something answers", "all that nothing answers"


@dataclass(frozen=True, slots=True)
class Row:
    """One answer."""

    kind: str
    answerable: bool
    condition: str
    held: bool  #: what was brought in before the question says a right answer
    right: bool
    stale: bool  #: it says what held before
    unknowing: bool  #: it says that it is not known
    first_s: float
    first_cpu_s: float
    again_s: float  #: of another question right after it
    again_cpu_s: float
    prompt_tokens: int
    cached_tokens: int
    question: str
    answer: str


def tables(rows: Sequence[Row], name: str) -> Iterator[Table]:
    """Yield the tables of one set."""
    yield _shares(rows, name)
    yield _costs(rows, name)


def of(rows: Sequence[Row], condition: str, keep: Callable[[Row], bool] = lambda _: True) -> list[Row]:
    """Return the rows of one condition."""
    return [row for row in rows if row.condition == condition and keep(row)]


def share(rows: Sequence[Row]) -> tuple[float, float, float]:
    """Return the share of right answers and its interval; NaN of nothing."""
    right = sum(row.right for row in rows)
    return (right / len(rows) if rows else math.nan, *wilson(right, len(rows)))


def _shares(rows: Sequence[Row], name: str) -> Table:
    lines = []
    for answerable, whole in ((True, ANSWERED), (False, NOTHING)):
        some = [row for row in rows if row.answerable is answerable]
        if not some:
            continue
        kinds = sorted({row.kind for row in some})
        lines += [_share_line(kind, [row for row in some if row.kind == kind]) for kind in kinds]
        lines.append(_share_line(f"**{whole}**", some))
    columns = ("question", "n", *CONDITIONS)
    return Table(f"Answered right, {name}: percent (95 % interval)", columns, lines)


def _share_line(title: str, rows: Sequence[Row]) -> list[str]:
    cells = []
    for condition in CONDITIONS:
        value, low, high = share(of(rows, condition))
        cells.append("" if math.isnan(value) else f"{100 * value:.0f} ({100 * low:.0f} to {100 * high:.0f})")
    return [title, str(len(of(rows, CONDITIONS[0]))), *cells]


def _costs(rows: Sequence[Row], name: str) -> Table:
    lines = []
    for condition in CONDITIONS:
        some = of(rows, condition)
        answerable = [row for row in some if row.answerable]
        lines.append(
            [
                condition,
                f"{median(row.prompt_tokens for row in some):,.0f}",
                f"{max(row.prompt_tokens for row in some):,}",
                f"{sum(row.cached_tokens for row in some) / len(some):,.0f}",
                *(f"{1000 * percentile([row.first_s for row in some], at):,.0f}" for at in (0.5, 0.95)),
                f"{1000 * median(row.first_cpu_s for row in some):,.0f}",
                f"{1000 * median(row.again_s for row in some):,.0f}",
                f"{1000 * median(row.again_cpu_s for row in some):,.0f}",
                percent([row.held for row in answerable]),
                percent([row.right for row in answerable if row.held]),
                percent([row.unknowing for row in answerable]),
                percent([row.stale for row in answerable]),
            ]
        )
    columns = (
        "condition",
        "prompt tokens: median",
        "most",
        "computed before: mean",
        "first text, ms: median",
        "p95",
        "CPU",
        "again, ms: median",
        "again, CPU",
        "holds an answer, %",
        "of these right, %",
        'says "I don\'t know", %',
        "says what held before, %",
    )
    return Table(f"What it takes, {name}", columns, lines)


def percent(values: Sequence[bool]) -> str:
    """Return the share of what holds."""
    return f"{100 * sum(values) / len(values):.0f}" if values else MISSING


def report(found: Mapping[str, Sequence[Row]], how: str, *, drawn: bool) -> str:
    """Return the Markdown; ``drawn``: there is a picture beside it."""
    lines = [
        "# Questions answered right, with and without memory",
        "",
        f"`python benchmarks/answers.py`; {how}; the embedded model, decoded greedily.",
        "",
        *(["![right answers and first text](answers.svg)", ""] if drawn else []),
        *(table.markdown() for name, rows in found.items() for table in tables(rows, name)),
        "First text: from the request to the first token of the answer over HTTP, nothing of the prompt computed",
        "before; again: another question of the same person right after it, asked the same way. CPU is that of proxy",
        "and engine, medians in ms; of plain RAG with its embedding and search, which the benchmark does. The last",
        "four columns are of questions that something answers; *holds an answer*: what was brought in before the",
        "question says it. Wall times depend on what else the machine does, CPU less so.",
    ]
    return "\n".join(lines) + "\n"
