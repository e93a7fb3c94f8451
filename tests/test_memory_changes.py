"""News of what is known replaces it, in the words that people tell it with."""

import pytest

from tests.memory_rig import ADA, told


def current(memory) -> set[str]:
    return {cube.text for cube in memory.files.vault.page(ADA, limit=99).cubes}


@pytest.mark.parametrize(
    ("before", "news", "old", "new"),
    [
        ("I live in Bonn.", "Ghent is my home now.", "The user lives in Bonn.", "The user lives in Ghent."),
        ("I'm 34.", "It's my 35th birthday today!", "The user is 34 years old.", "The user is 35 years old."),
        (
            "My phone is a Pixel 7.",
            "I bought a new phone, an iPhone 15.",
            "The user's phone is a Pixel 7.",
            "The user's phone is iPhone 15.",
        ),
        (
            "My meeting is on Monday at 3.",
            "My meeting was moved to Tuesday.",
            "The user's meeting is on Monday at 3.",
            "The user's meeting is Tuesday.",
        ),
        (
            "My rent is 900 euros.",
            "My rent went up to 950 euros.",
            "The user's rent is 900 euros.",
            "The user's rent is 950 euros.",
        ),
        (
            "My boss is Karen.",
            "My new manager is Peter.",
            "The user's boss is called Karen.",
            "The user's manager is called Peter.",
        ),
        (
            "I'm allergic to nuts.",
            "Turns out I'm allergic to kiwi, not nuts.",
            "The user is allergic to nuts.",
            "The user is allergic to kiwi.",
        ),
    ],
)
def test_news_replace_what_was_known(tmp_path, before: str, news: str, old: str, new: str):
    found = current(told(tmp_path, before, news))
    assert new in found
    assert old not in found


@pytest.mark.parametrize(
    "text",
    [
        "My son was moved to another school.",
        "My desk was moved to the corner.",
        "My family moved to Berlin.",
        "Tom is home now.",
        "Anna is my home.",
        "My team was moved to 5 daily standups.",
        "I got a new phone, Black Friday deal",
        "I got a new watch, Anna gave it to me.",
        "Tomorrow is my 35th birthday.",
        "My spirits rose to the occasion.",
        "I bought a new phone, it was cheap.",
    ],
)
def test_what_sounds_like_news_states_nothing(tmp_path, text: str):
    assert current(told(tmp_path, text)) <= {text}


def test_a_boss_who_is_told_of_again_stays(tmp_path):
    assert "The user's boss is called Karen." in current(told(tmp_path, "My boss is Karen.", "My new boss is Karen."))


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("My phone is (555) 123-4567", "The user's phone is (555) 123-4567."),
        ("I like works by Bach.", "The user likes works by Bach."),
        ("I moved to Rome when I was 45, last year.", "The user lives in Rome."),
        ("Give me reviews of places where I can eat. I'm allergic to nuts.", "The user is allergic to nuts."),
        ('Do you like the novel "Dune"? My name is Ada.', "The user's name is Ada."),
    ],
)
def test_what_is_said_plainly_is_read(tmp_path, text: str, fact: str):
    assert fact in current(told(tmp_path, text))
