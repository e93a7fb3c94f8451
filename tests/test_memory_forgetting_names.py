"""A name alone is forgotten: what else is known of somebody stays, told without it; by either name all of it goes."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

import numpy as np
import pytest

from memory.errors import EngineDown
from memory.rules.wishes import beings_unnamed, forgets
from memory.turn import Forget, Message, TurnRecord
from memory.vault.failpoints import Failpoints
from tests.memory_rig import ADA, build, texts, told


def forget(memory, text):
    memory.tell(text)
    left = {cube.text for cube in memory.files.vault.page(ADA, limit=99).cubes}
    assert text not in left, "a wish is no memory"


def everything(memory):
    cubes = memory.files.vault.page(ADA, limit=99, include_superseded=True).cubes
    return str([memory.files.vault.history(ADA, cube.id) for cube in cubes])


def test_what_else_is_known_of_a_sister_stays_without_her_name(tmp_path):
    memory = told(
        tmp_path,
        "My sister Anna lives in Porto.",
        "My sister Anna's birthday is on 3 May.",
        "Anna likes jazz.",
        "I visited Anna in Porto.",
        "I like tea.",
    )
    forget(memory, "Forget my sister's name.")
    assert texts(memory) == {
        "The user's sister lives in Porto.",
        "The user's sister's birthday is on 3 May.",
        "The user's sister likes jazz.",
        "The user likes tea.",
        "I like tea.",
    }
    assert "anna" not in everything(memory).casefold()
    assert memory.files.vault.named(ADA) == []
    assert "Porto" in memory.found("Where does my sister live?")[0]


def test_what_stays_keeps_since_when_it_holds_and_whose_it_is(tmp_path):
    memory = told(tmp_path, "My sister Anna moved to Porto last week.")
    (before,) = (cube for cube in memory.files.vault.page(ADA).cubes if cube.fact and cube.fact.attribute == "lives")
    forget(memory, "Forget what my sister is called.")
    (after,) = memory.files.vault.page(ADA).cubes
    assert (after.valid_from, after.trust) == (before.valid_from, before.trust)
    assert after.fact is not None
    assert after.fact.subject == "sister"
    assert after.source.turn_id is None


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        (("My sister Anna lives in Porto.", "Anna works at Anna Bakery."), "Bakery"),  # the name is in the value
        (("My sister Anna lives in Porto.", "My sister Maria lives in Rome."), "lives"),  # which of them would it be?
    ],
)
def test_what_cannot_be_told_without_the_name_goes(tmp_path, said, gone):
    memory = told(tmp_path, *said)
    forget(memory, "Forget my sister's name.")
    assert "anna" not in everything(memory).casefold()
    assert gone not in everything(memory)


def test_a_former_name_does_not_come_back_in_what_stays(tmp_path):
    memory = told(tmp_path, "My boss is called Priya.", "My boss is called Omar now.", "Omar reports to Priya.")
    memory.tell("Omar lives in Oslo.")
    forget(memory, "Forget my boss's name.")
    assert texts(memory) == {"The user's boss lives in Oslo."}
    assert "Priya" not in everything(memory)


def test_a_dead_dog_is_remembered_without_its_name_and_the_next_one_is_unnamed_too(tmp_path):
    memory = told(tmp_path, "My dog Rex died in 2020.", "We got a new dog, Bella.", "My battery died.")
    forget(memory, "Forget my dog's name.")
    assert texts(memory) == {"The user's dog died in 2020.", "My battery died."}
    assert not {"Rex", "Bella"} & set(everything(memory).replace("'", " ").split())


def test_all_about_somebody_goes_as_it_did(tmp_path):
    memory = told(tmp_path, "My sister Anna lives in Porto.")
    forget(memory, "Forget about my sister.")
    assert texts(memory) == set()


@pytest.mark.parametrize("wish", ["Forget my sister's birthday.", "Forget Anna's birthday."])
def test_one_attribute_goes_by_whichever_name_it_was_told(tmp_path, wish):
    memory = told(
        tmp_path, "My sister Anna lives in Porto.", "Anna's birthday is on 3 May.", "I'll bake for Anna on 3 May."
    )
    memory.tell("My sister's birthday is on 4 May.")
    forget(memory, wish)
    assert texts(memory) == {
        "My sister Anna lives in Porto.",
        "The user's sister is called Anna.",
        "Anna lives in Porto.",
    }


def test_a_friend_among_several_is_not_taken_for_the_friend(tmp_path):
    memory = told(
        tmp_path, "My friend Tom lives in Rome.", "My friend Will lives in Oslo.", "My friend is 30 years old."
    )
    forget(memory, "Forget Tom's age.")
    assert "The user's friend is 30 years old." in texts(memory)


def test_a_wish_that_was_fulfilled_takes_nothing_more_when_it_is_read_again(tmp_path):
    """The value is out of the wish itself by then: read as it stands, it would mean all values."""
    memory = told(tmp_path, "I like jazz.", "I like tea.", "My dog died.", "My battery died.")
    memory.tell("Forget that I like jazz.")
    memory.tell("Forget that my dog died.")
    assert texts(memory) == {"I like tea.", "The user likes tea.", "My battery died."}


@pytest.mark.parametrize(
    ("text", "beings"),
    [
        ("Forget my sister's name.", ("sister",)),
        ("Forget the name of my dog.", ("dog",)),
        ("Forget what my sister is called.", ("sister",)),
        ("Forget my kids' names.", ("kid", "child", "son", "daughter")),
        ("Forget my sister.", ()),
        ("Forget my name.", ()),
        ("Forget my sister's birthday.", ()),
        ("Forget everything you know about me.", ()),
    ],
)
def test_whose_name_alone_is_meant(text, beings):
    (wish,), _ = forgets(text)
    assert beings_unnamed(wish) == beings


def test_a_wish_without_an_attribute_unnames_nobody():
    assert beings_unnamed(Forget(target="the called name")) == ()


def test_ones_own_name_goes_with_that_of_another(tmp_path):
    memory = told(tmp_path, "My name is Ada.", "My sister is called Anna.", "Anna lives in Porto.", "I like tea.")
    forget(memory, "Forget my name and my sister's name.")
    assert texts(memory) == {"The user's sister lives in Porto.", "The user likes tea.", "I like tea."}


def test_what_is_said_of_two_who_share_a_name_is_not_mixed_up(tmp_path):
    memory = told(tmp_path, "My boss is called Anna.", "My sister Anna's birthday is on 3 May.")
    forget(memory, "Forget my boss's birthday.")
    assert "Anna's birthday is on 3 May." in texts(memory)


@pytest.mark.parametrize("living", ["I have a cat called Luna.", "My cat is called Luna."])
def test_a_dead_cat_keeps_its_name_where_that_of_the_living_one_is_said(tmp_path, living):
    memory = told(tmp_path, living, "My cat Tom died in 2010.", "Tom's birthday is on 3 May.")
    forget(memory, "Forget that my cat is called Luna.")
    assert "Luna" not in everything(memory)
    assert {"My cat Tom died in 2010.", "Tom's birthday is on 3 May."} <= texts(memory)


def test_a_name_that_nobody_has_takes_no_other_along(tmp_path):
    memory = told(tmp_path, "I have a dog called Rex.", "My dog Max died in 2010.")
    before = texts(memory)
    forget(memory, "Forget that my dog is called Fido.")
    assert texts(memory) == before


def test_what_was_true_of_a_dead_dog_is_not_told_of_the_next_one(tmp_path):
    memory = told(tmp_path, "We got a new dog, Bella.", "My dog Rex died in 2020.", "Rex is 12 years old.")
    forget(memory, "Forget my dog's name.")
    assert texts(memory) == {"The user's dog died in 2020."}


def test_what_is_stated_of_two_is_a_wish_for_each(tmp_path):
    memory = told(tmp_path, "I like tea.", "My dog Rex died.")
    forget(memory, "Forget that my dog Rex died.")
    assert "Rex" not in everything(memory).replace("'", " ").split()
    assert texts(memory) == {"I like tea.", "The user likes tea."}


def test_whom_a_wish_introduces_keeps_the_name(tmp_path):
    memory = told(tmp_path, "My sister is called Anna.", "Anna's birthday is on 3 May.")
    forget(memory, "Forget that my sister Anna's birthday is on 3 May.")
    assert texts(memory) == {"My sister is called Anna.", "The user's sister is called Anna."}


def test_a_statement_about_two_is_forgotten_by_its_words(tmp_path):
    memory = told(tmp_path, "My wife is called Clara.", "My wife Clara and I live in Bonn.", "I like tea.")
    forget(memory, "Forget that my wife Clara and I live in Bonn.")
    assert "Bonn" not in everything(memory)
    assert "The user's wife is called Clara." in texts(memory)


def test_what_stays_is_kept_no_longer_than_it_was_to_be(tmp_path):
    memory = told(tmp_path, "My sister Anna lives in Porto.")
    (lives,) = (cube for cube in memory.files.vault.page(ADA).cubes if cube.fact and cube.fact.attribute == "lives")
    memory.pipeline.revise(ADA, replace(lives, ttl_s=10 * 86_400.0), expected_version=None)
    memory.clock.now += timedelta(days=9)
    forget(memory, "Forget my sister's name.")
    assert texts(memory) == {"The user's sister lives in Porto."}
    memory.clock.now += timedelta(days=2)
    assert texts(memory) == set()


def test_a_name_inside_an_address_does_not_stay(tmp_path):
    memory = told(tmp_path, "My sister Anna lives in Porto.", "Anna's email is annameier@example.org.")
    forget(memory, "Forget my sister's name.")
    assert texts(memory) == {"The user's sister lives in Porto."}
    assert "annameier" not in everything(memory)


def test_another_word_for_the_same_relative_means_the_same(tmp_path):
    memory = told(tmp_path, "My mother Rosa lives in Rome.", "Rosa likes jazz.", "My mum's birthday is on 3 May.")
    forget(memory, "Forget my mother's birthday.")
    forget(memory, "Forget my mum's name.")
    assert texts(memory) == {"The user's mother lives in Rome.", "The user's mother likes jazz."}


def test_what_one_wish_keeps_another_of_the_same_turn_still_takes(tmp_path):
    memory = told(
        tmp_path, "My sister Anna lives in Porto.", "Anna likes jazz.", "My dog is called Rex.", "I like tea."
    )
    memory.tell("Anna likes Rex.")
    memory.tell("Forget my sister's name. Forget where my sister lives. Forget the name of my dog.")
    assert texts(memory) == {"The user's sister likes jazz.", "I like tea.", "The user likes tea."}


def test_who_is_to_be_forgotten_whole_is_not_kept_for_the_name(tmp_path):
    memory = told(tmp_path, "My sister Anna lives in Porto.")
    memory.tell("Forget my sister's name. Forget my sister.")
    assert texts(memory) == set()


class Cut(Exception):
    """The process ends here."""


def cut():
    raise Cut


def resume(memory):
    """Write the turns that were left behind; True where there were any."""
    memory.clock.now += timedelta(minutes=2)  # the lease runs out
    found = False
    while exchanges := memory.files.ledger.claim(limit=10, lease_s=60):
        found = True
        for exchange in exchanges:
            memory.pipeline.after(exchange)
    return found


@pytest.mark.parametrize("point", ["write.changed", "write.committed"])
@pytest.mark.parametrize(
    ("said", "wish", "left"),
    [
        (
            ("My sister is called Anna.", "Anna's birthday is on 3 May.", "My sister's birthday is on 3 May 1990."),
            "Forget that Anna's birthday is on 3 May.",
            {"My sister is called Anna.", "The user's sister is called Anna."},
        ),
        (
            ("My sister Anna lives in Porto.", "Anna likes jazz.", "I like tea."),
            "Forget that my sister is called Anna. Forget that Anna lives in Porto.",
            {"The user's sister likes jazz.", "I like tea.", "The user likes tea."},
        ),
    ],
)
def test_a_turn_that_is_cut_off_anywhere_is_fulfilled_as_a_whole_when_it_is_tried_again(
    tmp_path, said, wish, left, point
):
    for hit in count(1):
        memory = told(tmp_path / str(hit), *said)
        points = memory.files.connections._failpoints = Failpoints(point, hit, die=cut)
        try:
            memory.tell(wish)
        except Cut:
            if not resume(memory):
                memory.tell(wish)
        assert texts(memory) == left, (point, hit)
        if points.passed[point] < hit:  # there is no such write any more
            return


class Embedder:
    """Vectors of words by their letters; ``down``: it does not answer."""

    model_id, dimension, down = "letters", 26, False

    def embed(self, said):
        if self.down:
            raise EngineDown("down")
        rows = np.array([[1 + text.casefold().count(chr(97 + n)) for n in range(26)] for text in said], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("said", "wish", "at_once", "left"),
    [
        (
            ("My sister Anna lives in Porto.", "Anna likes jazz."),
            "Forget my sister's name.",
            False,  # nothing is forgotten before what stays is stored
            {"The user's sister lives in Porto.", "The user's sister likes jazz."},
        ),
        (("I live in Porto.",), "Forget where I live in Porto.", False, set()),  # half forgotten, it would name nothing
        (("I live in Porto.",), "Forget where I live.", True, set()),
    ],
)
def test_while_the_embedder_is_down_nothing_is_lost_and_nothing_stays_for_good(tmp_path, said, wish, at_once, left):
    embedder = Embedder()
    memory = build(tmp_path, embedder)
    for text in said:
        memory.tell(text)
    before = texts(memory)
    embedder.down = True
    memory.embeddings.clear_texts()
    record = TurnRecord(
        scope=ADA, turn_hash="t", conversation_id="c", messages=(Message(role="user", text=wish),), request_id="r"
    )
    memory.files.ledger.close(ADA, memory.files.ledger.open(record, dedupe_window_s=600), "Okay.")
    with pytest.raises(EngineDown):
        resume(memory)
    assert texts(memory) == (set() if at_once else before)
    embedder.down = False
    assert resume(memory)
    assert texts(memory) == left
    assert memory.pipeline.embed_missing() == 0
