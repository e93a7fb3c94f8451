"""Measurements of the time to the first token in; rows, aims and a report out."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench_console import markdown
from rich.console import Console
from rich.table import Column, Table

from proxy.restored import PENDING

PLAIN, ALONE = "plain prompt", "question alone"
RESIDENT, RAM, DISK = "resident", "from RAM", "from disk"
BARE = "llama.cpp's state, by itself"
THEIR_PLAIN, THEIR_CACHE = "llama.cpp's server, plain", "llama.cpp's server, its cache"
WAYS = (PLAIN, DISK, RAM, RESIDENT, BARE, THEIR_PLAIN, THEIR_CACHE, ALONE)
LLAMA, HF = "llama.cpp", "transformers"


class Cell(NamedTuple):
    """A case of the grid, in tokens."""

    memory: int
    question: int


@dataclass(frozen=True)
class Taken:
    """One first token, in seconds."""

    cpu_s: float
    wall_s: float
    placed_s: float = math.nan  #: CPU, of them until the prompt had its place in the context
    restored_s: float = math.nan  #: CPU of bringing the stored state there, measured by itself


@dataclass(frozen=True)
class Memory:
    """What a stored memory is and cost."""

    size_bytes: int
    build_s: float  #: CPU, until it lies on the disk
    copy_s: float  #: CPU of copying as many bytes from memory to memory


@dataclass
class Series:
    """What one engine took, inside its process or through HTTP."""

    engine: str
    place: str  #: inside | http
    taken: dict[tuple[Cell, str], list[Taken]] = field(default_factory=dict)
    memories: dict[int, Memory] = field(default_factory=dict)  #: by tokens
    checked: int = 0  #: first tokens that were compared with what must come
    untold: int = 0  #: answers whose stream had begun before the server knew where the memory came from
    problems: list[str] = field(default_factory=list)

    def add(self, cell: Cell, way: str, taken: Taken) -> None:
        self.taken.setdefault((cell, way), []).append(taken)

    def check(self, cell: Cell, way: str, *, text: str, expected: str, tier: str, wanted: str) -> None:
        """Note a wrong token, and a prefix that was not where the way says."""
        self.checked += 1
        where = f"{self.engine}, {self.place}, {cell.memory} x {cell.question}, {way}"
        if text != expected:
            self.problems.append(f"{where}: the first token was {text!r} and not {expected!r}")
        if tier == PENDING:
            self.untold += 1
        elif tier != wanted:
            self.problems.append(f"{where}: the memory came from {tier}")

    def least(self, cell: Cell, way: str, what: str = "cpu_s") -> float:
        """Return the least of the repeats, which the machine's other work disturbed least; NaN without one."""
        return min((getattr(taken, what) for taken in self.taken.get((cell, way), ())), default=math.nan)

    @property
    def cells(self) -> list[Cell]:
        return sorted({cell for cell, _ in self.taken})

    def cut(self, cell: Cell, way: str) -> float:
        """Return the share of the plain prompt's time that is saved."""
        plain = THEIR_PLAIN if way == THEIR_CACHE else PLAIN
        return 1 - self.least(cell, way) / self.least(cell, plain)

    def to_copy(self, cell: Cell, way: str) -> float:
        memory = self.memories.get(cell.memory)
        return self.least(cell, way, "restored_s") / memory.copy_s if memory and memory.copy_s else math.nan

    def uses_to_pay(self, cell: Cell, way: str) -> float:
        """Return after how many uses building has cost no more than it saved; NaN where nothing was built."""
        memory = self.memories.get(cell.memory)
        if memory is None or way not in (RAM, DISK):
            return math.nan
        saved = self.least(cell, PLAIN) - self.least(cell, way)
        return memory.build_s / saved if saved > 0 else math.inf


HEADINGS = ("engine", "memory", "question", "way", "CPU, s", "wall, s", "cut, %", "to resident")
INSIDE = ("placed in, ms CPU", "restored in, ms CPU", "to memcpy", "paid after uses")


def rows(series: Series) -> Iterator[list[str]]:
    for cell in series.cells:
        for way in WAYS:
            if (cell, way) not in series.taken:
                continue
            cut = math.nan if way in (PLAIN, THEIR_PLAIN, ALONE) else series.cut(cell, way) * 100
            to_resident = series.least(cell, way) / series.least(cell, RESIDENT) if way in (RAM, DISK) else math.nan
            line = [
                series.engine,
                f"{cell.memory:,}",
                str(cell.question),
                way,
                _number(series.least(cell, way), 4),
                _number(series.least(cell, way, "wall_s"), 4),
                _number(cut, 1),
                _number(to_resident, 3),
            ]
            if series.place == "inside":
                line += [_number(series.least(cell, way, what) * 1000, 2) for what in ("placed_s", "restored_s")]
                line.append(_number(series.to_copy(cell, way), 2))
            yield [*line, _number(series.uses_to_pay(cell, way), 2)]


def headings(place: str) -> list[str]:
    return [*HEADINGS, *(INSIDE if place == "inside" else INSIDE[-1:])]


class Aim(NamedTuple):
    """What was aimed at, and what it came to."""

    what: str
    bound: str
    measured: float
    held: bool
    unit: str = ""


def aims(all_series: Iterable[Series]) -> Iterator[Aim]:
    """Return the aims for which there are measurements."""
    for series in all_series:
        where, cells = f"{series.engine}, {series.place}", series.cells
        longest = Cell(6064, 167)
        for way in (RAM, DISK):
            if not math.isnan(cut := series.cut(longest, way)):
                yield Aim(f"{where}: cut at 6,064 x 167, {way}", ">= 95", cut * 100, cut >= 0.95, " %")
        if series.place == "http":
            worst = _most(series.least(cell, RAM) / series.least(cell, RESIDENT) for cell in cells)
            yield Aim(f"{where}: from RAM to resident", "<= 1.02", worst, worst <= 1.02)
            continue
        for way, bound in ((RAM, 1.25), (DISK, 3)):
            worst = _most(series.to_copy(cell, way) for cell in cells)
            yield Aim(f"{where}: restored to memcpy, {way}", f"<= {bound:g}", worst, worst <= bound)
        worst = _most(series.least(cell, RESIDENT, "placed_s") for cell in cells) * 1000
        yield Aim(f"{where}: resident hit", "< 5", worst, worst < 5, " ms")


def _most(values: Iterable[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def _number(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def _aim_rows(all_series: Iterable[Series]) -> Iterator[list[str]]:
    for aim in aims(all_series):
        measured = "not measured" if math.isnan(aim.measured) else f"{aim.measured:.2f}{aim.unit}"
        yield [aim.what, aim.bound, measured, "yes" if aim.held else "no"]


AIM_HEADINGS = ["aim", "bound", "measured, the worst", "held"]
PLACES = {
    "inside": "Inside the engine: from the submitted tokens to the first one drawn",
    "http": "Through HTTP: proxy and engine, from the request to the first text",
}


def report(all_series: Sequence[Series], head: str) -> str:
    """Return the Markdown that is kept."""
    parts = [head]
    for place, title in PLACES.items():
        lines = [row for series in all_series if series.place == place for row in rows(series)]
        if lines:
            parts.append(f"{title}\n\n{markdown(headings(place), lines)}")
    memories = [
        [
            series.engine,
            series.place,
            f"{tokens:,}",
            f"{memory.size_bytes / 2**20:.1f}",
            f"{memory.build_s:.2f}",
            _number(memory.copy_s * 1000, 2),
        ]
        for series in all_series
        for tokens, memory in sorted(series.memories.items())
    ]
    parts.append(markdown(["engine", "", "memory", "stored, MiB", "building it, CPU s", "memcpy, ms CPU"], memories))
    parts.append(markdown(AIM_HEADINGS, list(_aim_rows(all_series))))
    checked, problems = sum(s.checked for s in all_series), [line for s in all_series for line in s.problems]
    parts.append(f"First tokens that were compared with what must come: {checked:,}; wrong: {len(problems)}.")
    if untold := sum(series.untold for series in all_series):
        parts.append(
            f"{untold} answers took so long that their streams began before it was known where the memory was."
        )
    parts += [f"- {line}" for line in problems[:20]]
    return "\n\n".join(parts) + "\n"


def show(all_series: Sequence[Series], console: Console) -> None:
    """Print what ``report`` keeps."""
    for series in all_series:
        columns = [Column(name, no_wrap=name == "way") for name in headings(series.place)]
        table = Table(*columns, title=PLACES[series.place])
        before: list[str] = []
        for line in rows(series):
            if before and before != line[:3]:
                table.add_section()
            before = line[:3]
            table.add_row(*line)
        console.print(table)
    table = Table(*AIM_HEADINGS)
    for line in _aim_rows(all_series):
        table.add_row(*line)
    console.print(table)
