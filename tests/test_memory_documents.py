"""Documents in the vault: kept in batches, found beside the user's own words, and gone without a trace."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.settings import load
from memory.cube import Origin, SemanticType, Source, State, Trust
from memory.document import MAX_ATTEMPTS, DocumentStatus, NewDocument, documents_partition
from memory.errors import EngineDown, Invalid, NotFound
from memory.spaces import SharedCube, SpaceKind
from memory.turn import Controls, Draft, Forget, Scope
from memory.vault.health import examined
from memory.vault.lexical import size
from proxy.compose import compose

ANN, BEN = Scope(user="ann"), Scope(user="ben")
TEXT = "\n\n".join(
    f"## Part {n}\n\nThe {name} stands on shelf {n}." for n, name in enumerate("kettle lamp zither".split())
)


class Clock:
    def __init__(self):
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def parts(tmp_path, clock):
    made = opened(tmp_path, clock)
    yield made
    made.store.close()


def opened(folder: Path, clock, **flags):
    flags = {"data.dir": str(folder / "data"), "backend.kind": "echo", "embedder.kind": "none", **flags}
    return compose(load(flags=flags, environ={}).settings, clock=clock)


def keep(parts, text=TEXT, scope=ANN, *, steps=100, **more):
    document, created = parts.shelving.documents.keep(
        scope, NewDocument(text=text, title="Inventory", media_type="text/markdown", **more)
    )
    for _ in range(steps):
        if not parts.shelving.documents.step():
            break
    return parts.shelving.store.document(scope, document.id), created


def texts(parts, query, scope=ANN, **more):
    return [hit.cube.text for hit in parts.pipeline.search(scope, query=query, top_k=5, **more).hits]


def tell(parts, text, scope=ANN):
    draft = Draft(
        text=text, semantic_type=SemanticType.FACT, origin=Origin.USER_INPUT, source=Source(), valid_from=parts.clock()
    )
    return parts.pipeline.remember(scope, draft)


def test_each_chunk_is_a_memory_with_its_place_and_a_documents_word(parts):
    document, created = keep(parts, tags=("house",), ttl_s=100.0)
    assert created
    assert (document.status, document.chunks, document.stored) == (DocumentStatus.STORED, 3, 3)
    cubes = parts.store.vault.get_many(ANN, parts.shelving.store.document_cubes(ANN, [document.id]))
    assert [cube.source.position for cube in cubes] == [0, 1, 2]
    assert {cube.source.document_id for cube in cubes} == {document.id}
    assert {(cube.semantic_type, cube.origin, cube.trust) for cube in cubes} == {
        (SemanticType.DOCUMENT, Origin.EXTERNAL, Trust.DOCUMENT)
    }
    assert cubes[0].text == "Inventory > Part 0: The kettle stands on shelf 0."
    assert [(cube.tags, cube.ttl_s) for cube in cubes] == [(("house",), 100.0)] * 3


def test_the_same_text_is_kept_once_for_each_user(parts):
    first, _ = keep(parts)
    again, created = keep(parts, tags=("other",))
    assert (again, created) == (first, False)
    assert keep(parts, scope=BEN)[1]
    assert [each.id for each in parts.shelving.store.documents(ANN, limit=9).documents] == [first.id]


def test_documents_of_others_are_not_there(parts):
    document, _ = keep(parts)
    for call in (parts.shelving.store.document, parts.shelving.documents.delete):
        with pytest.raises(NotFound):
            call(BEN, document.id)
    with pytest.raises(Invalid):
        parts.shelving.store.documents(BEN, limit=5, after=document.id)
    assert parts.shelving.store.document_cubes(BEN, [document.id]) == []
    assert texts(parts, "Where does the zither stand?", BEN) == []


def test_a_document_is_found_and_does_not_change_how_own_words_are_scored(parts):
    tell(parts, "The user lives in Lisbon.")
    tell(parts, "The user keeps a zither.")
    before = parts.pipeline.search(ANN, query="Where do I keep the zither?", top_k=5).hits
    keep(parts, "\n\n".join(f"## Zither {n}\n\nZithers, lives and Lisbon, {n}." for n in range(60)))
    after = parts.pipeline.search(ANN, query="Where do I keep the zither?", top_k=50).hits
    own = [(hit.cube.id, hit.signals.get("lexical")) for hit in after if hit.cube.trust is Trust.USER]
    assert own == [(hit.cube.id, hit.signals.get("lexical")) for hit in before]
    assert after[0].cube.text == "The user keeps a zither."
    assert sum(hit.cube.trust is Trust.DOCUMENT for hit in after) <= 16


def test_after_a_sudden_end_it_goes_on_where_it_stood(tmp_path, clock):
    """What was acknowledged is on disk: some as memories, the rest waiting."""
    first = opened(tmp_path, clock, **{"documents.batch": 1})
    document, _ = keep(first, steps=1)
    assert (document.status, document.stored, document.waiting) == (DocumentStatus.QUEUED, 1, 2)
    first.store.close()
    second = opened(tmp_path, clock, **{"documents.batch": 1})
    while second.shelving.documents.step():
        pass
    done = second.shelving.store.document(ANN, document.id)
    assert (done.status, done.stored) == (DocumentStatus.STORED, 3)
    cubes = second.store.vault.get_many(ANN, second.shelving.store.document_cubes(ANN, [document.id]))
    assert [cube.source.position for cube in cubes] == [0, 1, 2]
    second.store.close()


def test_two_processes_do_not_keep_a_chunk_twice(parts):
    parts.shelving.documents.keep(ANN, NewDocument(text=TEXT, title="Inventory", media_type="text/plain"))
    batch = parts.shelving.store.next_batch(limit=9)
    assert parts.shelving.documents.step()
    written = parts.shelving.store.put_chunks(batch, [], None, "")
    assert written.created == ()
    assert parts.shelving.store.document(ANN, batch.document.id).stored == 3


def test_what_fails_is_tried_again_and_says_why(parts, clock):
    document, _ = parts.shelving.documents.keep(ANN, NewDocument(text=TEXT, title="T", media_type="text/plain"))
    store = parts.shelving.store
    for attempt in range(MAX_ATTEMPTS):
        batch = store.next_batch(limit=9)
        assert batch is not None, attempt
        store.batch_failed(batch, str(EngineDown()), retry_in_s=10)
        assert store.next_batch(limit=9) is None, "not at once"
        clock.now += timedelta(seconds=11)
    failed = store.document(ANN, document.id)
    assert (failed.status, failed.error) == (DocumentStatus.FAILED, "An engine does not answer.")
    assert store.next_batch(limit=9) is None
    assert keep(parts)[0].status is DocumentStatus.STORED, "sent again it is tried again"


def test_documents_take_turns(parts, clock):
    """A long one does not hold up a short one."""
    long, _ = parts.shelving.documents.keep(
        ANN, NewDocument(text="\n\n".join(f"# {n}\n\nw{n}" for n in range(50)), title="L", media_type="text/plain")
    )
    clock.now += timedelta(seconds=1)
    short, _ = parts.shelving.documents.keep(BEN, NewDocument(text="One word.", title="S", media_type="text/plain"))
    for _ in range(2):
        clock.now += timedelta(seconds=1)
        parts.shelving.documents.step()
    assert parts.shelving.store.document(BEN, short.id).status is DocumentStatus.STORED
    assert parts.shelving.store.document(ANN, long.id).status is DocumentStatus.QUEUED


def test_a_deleted_document_leaves_nothing(parts):
    document, _ = keep(parts)
    other, _ = keep(parts, "The gramophone is broken.")
    parts.shelving.documents.delete(ANN, document.id)
    assert texts(parts, "Where does the zither stand?") == []
    assert texts(parts, "gramophone") == ["Inventory: The gramophone is broken."]
    with pytest.raises(NotFound):
        parts.shelving.store.document(ANN, document.id)
    assert b"zither" not in b"".join(path.read_bytes() for path in parts.settings.data.dir.glob("memos.db*"))
    assert parts.shelving.store.document(ANN, other.id).stored == 1


def test_one_that_still_waits_can_be_deleted(parts):
    document, _ = parts.shelving.documents.keep(ANN, NewDocument(text=TEXT, title="T", media_type="text/plain"))
    parts.shelving.documents.delete(ANN, document.id)
    assert not parts.shelving.documents.step()
    assert parts.shelving.store.documents(ANN, limit=5).documents == []


def test_of_one_that_is_erased_nothing_that_waits_is_kept_afterwards(parts):
    new = NewDocument(text=TEXT, title="T", media_type="text/plain")
    document, _ = parts.shelving.documents.keep(ANN, new)
    assert parts.shelving.documents.withdrawn(ANN, ["mem_x", document.id, "doc_nope"]) == ["mem_x"]
    assert not parts.shelving.documents.step()
    assert parts.shelving.store.documents(ANN, limit=5).documents == []


@pytest.mark.parametrize("what", ["everything", "its chunks"])
def test_an_erasure_takes_documents_and_proves_it(parts, what):
    document, _ = keep(parts)
    parts.shelving.documents.keep(ANN, NewDocument(text="A xylophone waits.", title="W", media_type="text/plain"))
    ids = None if what == "everything" else parts.shelving.documents.withdrawn(ANN, [document.id])
    report = parts.pipeline.erase(ANN, ids)
    assert report["verified"], report
    assert report["cubes"] == 3
    with sqlite3.connect(parts.settings.data.dir / "memos.db") as connection:
        left = connection.execute("SELECT title FROM documents").fetchall()
        assert size(with_rows(connection), [documents_partition(ANN.user)]) == (0, 0)
        assert connection.execute("SELECT count(*) FROM postings WHERE term LIKE 'zither%'").fetchone()[0] == 0
    assert left == ([] if what == "everything" else [("W",)])


def with_rows(connection):
    connection.row_factory = sqlite3.Row
    return connection


def test_a_document_goes_with_its_last_memory(parts):
    document, _ = keep(parts)
    parts.pipeline.delete(ANN, parts.shelving.store.document_cubes(ANN, [document.id])[:2])
    assert parts.shelving.store.document(ANN, document.id).stored == 1
    parts.store.vault.forget(ANN, Forget(target="the zither on its shelf"))
    assert parts.shelving.store.documents(ANN, limit=5).documents == []


def test_the_time_machine_knows_when_it_came(parts, clock):
    tell(parts, "The user lives in Lisbon.")
    before = clock.now
    clock.now += timedelta(days=1)
    document, _ = keep(parts)
    came = clock.now
    clock.now += timedelta(days=1)
    assert "zither" in texts(parts, "Where does the zither stand?", as_of=came)[0]
    assert not any("zither" in text for text in texts(parts, "Where does the zither stand?", as_of=before))
    clock.now += timedelta(days=1)
    cube_id = parts.shelving.store.document_cubes(ANN, [document.id])[2]
    cube = parts.store.vault.get(ANN, cube_id)
    parts.store.vault.update(ANN, replaced(cube, "Inventory: sold."), expected_version=1, vector=None, model_id="")
    assert "zither" in texts(parts, "Where does the zither stand?", as_of=came)[0]


def replaced(cube, text):
    return replace(cube, text=text)


def test_an_archived_chunk_leaves_its_index_and_comes_back(parts):
    document, _ = keep(parts)
    cube = parts.store.vault.get(ANN, parts.shelving.store.document_cubes(ANN, [document.id])[2])
    parts.pipeline.revise(ANN, replace(cube, state=State.ARCHIVED), expected_version=1)
    assert [cube_id for cube_id, _ in parts.store.vault.document_words(ANN, "zither")] == []
    assert texts(parts, "zither") == [cube.text], "nothing in use answers"
    parts.upkeep.reactivate(ANN, [cube.id])
    assert [cube_id for cube_id, _ in parts.store.vault.document_words(ANN, "zither")] == [cube.id]


def test_what_an_export_holds_another_vault_takes(parts, tmp_path, clock):
    """With the chunks that still wait; for another user of the same vault under ids of their own."""
    document, _ = keep(parts)
    parts.shelving.documents.keep(ANN, NewDocument(text="A xylophone waits.", title="W", media_type="text/plain"))
    rows = list(parts.store.vault.export(ANN))
    other = opened(tmp_path / "other", clock)
    for target, scope in ((other, ANN), (parts, BEN)):
        counts = target.pipeline.import_rows(scope, rows)
        assert (counts["cubes"], counts["documents"], counts["skipped"]) == (3, 2, 0)
        while target.shelving.documents.step():
            pass
        found = target.shelving.store.documents(scope, limit=5).documents
        assert {(each.title, each.stored, each.waiting) for each in found} == {("Inventory", 3, 0), ("W", 1, 0)}
        assert "xylophone" in texts(target, "Who waits? The xylophone?", scope)[0]
        assert target.pipeline.import_rows(scope, rows)["documents"] == 0
    assert parts.shelving.store.document(ANN, document.id).stored == 3
    assert parts.shelving.store.document_cubes(BEN, [document.id]) == []
    other.store.close()


def test_the_doctor_finds_nothing_wrong_with_documents_kept_shared_imported_and_deleted(parts):
    document, _ = keep(parts)
    space = parts.sharing.spaces.create(ANN, kind=SpaceKind.DIRECT, name="room", invited="ben")
    parts.sharing.spaces.join(BEN, space.id)
    keep(parts, text="# Shared\n\nA dulcimer.", space_id=space.id)
    parts.pipeline.import_rows(BEN, list(parts.store.vault.export(ANN)))
    assert list(examined(parts.store.connections)) == []
    parts.shelving.documents.delete(ANN, document.id)
    assert list(examined(parts.store.connections)) == []


@pytest.mark.parametrize("wrong", [{"chunks": -1}, {"tags": "x"}, {"waiting": [["a", "b"]]}, {"title": None}])
def test_an_import_takes_no_row_that_is_none(parts, wrong):
    keep(parts)
    rows = [row | wrong if row["object"] == "memos.document" else row for row in parts.store.vault.export(ANN)]
    with pytest.raises(Invalid):
        parts.pipeline.import_rows(BEN, rows)


def test_members_of_a_space_find_what_is_shared_there(parts):
    space = parts.sharing.spaces.create(ANN, kind=SpaceKind.DIRECT, name="room", invited="ben")
    parts.sharing.spaces.join(BEN, space.id)
    document, _ = keep(parts, space_id=space.id)
    (hit, *_) = parts.pipeline.search(BEN, query="Where does the zither stand?", top_k=3).hits
    assert isinstance(hit.cube, SharedCube)
    assert "zither" in hit.cube.text
    assert hit.cube.source.document_id == "", "where it came from stays the owner's"
    parts.shelving.documents.delete(ANN, document.id)
    assert texts(parts, "Where does the zither stand?", BEN) == []


def test_secrets_are_not_kept_not_even_while_they_wait(parts):
    secret = "AKIA" + "IOSFODNN7" + "EXAMPLF"
    parts.shelving.documents.keep(
        ANN, NewDocument(text=f"The key is {secret} here.", title="Keys", media_type="text/plain")
    )
    assert secret.encode() not in b"".join(path.read_bytes() for path in parts.settings.data.dir.glob("memos.db*"))
    while parts.shelving.documents.step():
        pass
    assert texts(parts, "key") == ["Keys: The key is [redacted] here."]


def test_what_is_too_long_or_says_nothing_is_refused(tmp_path, clock):
    parts = opened(tmp_path, clock, **{"documents.max_chars": 100})
    for text, code in (("x" * 101, "document_too_large"), (" \n--\n", "empty_document")):
        with pytest.raises(Invalid) as told:
            keep(parts, text)
        assert told.value.code == code
    parts.store.close()


def test_a_vault_of_the_version_before_takes_documents(tmp_path, clock):
    parts = opened(tmp_path, clock)
    tell(parts, "The user lives in Lisbon.")
    parts.store.close()
    with sqlite3.connect(tmp_path / "data" / "memos.db") as connection:
        for statement in (
            "DROP TRIGGER documents_emptied", "DROP TABLE document_queue", "DROP TABLE documents",
            "DROP INDEX cubes_document", "ALTER TABLE cubes DROP COLUMN document",
            "ALTER TABLE cubes DROP COLUMN position", "PRAGMA user_version = 6",
        ):  # fmt: skip
            connection.execute(statement)
    again = opened(tmp_path, clock)
    assert keep(again)[0].stored == 3
    assert texts(again, "Where do I live?")[0] == "The user lives in Lisbon."
    again.store.close()


HANDBOOKS = """# Aromatic 300 coffee machine

## Error codes

E11 means that the grinder is blocked. E14 means that the water tank is empty. E22 means that the brew group is not in
place; take it out and put it back.
"""
ASKED = (
    "What does error E14 mean?",
    "E22?",
    "What is the capital of Mongolia?",
    "Write a Python function that reverses a linked list.",
)


def test_what_a_document_answers_is_brought_in_though_nobody_speaks_of_themselves(tmp_path, clock):
    parts = opened(tmp_path, clock, **{"embedder.kind": "minilm"})
    keep(parts, HANDBOOKS)
    asked = [parts.pipeline.before([{"role": "user", "content": text}], ANN, Controls()) for text in ASKED]
    assert ["E14 means" in each.injection.turn_text for each in asked] == [True, True, False, False]
    parts.store.close()
