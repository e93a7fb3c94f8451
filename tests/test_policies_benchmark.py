"""The benchmark of policies: that it runs over a real port, and that its shares are what they say."""

import json
import sys
from argparse import ArgumentTypeError

import policies
import pytest

NEWS = (
    "I baked a rye loaf.",
    "I bought a bicycle bell.",
    "I repaired the garden gate.",
    "I finished the pottery course.",
)


def message(number, role, text):
    return {"id": f"m{number}", "role": role, "content": text, "timestamp": f"2025-01-{number:02d}T09:00:00"}


def generated_set():
    told = ["I painted the hallway teal.", *NEWS]
    sessions = [
        {"id": f"s{n}", "messages": [message(2 * n + 1, "user", text), message(2 * n + 2, "assistant", "Noted!")]}
        for n, text in enumerate(told)
    ]
    common = {"user": "ann", "after": None, "now": "2025-03-01T09:00:00"}
    right = {"query": "What colour did I paint the hallway?", "any": ["teal"], "evidence": ["m1"]}
    checks = [
        {**common, **right, "type": "current"},
        {**common, **right, "type": "early", "after": "s1"},
        {**common, "type": "abstain", "query": "What is my shoe size?", "evidence": []},
        {**common, "type": "isolation", "query": "What is the vault phrase?", "forbid": ["x"], "evidence": []},
    ]
    return {"meta": {}, "users": [{"id": "ann", "sessions": sessions}], "checks": checks}


@pytest.fixture
def cases(tmp_path):
    path = tmp_path / "set.json"
    path.write_text(json.dumps(generated_set()))
    return policies.cases(path, people=1, questions=2, seed=1)


def test_each_question_is_asked_when_it_is_due(cases):
    (case,) = cases
    due = [[asked.kind for asked in some] for _, some in case.person.by_session()]
    assert due == [[], ["early"], [], [], ["current", "abstain"]]
    assert len(case.chatted) == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes' clocks")
def test_policies_are_told_apart_over_a_real_port(cases):
    """With the backend that repeats the question: what is searched and brought in is that of the policy."""
    flags = ["--backend", "echo", "--set", "embedder.kind=none"]
    found = policies.examine(cases, ("lru", "semantic"), 10, flags)
    assert found["semantic"].searches.of("current").mean("recall@1") == 1.0
    assert found["lru"].searches.of("current").mean("recall@1") == 0.0
    for each in found.values():
        assert each.searches.query_cpu_ms > 0
        assert len(each.answers) == 2
    shown = "\n".join(table.markdown() for table in policies.tables(found))
    assert "recall@5 by type of question" in shown
    assert "| current (1) | " in shown


def test_shares_count_what_something_answers_and_what_nothing_does_apart():
    def answer(**more):
        fields = {"answerable": True, "right": False, "stale": False, "held": False, "memories": 2, "prompt_tokens": 50}
        return policies.Answer(**{**fields, **more})

    found = policies.Found(
        answers=[
            answer(right=True, held=True),
            answer(stale=True),
            answer(answerable=False, right=True, memories=0),
            answer(answerable=False, memories=3),
        ]
    )
    right, _, outdated, held, nothing, memories, needless, tokens = policies._answer_cells(found)
    assert (right, outdated, held, nothing, memories, needless, tokens) == ("50", "50", "50", "50", "2.0", "1.5", "50")


def test_a_policy_that_does_not_ship_is_refused():
    with pytest.raises(ArgumentTypeError, match="best: there are"):
        policies._names("lru,best")
