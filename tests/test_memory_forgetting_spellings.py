"""What is forgotten goes in whichever letters, digits or words it was told, and nothing that only looks like it."""

import json

import pytest

from memory.vault.forgotten_names import ForgottenNames
from memory.vault.said_names import occurrences
from memory.vault.same_value import may_be_same, same_value
from tests.memory_rig import ADA, texts, told


def exported(memory):
    return json.dumps(list(memory.files.vault.export(ADA)), ensure_ascii=False, default=str)


def test_what_was_injected_holds_no_words_of_a_turn_that_went(tmp_path):
    memory = told(tmp_path, "My brother is called Mark.", "mark and i went out.", "What does Mark like?")
    memory.tell("Forget my brother's name.")
    assert "mark and i went out." not in texts(memory)
    assert "mark" not in exported(memory).casefold().replace("[forgotten]", "")


def test_what_was_injected_as_a_quotation_goes_with_its_quotation_marks(tmp_path):
    memory = told(tmp_path, 'The plumber shouted "hello you" all day.', "What did the plumber shout all day?")
    assert "'hello you'" in exported(memory)
    memory.files.vault.delete(ADA, [cube.id for cube in memory.files.vault.page(ADA, limit=9).cubes])
    assert "hello you" not in exported(memory)


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("Rose", "Dinner with rose tonight.", True),
        ("Rose", "The gift is for rose.", True),
        ("Rose", "Yesterday rose and I went to the cinema.", True),
        ("Mark", "Yesterday mark came over.", True),
        ("Will", "Dinner with will tonight", True),
        ("April", "My lunch with april was nice.", True),
        ("Mark", "mark and i went out.", True),
        ("Mark", 'The user said: "mark and i went out."', True),
        ("Will", "Anna and will come to dinner", True),
        ("Will", "I saw will", True),
        ("Will", "yesterday will came", True),
        ("Will", "In the park will likes to run", True),
        ("May", "I told you may is ill", True),
        ("Rose", "I told you rose is pregnant", True),
        ("Rose", "She knows that rose is ill", True),
        ("Mark", "What does Mark like?", True),
        ("April", "April 30 today!", True),
        ("May", "I called May 3 times.", True),
        ("May", "MAY WAS HERE", True),
        ("Rose", "my rose came home", True),
        ("Mark", "what would mark say", True),
        ("Mark", "where did mark go?", True),
        ("Will", "Will's car", True),
        ("Rose", "a photo of rose", True),
        ("Lucky", "lucky barks a lot", True),
        ("Will", "and then will said no", True),
        ("Hope", "I miss hope a lot", True),
        ("Hope", "Tea with hope", True),
        ("Bill", "bill called", True),
        ("Bill", "Lunch at bill's place", True),
        ("Grace", "grace is my neighbour", True),
        ("May", "may and june came over", True),
        ("May", "yesterday may visited us", True),
        ("Rose", "I bought a rose.", False),
        ("Rose", "i bought a nice rose.", False),
        ("Hope", "I hope it rains.", False),
        ("Bill", "i paid the bill", False),
        ("Bill", "I paid my bill.", False),
        ("Rose", "The prices rose.", False),
        ("Rose", "the prices rose", False),
        ("Will", "We had a very long and tiring day in the office today. Will it rain tomorrow?", False),
        ("Will", "it will rain", False),
        ("Will", "The train will leave at 5.", False),
        ("Will", "I'll come and will bring cake.", False),
        ("Will", "The train leaves late and will arrive at 5.", False),
        ("May", "I may go.", False),
        ("May", "4 May", False),
        ("May", "The train may leave.", False),
        ("May", "I have lived here since May.", False),
        ("Mark", "I got a good mark.", False),
        ("Hope", "there is no hope", False),
        ("Hope", "Hope you are well.", False),
        ("Hope", "I love you and hope you are well.", False),
        ("Mark", "We want to mark the day.", False),
        ("Rain", "It is going to rain.", False),
        ("Rain", "It will rain.", False),
        ("Rain", "It might rain tomorrow.", False),
        ("Happy", "I am happy.", False),
        ("Happy", "Happy birthday!", False),
        ("Red", "The car is red.", False),
        ("Miles", "It is 5 miles away.", False),
        ("Rose", "The sun rose at six.", False),
        ("Will", "He has a strong will to live, and the will is signed.", False),
        ("Art", "I study modern art.", False),
        ("Spring", "We met in spring.", False),
        ("Friday", "Friday night was fun.", False),
        ("May", "My birthday is on May 4.", False),
        ("May", "The deadline is on May 4 today.", False),
        ("Mark", "Please mark it as done.", False),
        ("Chase", "I don't chase cars.", False),
        ("Case", "Just in case.", False),
        ("Will", "When will it be?", False),
        ("Will", "My mother will come.", False),
        ("Will", "My brother will came.", True),
        ("April", "the April issue", False),
        ("Rose", "My salary rose by 5%.", False),
        ("Dawn", "before dawn", False),
        ("Mark", "I owe mark 5 euros", True),
        ("Rose", "I think rose is sick", True),
        ("May", "I asked if may could come", True),
        ("Will", "today will is ill", True),
        ("Will", "That will do.", False),
        ("Will", "Everything will be fine", False),
        ("Mark", "I must mark the exams.", False),
        ("Happy", "We are happy with it.", False),
        ("April", "She said april was late", True),
        ("Will", "I will, of course.", False),
        ("Guy", "He is a nice guy.", False),
    ],
)
def test_where_an_everyday_word_is_a_name(name, text, named):
    assert any(occurrences(name, text)) == named
    assert any(occurrences(name, f'The user said: "{text}"')) == named


@pytest.mark.parametrize(
    "text", ["Rose gave me a flower. the prices rose", "Rose rose and rose", "rose, rose's rose and the rose"]
)
def test_what_is_scrubbed_holds_nothing_that_a_second_look_would_take(text):
    rose = ForgottenNames(names=("Rose",))
    once = rose.scrub(text)
    assert rose.scrub(once) == once
    assert not rose.states(once)


@pytest.mark.parametrize(
    ("name", "said", "gone"),
    [
        ("Rose", ("Dinner with rose tonight.", "The gift is for rose.", "Yesterday rose and I went to the cinema."), 3),
        ("Rose", ("The prices rose.", "I bought a rose.", "I watered the rose with Tom."), 0),
        ("Mark", ("Yesterday mark came over.", "I got a good mark."), 1),
        ("Will", ("Dinner with will tonight", "The day was very long and tiring. Will it rain tomorrow?"), 1),
        ("April", ("My lunch with april was nice.", "The tax is due on April 3."), 1),
    ],
)
def test_what_names_somebody_in_small_letters_goes_with_the_name(tmp_path, name, said, gone):
    memory = told(tmp_path, f"My cousin is called {name}.", *said)
    memory.tell("Forget my cousin's name.")
    left = {text for text in said if text in texts(memory)}
    assert left == set(said[gone:])


@pytest.mark.parametrize(
    ("name", "wish", "gone", "left"),
    [
        ("May", "forget may", "I saw may in town.", ("My birthday is on 4 May.", "I may go there.")),
        ("May", "Forget what I told you about May.", "I saw may in town.", ("My birthday is on 4 May.",)),
        ("Rose", "forget rose", "Lunch with rose was nice.", ("The prices rose.", "I bought a rose.")),
        ("Will", "forget will", "Yesterday will came over.", ("It will rain in Oslo.",)),
        ("Will", "Forget everything about will", "Yesterday will came over.", ("It will rain in Oslo.",)),
    ],
)
def test_whoever_is_called_by_an_everyday_word_is_forgotten_by_it(tmp_path, name, wish, gone, left):
    memory = told(tmp_path, f"My cousin is called {name}.", gone, *left)
    memory.tell(wish)
    assert gone not in texts(memory)
    assert f"My cousin is called {name}." not in texts(memory)
    assert set(left) <= texts(memory)


def test_a_season_after_which_nobody_is_called_is_forgotten_by_itself(tmp_path):
    memory = told(tmp_path, "We went to Rome last summer.", "I like tea.")
    memory.tell("forget summer")
    assert texts(memory) == {"I like tea.", "The user likes tea."}


def test_an_everyday_word_by_which_nobody_is_called_is_forgotten_by_itself(tmp_path):
    memory = told(tmp_path, "I bought the honey at the market.", "I like tea.")
    memory.tell("forget honey")
    assert texts(memory) == {"I like tea.", "The user likes tea."}


@pytest.mark.parametrize(
    ("told_as", "wish"),
    [
        ("My phone number is 555 1234.", "Forget that my phone number is 5551234."),
        ("My birthday is on 4 June.", "Forget that my birthday is June 4th."),
        ("My salary is 50,000 euros.", "Forget that my salary is 50000 euros."),
        ("I earn 50,000 euros.", "Forget that I earn 50000 euros."),
        ("My address is 5 Main Street, Porto.", "Forget that my address is 5 Main St."),
        ("I live at 5 Main Street, Porto.", "Forget that I live at 5 Main St."),
        ("I have two children.", "Forget that I have 2 kids."),
        ("I am 30 years old.", "Forget that I am thirty."),
        ("I live in Porto, Portugal.", "Forget that I live in Porto."),
        ("I drive a Toyota Corolla.", "Forget that I drive a Corolla."),
        ("I like playing football.", "Forget that I like football."),
    ],
)
def test_a_value_goes_in_whichever_digits_and_words_it_was_told(tmp_path, told_as, wish):
    memory = told(tmp_path, told_as, "I like tea.")
    memory.tell(wish)
    assert texts(memory) == {"I like tea.", "The user likes tea."}
    assert told_as not in exported(memory)


@pytest.mark.parametrize(
    ("told_as", "wish"),
    [
        ("I live in Rome.", "Forget that I live in Porto."),
        ("I live in New York.", "Forget that I live in York."),
        ("I live in York.", "Forget that I live in New York."),
        ("I like tea.", "Forget that I like green tea."),
        ("I like green tea.", "Forget that I like tea."),
        ("I like C++.", "Forget that I like C."),
        ("I like watching football.", "Forget that I like playing football."),
        ("My birthday is on 4 June.", "Forget that my birthday is on 5 June."),
        ("My phone number is 555 1234.", "Forget that my phone number is 555 9999."),
    ],
)
def test_another_value_stays(tmp_path, told_as, wish):
    memory = told(tmp_path, told_as)
    before = texts(memory)
    assert len(before) == 2
    memory.tell(wish)
    assert texts(memory) == before
    assert told_as in exported(memory)


def test_what_no_rule_read_goes_by_its_words_and_another_value_beside_it_stays(tmp_path):
    memory = told(tmp_path, "I live in New York.", "It was nice when we used to live near York.")
    memory.tell("Forget that I live in York.")
    assert texts(memory) == {"I live in New York.", "The user lives in New York."}
    assert "near York" not in exported(memory)


@pytest.mark.parametrize(
    ("one", "other", "may_be"),
    [
        ("555 1234", "5551234", True),
        ("4 June", "June 4th", True),
        ("4 June", "the fourth of June", True),
        ("June 4, 1990", "4/6/1990", True),
        ("4 June", "5 June", False),
        ("4 June 1990", "4 June", True),
        ("50,000 euros", "50000 euros", True),
        ("50,000 euros", "50k", True),
        ("50,000", "fifty thousand euros", True),
        ("50,000 euros", "60,000 euros", False),
        ("5 Main Street, Porto", "5 Main St", True),
        ("5 Main Street, Porto", "12 Oak Ave", False),
        ("Rome", "5 Main Street", False),
        ("Main Street, Porto", "5 Main St", True),
        ("two", "2", True),
        ("two children", "2 kids", True),
        ("two children", "3 kids", False),
        ("a couple of kids", "2", True),
        ("two", "three", False),
        ("+351 555 123 456", "555123456", True),
        ("5551234", "5559999", False),
        ("180 cm", "1.80 m", True),
        ("30 years old", "30", True),
        ("thirty", "30", True),
        ("twenty-five", "25", True),
        ("Rome", "Porto", False),
        ("New York", "York", False),
        ("York", "New York", False),
        ("New York", "new york", True),
        ("Porto, Portugal", "Porto", True),
        ("a software engineer", "an engineer", True),
        ("Toyota Corolla", "Corolla", True),
        ("Acme Corp", "Acme", True),
        ("vegetarian", "vegan", False),
        ("Pixel", "5551234", False),
        ("Christmas Eve", "24 December", True),
        ("New York, USA", "York", False),
        ("one hundred", "100", True),
        ("1.5 million", "2 million", False),
    ],
)
def test_which_values_of_one_attribute_may_be_the_same(one, other, may_be):
    assert may_be_same(one, other) == may_be
    assert may_be_same(other, one) == may_be


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("tea", "green tea", False),
        ("C++", "C", False),
        ("C", "C", True),
        ("dogs", "dog", True),
        ("the Beatles", "Beatles", True),
        ("Porto", "Porto, Portugal", False),
        ("jazz", "Jazz", True),
        ("猫", "犬", False),
        ("猫", "猫", True),
        ("!", "?", False),
        ("football", "playing football", True),
        ("watching football", "playing football", False),
    ],
)
def test_which_values_are_surely_the_same(one, other, same):
    assert same_value(one, other) == same
    assert same_value(other, one) == same


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("O\u2019Brien", "I saw O'Brien.", True),
        ("O'Brien", "I saw o\u2019brien today", True),
        ("Anne-Marie", "Anne\u2011Marie", True),
        ("Anne-Marie", "anne marie came", True),
        ("Anne Marie", "Anne-Marie", True),
        ("Anne-Marie", "Annemarie", False),
        ("Søren", "Soren came", True),
        ("Soren", "Søren came", True),
        ("Łukasz", "lukasz", True),
        ("Lukasz", "Łukasz", True),
        ("Đorđe", "Dorde", True),
        ("Dorde", "Đorđe", True),
        ("Æsa", "Aesa", True),
        ("Aesa", "Æsa", True),
        ("Weiß", "Weiss", True),
        ("Weiss", "Weiß", True),
        ("Weiss", "WEIẞ", True),
        ("Weiß", "WEISS", True),
        ("Zoë", "Zoe\u0308", True),
        ("Ruth", "Ruþ", True),
        ("Анна", "анна", True),
        ("Ё", "ё", True),
        ("Iğdır", "IGDIR", True),
        ("Åse", "Ase", True),
        ("Caesar", "Cæsar", True),
        ("Caesar", "Cae\u0308sar", True),
        ("Michael", "Michaël", True),
        ("Renée", "Rene\u0301e", True),
        ("Anne Marie", "Anne\nMarie", True),
        ("\ud55c\uad6d", "\ud55c\uad6d", True),
        ("Café", "cafes", False),
    ],
)
def test_a_name_is_one_in_all_its_spellings(name, text, named):
    assert any(occurrences(name, text)) == named
    assert ForgottenNames(names=(name,)).states(text) == named


@pytest.mark.parametrize(
    ("name", "other"),
    [("O\u2019Brien", "O'Brien"), ("S\u00f8ren", "Soren"), ("Weiss", "Wei\u00df"), ("Anne-Marie", "Anne\u2011Marie")],
)
def test_whoever_is_spelt_otherwise_is_forgotten(tmp_path, name, other):
    memory = told(tmp_path, f"My sister is called {name}.", f"I saw {other} in town.", "I like tea.")
    memory.tell("Forget my sister's name.")
    assert texts(memory) == {"I like tea.", "The user likes tea."}
    assert not [each for each in (name, other) if each in exported(memory)]


@pytest.mark.parametrize(("name", "wish"), [("Søren", "Soren"), ("Soren", "Søren")])
def test_what_somebody_does_is_forgotten_by_another_spelling_of_the_name(tmp_path, name, wish):
    memory = told(tmp_path, f"My friend {name} likes tea.", f"My friend {name} lives in Rome.")
    memory.tell(f"Forget where {wish} lives.")
    assert "Rome" not in exported(memory)
    assert f"{name} likes tea." in texts(memory)


def test_whoever_has_a_longer_name_keeps_it(tmp_path):
    memory = told(
        tmp_path,
        "My sister is called Anna.",
        "My colleague is called Anna Schmidt.",
        "Anna Schmidt likes tea.",
        "Anna met Anna Schmidt in town.",
        "Anna likes jazz.",
    )
    memory.tell("Forget my sister's name.")
    left = texts(memory)
    assert {"My colleague is called Anna Schmidt.", "The user's colleague is called Anna Schmidt."} <= left
    assert "Anna Schmidt likes tea." in left
    without_hers = exported(memory).replace('"Anna Schmidt", "Anna"', "").replace("Anna Schmidt", "")
    assert "Anna" not in without_hers
    memory.tell("Forget my colleague's name.")
    assert "Anna" not in exported(memory)


def test_a_longer_name_is_left_whole_in_what_is_scrubbed():
    anna = ForgottenNames(names=("Anna",), others=("Anna Schmidt", "Anna Schmidt-Weber"))
    assert (
        anna.scrub("Anna, anna  schmidt and Anna Schmidt-Weber") == "[forgotten], anna  schmidt and Anna Schmidt-Weber"
    )
    assert not anna.states("Anna Schmidt came.")
