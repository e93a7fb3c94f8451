"""What no rule read as a fact is forgotten by what the wish is about, and what is about something else stays."""

import pytest

from tests.memory_rig import build, texts, told

WORK = ("Forget where I work.",)
MEDICINE = ("Forget what medicine I take.", "Forget my medication.", "Forget what pills I take.")
SALARY = ("Forget my salary.", "Forget how much I earn.", "Forget my income.")
KNEE = ("Forget my knee.", "Forget about my knee.", "Forget that I hurt my knee.", "Forget everything about my knee.")
AGE = ("Forget my daughter's age.", "Forget how old my daughter is.")


@pytest.mark.parametrize(
    ("wishes", "said", "beside"),
    [
        (
            WORK,
            "I work as a nurse in Bristol.",
            ("My sister works in Leeds.", "The lift works in the morning.", "I work hard.", "Work starts at nine."),
        ),
        (
            MEDICINE,
            "I take ibuprofen for my back pain",
            (
                "I take the bus to town.",
                "I take sugar in my coffee.",
                "My mother takes ibuprofen.",
                "My back is broad.",
            ),
        ),
        (MEDICINE, "I take 20 mg of ramipril every day", ("I take my time.", "I broke my leg.")),
        (
            SALARY,
            "I earn 50000 a year.",
            ("My sister earns 90000 a year.", "I make 20 pancakes a day.", "My rent is 900 a month."),
        ),
        (
            KNEE,
            "I hurt my knee skiing.",
            ("My sister's knee is swollen.", "I love skiing.", "I hurt my elbow.", "The knee brace was sold."),
        ),
        (
            AGE,
            "My daughter Lena is 5.",
            ("My daughter Lena is 110 cm tall.", "My daughter is tall.", "My son Ben is 7.", "My car is 5 years old."),
        ),
    ],
)
def test_what_no_rule_read_goes_by_what_it_tells_and_nothing_else(tmp_path, wishes, said, beside):
    for place, wish in enumerate(wishes):
        memory = told(tmp_path / str(place), *beside)
        kept = texts(memory)
        memory.tell(said)
        memory.tell(wish)
        assert said not in texts(memory), wish
        assert kept <= texts(memory), wish


def test_what_is_told_beside_an_age_stays(tmp_path):
    memory = told(tmp_path, "My daughter Lena is 5 and goes to school in Ghent.")
    memory.tell("Forget my daughter's age.")
    left = " ".join(texts(memory))
    assert "goes to school in Ghent" in left
    assert "5" not in left


def test_a_job_stays_where_only_the_place_of_it_is_forgotten(tmp_path):
    memory = told(tmp_path, "I work as a nurse in Bristol.")
    memory.tell("Forget where I work.")
    assert texts(memory) == {"The user works as a nurse."}


def test_of_a_message_handed_over_nothing_is_taken_for_the_users(tmp_path):
    mail = "Summarise this mail:\n\nFrom: Bob\nTo: me\nSubject: ill\n\nHi, I hurt my knee skiing.\nBob"
    memory = told(tmp_path, mail)
    before = texts(memory)
    memory.tell("Forget my knee.")
    assert texts(memory) == before


def test_an_answer_that_speaks_of_it_goes_too(tmp_path):
    memory = build(tmp_path, None)
    answer = "Rest your knee, keep it cool, raise it, wrap a bandage around it and see a doctor about ligaments soon."
    memory.tell("I hurt my knee skiing.", answer=answer)
    memory.tell("Forget my knee.")
    assert texts(memory) == set()
