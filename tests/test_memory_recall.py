"""Recall beyond similarity, with the real embedder: who speaks, what is newest, which day, what a wish to forget means.

The phrasings are none that the prototypes of topics have.
"""

from datetime import timedelta

import numpy as np
import pytest

from adapters.kept_vectors import kept_vectors
from memory.rules.topics import Holds, topics
from memory.topics import Topics, prototype_texts
from tests.memory_rig import Memory, build

SMALL_TALK = ("How do whales sleep?", "Recite a limerick.", "It rained all day.", "Explain inflation to me.")


@pytest.fixture
def memory(tmp_path, minilm):
    made = build(tmp_path, minilm)
    yield made
    made.files.close()


def tell_all(memory: Memory, *texts: str) -> None:
    for text in (*SMALL_TALK, *texts):
        memory.tell(text, answer="Alright.")
        memory.clock.now += timedelta(days=3)


def place(found: list[str], words: str) -> int:
    return next((n for n, text in enumerate(found) if words in text), len(found))


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("We found a lovely apartment in Ghent and moved in last week.", "home"),
        ("Since April my salary comes from Lumatek.", "employer"),
        ("I spend my days repairing bicycles for money, I'm a mechanic.", "job"),
        ("Me and Robin are a couple.", "partner"),
        ("Meat is off the menu for me, I turned vegetarian.", "diet"),
        ("Shrimps close my throat, I'm badly allergic.", "allergy"),
        ("My old Opel finally gave up and I picked up a Subaru at the dealer.", "car"),
        ("I replaced my cracked Nokia handset by a OnePlus.", "phone"),
        ("I switched from viola to bassoon.", "instrument"),
        ("I signed up for a beginners' course in Icelandic.", "learning"),
        ("I'm now on page 200 of a crime novel.", "book"),
        ("Our tennis hour is on Wednesdays from now on.", "schedule"),
        ("The grant report has to be in by 30 November.", "deadline"),
        ("The router's new passphrase is lemon-tree-88.", "password"),
        ("Sabine took over as head of my department, so she's my boss now.", "manager"),
    ],
)
def test_statements_that_no_rule_foresees_are_put_in_their_topic(minilm, text, topic):
    label = Topics(minilm.embed).of_statements(minilm.embed([text]))[0]
    assert label is not None
    assert label.topic.name == topic


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("To which town should the parcel be sent?", "home"),
        ("Which outfit is on my business card?", "employer"),
        ("Whom do I share my bed with?", "partner"),
        ("Can I be served a steak?", "diet"),
        ("Which foods make my throat swell?", "allergy"),
        ("What's parked outside my door?", "car"),
        ("Which smartphone is in my pocket?", "phone"),
        ("What would I play in an orchestra?", "instrument"),
        ("For which language do I buy a dictionary?", "learning"),
        ("Which story am I in the middle of?", "book"),
        ("Who is my superior at the office?", "manager"),
    ],
)
def test_questions_that_share_no_word_with_the_answer_find_their_topic(minilm, question, topic):
    asked = Topics(minilm.embed).of_question(minilm.embed([question])[0])
    assert [each.name for each, _ in asked[:1]] == [topic]


def test_each_topic_has_prototypes_enough_for_a_label():
    assert all(len(topic.said) >= 3 and len(topic.asked) >= 3 for topic in topics())
    assert len({topic.name for topic in topics()}) == len(topics())


def test_without_an_embedder_nothing_has_a_topic():
    none = Topics(lambda _texts: None)
    assert none.of_statements(np.zeros((1, 4), np.float32)) == []
    assert none.of_question(np.zeros(4, np.float32)) == []


@pytest.mark.parametrize(
    ("told", "question", "newest", "older"),
    [
        (
            ("My car is an old Opel.", "The Opel went to the scrapyard, I get around in a Subaru these days."),
            "Which car do I have?",
            "Subaru",
            "My car is",
        ),
        (
            ("The grant report is due on 3 May.", "They gave us more time: the grant report must be in by 9 June."),
            "When is the grant report due?",
            "9 June",
            "3 May",
        ),
        (
            ("I'm typing this on my Xperia phone.", "My Xperia drowned, I'm on a Fairphone phone now."),
            "Which phone do I use?",
            "Fairphone",
            "typing",
        ),
    ],
)
def test_the_newest_statement_stands_above_those_it_replaces(memory, told, question, newest, older):
    tell_all(memory, *told)
    found = memory.found(question)
    assert place(found, newest) < place(found, older)
    assert place(found, newest) == 0


def test_two_deadlines_do_not_replace_each_other(memory):
    tell_all(memory, "The grant report is due on 3 May.", "My tax return is due on 31 July.")
    assert "3 May" in memory.found("When is the grant report due?")[0]


def test_what_was_before_can_be_asked_for(memory):
    tell_all(memory, "I report to Jonas.", "Reshuffle at work: I report to Petra instead of Jonas.")
    assert any("Jonas" in text for text in memory.found("Who was my manager before Petra?")[:3])


def test_a_past_day_gets_what_held_then(memory):
    tell_all(memory, "I'm typing this on my Xperia phone.")
    day = memory.clock.now
    memory.clock.now += timedelta(days=30)
    tell_all(memory, "My Xperia drowned, I'm on a Fairphone phone now.")
    found = memory.found(f"Which phone did I use on {day.day} {day:%B %Y}?")
    assert place(found, "Xperia phone") < place(found, "Fairphone")


def test_what_is_only_mused_about_stands_below_what_is_so(memory):
    tell_all(memory, "I drive a Mazda.", "I test drove a Porsche for fun, no plans to buy it.")
    found = memory.found("Which car do I drive?")
    assert place(found, "Mazda") < place(found, "Porsche")


def test_what_is_said_of_others_stands_below_what_is_said_of_the_user(memory):
    tell_all(memory, "I start every morning with a ristretto.", "My uncle Karl always orders a hot chocolate.")
    found = memory.found("What is my usual order at the café?")
    assert place(found, "ristretto") < place(found, "Karl")
    assert "Karl" in memory.found("What does Karl order?")[0]


def test_a_day_finds_what_was_done_on_it(memory):
    memory.tell("I planted a quince tree yesterday.")
    day = memory.clock.now - timedelta(days=1)
    memory.clock.now += timedelta(days=50)
    tell_all(memory)
    assert "quince" in memory.found(f"What did I do on {day.day} {day:%B %Y}?")[0]


def test_a_recommendation_hears_what_the_user_cannot_stand(memory):
    tell_all(memory, "I can't stand coriander.", "My train was late.", "I bought a lamp.")
    assert any("coriander" in text for text in memory.found("Suggest a curry for tonight.")[:4])


def test_requests_and_questions_do_not_crowd_out_statements(memory):
    tell_all(memory, "Recite a poem about my car.", "What would a new car cost?", "I own a tiny Fiat.")
    assert "Fiat" in memory.found("What car do I own?")[0]


def test_forgetting_a_topic_takes_what_no_rule_read(memory):
    tell_all(memory, "I'm typing this on my Xperia phone.", "My cousin Ida has a Pixel.", "I own a tiny Fiat.")
    memory.tell("Please forget my phone, delete everything you know about it.")
    assert not any("Xperia" in text for text in memory.found("Which phone do I have?"))
    assert any("Pixel" in text for text in memory.found("Which phone does Ida have?"))
    assert any("Fiat" in text for text in memory.found("What car do I own?"))


@pytest.mark.parametrize(
    "told", ["You can reach me at 912 345 678.", "Ring me on 912 345 678.", "My number is 912 345 678."]
)
def test_a_phone_is_a_thing_and_a_number(memory, told):
    """ "Forget my phone" means both; "forget my phone number" leaves the phone."""
    tell_all(memory, told, "I'm writing this on my Fairphone.")
    memory.tell("Forget my phone number.")
    assert not [text for text in memory.found("phone") if "912" in text]
    assert "I'm writing this on my Fairphone." in memory.found("phone")
    memory.tell(told)
    memory.tell("Forget my phone.")
    assert not [text for text in memory.found("phone") if "912" in text or "Fairphone" in text]


def test_forgetting_one_deadline_leaves_the_other(memory):
    tell_all(memory, "The grant report is due on 3 May.", "My tax return is due on 31 July.")
    memory.tell("Forget the deadline of my tax return.")
    found = memory.found("What is due?")
    assert not any("31 July" in text for text in found)
    assert any("3 May" in text for text in found)


def test_forgetting_a_topic_that_adds_up_by_its_name_takes_all_of_it(memory):
    tell_all(
        memory,
        "I had to use my EpiPen once, cashews and I don't get along - allergy.",
        "I'm allergic to latex.",
        "Please forget my allergy, delete everything you know about it.",
    )
    found = " ".join(memory.found("What am I allergic to?"))
    assert "cashews" not in found
    assert "latex" not in found


def test_what_says_it_in_the_words_of_the_wish_goes_too(memory):
    tell_all(memory, "It's raining again here in Tulsa, where I live.")
    memory.tell("Please forget where I live, delete everything you know about it.")
    assert "Tulsa" not in " ".join(memory.found("Where do I live?"))


def test_forgetting_a_person_takes_what_only_mentions_them(memory):
    tell_all(memory, "I'm having dinner with my partner Ottilie tonight.", "My sister Ottoline bakes.")
    memory.tell("Please forget my partner, delete everything you know about it.")
    assert "Ottilie" not in " ".join(memory.found("Who is my partner?"))
    assert "Ottoline" in " ".join(memory.found("Who is my sister?"))


def test_forgetting_one_of_many_pets_leaves_the_others(memory):
    tell_all(memory, "I have a cat called Minou.", "I have a dog called Bruno.")
    memory.tell("Forget my cat.")
    found = memory.found("Which pets do I have?")
    assert not any("Minou" in text for text in found)
    assert any("Bruno" in text for text in found)


def test_every_value_of_a_topic_is_known():
    assert {topic.holds for topic in topics()} == set(Holds)


def test_prototypes_are_embedded_once_and_read_again(minilm, tmp_path):
    first = kept_vectors(tmp_path, minilm, prototype_texts()[:8])
    (file,) = tmp_path.iterdir()
    np.save(file, first[::-1].copy())
    assert np.array_equal(kept_vectors(tmp_path, minilm, prototype_texts()[:8]), first[::-1])
    file.write_bytes(b"damaged")
    assert np.array_equal(kept_vectors(tmp_path, minilm, prototype_texts()[:8]), first)
    assert len(kept_vectors(tmp_path, minilm, prototype_texts()[:9])) == 9


def test_the_same_fact_of_somebody_else_is_no_answer(tmp_path, minilm):
    memory = build(tmp_path, minilm)
    for text in ("I follow a halal diet.", "My neighbour Zora is pescatarian.", "I finished the pottery course."):
        memory.tell(text)
    facts = [text for text in memory.found("What diet does Zora follow?") if "diet" in text or "Zora" in text]
    assert facts.index("Zora is pescatarian.") < facts.index("The user follows a halal diet.")
    facts = [text for text in memory.found("What diet do I follow?") if "diet" in text or "Zora" in text]
    assert facts[0] in ("The user follows a halal diet.", "I follow a halal diet.")
