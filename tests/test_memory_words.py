"""Index terms: the same word is found however it is written, and nothing that people type breaks a query."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.vault.words import content_terms, query_terms, terms, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Where do I live?", ["live"]),
        ("Do I live in São Paulo?", ["live", "sao", "paulo"]),
        ("who am I", ["who", "am", "i"]),
        ('say "hello" (OR) NEAR/2 * ^col:x', ["hello", "near", "2", "col", "x"]),
        ("我住在里斯本", ["我住", "住在", "在里", "里斯", "斯本"]),
        ("", []),
        ("?!", []),
    ],
)
def test_query_terms_are_content_words_or_all_words_when_nothing_else_is_there(text, found):
    assert query_terms(text) == found


@given(st.text())
def test_any_text_has_terms_of_letters_and_digits_only(text):
    assert all(term and not any(character.isspace() for character in term) for term in terms(text))
    assert set(content_terms(text)) <= set(terms(text))


def test_composed_and_decomposed_letters_are_the_same_word():
    assert words("Z\u00fcrich") == words("Zu\u0308rich") == ["zurich"]
