"""A filled data folder in, what searching and keeping cost there as one line of JSON out: a process of its own.

    python scale_probe.py FOLDER USERS ROUNDS SEED

A new process, so that the first search is one after a restart (the file is in the system's page cache) and what its
indexes hold can be told from everything else. The product is put together as the server does it, without HTTP. CPU is
of all threads. Embedding a question is measured between the searches, on questions of the same kind; every question is
new, so that no cache answers it.
"""

import json
import logging
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from scale_texts import START, Texts, user_name

from config.settings import Settings, load
from memory.ports import Embedder
from memory.turn import Message, Scope, TurnRecord
from proxy.compose import compose, create_embedder
from proxy.parts import Parts

TOP_K = 10
TOUCHED = 300  #: users that are searched for, at most
KEPT = 20  #: turns
_WARMING = 5


@dataclass
class Probe:
    """Milliseconds of CPU; of walls where the name says so."""

    users: int
    embedding: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)  #: of the first search of each user
    first_wall: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    warm_wall: list[float] = field(default_factory=list)
    after_write: list[float] = field(default_factory=list)
    held_mib: float = 0.0  #: resident memory that the first searches added, for all touched users together
    touched: int = 0
    request: list[float] = field(default_factory=list)  #: of keeping a turn, before the answer ends
    background: list[float] = field(default_factory=list)  #: of the same, after it


def settings_of(folder: Path, **sections: str) -> Settings:
    """Return the shipped settings over this data folder; ``sections``: other kinds, as ``embedder="none"``."""
    kinds = {f"{name}.kind": kind for name, kind in {"backend": "echo", **sections}.items()}
    return load(None, {"data.dir": str(folder), **kinds}, {}).settings


def timed(do: Callable[[], object]) -> tuple[float, float]:
    """Return milliseconds of CPU and of wall."""
    wall, cpu = time.perf_counter(), time.process_time()
    do()
    return 1000 * (time.process_time() - cpu), 1000 * (time.perf_counter() - wall)


def resident_mib() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Measuring:
    """One open product and the questions it is asked."""

    def __init__(self, parts: Parts, embedder: Embedder, users: int, seed: int) -> None:
        self._parts, self._embedder = parts, embedder
        self._rng, self._texts = random.Random(seed), Texts(seed)
        self.found = Probe(users)
        touched = self._rng.sample(range(users), min(users, TOUCHED))
        self._scopes = [Scope(user=user_name(number)) for number in touched]

    def run(self, rounds: int) -> Probe:
        """Return the figures."""
        found = self.found
        for _ in range(_WARMING):  # the model's own first runs are nobody's search
            self._search(Scope(user="nobody"))
            self._embed()
        before = resident_mib()
        for scope in self._scopes:
            cpu, wall = timed(lambda scope=scope: self._search(scope))
            found.first.append(cpu)
            found.first_wall.append(wall)
        found.touched, found.held_mib = len(self._scopes), resident_mib() - before
        for _ in range(rounds):
            found.embedding.append(timed(self._embed)[0])
            scope = self._rng.choice(self._scopes)
            cpu, wall = timed(lambda scope=scope: self._search(scope))
            found.warm.append(cpu)
            found.warm_wall.append(wall)
        for number in range(KEPT):
            self._keep(self._rng.choice(self._scopes), number)
        return found

    def _embed(self) -> None:
        self._embedder.embed([self._texts.question()])

    def _search(self, scope: Scope) -> None:
        self._parts.pipeline.search(scope, query=self._texts.question(), top_k=TOP_K, now=START + timedelta(days=900))

    def _keep(self, scope: Scope, number: int) -> None:
        ledger = self._parts.store.ledger
        record = TurnRecord(
            scope=scope,
            turn_hash=f"probe-{number}-{time.time_ns()}",
            conversation_id=f"probe-{time.time_ns()}",
            messages=(Message(role="user", text=self._texts.told()),),
        )

        def in_request() -> None:
            ledger.close(scope, ledger.open(record, dedupe_window_s=600), "I see.")

        def in_background() -> None:
            for exchange in ledger.claim(limit=16, lease_s=60):
                self._parts.pipeline.after(exchange)

        self.found.request.append(timed(in_request)[0])
        self.found.background.append(timed(in_background)[0])
        self.found.after_write.append(timed(lambda: self._search(scope))[0])


def main() -> None:
    folder, users, rounds, seed = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    logging.disable(logging.WARNING)
    settings = settings_of(folder)
    embedder, parts = create_embedder(settings), compose(settings)
    if embedder is None:
        raise SystemExit("The settings name no embedder.")
    try:
        found = Measuring(parts, embedder, users, seed).run(rounds)
    finally:
        parts.store.close()
    print(json.dumps(vars(found)))


if __name__ == "__main__":
    main()
