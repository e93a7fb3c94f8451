"""Rows of several rankings in, tables for the terminal and as Markdown out."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench_console import markdown
from retrieval_metrics import BUDGETS, CUTS, Row, Rows, auroc, interval, withholding
from rich.table import Table as Shown

VALUES = (*(f"recall@{cut}" for cut in CUTS), "recall_all@5", "nDCG@10", "session_all@5")
BUDGETED = tuple(f"in {budget} tokens" for budget in BUDGETS)
BY_KIND = ("recall@5", "recall@10", "recall_all@5", "session_all@5")
MISSING = "–"


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, columns and rows of cells."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return the table in Markdown."""
        return f"## {self.title}\n\n{markdown(self.columns, self.rows)}\n"

    def shown(self) -> Shown:
        """Return the table for a terminal."""
        shown = Shown(*self.columns, title=self.title)
        for row in self.rows:
            shown.add_row(*row)
        return shown


def tables(found: Mapping[str, Rows], ours: str, missing: Mapping[str, str], threshold: float) -> Iterator[Table]:
    """Yield all tables; ``missing``: why a ranking has no rows, by its name; ``ours``: the one with a threshold."""
    yield _overall(found, missing)
    yield _cost(found)
    kinds = sorted({row.kind for rows in found.values() for row in rows.rows if "recall@5" in row.values})
    for value in BY_KIND:
        if any(rows.count(value) for rows in found.values()):
            yield _by_kind(found, value, kinds)
    if table := _sufficiency(found, ours, threshold):
        yield table


def _overall(found: Mapping[str, Rows], missing: Mapping[str, str]) -> Table:
    rows = [
        [name, *(_share(each.mean(value)) for value in VALUES), _interval(each.rows, "recall@5")]
        for name, each in found.items()
    ]
    rows += [[name, why, *[""] * len(VALUES)] for name, why in missing.items()]
    questions = next(iter(found.values())).count()
    return Table(f"Evidence found, {questions} questions", ("ranking", *VALUES, "recall@5, 95 %"), rows)


def _cost(found: Mapping[str, Rows]) -> Table:
    rows = [
        [
            name,
            *(_share(each.mean(value)) for value in BUDGETED),
            *(_number(each.mean(f"tokens@{cut}"), 0) for cut in (5, 10)),
            _number(each.query_cpu_ms, 1),
            _number(each.kept_cpu_ms, 1),
        ]
        for name, each in found.items()
    ]
    columns = (
        "ranking",
        *(f"recall {value}" for value in BUDGETED),
        "tokens of the first 5",
        "of the first 10",
        "CPU ms a query",
        "CPU ms a message kept",
    )
    return Table("What it takes", columns, rows)


def _by_kind(found: Mapping[str, Rows], value: str, kinds: Sequence[str]) -> Table:
    counts = {kind: next(iter(found.values())).of(kind).count(value) for kind in kinds}
    columns = ("ranking", *(f"{kind} ({count})" for kind, count in counts.items()))
    rows = [[name, *(_share(each.of(kind).mean(value)) for kind in kinds)] for name, each in found.items()]
    return Table(f"{value} by type of question", columns, rows)


def _sufficiency(found: Mapping[str, Rows], ours: str, threshold: float) -> Table | None:
    """How well the score that goes with an answer tells that there is none; a threshold only for ``ours``."""
    kinds = sorted({row.kind for row in found[ours].rows if not row.answerable})
    if not kinds:
        return None
    rows = []
    for kind in kinds:
        for name, each in found.items():
            yes = _told(row for row in each.rows if row.answerable)
            no = _told(row for row in each.rows if row.kind == kind)
            cells = [kind if name == ours else "", name, f"{len(yes)} : {len(no)}", _number(auroc(yes, no), 3)]
            if name == ours:
                rule = withholding(yes, no, threshold)
                rows.append([*cells, _share(rule.precision), _share(rule.recall)])
            else:
                rows.append([*cells, "", ""])
    columns = ("nothing answers", "ranking", "answerable : not", "AUROC", f"precision below {threshold:g}", "recall")
    return Table("Is there anything that answers?", columns, rows)


def _told(rows: Iterator[Row]) -> list[float]:
    return [row.sufficiency for row in rows if row.sufficiency is not None]


def _interval(rows: Sequence[Row], value: str) -> str:
    low, high = interval(rows, value)
    return MISSING if math.isnan(low) else f"{100 * low:.1f} to {100 * high:.1f}"


def _share(value: float) -> str:
    return MISSING if math.isnan(value) else f"{100 * value:.1f}"


def _number(value: float, digits: int) -> str:
    return MISSING if math.isnan(value) else f"{value:,.{digits}f}"
