"""What was not meant by a wish to forget stays: what is beside it, and whoever has the same name."""

import pytest

from tests.memory_rig import texts, told

BIRTH = {
    "born": {"I was born in Malta.", "The user was born in Malta."},
    "age": {"I am 41 years old.", "The user is 41 years old."},
    "birthday": {"My birthday is 3 May.", "The user's birthday is on 3 May."},
}


@pytest.mark.parametrize(
    ("wish", "gone"),
    [
        ("Forget my birthday.", "birthday"),
        ("Forget where I was born.", "born"),
        ("Stop remembering my age.", "age"),
        ("Forget how old I am.", "age"),
    ],
)
def test_birthday_age_and_place_of_birth_are_three_things(tmp_path, minilm, wish, gone):
    memory = told(tmp_path, "I was born in Malta.", "I am 41 years old.", "My birthday is 3 May.", embedder=minilm)
    memory.tell(wish)
    assert texts(memory) == set().union(*(kept for name, kept in BIRTH.items() if name != gone))


@pytest.mark.parametrize("wish", ["Forget my cat.", "Forget my cat's name.", "Forget that my cat is called Tom."])
def test_a_brother_keeps_the_name_that_a_cat_has_too(tmp_path, wish):
    memory = told(
        tmp_path, "I have a cat called Tom and a brother called Tom.", "My brother Tom lives in Rome.", "I like cats."
    )
    memory.tell(wish)
    left = texts(memory)
    assert {"My brother Tom lives in Rome.", "The user has a brother called Tom.", "I like cats."} <= left
    assert not {text for text in left if "cat called" in text or "cat is called" in text}


def test_somebody_else_keeps_the_name_that_a_sister_has_too(tmp_path):
    memory = told(tmp_path, "My sister is called Anna.", "My boss is called Anna.", "My sister Anna came over.")
    memory.tell("Forget my sister's name.")
    left = texts(memory)
    assert {"My boss is called Anna.", "The user's boss is called Anna."} <= left
    assert not {text for text in left if "sister" in text and "Anna" in text}


def test_what_is_told_of_a_brother_with_a_cats_name_is_not_told_twice(tmp_path):
    memory = told(
        tmp_path, "My cat is called Tom.", "My brother is called Tom.", "My brother Tom came. I sold the lamp."
    )
    memory.tell("Forget my cat.")
    assert "My brother Tom came. I sold the lamp." in texts(memory)
    assert "I sold the lamp." not in texts(memory)


def test_what_is_told_of_one_of_two_who_are_called_so_goes_with_the_name(tmp_path):
    memory = told(tmp_path, "My sister Anna lives in Porto.", "My boss is called Anna.")
    memory.tell("Forget my sister's name.")
    assert texts(memory) == {"My boss is called Anna.", "The user's boss is called Anna."}  # which Anna lives there?


def test_a_name_goes_with_all_words_for_the_same_relative(tmp_path):
    memory = told(tmp_path, "My mum is called Anna.", "My mother is called Anna.", "I saw Anna.")
    memory.tell("Forget my mother's name.")
    assert "Anna" not in " ".join(texts(memory))


@pytest.mark.parametrize("wish", ["Forget my aunt's name.", "Forget my aunt."])
@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("My aunt Rosa lives in Genoa and my uncle Piero has a boat.", "My uncle Piero has a boat."),
        ("My aunt Rosa lives in Genoa. I sold the lamp yesterday. She liked it.", "I sold the lamp yesterday."),
    ],
)
def test_what_a_turn_tells_of_others_stays(tmp_path, wish, said, left):
    memory = told(tmp_path, said)
    memory.tell(wish)
    kept = texts(memory)
    assert left in kept
    assert not {text for text in kept if "Rosa" in text or "liked it" in text or "She " in text}


@pytest.mark.parametrize(
    "said",
    [
        "My aunt Rosa lives in Genoa and my uncle knows Rosa well.",
        "My aunt Rosa lives in Genoa and I love her.",
        "I visited my aunt Rosa and my uncle Piero in Genoa.",
        "My aunt Rosa is ill. My uncle told me that she is in hospital.",
    ],
)
def test_what_does_not_stand_without_the_name_is_not_kept(tmp_path, said):
    memory = told(tmp_path, said)
    memory.tell("Forget my aunt.")
    assert not {text for text in texts(memory) if "Rosa" in text or "her" in text.split() or "she" in text}
