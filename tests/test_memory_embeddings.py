"""The index never lacks what was stored, whatever loads and writes pass each other."""

import threading
from datetime import UTC, datetime

import pytest

from adapters.flat import Flat
from memory.cube import Origin, SemanticType, Source
from memory.embeddings import Embeddings
from memory.governance import Governance
from memory.turn import Draft, Scope
from memory.vault import open_vault

ADA = Scope(user="ada")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class SlowToRead:
    """A vault whose vectors are read, and handed over a moment later: when the writer is done, or has to wait."""

    def __init__(self, vault) -> None:
        self._vault = vault
        self.read, self.written = threading.Event(), threading.Event()

    def vectors(self, scope, model_id):
        found = self._vault.vectors(scope, model_id)
        self.read.set()
        self.written.wait(0.5)
        return found


@pytest.fixture
def files(tmp_path):
    opened = open_vault(tmp_path, clock=lambda: NOW)
    yield opened
    opened.close()


def put(files, embeddings, text):
    source = Source()
    draft = Draft(text=text, semantic_type=SemanticType.FACT, origin=Origin.USER_INPUT, source=source, valid_from=NOW)
    admitted = Governance(None).admit(ADA, [draft])
    vectors = embeddings.embed([text])
    with embeddings.writing(ADA):
        written = files.vault.put(admitted, vectors, embeddings.model_id)
        embeddings.follow(ADA, written, dict(zip((cube.id for cube in written.created), vectors, strict=True)))
    return written.created[0].id


def test_a_write_that_meets_the_first_load_is_in_the_index(files, minilm):
    """Without a lock per user the load would end after the write, with what was there before it."""
    slow = SlowToRead(files.vault)
    embeddings = Embeddings(minilm, Flat(), slow)
    before = put(files, embeddings, "I live in Lisbon.")
    stored = []

    def write():
        slow.read.wait(5)
        stored.append(put(files, embeddings, "I play the bassoon."))
        slow.written.set()

    writer = threading.Thread(target=write)
    writer.start()
    embeddings.search(ADA, "Where do I live?")
    writer.join(10)
    ids, _ = embeddings.search(ADA, "What do I play?")
    assert set(ids) == {before, *stored}
    assert len(stored) == 1
