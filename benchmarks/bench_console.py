"""What all benchmarks show while they run and say in their reports: progress, the machine, tables in Markdown."""

import argparse
import os
import platform
from collections.abc import Collection, Iterable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn


def progress_bar(*more: ProgressColumn, console: Console | None = None) -> Progress:
    """Return a bar on the error output; ``more``: columns at its end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), *more)
    return Progress(*columns, console=console or Console(stderr=True))


def machine(*more: str) -> str:
    """Return on what this runs; ``more``: between the cores and the Python."""
    words = [platform.machine(), f"{os.cpu_count()} cores", *more, f"Python {platform.python_version()}"]
    return ", ".join(words)


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *rows))


def names_of(text: str, known: Collection[str]) -> tuple[str, ...]:
    """Return the names in a list with commas. Raises: ArgumentTypeError: one is not known."""
    names = tuple(text.split(","))
    if unknown := sorted(set(names) - set(known)):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(known)}")
    return names
