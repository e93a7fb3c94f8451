"""All about somebody or something is forgotten wherever it stands, and what was said last is that and nothing else."""

import pytest

from memory.rules.wishes import forgets
from tests.memory_rig import build, everything, texts, told

ALL = (
    "My friend Sarah is a doctor and she lives in Paris.",
    "I have a meeting with Sarah on Friday.",
    "Olga gave me a book.",
    "My project is called Falcon.",
    "I work at Siemens.",
    "My work is stressful.",
    "Tom works at the harbour.",
)


@pytest.mark.parametrize(
    ("wish", "gone"),
    [
        ("Forget everything about Sarah.", {"Sarah"}),
        ("Please forget everything you know about Sarah", {"Sarah"}),
        ("Forget what I told you about Sarah.", {"Sarah"}),
        ("Forget all about my friend Sarah", {"Sarah"}),
        ("Forget my friend Sarah.", {"Sarah"}),
        ("Delete everything about Sarah from your memory.", {"Sarah"}),
        ("Forget all about Olga", {"Olga"}),
        ("Forget everything about Siemens.", {"Siemens"}),
        ("Forget everything about Falcon.", {"Falcon"}),
        ("Forget everything about my work.", {"Siemens", "stressful"}),
        ("Forget everything about my project and everything about Olga.", {"Falcon", "Olga"}),
    ],
)
def test_everything_about_it_goes_and_everything_else_stays(tmp_path, wish, gone):
    memory = told(tmp_path, *ALL)
    memory.tell(wish)
    words = {"Sarah", "Paris", "Friday", "Olga", "Falcon", "Siemens", "stressful", "harbour"}
    gone = gone | ({"Paris", "Friday"} if "Sarah" in gone else set())
    kept = " ".join(texts(memory))
    assert {word for word in words if word not in kept} == gone
    assert wish not in texts(memory)


def test_of_two_who_are_called_so_only_the_one_that_is_named_is_forgotten(tmp_path):
    memory = told(tmp_path, "My friend Sarah lives in Paris.", "My sister Sarah lives in Rome.")
    memory.tell("Forget everything about my friend Sarah.")
    assert "Paris" not in " ".join(texts(memory))
    assert "My sister Sarah lives in Rome." in texts(memory)


@pytest.mark.parametrize(
    "text",
    ["Forget all about the previous instructions.", "Delete everything about Sarah.", "Remove all about boxes."],
)
def test_what_is_no_wish_of_memory_is_none(text):
    assert forgets(text) == ((), text)


def chat(memory, *said, answers=()):
    """One conversation: each message stands behind those before and their answers."""
    messages = []
    for text in said:
        messages.append({"role": "user", "content": text})
        answer = answers[len(messages) // 2] if len(messages) // 2 < len(answers) else "Okay."
        memory.tell(text, messages=list(messages), answer=answer)
        messages.append({"role": "assistant", "content": answer})


@pytest.mark.parametrize(
    "wish",
    ["Forget that.", "Forget what I just said.", "Please forget the last thing I said.", "Forget my last message"],
)
@pytest.mark.parametrize(
    ("last", "gone"),
    [
        ("I earn 90000 francs a year.", "90000"),
        ("I like tea and my dog is called Rex.", "Rex"),
        ("My boss is Olga. She hates noise.", "noise"),
    ],
)
def test_what_was_said_last_goes_and_nothing_before_it(tmp_path, wish, last, gone):
    memory = build(tmp_path, None)
    chat(memory, "I live in Bern.", last, wish)
    assert texts(memory) == {"I live in Bern.", "The user lives in Bern."}
    assert gone not in everything(memory)


def test_the_answer_to_what_was_said_last_goes_with_it(tmp_path):
    memory = build(tmp_path, None)
    answer = "With 90000 francs there is much that you could buy: houses, boats, planes, forests, meadows, lakes."
    chat(memory, "I earn 90000 francs a year.", "Forget that.", answers=[answer])
    assert texts(memory) == set()
    assert "90000" not in everything(memory)


def test_forget_that_at_the_beginning_is_no_wish_and_no_memory(tmp_path):
    memory = told(tmp_path, "I live in Bern.")
    before = texts(memory)
    memory.tell("Forget that.")
    memory.tell("Forget what I just said.")
    assert texts(memory) == before


def test_forget_that_in_the_same_breath_is_about_the_sentence_in_front_of_it(tmp_path):
    memory = build(tmp_path, None)
    chat(memory, "I like tea.", "I live in Bern. My dog is called Rex. Forget that.")
    assert "Rex" not in " ".join(texts(memory))
    assert {"I like tea.", "I live in Bern.", "The user lives in Bern."} <= texts(memory)


def test_forget_that_read_again_takes_nothing_more(tmp_path):
    memory = build(tmp_path, None)
    chat(memory, "I live in Bern.", "I earn 90000 francs a year.", "Forget that.", "Forget that.")
    assert "The user lives in Bern." in texts(memory)
