"""The pipeline in one process, with the real vault and rules: told and asked without a server."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from adapters.detect_secrets import DetectSecrets
from adapters.flat import Flat
from adapters.tiktoken import Tiktoken
from memory.embeddings import Embeddings
from memory.governance import Governance
from memory.injector import Injector
from memory.operator import Operator, Weights
from memory.pipeline import Pipeline, Stations
from memory.reader import Reader
from memory.rules.wishes import asked_about
from memory.scheduler import Policy, Scheduler
from memory.turn import Controls, Message, Scope, TurnRecord
from memory.vault import VaultFiles, open_vault
from memory.writer import Writer

ADA, BEN = Scope(user="ada"), Scope(user="ben")


@dataclass
class Clock:
    now: datetime = datetime(2026, 3, 14, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@dataclass
class Memory:
    files: VaultFiles
    pipeline: Pipeline
    clock: Clock
    embeddings: Embeddings

    def tell(self, text, scope=ADA, answer="Okay.", messages=None, **controls):
        """One whole turn: read, 'answered', written."""
        messages = messages or [{"role": "user", "content": text}]
        prepared = self.pipeline.before(messages, scope, Controls(**controls))
        record = TurnRecord(
            scope=scope,
            turn_hash=prepared.turn_hash,
            conversation_id=prepared.conversation_id,
            messages=(Message(role="user", text=prepared.user_text),),
            request_id="r",
            injected=prepared.injection.for_ledger(),
            occurred_at=self.clock(),
            repeats=prepared.repeats,
            follows=prepared.follows,
        )
        turn_id = self.files.ledger.open(record, dedupe_window_s=600)
        self.files.ledger.close(scope, turn_id, answer)
        while exchanges := self.files.ledger.claim(limit=10, lease_s=60):
            for exchange in exchanges:
                self.pipeline.after(exchange)
        return prepared

    def ask(self, text, scope=ADA, **controls):
        return self.pipeline.before([{"role": "user", "content": text}], scope, Controls(**controls))

    def found(self, query, scope=ADA, **more):
        return [hit.cube.text for hit in self.pipeline.search(scope, query=query, top_k=10, **more).hits]


def build(folder, embedder, policy=None, reranking=None):
    clock = Clock()
    governance = Governance(DetectSecrets())
    files = open_vault(folder, clock=clock, redact=governance.redact)
    embeddings = Embeddings(embedder, Flat(), files.vault)
    stations = Stations(
        reader=Reader(clock),
        scheduler=Scheduler(policy or Policy()),
        operator=Operator(files.vault, embeddings, Weights(), asked_about, reranking=reranking),
        injector=Injector(Tiktoken()),
        writer=Writer(),
        governance=governance,
        vault=files.vault,
        ledger=files.ledger,
        embeddings=embeddings,
        clock=clock,
    )
    return Memory(files, Pipeline(stations), clock, embeddings)


def told(folder, *said, embedder=None) -> Memory:
    """A memory that was told these, one chat each."""
    memory = build(folder, embedder)
    for text in said:
        memory.tell(text)
    return memory


def texts(memory, scope=ADA) -> set[str]:
    """The texts of all memories, replaced ones included."""
    return {cube.text for cube in memory.files.vault.page(scope, limit=99, include_superseded=True).cubes}


def everything(memory, scope=ADA) -> str:
    """All that anybody can get: memories, their history, the ledger."""
    cubes = memory.files.vault.page(scope, limit=99, include_superseded=True).cubes
    kept = [memory.files.vault.history(scope, cube.id) for cube in cubes]
    return f"{kept}{json.dumps(list(memory.files.vault.export(scope)), ensure_ascii=False, default=str)}"
