"""Plain facts in common words, told and asked over a real server with the embedded model: a hundred of a hundred."""

import re
import time

import pytest

from adapters.embedded.corpus.common_facts import COMMON_FACTS, CommonFact

pytestmark = [pytest.mark.engine, pytest.mark.slow]
BATCH = 10  # facts of one person


def told_and_asked(running, key: str, facts: tuple[CommonFact, ...]) -> list[tuple[CommonFact, str]]:
    """Every fact with the answer to its question; each is told, and later asked, in a conversation of its own."""
    for fact in facts:
        running.ask(key, fact.told)
    wait_until_kept(running, key, {fact.told for fact in facts})
    return [(fact, running.ask(key, fact.question)) for fact in facts]


def wait_until_kept(running, key: str, told: set[str], limit_s: float = 60) -> None:
    """A request waits for what was said before, but not for ever: on a busy machine this does."""
    end = time.monotonic() + limit_s
    while missing := told - {cube["text"] for cube in running.cubes(key) if cube["semantic_type"] == "turn"}:
        assert time.monotonic() < end, f"never kept: {missing}"
        time.sleep(0.1)


def says(answer: str, value: str) -> bool:
    """Whether the value is in the answer, as whole words: "remembered" does not say that a bridge is red."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", answer, re.IGNORECASE) is not None


def test_common_facts_are_remembered(running):
    """What people say in plain words is stored, found and answered, whatever else they have told."""
    wrong = []
    for start in range(0, len(COMMON_FACTS), BATCH):
        key = running.key(f"person{start // BATCH}")
        answers = told_and_asked(running, key, COMMON_FACTS[start : start + BATCH])
        wrong += [(fact.told, fact.question, answer) for fact, answer in answers if not says(answer, fact.value)]
    assert not wrong, f"{len(wrong)} of {len(COMMON_FACTS)} wrong:\n" + "\n".join(map(str, wrong))
