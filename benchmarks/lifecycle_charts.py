"""A lifecycle run in, four charts over simulated time as one SVG out."""

from pathlib import Path

from activation_charts import save, tidy
from engine_load import percentile
from lifecycle_results import MIB, PRIORITIES, ROWS, WAYS, Run
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ROW_COLOURS = {"in use": "#1e8449", "archived": "#2471a3", "expired": "#c0392b", "superseded": "#bbbbbb"}
PRIORITY_COLOURS = {"high": "#1e8449", "usual": "#2471a3", "low": "#c0392b"}
WAY_LINES = {"recall": "-", "in use alone": ":"}


def draw(run: Run, path: Path) -> None:
    """Draw what the vault holds, its size, what recall costs and what is found."""
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    (rows, size), (times, right) = figure.subplots(2, 2)
    days = [mark.day for mark in run.marks]
    rows.stackplot(days, [[mark.rows.get(name, 0) for mark in run.marks] for name in ROWS], labels=ROWS,
                   colors=[ROW_COLOURS[name] for name in ROWS])  # fmt: skip
    rows.set(ylabel="memories", ylim=(0, None))
    size.plot(days, [mark.size_bytes / MIB for mark in run.marks], color="#222222")
    size.set(ylabel="store, MiB", ylim=(0, None))
    _draw_times(times, run, days)
    _draw_right(right, run, days)
    for axes in (rows, size, times, right):
        tidy(axes)
        axes.set_xlabel("simulated days")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    save(figure, path)


def _draw_times(axes: Axes, run: Run, days: list[float]) -> None:
    for way, colour in zip(WAYS, ("#2471a3", "#1e8449"), strict=True):
        for share, line in ((0.5, "-"), (0.95, "--")):
            values = [percentile(mark.recall_s[way], share) * 1000 for mark in run.marks]
            axes.plot(days, values, line, color=colour, label=f"{way}, p{share * 100:.0f}")
    axes.set(ylabel="recall, ms of CPU", ylim=(0, None))


def _draw_right(axes: Axes, run: Run, days: list[float]) -> None:
    for way in WAYS:
        for name in PRIORITIES:
            values = [mark.right[way, name] for mark in run.marks]
            axes.plot(days, values, WAY_LINES[way], color=PRIORITY_COLOURS[name], label=f"{name} priority, {way}")
    axes.set(ylabel="share found among the first four", ylim=(0, 1.05))
