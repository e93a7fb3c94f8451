"""What probes found in, CPU of searches and memory held over the number of memories as one SVG out."""

from collections.abc import Sequence
from pathlib import Path

from activation_charts import save, tidy
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scale_results import AT_10_000, Measured

SEARCHES = {  # attribute: label, colour
    "first": ("first search after a restart", "#c0392b"),
    "after_write": ("search after a write", "#8e6bbf"),
    "warm": ("search", "#2471a3"),
}


def draw(found: Sequence[Measured], path: Path) -> None:
    """Draw one user and many users side by side, memory held beneath."""
    names = list(dict.fromkeys(each.series for each in found))
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    grid = figure.subplots(2, len(names), squeeze=False, sharex="col")
    for name, times, held in zip(names, *grid, strict=True):
        some = [each for each in found if each.series == name]
        _draw_times(times, some)
        sizes = [each.users * each.each for each in some]
        held.plot(sizes, [each.probe.held_mib for each in some], "o-", color="#222222", markersize=4)
        held.set(xscale="log", ylim=(0, None), xlabel="memories of all users", ylabel="memory held, MiB")
        times.set_title(name)
        tidy(times)
        tidy(held)
    grid[0][0].legend(frameon=False, fontsize=8)
    save(figure, path)


def _draw_times(axes: Axes, some: Sequence[Measured]) -> None:
    sizes = [each.users * each.each for each in some]
    for attribute, (label, colour) in SEARCHES.items():
        values = [getattr(each, attribute) / each.embedding for each in some]
        axes.plot(sizes, values, "o-", color=colour, markersize=4, label=label)
    axes.axhline(1, color="#7f8c8d", linestyle="--", linewidth=0.8)
    axes.axhline(AT_10_000, color="#1e8449", linestyle=":", linewidth=0.8)
    axes.set(xscale="log", yscale="log", ylabel="CPU, × embedding the question")
