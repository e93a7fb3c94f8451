"""Vaults of a thousand to a million memories in, what a search and a turn cost there out, as a table and a chart.

    python benchmarks/scale.py                          to 100,000 memories: about six minutes, half of them to fill
    python benchmarks/scale.py --largest 1_000_000      an hour
    python benchmarks/scale.py --largest 10_000         a minute
    python benchmarks/scale.py --series many --largest 1_000_000        ten thousand users: half an hour

One user with ever more memories, and ever more users with 100 each. Texts have English's frequencies of words, vectors
are random: their cost is real, what they find is not measured. After each filling a new process (scale_probe.py) is
what a restarted server would be: the first search, then those that follow, then turns that are kept. Everything is
compared with the CPU of embedding one question in the same process. Linux only.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from bench_console import machine, progress_bar
from bench_processes import HERE
from rich.progress import Progress, TaskID
from scale_probe import Probe, settings_of
from scale_results import Measured, report
from scale_texts import START, Texts, user_name

from memory.cube import Origin, SemanticType, Source
from memory.governance import Governance
from memory.ports import Matrix
from memory.turn import Draft, Scope
from memory.vault import open_vault
from proxy.compose import create_embedder

OF_EACH = 100  #: memories of each of many users
ONE_USER = (1_000, 10_000, 100_000, 1_000_000)
MANY_USERS = (1, 100, 1_000, 10_000)
BOTH = "both"
_BATCH = 500
_SESSION = 20  #: utterances
_APART = timedelta(minutes=5)


Series = Mapping[str, Sequence[tuple[int, int]]]  # by name: users, and memories of each


class Filling:
    """One data folder that grows."""

    def __init__(self, folder: Path, seed: int, progress: Progress) -> None:
        self.folder = folder
        self._texts, self._vectors = Texts(seed), np.random.default_rng(seed)
        self._now = START
        self._count: dict[str, int] = {}
        self._progress = progress
        embedder = create_embedder(settings_of(folder))
        if embedder is None:
            raise SystemExit("The settings name no embedder.")
        self._model_id, self._dimension = embedder.model_id, embedder.dimension

    def grow(self, users: int, each: int, task: TaskID) -> None:
        """Give so many users so many memories each; those that are there count."""
        files = open_vault(self.folder, clock=lambda: self._now)
        governance = Governance(None)
        try:
            for user in map(user_name, range(users)):
                while (missing := each - self._count.get(user, 0)) > 0:
                    drafts = [self._draft(user) for _ in range(min(_BATCH, missing))]
                    admitted = governance.admit(Scope(user=user), drafts)
                    files.vault.put(admitted, self._unit_rows(len(drafts)), self._model_id)
                    self._progress.advance(task, len(drafts))
        finally:
            files.close()

    def _draft(self, user: str) -> Draft:
        number = self._count[user] = self._count.get(user, 0) + 1
        self._now += _APART
        source = Source(
            conversation_id=f"{user}-{number // _SESSION}",
            message_ids=(f"m{number}",),
            role="assistant" if number % 2 else "user",
        )
        return Draft(
            text=self._texts.utterance(),
            semantic_type=SemanticType.TURN,
            origin=Origin.USER_INPUT,
            source=source,
            valid_from=self._now,
        )

    def _unit_rows(self, count: int) -> Matrix:
        rows = self._vectors.standard_normal((count, self._dimension), np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def measured(folder: Path, users: int, options: argparse.Namespace) -> Probe:
    """Return what a new process finds out."""
    words = [str(folder), str(users), str(options.rounds), str(options.seed + 1)]
    command = [sys.executable, str(HERE / "scale_probe.py"), *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=HERE.parent)
    return Probe(**json.loads(done.stdout))


def steps(largest: int, chosen: str = BOTH) -> Series:
    """Return the series, as far as they go; ``chosen``: both, or one of one and many."""
    series = {
        "one": ("one user", [(1, size) for size in ONE_USER if size <= largest]),
        "many": ("many users", [(users, OF_EACH) for users in MANY_USERS if users * OF_EACH <= largest]),
    }
    return dict(series.values() if chosen == BOTH else [series[chosen]])


def run(options: argparse.Namespace, data: Path, wanted: Series) -> list[Measured]:
    """Fill and measure, the smallest first."""
    found = []
    with progress_bar() as progress:
        for name, series in wanted.items():
            folder = data / name.replace(" ", "-")
            folder.mkdir()
            filling = Filling(folder, options.seed, progress)
            task = progress.add_task(name, total=max(users * each for users, each in series))
            for users, each in series:
                filling.grow(users, each, task)
                size_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
                found.append(Measured(name, users, each, size_bytes, measured(folder, users, options)))
    return found


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--largest", type=int, default=100_000, help="memories of all users together; at least 1,000")
    parser.add_argument("--series", choices=[BOTH, "one", "many"], default=BOTH, help="ever more of one user, or users")
    parser.add_argument("--rounds", type=int, default=40, help="searches of each vault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="for the vaults; a temporary one if absent")
    parser.add_argument("--out", type=Path, help="a folder for scale.md and scale.svg, such as benchmarks/results")
    return parser.parse_args(given)


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="scale-", dir=options.folder) as folder:
        found = run(options, Path(folder), steps(options.largest, options.series))
    drawn = options.out is not None and find_spec("matplotlib") is not None
    shown = report(found, machine(), drawn=drawn)
    print(shown)
    if options.out is None:
        return
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "scale.md").write_text(shown, encoding="utf-8")
    if drawn:
        from scale_charts import draw  # noqa: PLC0415 - matplotlib is not installed everywhere

        draw(found, options.out / "scale.svg")


if __name__ == "__main__":
    main()
