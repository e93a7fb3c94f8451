"""Answers in four conditions in, what is right and when the first text comes as one SVG out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from activation_charts import save, tidy
from answers_results import CONDITIONS, HISTORY, NONE, OURS, RAG, Row, of, share
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = {NONE: "#7f8c8d", HISTORY: "#c0392b", RAG: "#2471a3", OURS: "#1e8449"}


def draw(found: Mapping[str, Sequence[Row]], path: Path) -> None:
    """Draw, a row for each set: shares of right answers, and these over the time to the first text."""
    figure = Figure(figsize=(11, 0.6 + 3.4 * len(found)), layout="constrained")
    grid = figure.subplots(len(found), 2, squeeze=False, width_ratios=(3, 2))
    for line, (name, rows) in zip(grid, found.items(), strict=True):
        _draw_kinds(line[0], rows)
        _draw_times(line[1], rows)
        line[0].set_ylabel(f"{name}\nshare answered right")
        for axes in line:
            axes.set_ylim(0, 1.05)
            tidy(axes)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(CONDITIONS), frameon=False)
    save(figure, path)


def _draw_kinds(axes: Axes, rows: Sequence[Row]) -> None:
    kinds = sorted({(not row.answerable, row.kind) for row in rows})
    width = 0.8 / len(CONDITIONS)
    for number, condition in enumerate(CONDITIONS):
        values = [share(of(rows, condition, lambda row, kind=kind: row.kind == kind)) for _, kind in kinds]
        places = [place + (number - (len(CONDITIONS) - 1) / 2) * width for place in range(len(kinds))]
        off = [[value - low for value, low, _ in values], [high - value for value, _, high in values]]
        axes.bar(places, [value for value, _, _ in values], width * 0.9, color=COLOURS[condition], label=condition)
        axes.errorbar(places, [value for value, _, _ in values], off, fmt="none", ecolor="#222222", elinewidth=0.6)
    labels = [f"{kind}*" if nothing else kind for nothing, kind in kinds]
    axes.set_xticks(range(len(kinds)), labels, rotation=30, ha="right", fontsize=8)
    axes.set_xlabel("* nothing answers it", fontsize=8)


def _draw_times(axes: Axes, rows: Sequence[Row]) -> None:
    for condition in CONDITIONS:
        some = of(rows, condition, lambda row: row.answerable)
        value, low, high = share(some)
        first_ms, again_ms = (1000 * median(each) for each in ([r.first_s for r in some], [r.again_s for r in some]))
        off = [[value - low], [high - value]]
        axes.plot([again_ms, first_ms], [value, value], ":", color=COLOURS[condition], linewidth=1)
        axes.errorbar(first_ms, value, off, fmt="o", color=COLOURS[condition], markersize=6)
        axes.plot(again_ms, value, "D", color=COLOURS[condition], markersize=5, fillstyle="none")
    axes.set(xscale="log")
    axes.set_xlabel("first text, ms, median; ◇ right after another question", fontsize=8)
