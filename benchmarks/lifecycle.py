"""A million memory updates with short lives in; the store, the cost of sweeping and what is still recalled out.

    python benchmarks/lifecycle.py                        50,000 updates: three minutes of CPU
    python benchmarks/lifecycle.py --updates 1_000_000    an hour and a half of CPU

Two simulated months of several users' updates against one vault, in random order: notes with a time to live of an hour
to two days, facts that are told anew with another value, and notes without an end, one in four of high priority, one in
four of low. They decay with a half-life of four days and stand under a quota; what expired is removed after a day. The
sweeper runs every simulated hour. At each of the marks on the time axis, notes of the last month are asked for by two
of their words, in the midst of everything else: once as recall is, once with what is in use alone.

No embedder: an embedding costs the same whatever a memory's life, and two words tell a note from all others as well.
CPU time of this process is what counts; the wall's clock counts what else the machine does. Linux only.
"""

import argparse
import random
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from bench_console import machine, progress_bar
from bench_processes import HERE
from lifecycle_results import MIB, Mark, Run, report, show
from rich.console import Console
from rich.progress import TimeRemainingColumn

from adapters.flat import Flat
from memory.cube import FactKey, Origin, SemanticType, Source
from memory.embeddings import Embeddings
from memory.governance import Governance
from memory.lifespan import Lifespans
from memory.operator import Operator, Weights
from memory.turn import Draft, Intent, MemoryCall, Plan, Scope
from memory.upkeep import Quota, Upkeep
from memory.vault import VaultFiles, open_vault

START = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=60)
HOUR = timedelta(hours=1)
RULES = Lifespans(half_life=timedelta(days=4), cold_below=0.125, expired_keep=timedelta(days=1))
PRIORITY = {"high": 50, "usual": 0, "low": -50}
TURN = 10  #: updates in one transaction, as a turn or an import writes them
MARKS = 24
ASKED = 60  #: notes of each priority at each mark
PLAN = Plan(policy="hybrid", top_k=4, budget_tokens=800, stable_budget_tokens=400)
ATTRIBUTES = 200  #: facts that a user has, each told again and again


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, slots=True)
class Note:
    """A note that is asked for later."""

    scope: Scope
    cube_id: str
    query: str


@dataclass
class Words:
    """Made-up words: some are in many notes, most are in few."""

    rng: random.Random
    known: list[str] = field(init=False)

    def __post_init__(self) -> None:
        syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "ai", "or", "en")]
        self.known = ["".join(self.rng.sample(syllables, 3)) for _ in range(6_000)]

    def some(self, count: int) -> list[str]:
        return [self.known[int(len(self.known) * self.rng.random() ** 2)] for _ in range(count)]


class Stress:
    """One vault, its users and what they do."""

    def __init__(self, files: VaultFiles, clock: Clock, options: argparse.Namespace) -> None:
        self.files, self.clock = files, clock
        self.rng = random.Random(options.seed)
        self.words = Words(self.rng)
        self.users = [Scope(user=f"user-{number}") for number in range(options.users)]
        self.governance = Governance(None)
        embeddings = Embeddings(None, Flat(budget_bytes=1 << 20), files.vault)
        quota = Quota(cubes=options.quota)
        self.upkeep = Upkeep(files.vault, embeddings, None, rules=RULES, quota=quota, batch=64)
        self.ways = {
            "recall": Operator(files.vault, embeddings, Weights(), lambda _: ()),
            "in use alone": Operator(files.vault, embeddings, Weights(archived_below=0.0), lambda _: ()),
        }
        self.told: dict[str, deque[tuple[datetime, Note]]] = {name: deque() for name in PRIORITY}

    def update(self, count: int) -> None:
        """Write one transaction of updates of one user."""
        scope = self.rng.choice(self.users)
        drafts = [self._draft() for _ in range(count)]
        written = self.files.vault.put(self.governance.admit(scope, drafts), None, "")
        for cube in written.created:
            if cube.decays:
                name = next(name for name, priority in PRIORITY.items() if priority == cube.priority)
                self.told[name].append((self.clock.now, Note(scope, cube.id, " ".join(cube.text.split()[2:4]))))

    def _draft(self) -> Draft:
        kind = self.rng.random()
        common = {"origin": Origin.USER_INPUT, "source": Source(), "valid_from": self.clock.now}
        first, second, *more = self.words.some(8)
        text = f"Note on {first} {second} with {' '.join(more)}."
        if kind < 0.55:
            return Draft(text=text, semantic_type=SemanticType.EVENT, ttl_s=3600 * self.rng.uniform(1, 48), **common)
        if kind < 0.8:
            attribute = f"attr:{self.words.known[self.rng.randrange(ATTRIBUTES)]}"
            fact = FactKey(subject="user", attribute=attribute, value=first)
            return Draft(
                text=f"The user's {attribute[5:]} is {first}.", semantic_type=SemanticType.FACT, fact=fact, **common
            )
        name = self.rng.choices(list(PRIORITY), (1, 2, 1))[0]
        return Draft(text=text, semantic_type=SemanticType.EVENT, decays=True, priority=PRIORITY[name], **common)

    def sweep(self, run: Run) -> None:
        """Sweep until nothing is due, as the server does, and take the time."""
        started = time.process_time()
        swept = 0
        while count := self.upkeep.sweep():
            swept += count
        run.swept(swept, time.process_time() - started)
        started = time.process_time()
        self.upkeep.sweep()
        run.idle_s.append(time.process_time() - started)
        started = time.process_time()
        self.upkeep.keep_quotas()
        run.quota_s += time.process_time() - started

    def mark(self, day: float, updates: int) -> Mark:
        """Ask for notes of the last month and look at the store."""
        right: dict[tuple[str, str], float] = {}
        times: dict[str, list[float]] = {way: [] for way in self.ways}
        for name, told in self.told.items():
            while told and told[0][0] < self.clock.now - timedelta(days=30):
                told.popleft()
            asked = self.rng.sample(list(told), min(ASKED, len(told)))
            for way, operator in self.ways.items():
                found = [self._asked(operator, note, times[way]) for _, note in asked]
                right[way, name] = sum(found) / max(1, len(found))
        return Mark(day, updates, self._rows(), self._size_bytes(), times, right)

    def _asked(self, operator: Operator, note: Note, times: list[float]) -> bool:
        call = MemoryCall(query=note.query, intent=Intent.ASK, now=self.clock.now)
        started = time.process_time()
        recall = operator.recall(note.scope, call, PLAN)
        times.append(time.process_time() - started)
        return note.cube_id in [hit.cube.id for hit in recall.hits[: PLAN.top_k]]

    def _rows(self) -> dict[str, int]:
        sql = """
            SELECT CASE WHEN superseded_at IS NOT NULL THEN 'superseded' WHEN state = 'archived' THEN 'archived'
                        WHEN state = 'expired' THEN 'expired' ELSE 'in use' END, count(*) FROM cubes GROUP BY 1
        """
        with self.files.connections.read() as connection:
            return dict(connection.execute(sql).fetchall())

    def _size_bytes(self) -> int:
        path = self.files.connections.path
        return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*"))


def stress(options: argparse.Namespace, folder: Path) -> Run:
    clock = Clock()
    files = open_vault(folder, clock=clock)
    world, run = Stress(files, clock, options), Run()
    try:
        for done, count in _progress(options.updates):
            before = clock.now
            clock.now = START + SPAN * (done / options.updates)
            started = time.process_time()
            world.update(count)
            run.update_s += time.process_time() - started
            if before.hour != clock.now.hour:
                world.sweep(run)
            marks = MARKS * done // options.updates
            if marks > len(run.marks):
                run.marks.append(world.mark((clock.now - START) / timedelta(days=1), done))
    finally:
        files.close()
    run.tally = world.upkeep.tally
    return run


def _progress(updates: int) -> Iterator[tuple[int, int]]:
    with progress_bar(TimeRemainingColumn()) as progress:
        task = progress.add_task("updates", total=updates)
        done = 0
        while done < updates:
            count = min(TURN, updates - done)
            done += count
            yield done, count
            progress.advance(task, count)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=50_000)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--quota", type=int, default=600, help="memories in use for each user")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="for the vault; a temporary one if absent")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="lifecycle.md and lifecycle.svg go here")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="lifecycle-", dir=options.folder) as folder:
        run = stress(options, Path(folder))
    command = f"{options.updates:,} updates of {options.users} users, at most {options.quota} memories in use for each"
    show(run, Console())
    options.out.mkdir(parents=True, exist_ok=True)
    drawn = find_spec("matplotlib") is not None
    (options.out / "lifecycle.md").write_text(report(run, f"{machine()}; {command}, seed {options.seed}", drawn=drawn))
    if drawn:
        from lifecycle_charts import draw  # noqa: PLC0415 - matplotlib is not installed everywhere

        draw(run, options.out / "lifecycle.svg")
    print(f"{sum(mark.size_bytes for mark in run.marks[-1:]) / MIB:.0f} MiB at the end; written to {options.out}")


if __name__ == "__main__":
    main()
