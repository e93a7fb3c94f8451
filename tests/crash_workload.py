"""A process that writes in every way there is and dies at a failpoint: it imports once, then forks for each run.

Lines on the standard input: ``FOLDER NAME HIT`` (NAME "-": none). For each it answers ``died`` or ``ended``, and how
often each failpoint was passed. What was acknowledged stands in FOLDER/acknowledged, one line each, written unbuffered.
"""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from adapters.flat import Flat
from config.pipelines import SHIPPED, load_pipelines
from memory.cube import Origin, SemanticType, Source
from memory.embeddings import Embeddings
from memory.governance import Governance
from memory.injector import Injector
from memory.operator import Operator, Weights
from memory.pipeline import Pipeline, Stations
from memory.pipelines import Pipelines
from memory.reader import Reader
from memory.rules.questions import asked_about
from memory.scheduler import Policy, Scheduler
from memory.turn import Draft, Message, Scope, TurnRecord
from memory.vault import open_vault
from memory.vault.failpoints import Failpoints
from memory.writer import Writer
from proxy.background import Background, QueueOptions
from proxy.memory_pipelines import recipes_of
from proxy.spool import Spool

ADA, BEN = Scope(user="ada", key_id="k1"), Scope(user="ben", key_id="k2")


class Letters:
    """An embedder that counts letters."""

    model_id, dimension = "letters", 26

    def embed(self, texts):
        rows = np.array([[text.lower().count(chr(97 + n)) + 0.1 for n in range(26)] for text in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Counter:
    """Characters stand for tokens."""

    exact = False

    def count(self, texts):
        return [len(text) for text in texts]


def now():
    return datetime.now(UTC)


class Place:
    """Everything below the routes, on one data folder."""

    def __init__(self, folder, failpoints=None):
        self.files = open_vault(folder / "data", clock=now, busy_timeout_ms=5000, failpoints=failpoints)
        vault = self.files.vault
        embeddings = Embeddings(Letters(), Flat(budget_bytes=1 << 24), vault)
        stations = Stations(
            reader=Reader(now),
            scheduler=Scheduler(Policy()),
            operator=Operator(vault, embeddings, Weights(), asked_about),
            injector=Injector(Counter()),
            writer=Writer(),
            governance=Governance(None),
            vault=vault,
            ledger=self.files.ledger,
            embeddings=embeddings,
            clock=now,
        )
        self.pipeline = Pipeline(stations)
        recipes = tuple(recipes_of(load_pipelines([SHIPPED]), time_s=60, cubes=1000))
        self.pipelines = Pipelines(stations, self.files.connections.write, recipes)
        self.spool = Spool(folder / "data" / "spool", failpoints=failpoints)
        self.background = Background(
            self.files.ledger, self.pipeline.after, self.spool, QueueOptions(), failpoints=failpoints
        )

    def tell(self, scope, text, *tags):
        draft = Draft(
            text=text,
            semantic_type=SemanticType.EVENT,
            origin=Origin.USER_INPUT,
            source=Source(),
            valid_from=now(),
            tags=tags,
        )
        return self.pipeline.remember(scope, draft)


def record(scope, text):
    return TurnRecord(scope=scope, turn_hash=text, conversation_id="c", messages=(Message(role="user", text=text),))


async def work(place, acknowledge):
    """Write in every way there is."""
    ledger, background = place.files.ledger, place.background
    await background.start()
    for scope, text in ((ADA, "I live in Lisbon."), (BEN, "I like jazz."), (ADA, "I moved to Porto.")):
        turn_id = ledger.open(record(scope, text), dedupe_window_s=0)
        ledger.close(scope, turn_id, "Noted.")
        acknowledge("turn", scope.user, text)
        background.wake()
        await background.settled(scope, timeout_s=30)
    cubes = [place.tell(ADA, f"Apollo step {number}", "apollo") for number in range(2)]
    for cube in cubes:
        acknowledge("cube", cube.id, cube.text)
    from dataclasses import replace

    place.pipeline.revise(ADA, replace(cubes[0], text="Apollo landed"), expected_version=1)
    acknowledge("cube", cubes[0].id, "Apollo landed")
    place.pipelines.run(ADA, "project-close", {"tag": "apollo", "summary": "Done."})
    acknowledge("pipeline", *[cube.id for cube in cubes])
    spooled = place.spool.put(record(ADA, "I have a dog called Rex."))
    place.spool.finish(spooled, "A fine name.")
    acknowledge("turn", "ada", "I have a dog called Rex.")
    background.wake()
    await background.settled(ADA, timeout_s=30)
    place.pipeline.delete(ADA, [cubes[1].id])
    acknowledge("deleted", cubes[1].id)
    report = place.pipeline.erase(BEN, None)
    assert report["found"] == 0, report
    acknowledge("erased", "ben")
    await background.drain(30)


def _run(folder, failpoints):
    file = os.open(folder / "acknowledged", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def acknowledge(*what):
        os.write(file, json.dumps(what).encode() + b"\n")

    place = Place(folder, failpoints)
    asyncio.run(work(place, acknowledge))
    place.files.close()
    (folder / "passed").write_text(json.dumps(failpoints.passed))


def main():
    for line in sys.stdin:
        folder, name, hit = line.split()
        child = os.fork()
        if not child:
            status = 1
            try:
                _run(Path(folder), Failpoints("" if name == "-" else name, int(hit)))
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        print("died" if os.WIFSIGNALED(status) else f"ended {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
    main()
