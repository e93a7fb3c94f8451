"""A long message is kept whole: every part of it can be found, up to the pieces that one message may have."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from adapters.detect_secrets import DetectSecrets
from adapters.flat import Flat
from memory.cube import SemanticType
from memory.embeddings import Embeddings
from memory.governance import MAX_PIECES, Governance
from memory.injector import Injector
from memory.operator import Operator, Weights
from memory.pipeline import Pipeline, Stations
from memory.reader import Reader
from memory.rules.wishes import asked_about
from memory.scheduler import Policy, Scheduler
from memory.turn import Exchange, Message, Scope, TurnRecord
from memory.vault import open_vault
from memory.writer import Writer

BO = Scope(user="bo")
NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
_FILLER = "The weather was calm and the road went on. "


class _Counter:
    exact = False

    def count(self, texts):
        return [len(text) // 4 for text in texts]


@pytest.fixture
def vault(tmp_path):
    ticks = iter(range(10**9))

    def clock():
        return NOW + timedelta(milliseconds=next(ticks))

    governance = Governance(DetectSecrets())
    files = open_vault(tmp_path, clock=clock, redact=governance.redact)
    embeddings = Embeddings(None, Flat(), files.vault)
    pipeline = Pipeline(
        Stations(
            reader=Reader(clock),
            scheduler=Scheduler(Policy()),
            operator=Operator(files.vault, embeddings, Weights(), asked_about),
            injector=Injector(_Counter()),
            writer=Writer(),
            governance=governance,
            vault=files.vault,
            ledger=files.ledger,
            embeddings=embeddings,
            clock=clock,
        )
    )
    yield files, partial(_tell, files, pipeline), pipeline
    files.close()


def _tell(files, pipeline, text):
    record = TurnRecord(
        scope=BO, turn_hash="h", conversation_id="c", messages=(Message(role="user", text=text),), occurred_at=NOW
    )
    files.ledger.append(record)
    (exchange,) = files.ledger.claim(limit=1, lease_s=60)
    return exchange, pipeline.after(exchange).created


def _found(pipeline, query):
    return [hit.cube for hit in pipeline.search(BO, query=query, top_k=10).hits]


def test_every_part_of_a_long_turn_is_found(vault):
    _files, tell, pipeline = vault
    words = ["zebrafish", "marzipan", "obsidian", "tangerine", "quicksilver"]
    text = "I live in Lisbon. " + "".join(_FILLER * 300 + f"The word is {word}. " for word in words)
    assert len(text) > 60_000
    _exchange, created = tell(text)
    turns = [cube for cube in created if cube.semantic_type is SemanticType.TURN]
    assert " ".join(" ".join(cube.text for cube in turns).split()) == " ".join(text.split())
    for word in words:
        assert any(word in cube.text for cube in _found(pipeline, word)), word


def test_the_facts_of_a_long_turn_derive_from_it_and_only_the_front_is_dated(vault):
    _files, tell, _pipeline = vault
    text = "I live in Lisbon. I met Ann yesterday. " + _FILLER * 900 + "Then I saw Zoe. "
    _exchange, created = tell(text)
    *turns, fact = created
    assert (fact.fact.attribute, fact.fact.value) == ("lives", "Lisbon")
    assert set(fact.derived_from) == {cube.id for cube in turns}
    dated = [any(tag.startswith("when:") for tag in cube.tags) for cube in turns]
    assert dated == [True, *[False] * (len(turns) - 1)]
    assert not any({"covered", "question"} & set(cube.tags) for cube in turns)
    assert all(name in cube.text for cube in turns for name in cube.entities)


def test_a_message_of_more_than_the_pieces_that_are_kept_stays_whole_in_the_ledger(vault):
    _files, tell, pipeline = vault
    text = "The first word is zebrafish. " + _FILLER * 30_000 + "The last word is marzipan."
    assert len(text) > 1_200_000
    exchange, created = tell(text)
    assert len(created) == MAX_PIECES
    assert sum(len(cube.text) for cube in created) > 900_000
    assert any("zebrafish" in cube.text for cube in _found(pipeline, "zebrafish"))
    assert not any("marzipan" in cube.text for cube in _found(pipeline, "marzipan"))
    assert isinstance(exchange, Exchange)
    assert exchange.messages[0].text.endswith("marzipan.")
