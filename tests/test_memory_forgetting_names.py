"""A name alone is forgotten: what else is known of somebody stays, told without it; by either name all of it goes."""

import pytest

from memory.forgetting import Forgetting
from memory.rules.wishes import beings_unnamed, forgets
from memory.topics import Topics
from memory.turn import Forget
from tests.memory_rig import ADA, build


def forget(memory, text):
    """Fulfil the wishes of a message in the order in which they are to be: stored first is what stays."""
    vault, embeddings = memory.files.vault, memory.embeddings
    forgetting = Forgetting(vault, embeddings, Topics(embeddings.embed))
    wishes, _ = forgets(text)
    for wish in forgetting.by_both_names(ADA, wishes):
        for draft in forgetting.kept(ADA, wish):
            memory.pipeline.remember(ADA, draft)
        vault.forget(ADA, forgetting.widened(ADA, wish))


def texts(memory):
    return {cube.text for cube in memory.files.vault.page(ADA, limit=99, include_superseded=True).cubes}


def told(tmp_path, *said):
    memory = build(tmp_path, None)
    for text in said:
        memory.tell(text)
    return memory


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
    assert after.fact.subject == "sister"
    assert after.source.turn_id is None


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        (("My sister Anna lives in Porto.", "Anna works at Anna Bakery."), "Bakery"),  # the name is in the value
        (("My sister Anna lives in Porto.", "My sister Maria lives in Rome."), "lives"),  # which of them would it be?
        (("My sister Anna lives in Porto.", "My boss is called Anna."), "Porto"),  # which Anna lives there?
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
