"""What permission and history cost a recall: a vault of many memories in, a Markdown table out.

    python benchmarks/governance.py [--cubes 100000] [--rounds 60] [--data DIR] [--out benchmarks/results/governance.md]

One user has so many memories, a tenth of which were changed since and a twentieth replaced, and belongs to five spaces
in each of which others share 200. "checks out" is the same recall with the permission taken out of its SQL: who belongs
where is known beforehand, and rows are read by their ids alone; such a variant exists in this file only. "as of" asks
what was known half-way. Vectors are random: their cost is real, what they find is not measured. Recalls of the variants
take turns, and the median of each is shown. Needs no engine and no network; takes some minutes, most of them to write:
a folder that is named keeps what was written for the next time.
"""

import argparse
import random
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from rich.progress import track

from adapters.embedded.corpus import words
from adapters.flat import Flat
from memory.cube import MemCube, Origin, SemanticType, Source
from memory.embeddings import Embeddings
from memory.governance import Governance
from memory.operator import Operator, Weights
from memory.ports import Matrix
from memory.spaces import Partition, Role, SpaceKind, Terms
from memory.turn import Draft, Intent, MemoryCall, Plan, Scope
from memory.vault import VaultFiles, lexical, open_vault
from memory.vault.rows import CUBE_COLUMNS, cube_of, dumps
from memory.vault.sqlite import SqliteVault
from memory.vault.words import query_terms

START = datetime(2026, 1, 1, tzinfo=UTC)
ME, OTHER = Scope(user="me"), Scope(user="other")
SPACES, SHARED_IN_EACH = 5, 200
BATCH = 500
_BY_IDS = f"SELECT {CUBE_COLUMNS} FROM cubes WHERE id IN (SELECT value FROM json_each(?))"
_IDS = "SELECT seq, id FROM cubes WHERE seq IN (SELECT value FROM json_each(?))"


class Random:
    """An embedder of random unit vectors: the same text has the same."""

    model_id = "random"
    dimension = 384

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return one unit row per text."""
        rows = [
            np.random.default_rng(zlib.crc32(text.encode())).standard_normal(self.dimension, np.float32)
            for text in texts
        ]
        return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)


class Unchecked(SqliteVault):
    """The vault with the permission taken out of the SQL of a recall."""

    def know(self, partitions: list[Partition]) -> None:
        """Take it for known what is searched."""
        self._known = partitions

    def partitions(self, scope: Scope) -> list[Partition]:  # noqa: ARG002 - the shape of the vault's own
        """Return what is searched, without asking."""
        return self._known

    def readable(self, scope: Scope, cube_ids: Sequence[str]) -> list[MemCube]:  # noqa: ARG002
        """Return cubes by their ids, whoever asks."""
        with self._connections.read() as connection:
            found = {row["id"]: cube_of(row) for row in connection.execute(_BY_IDS, (dumps(list(cube_ids)),))}
        return [found[cube_id] for cube_id in cube_ids if cube_id in found]

    def lexical(self, scope: Scope, query: str, *, limit: int = 256) -> tuple[list[tuple[str, float]], int]:
        """Return what is found, whoever asks."""
        searched = [scope.user, *(each.name for each in self._known)]
        with self._connections.snapshot() as connection:
            cubes, _ = lexical.size(connection, searched)
            found = lexical.search(connection, searched, query_terms(query), limit=limit)
            rows = connection.execute(_IDS, (dumps([seq for seq, _ in found]),))
            ids = {row[0]: row[1] for row in rows}
        return [(ids[seq], score) for seq, score in found if seq in ids], cubes


class Filled:
    """A vault with memories, and the clock by which they came."""

    def __init__(self, folder: Path, cubes: int, seed: int) -> None:
        self.now = START
        self.files: VaultFiles = open_vault(folder, clock=lambda: self.now)
        self.embeddings = Embeddings(Random(), Flat(budget_bytes=2**31), self.files.vault)
        self._random = random.Random(seed)
        self._words = [word for word in (*words.NOUNS, *words.ADJECTIVES, *words.NAMES) if " " not in word]
        self._governance = Governance(None)
        self.halfway = START + timedelta(seconds=cubes // 2)
        if self.files.vault.page(ME, limit=1).cubes:
            self.now += timedelta(days=3650)  # written before
            return
        self._change(self._remember(ME, cubes, "mine"))
        self._share()

    def text(self) -> str:
        """Return a sentence."""
        return f"The {' '.join(self._random.choices(self._words, k=self._random.randint(5, 12)))} is noted."

    def _remember(self, scope: Scope, count: int, what: str) -> list[str]:
        ids: list[str] = []
        for _ in track(range(0, count, BATCH), description=f"writing {what}"):
            drafts = [
                Draft(
                    text=self.text(),
                    semantic_type=SemanticType.EVENT,
                    origin=Origin.USER_INPUT,
                    source=Source(),
                    valid_from=self.now,
                )
                for _ in range(min(BATCH, count))
            ]
            self.now += timedelta(seconds=len(drafts))
            admitted = self._governance.admit(scope, drafts)
            vectors = Random().embed([each.draft.text for each in admitted])
            ids += [cube.id for cube in self.files.vault.put(admitted, vectors, Random.model_id).created]
        return ids

    def _change(self, ids: Sequence[str]) -> None:
        vault = self.files.vault
        changed = self._random.sample(ids, len(ids) * 3 // 20)
        for number, cube_id in enumerate(track(changed, description="changing some")):
            cube = vault.get(ME, cube_id)
            self.now += timedelta(seconds=1)
            if number % 3:
                vector, cube = Random().embed([cube.text])[0], replace(cube, text=self.text())
                vault.update(ME, cube, expected_version=None, vector=vector, model_id=Random.model_id)
            else:
                closed = replace(cube, superseded_at=self.now)
                vault.update(ME, closed, expected_version=None, vector=None, model_id=Random.model_id)

    def _share(self) -> None:
        for number in range(SPACES):
            space = self.files.spaces.create(OTHER, kind=SpaceKind.GROUP, name=f"Space {number}")
            self.files.spaces.invite(OTHER, space.id, ME.user, Role.READER)
            self.files.spaces.join(ME, space.id)
            for cube_id in self._remember(OTHER, SHARED_IN_EACH, f"space {number}"):
                self.files.vault.share(OTHER, cube_id, space.id, Terms())


def asked_nothing(_question: str) -> list[tuple[str, str]]:
    """Return no attributes: the rules' reading of a question is no part of this."""
    return []


def recall_with(filled: Filled, vault: SqliteVault, as_of: datetime | None = None) -> Callable[[str], int]:
    """Return a recall by this vault that says how much it found."""
    operator = Operator(vault, filled.embeddings, Weights(), asked_nothing)
    plan = Plan(policy="hybrid", top_k=8, budget_tokens=800, stable_budget_tokens=400)

    def recall(query: str) -> int:
        call = MemoryCall(query=query, intent=Intent.ASK, now=filled.now, as_of=as_of)
        return len(operator.recall(ME, call, plan).hits) + len(vault.profile(ME, as_of=as_of))

    return recall


def measured(filled: Filled, variants: dict[str, Callable[[str], int]], rounds: int) -> dict[str, float]:
    """Return the median of each in milliseconds; they take turns, in another order each time."""
    took: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds + 3):
        query = filled.text()
        for name in random.sample(list(variants), len(variants)):
            started = time.perf_counter()
            variants[name](query)
            if number >= 3:  # the first load vectors and pages
                took[name].append(1000 * (time.perf_counter() - started))
    return {name: statistics.median(times) for name, times in took.items()}


def table(times: dict[str, float], cubes: int) -> str:
    """Return the figures in Markdown."""
    plain, checked, past = times["checks out"], times["checks in"], times["as of"]
    lines = [
        f"# Recall with permission and through time, {cubes:,} memories",
        "",
        f"`python benchmarks/governance.py --cubes {cubes}`; the user belongs to {SPACES} spaces with "
        f"{SHARED_IN_EACH} shared memories each. Medians; the question is embedded beforehand.",
        "",
        "| recall | ms | of the one it is compared with | at most |",
        "|---|---|---|---|",
        f"| checks compiled out | {plain:.1f} | | |",
        f"| checks in the SQL | {checked:.1f} | {checked / plain:.2f} × | 1.20 × |",
        f"| as of half-way | {past:.1f} | {past / checked:.2f} × | 2.00 × |",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cubes", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, help="a folder to keep the memories in; made and filled once")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        filled = Filled(chosen.data or Path(folder), chosen.cubes, chosen.seed)
        vault = filled.files.vault
        unchecked = Unchecked(filled.files.connections, lambda: filled.now, lambda: "")
        unchecked.know(vault.partitions(ME))
        variants = {
            "checks out": recall_with(filled, unchecked),
            "checks in": recall_with(filled, vault),
            "as of": recall_with(filled, vault, filled.halfway),
        }
        shown = table(measured(filled, variants, chosen.rounds), chosen.cubes)
        filled.files.close()
    print(shown)
    if chosen.out is not None:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(shown, encoding="utf-8")


if __name__ == "__main__":
    main()
