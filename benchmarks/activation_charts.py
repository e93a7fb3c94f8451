"""Measurements in, charts as SVG out: the only file of the benchmarks that needs matplotlib."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from ttft_results import ALONE, BARE, DISK, PLAIN, RAM, RESIDENT, THEIR_CACHE, THEIR_PLAIN, Series

mpl.rcParams.update({"svg.hashsalt": "benchmark", "svg.fonttype": "none", "font.size": 9})
INK, FAINT = "#222222", "#bbbbbb"
LOOKS = {  # by way: colour, line, marker
    PLAIN: ("#c0392b", "-", "o"),
    DISK: ("#8e6bbf", "-", "v"),
    RAM: ("#2471a3", "-", "s"),
    RESIDENT: ("#1e8449", "-", "^"),
    BARE: ("#2471a3", ":", "x"),
    THEIR_PLAIN: ("#c0392b", "--", "."),
    THEIR_CACHE: ("#1e8449", "--", "."),
    ALONE: ("#7f8c8d", "--", ""),
}


def first_tokens(found: Sequence[Series], path: Path) -> None:
    """Draw CPU seconds to the first token over the memory's length: a row each series, a column each question."""
    questions = sorted({cell.question for series in found for cell in series.cells})
    figure = Figure(figsize=(1 + 3.3 * len(questions), 0.8 + 2.8 * len(found)), layout="constrained")
    grid = figure.subplots(len(found), len(questions), sharex=True, sharey="row", squeeze=False)
    for line, series in zip(grid, found, strict=True):
        for axes, question in zip(line, questions, strict=True):
            _draw_question(axes, series, question)
        line[0].set_ylabel(f"{series.engine}, {series.place}\nCPU seconds to the first token")
    for axes, question in zip(grid[0], questions, strict=True):
        axes.set_title(f"a question of {question} tokens")
    for axes in grid[-1]:
        axes.set_xlabel("tokens of memory")
    shown = [axes.get_legend_handles_labels() for axes in grid.flat]
    handles = {label: handle for both in shown for handle, label in zip(*both, strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False)
    save(figure, path)


def _draw_question(axes: Axes, series: Series, question: int) -> None:
    cells = [cell for cell in series.cells if cell.question == question]
    axes.set_yscale("log")
    for way, (colour, line, marker) in LOOKS.items():
        values = [series.least(cell, way) for cell in cells]
        if not all(map(math.isnan, values)):
            axes.plot([c.memory for c in cells], values, line, color=colour, marker=marker, markersize=4, label=way)
    for cell in cells:
        cut = series.cut(cell, RAM)
        if not math.isnan(cut):
            place = (cell.memory, series.least(cell, RAM))
            axes.annotate(f"−{cut:.1%}", place, (0, 7), textcoords="offset points", ha="center", color=INK)
    axes.set_xticks(sorted({cell.memory for cell in series.cells}))
    axes.margins(0.15)
    tidy(axes)


def tidy(axes: Axes) -> None:
    """Take away what says nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=FAINT, linewidth=0.4)


def save(figure: Figure, path: Path) -> None:
    """Write the same bytes for the same drawing."""
    figure.savefig(path, format="svg", metadata={"Date": None})


TIER_COLOURS = {"resident": "#1e8449", "ram": "#2471a3", "disk": "#8e6bbf", "cold": "#b7950b", "text": "#c0392b"}
PARTS = 12  #: of the time, for shares


def traffic(
    *,
    first_s: Mapping[str, Sequence[float]],
    tiers: Sequence[tuple[float, str]],
    held: Sequence[tuple[float, Mapping[str, int]]],
    path: Path,
) -> None:
    """Draw the times to the first text, where activation memories were found, and what was held of them."""
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    times, found, kept = figure.subplots(1, 3)
    for (arm, values), colour in zip(first_s.items(), ("#2471a3", "#c0392b"), strict=True):
        ordered = sorted(values)
        shares = [(number + 1) / len(ordered) for number in range(len(ordered))]
        times.step(ordered, shares, where="post", color=colour, label=arm)
    times.set(
        xlabel="seconds to the first text",
        ylabel="share of chats, with and without activation memory",
        xscale="log",
        ylim=(0, 1.02),
    )
    _draw_tiers(found, tiers)
    minutes = [at_s / 60 for at_s, _ in held]
    for tier, colour in TIER_COLOURS.items():
        if any(tier in sizes for _, sizes in held):
            kept.plot(minutes, [sizes.get(tier, 0) / (1 << 20) for _, sizes in held], color=colour, label=tier)
    kept.set(xlabel="minutes", ylabel="MiB held", ylim=(0, None))
    for axes in (times, found, kept):
        tidy(axes)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=4, columnspacing=1)
    save(figure, path)


def _draw_tiers(axes: Axes, tiers: Sequence[tuple[float, str]]) -> None:
    end = max((at_s for at_s, _ in tiers), default=1.0) or 1.0
    counts = [
        Counter(tier for at_s, tier in tiers if int(at_s / end * PARTS * 0.9999) == part) for part in range(PARTS)
    ]
    totals = [max(1, count.total()) for count in counts]
    below = [0.0] * PARTS
    width = end / PARTS / 60
    for tier, colour in TIER_COLOURS.items():
        if any(count[tier] for count in counts):
            shares = [count[tier] / total for count, total in zip(counts, totals, strict=True)]
            places = [(part + 0.5) * width for part in range(PARTS)]
            axes.bar(places, shares, width * 0.92, bottom=below, color=colour, label=tier)
            below = [low + share for low, share in zip(below, shares, strict=True)]
    axes.set(xlabel="minutes", ylabel="share of chats, by where it was found", ylim=(0, 1.02))
