"""What is left out on request goes with its family: what was made of it, and what it was made of."""

from dataclasses import replace

import pytest

from memory.cube import Origin, SemanticType, Source
from memory.turn import Controls, Draft
from tests.memory_rig import ADA, BEN, build

ASKED = "Where do I live? My cat? A day in Lisbon?"


@pytest.fixture
def memory(tmp_path):
    made = build(tmp_path, None)
    yield made
    made.files.close()


def cube_of(memory, text):
    return next(cube for cube in memory.files.vault.page(ADA, limit=100).cubes if text in cube.text)


def noted(memory, text, sources, scope=ADA):
    """A digest, as a pipeline writes one."""
    cube = memory.pipeline.remember(scope, _draft(memory, text))
    derived = replace(cube, derived_from=tuple(source.id for source in sources))
    return memory.files.vault.update(scope, derived, expected_version=None, vector=None, model_id="")


def brought_in(prepared):
    return set(prepared.injection.cube_ids)


def test_what_is_derived_goes_with_it_through_any_number_of_steps(memory):
    memory.tell("I live in Lisbon.")
    turn, fact = cube_of(memory, "I live in Lisbon."), cube_of(memory, "The user lives in Lisbon.")
    assert fact.derived_from == (turn.id,)
    digest = noted(memory, "Digest: a day of somebody in Lisbon.", [fact])
    again = noted(memory, "Digest of digests: a day in Lisbon.", [digest])
    family = {turn.id, fact.id, digest.id, again.id}
    assert set(memory.files.vault.family(ADA, [turn.id])) == family
    for asked in (turn, fact):
        prepared = memory.ask(ASKED, without=(asked.id,))
        assert not family & brought_in(prepared)
        assert "Lisbon" not in prepared.injection.stable_text + prepared.injection.turn_text
        assert memory.found("Lisbon day", without=[asked.id]) == []
    assert brought_in(memory.ask(ASKED)) & family


def test_what_else_was_told_or_digested_stays(memory):
    """Of an utterance that told two facts the other one stays, and so does the other source of a digest."""
    memory.tell("I live in Lisbon. My cat is called Tom.")
    lives, cat = cube_of(memory, "The user lives in Lisbon."), cube_of(memory, "cat")
    other = memory.pipeline.remember(ADA, _draft(memory, "The user lives near a harbour in Lisbon, a note."))
    digest = noted(memory, "Digest: Lisbon, near a harbour.", [lives, other])
    aside = noted(memory, "Digest of what was said: Lisbon, Tom.", [cube_of(memory, "I live in Lisbon.")])
    family = set(memory.files.vault.family(ADA, [lives.id]))
    assert {digest.id, aside.id} <= family
    assert not {cat.id, other.id} & family
    prepared = memory.ask(ASKED, without=(lives.id,))
    assert "Tom" in prepared.injection.stable_text + prepared.injection.turn_text
    assert digest.id not in brought_in(prepared)


def _draft(memory, text):
    return Draft(
        text=text,
        semantic_type=SemanticType.DOCUMENT,
        origin=Origin.INFERENCE,
        source=Source(),
        valid_from=memory.clock(),
    )


def test_every_utterance_that_told_a_fact_goes_with_it(memory):
    """Told twice it is one memory, read out of the first utterance; the second one says it all the same."""
    memory.tell("I live in Lisbon.", conversation_id="one")
    memory.tell("By the way, I live in Lisbon and it rains.", conversation_id="two")
    facts = [cube for cube in memory.files.vault.page(ADA, limit=100).cubes if cube.fact is not None]
    assert len(facts) == 1
    assert memory.found("Where do I live? Lisbon", without=[facts[0].id]) == []
    prepared = memory.ask("Where do I live?", without=(facts[0].id,))
    assert "Lisbon" not in prepared.injection.stable_text + prepared.injection.turn_text


def test_a_block_of_before_that_holds_one_of_the_family_does_not_stand(memory):
    """Earlier messages keep their blocks, but for those with what was made of what is left out."""
    memory.tell("I keep a boat in Lisbon.", conversation_id="one")
    turn = cube_of(memory, "I keep a boat")
    digest = noted(memory, "Digest: a boat in Lisbon.", [turn])
    first = [{"role": "user", "content": "Where is the boat? A digest of Lisbon?"}]
    shown = memory.tell(first[0]["content"], messages=first, conversation_id="two", answer="In Lisbon, I think.")
    assert {turn.id, digest.id} & brought_in(shown)
    later = [*first, {"role": "assistant", "content": "In Lisbon, I think."}, {"role": "user", "content": "Thanks!"}]

    def prompt(**controls):
        return str(memory.pipeline.before(later, ADA, Controls(conversation_id="two", **controls)).messages)

    assert "<memory>" in prompt()
    for asked in (turn.id, digest.id):
        assert "<memory>" not in prompt(without=(asked,))


def test_families_end_at_the_border_of_a_users_memory(memory):
    mine = memory.pipeline.remember(ADA, _draft(memory, "The vault is blue."))
    theirs = noted(memory, "Digest: the vault is blue.", [mine], scope=BEN)
    assert memory.files.vault.family(ADA, [mine.id, theirs.id]) == [mine.id]
    assert memory.files.vault.family(BEN, [mine.id]) == []
