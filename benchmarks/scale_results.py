"""What probes found in, tables in Markdown and the goals out."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench_console import markdown
from engine_load import percentile
from scale_probe import Probe

MIB = 1 << 20
AT_10_000, GROWTH_TO_100_000, REQUEST_MS = 1.5, 3.0, 1.0  #: goals
_SEARCHES = (
    "users",
    "memories of each",
    "embedding a question, ms",
    "first search, ms",
    "its wall, ms",
    "search, ms: p50",
    "p95",
    "to embedding",
    "after a write, ms",
    "to embedding",
    "held, MiB",
    "store, MiB",
)
_KEEPING = ("users", "memories of each", "in the request, ms", "to embedding", "in the background, ms", "to embedding")


@dataclass(frozen=True, slots=True)
class Measured:
    """One vault and what was found there."""

    series: str
    users: int
    each: int  #: memories of each user
    size_bytes: int
    probe: Probe

    @property
    def embedding(self) -> float:
        """CPU milliseconds of embedding one question."""
        return statistics.median(self.probe.embedding)

    @property
    def warm(self) -> float:
        """CPU milliseconds of a search, embedding included."""
        return statistics.median(self.probe.warm)

    @property
    def first(self) -> float:
        """CPU milliseconds of a user's first search."""
        return statistics.median(self.probe.first)

    @property
    def after_write(self) -> float:
        """CPU milliseconds of the search that follows a turn which was kept."""
        return statistics.median(self.probe.after_write)

    @property
    def request(self) -> float:
        """CPU milliseconds of keeping a turn, before its answer ends."""
        return statistics.median(self.probe.request)

    @property
    def background(self) -> float:
        """CPU milliseconds of keeping a turn, after its answer."""
        return statistics.median(self.probe.background)


def report(found: Sequence[Measured], where: str, *, drawn: bool) -> str:
    """Return all in Markdown."""
    lines = [
        "# Searching and keeping, and how much there is already",
        "",
        f"{where}. Milliseconds of CPU of one process, medians; a search includes the embedding of its question. "
        "*First*: after a restart, nothing of the user loaded. *After a write*: the search that follows a turn which "
        "was kept. *Held*: resident memory that the users' indexes took.",
        "",
    ]
    lines += ["![CPU over memories](scale.svg)", ""] if drawn else []
    for name in dict.fromkeys(each.series for each in found):
        some = [each for each in found if each.series == name]
        lines += [f"## {name.capitalize()}", "", markdown(_SEARCHES, map(_searches, some)), ""]
        lines += [markdown(_KEEPING, map(_keeping, some)), ""]
    lines += ["## Goals", "", markdown(("", "is", "at most"), goals(found)), ""]
    return "\n".join(lines)


def goals(found: Sequence[Measured]) -> Iterator[list[str]]:
    """Yield what was wanted and what is, as far as it was measured."""
    alone = {each.each: each for each in found if each.series == "one user"}
    if middle := alone.get(10_000):
        ratio = middle.warm / middle.embedding
        yield ["search among 10,000, to embedding", f"{ratio:.2f} ×", f"{AT_10_000} ×"]
        if large := alone.get(100_000):
            grown = (large.warm / large.embedding) / ratio
            yield ["search among 100,000, to that among 10,000", f"{grown:.2f} ×", f"{GROWTH_TO_100_000} ×"]
    worst = max(found, key=lambda each: each.request)
    yield ["keeping a turn, in the request, ms", f"{worst.request:.2f}", f"{REQUEST_MS}"]


def _searches(each: Measured) -> list[str]:
    probe, yardstick = each.probe, each.embedding
    return [
        f"{each.users:,}",
        f"{each.each:,}",
        f"{yardstick:.1f}",
        f"{each.first:.0f}",
        f"{statistics.median(probe.first_wall):.0f}",
        f"{each.warm:.1f}",
        f"{percentile(probe.warm, 0.95):.1f}",
        f"{each.warm / yardstick:.2f} ×",
        f"{each.after_write:.1f}",
        f"{each.after_write / yardstick:.2f} ×",
        f"{probe.held_mib:.0f}" + (f" ({probe.touched} users)" if each.users > 1 else ""),
        f"{each.size_bytes / MIB:.0f}",
    ]


def _keeping(each: Measured) -> list[str]:
    costs = [(value, value / each.embedding) for value in (each.request, each.background)]
    return [
        f"{each.users:,}",
        f"{each.each:,}",
        *(cell for ms, ratio in costs for cell in (f"{ms:.2f}", f"{ratio:.2f} ×")),
    ]
