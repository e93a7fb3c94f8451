"""What a lifecycle run found in; tables for the terminal and as Markdown out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench_console import markdown
from engine_load import percentile
from rich.console import Console
from rich.table import Table

from memory.upkeep import Tally

MIB = 1 << 20
ROWS = ("in use", "archived", "expired", "superseded")
WAYS = ("recall", "in use alone")
PRIORITIES = ("high", "usual", "low")


@dataclass(frozen=True)
class Mark:
    """One look at the vault."""

    day: float
    updates: int
    rows: dict[str, int]  #: memories by where they stand in their life
    size_bytes: int  #: database and write-ahead log
    recall_s: dict[str, list[float]]  #: CPU of each recall, by way
    right: dict[tuple[str, str], float]  #: share of notes found among the first four, by way and priority


@dataclass
class Run:
    """All that was measured."""

    marks: list[Mark] = field(default_factory=list)
    idle_s: list[float] = field(default_factory=list)  #: CPU of looks that found nothing due
    sweeps: list[tuple[int, float]] = field(default_factory=list)  #: memories that were due in an hour, CPU
    update_s: float = 0.0
    quota_s: float = 0.0
    tally: Tally = field(default_factory=Tally)

    def swept(self, count: int, cpu_s: float) -> None:
        if count:
            self.sweeps.append((count, cpu_s))


HELD_HEADINGS = ("day", "updates", *ROWS, "store, MiB")
FOUND_HEADINGS = (
    "day", *(f"{way}, ms: {share}" for way in WAYS for share in ("p50", "p95")),
    *(f"{way}: {name}" for way in WAYS for name in PRIORITIES),
)  # fmt: skip
COST_HEADINGS = ("", "how many", "CPU, s", "each, ms: mean", "p50", "p99")


def tables(run: Run, most: int = 12) -> Iterator[tuple[tuple[str, ...], list[list[str]]]]:
    step = max(1, len(run.marks) // most)
    marks = run.marks[step - 1 :: step]
    yield HELD_HEADINGS, [_held(mark) for mark in marks]
    yield FOUND_HEADINGS, [_found(mark) for mark in marks]
    yield COST_HEADINGS, cost_rows(run)


def _held(mark: Mark) -> list[str]:
    counts = [f"{mark.rows.get(name, 0):,}" for name in ROWS]
    return [f"{mark.day:.0f}", f"{mark.updates:,}", *counts, f"{mark.size_bytes / MIB:.0f}"]


def _found(mark: Mark) -> list[str]:
    times = [f"{percentile(mark.recall_s[way], share) * 1000:.2f}" for way in WAYS for share in (0.5, 0.95)]
    return [f"{mark.day:.0f}", *times, *(f"{mark.right[way, name]:.0%}" for way in WAYS for name in PRIORITIES)]


def cost_rows(run: Run) -> list[list[str]]:
    updates = run.marks[-1].updates if run.marks else 0
    swept, sweep_s = sum(count for count, _ in run.sweeps), sum(cpu_s for _, cpu_s in run.sweeps)
    each = [cpu_s / count for count, cpu_s in run.sweeps]
    tally, looks = run.tally, len(run.idle_s)
    return [
        ["updates", f"{updates:,}", f"{run.update_s:.0f}", _ms(run.update_s, updates), "", ""],
        ["memories that were due", f"{swept:,}", f"{sweep_s:.0f}", _ms(sweep_s, swept), *_shares(each)],
        [
            "looks with nothing due",
            f"{len(run.idle_s):,}",
            "",
            _ms(sum(run.idle_s), len(run.idle_s)),
            *_shares(run.idle_s),
        ],
        ["quotas kept", f"{looks:,}", f"{run.quota_s:.0f}", _ms(run.quota_s, looks), "", ""],
        ["expired", f"{tally.expired:,}", "", "", "", ""],
        ["archived", f"{tally.archived:,}", "", "", "", ""],
        ["removed for good", f"{tally.removed:,}", "", "", "", ""],
    ]


def _ms(seconds: float, count: int) -> str:
    return f"{seconds / max(1, count) * 1000:.3f}"


def _shares(values: Sequence[float]) -> list[str]:
    return [f"{percentile(values, share) * 1000:.3f}" for share in (0.5, 0.99)] if values else ["", ""]


def show(run: Run, console: Console) -> None:
    for headings, body in tables(run):
        table = Table(*headings)
        for row in body:
            table.add_row(*row)
        console.print(table)


def report(run: Run, where: str, *, drawn: bool) -> str:
    lines = [f"{where}. CPU times of one process; no embedder.", ""]
    lines += ["![over time](lifecycle.svg)", ""] if drawn else []
    for headings, body in tables(run):
        lines += [markdown(headings, body), ""]
    return "\n".join(lines)
