"""Governance is the only way into the vault: secrets stay out, nothing is lost silently, users stay apart."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.detect_secrets import DetectSecrets
from memory.cube import FactKey, Origin, SemanticType, Source
from memory.errors import Refused
from memory.governance import Governance, split
from memory.turn import Admitted, Draft, Scope

BO = Scope(user="bo")
NOW = datetime(2026, 5, 2, tzinfo=UTC)


def _draft(text, *, turn_id="turn_1", fact=None, **more):
    return Draft(
        text=text,
        semantic_type=more.pop("semantic_type", SemanticType.TURN if fact is None else SemanticType.FACT),
        origin=Origin.USER_INPUT,
        source=Source(turn_id=turn_id),
        valid_from=NOW,
        fact=fact,
        **more,
    )


def _governance(**more):
    return Governance(DetectSecrets(), **more)


def test_only_governance_makes_an_admitted():
    with pytest.raises(TypeError, match="governance"):
        Admitted(object(), _draft("x"), BO)


def test_a_secret_is_replaced_and_counted():
    (admitted,) = _governance().admit(BO, [_draft("My password is hunter2 and I like tea.")])
    assert admitted.draft.text == "My password is [redacted] and I like tea."
    assert (admitted.redactions, admitted.sensitivity, admitted.scope) == (1, ("secret",), BO)


def test_everyday_drafts_come_through_as_they_are():
    draft = _draft("My door code is 4821.")
    (admitted,) = _governance().admit(BO, [draft])
    assert admitted.draft == draft
    assert (admitted.redactions, admitted.sensitivity) == (0, ())


def test_a_fact_whose_value_is_a_secret_is_left_out():
    fact = FactKey(subject="user", attribute="password", value="swordfish")
    assert _governance().admit(BO, [_draft("The user's password is swordfish.", fact=fact)]) == []


@pytest.mark.parametrize("text", ["", "   ", "?!", "sk-a1B2c3D4e5F6g7H8i9J0"])
def test_what_says_nothing_is_left_out(text):
    assert _governance().admit(BO, [_draft(text)]) == []


def test_derived_from_follows_the_drafts_that_are_left():
    drafts = [_draft(""), _draft("I moved to Porto."), _draft("The user lives in Porto.", derived_from=(0, 1))]
    admitted = _governance().admit(BO, drafts)
    assert [each.draft.derived_from for each in admitted] == [(), (0,)]


def test_a_long_turn_becomes_several_and_none_of_it_is_lost():
    text = " ".join(f"Sentence number {i} says something." for i in range(200))
    admitted = _governance(max_cube_chars=500).admit(BO, [_draft(text), _draft("Short.", derived_from=(0,))])
    *pieces, short = admitted
    assert all(len(each.draft.text) <= 500 for each in pieces)
    assert " ".join(each.draft.text for each in pieces) == text
    assert short.draft.derived_from == tuple(range(len(pieces)))


def test_a_long_text_written_by_hand_is_refused_with_what_to_do():
    draft = _draft("x" * 501, turn_id=None, semantic_type=SemanticType.FACT)
    with pytest.raises(Refused, match="500") as refused:
        _governance(max_cube_chars=500).admit(BO, [draft])
    assert refused.value.param == "text"


@given(st.text(alphabet="ab .\n", max_size=300), st.integers(1, 40))
def test_splitting_keeps_every_letter(text, limit):
    pieces = split(text, limit)
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_without_a_detector_texts_stay():
    assert Governance(None).redact("password: swordfish") == "password: swordfish"
    assert _governance().redact("password: swordfish") == "password: [redacted]"
