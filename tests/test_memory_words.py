"""Index terms: the same word is found however it is written, and nothing that people type breaks a query."""

import sqlite3

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from memory.vault.porter import stem
from memory.vault.words import content_terms, query_terms, terms, words

# The words of the steps of Porter's paper, with some of everyday life.
_WORDS = """caresses ponies ties caress cats feed agreed plastered bled motoring sing conflated troubled sized hopping
tanned falling hissing fizzed failing filing happy sky relational conditional rational valency hesitancy digitizer
conformably radically differently vileness analogously vietnamization predication operator feudalism decisiveness
hopefulness callousness formality sensitivity sensibility triplicate formative formalize electricity electrical hopeful
goodness revival allowance inference airliner gyroscopic adjustable defensible irritant replacement adjustment dependent
adoption homologous communism activate angularity effective bowdlerize probate rate cease controll roll apology logi
living lives lived moved moving favourite colours allergies allergic yearly flying days skies yes eyes""".split()


def _fts5_stems(words_):
    """SQLite's own Porter tokenizer, as the second opinion."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(w, tokenize = 'porter unicode61 remove_diacritics 2')")
    connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, 'instance')")
    connection.executemany("INSERT INTO t (rowid, w) VALUES (?, ?)", list(enumerate(words_)))
    found = {words_[doc]: term for term, doc in connection.execute("SELECT term, doc FROM v")}
    connection.close()
    return found


def test_stems_are_those_of_sqlite():
    assert {word: stem(word) for word in _WORDS} == _fts5_stems(_WORDS)


@given(
    st.text("aeioulstnrgd", min_size=2, max_size=6),
    st.sampled_from(["", "s", "ed", "ing", "ational", "ness", "fully", "ization", "ements", "iviti", "ion", "ly", "e"]),
)
def test_stems_of_made_up_words_are_those_of_sqlite(beginning, ending):
    word = beginning + ending
    assume(not word.startswith("eed"))  # here the paper keeps what SQLite shortens
    assert stem(word) == _fts5_stems([word])[word]


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
