"""The benchmarks of recall: a leaking reader or a flattering metric would make their figures worthless."""

import argparse
import gzip
import json
import math
import sys
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
import retrieval
import retrieval_baselines as baselines
import retrieval_metrics as metrics
import retrieval_results
import scale
import scale_charts
import scale_results
from hypothesis import given
from hypothesis import strategies as st
from retrieval_metrics import Result, Row, Rows, auroc, judged, withholding
from scale_texts import Texts

from adapters.ranker.training import conversations
from adapters.ranker.training.conversations import Conversation, Message, Question

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes' clocks")


def utterance(session, place, speaker, text, **more):
    return {"dia_id": f"D{session}:{place}", "speaker": speaker, "text": text, **more}


LOCOMO = {
    "sample_id": "conv-1",
    "conversation": {
        "speaker_a": "Ada",
        "speaker_b": "Ben",
        "session_10_date_time": "9:00 am on 1 June, 2023",
        "session_10": [utterance(10, 1, "Ben", "I adopted a heron."), utterance(10, 2, "Ada", "A heron?")],
        "session_2_date_time": "1:56 pm on 8 May, 2023",
        "session_2": [
            utterance(2, 1, "Ada", "I sold the kayak to Priya. ", blip_caption="a red kayak on a lake"),
            utterance(2, 2, "Ben", "My sourdough failed again."),
            utterance(2, 3, "Ada", "", blip_caption="a burnt loaf"),
        ],
    },
    "qa": [
        {"question": "What did Ada sell?", "answer": "the kayak", "category": 1, "evidence": ["D2:1; D10:2"]},
        {"question": "When did Ben adopt a heron?", "answer": "June", "category": 2, "evidence": ["D10:01"]},
        {"question": "What did Ben sell?", "adversarial_answer": "the kayak", "category": 5, "evidence": ["D2:1"]},
        {"question": "Nobody said where this stands.", "answer": "?", "category": 4, "evidence": []},
        {"question": "Nor is this anywhere.", "answer": "?", "category": 4, "evidence": ["D77:1"]},
    ],
}


def longmemeval(name="q1", **more):
    said = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": " "}]
    answer = [{"role": "user", "content": "I bank at Quorum.", "has_answer": True}]
    return {
        "question_id": name,
        "question_type": "single-session-user",
        "question": "Which bank?",
        "answer": "Quorum",
        "question_date": "2023/06/01 (Thu) 10:00",
        "answer_session_ids": ["answer_3a_1"],
        "haystack_session_ids": ["answer_3a_1", "x", "answer_3a_1"],
        "haystack_dates": ["2023/05/30 (Tue) 09:00", "2023/05/20 (Sat) 09:00", "2023/05/31 (Wed) 09:00"],
        "haystack_sessions": [answer, said, answer],
        **more,
    }


def check(kind, query, evidence=(), after=None, user="../ann"):
    found = {"id": query, "type": kind, "user": user, "after": after, "query": query, "evidence": list(evidence)}
    return {**found, "now": "2025-11-03T08:00:00"}


def generated():
    said = [("m1", "user", "I live in Ghent."), ("m2", "assistant", "Noted!"), ("m3", "user", "I moved to Turin.")]
    messages = [{"id": i, "role": r, "content": c, "timestamp": "2025-02-01T10:00:00"} for i, r, c in said]
    sessions = [{"id": "s1", "messages": messages[:2]}, {"id": "s2", "messages": messages[2:]}]
    checks = [
        check("update-mid", "Where do I live?", ["m1"], after="s1"),
        check("update", "Where do I live now?", ["m3"]),
        check("abstain", "What is my shoe size?"),
        check("isolation", "What is the vault phrase?"),
        check("current", "Somebody else's question.", [], user="ben"),
    ]
    return {"users": [{"id": "../ann", "sessions": sessions}, {"id": "ben", "sessions": []}], "checks": checks}


def written(folder, name, content):
    path = folder / name
    lines = "".join(json.dumps(each) + "\n" for each in content) if ".jsonl" in name else json.dumps(content)
    path.write_bytes(gzip.compress(lines.encode()) if name.endswith(".gz") else lines.encode())
    return path


# -- the readers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["locomo10.json", "locomo10.json.gz"])
def test_locomo_is_read_in_order_of_time_with_captions_and_speakers(tmp_path, name):
    (one,) = conversations.read(written(tmp_path, name, [LOCOMO]))
    texts = [message.text for message in one.messages]
    assert texts[0] == "I sold the kayak to Priya. [shares a photo of a red kayak on a lake]"
    assert texts[2] == "[shares a photo of a burnt loaf]"
    assert [message.name for message in one.messages] == ["Ada", "Ben", "Ada", "Ben", "Ada"]
    assert [message.role for message in one.messages] == ["user", "assistant", "user", "assistant", "user"]
    assert one.sessions[0][0].said_at == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert all(earlier.said_at < later.said_at for earlier, later in pairwise(one.messages))


def test_locomo_evidence_becomes_opaque_ids_and_questions_without_any_are_left_out(tmp_path):
    (one,) = conversations.read(written(tmp_path, "a.json", [LOCOMO]))
    by_place = [message.id for message in one.messages]
    several, when, adversarial = one.questions
    assert several.evidence == {by_place[0], by_place[4]}
    assert several.sessions == {said[0].session for said in one.sessions}
    assert when.evidence == {by_place[3]}
    assert (adversarial.kind, adversarial.answerable) == ("adversarial", False)


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("D8:6; D9:17", {(8, 6), (9, 17)}),
        ("D8:6 D9:17", {(8, 6), (9, 17)}),
        ("D12:3-D12:5", {(12, 3), (12, 4), (12, 5)}),
        ("D12:3-5", {(12, 3), (12, 4), (12, 5)}),
        ("D1:3-D2:4", {(1, 3), (2, 4)}),
        ("D:11:26", {(11, 26)}),
        ("D30:05", {(30, 5)}),
        ("D", set()),
    ],
)
def test_every_way_to_write_evidence_is_read(entry, found):
    assert conversations.evidence_of([entry]) == found


@pytest.mark.parametrize("name", ["longmemeval_s.json", "longmemeval_s.jsonl", "longmemeval_s.jsonl.gz"])
def test_longmemeval_is_read_and_its_telling_ids_are_not_passed_on(tmp_path, name):
    (one,) = conversations.read(written(tmp_path, name, [longmemeval()]))
    assert [message.text for message in one.messages] == ["Hello.", "I bank at Quorum.", "I bank at Quorum."]
    (question,) = one.questions
    first_copy = one.sessions[1][0]
    assert question.evidence == {first_copy.id}, "a session that stands there twice is evidence once"
    assert question.sessions == {first_copy.session}
    assert question.asked_at == datetime(2023, 6, 1, 10, tzinfo=UTC)
    shown = json.dumps([[m.id, m.session] for m in one.messages])
    assert "answer" not in shown
    assert "q1" not in shown


def test_abstention_questions_have_no_evidence_and_no_answer(tmp_path):
    (one,) = conversations.read(written(tmp_path, "a.json", [longmemeval("q1_abs")]))
    (question,) = one.questions
    assert (question.kind, question.answerable, question.evidence) == ("abstention", False, frozenset())
    assert not question.sessions


def test_the_generated_set_is_read_with_questions_in_the_middle(tmp_path):
    one, other = conversations.read(written(tmp_path, "set.json", generated()))
    middle, late, nothing = one.questions
    assert middle.after == one.sessions[0][0].session
    assert middle.evidence == {one.sessions[0][0].id}
    assert late.evidence == {one.sessions[1][0].id}
    assert late.sessions == {one.sessions[1][0].session}
    assert (nothing.kind, nothing.answerable) == ("abstain", False)
    assert [question.text for question in other.questions] == ["Somebody else's question."]
    assert "../ann" not in json.dumps([one.id, *(message.id for message in one.messages)])


@pytest.mark.parametrize(
    ("name", "content"), [("a.json", [LOCOMO] * 3), ("b.jsonl.gz", [longmemeval(f"q{n}") for n in range(3)])]
)
def test_a_limit_is_kept(tmp_path, name, content):
    assert len(list(conversations.read(written(tmp_path, name, content), limit=2))) == 2


def test_what_is_of_another_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match="locomo"):
        list(conversations.read(written(tmp_path, "a.json", [longmemeval()]), "locomo"))
    with pytest.raises(ValueError, match="generated"):
        list(conversations.read(written(tmp_path, "b.json", [{"other": 1}])))


# -- the metrics -----------------------------------------------------------------------------------------------------

SESSION_OF = {"a": "s1", "b": "s1", "c": "s2", "x": "s3", "y": "s4"}


def asked(*evidence, answerable=True):
    held = frozenset(SESSION_OF[each] for each in evidence)
    return Question("?", "kind", frozenset(evidence), held, answerable)


def results(*messages, text="four words are here"):
    return [Result(text, tuple(each.split("+")) if each else ()) for each in messages]


def test_recall_counts_each_evidence_message_once():
    found = judged(results("a", "a", "x", "c"), asked("a", "c"), SESSION_OF)
    assert (found["recall@1"], found["recall@3"], found["recall@5"]) == (0.5, 0.5, 1.0)
    assert found["recall_all@5"] == 1.0
    assert found["nDCG@10"] == pytest.approx((1 + 1 / math.log2(5)) / (1 + 1 / math.log2(3)))


def test_what_is_missing_or_behind_the_cut_is_not_found():
    found = judged(results("x", "y", "", "x", "y", "a"), asked("a", "c"), SESSION_OF)
    assert (found["recall@5"], found["recall@10"], found["recall_all@5"]) == (0.0, 0.5, 0.0)
    assert judged([], asked("a"), SESSION_OF)["nDCG@10"] == 0.0


def test_a_result_that_rests_on_several_messages_finds_them_all():
    found = judged(results("x+a+c"), asked("a", "c"), SESSION_OF)
    assert (found["recall@1"], found["nDCG@10"]) == (1.0, 1.0)


def test_sessions_count_when_all_of_them_are_among_the_first_five_distinct_ones():
    assert judged(results("a", "b", "b", "b", "b", "b", "c"), asked("a", "c"), SESSION_OF)["session_all@5"] == 1.0
    assert judged(results("a", "x", "y"), asked("a", "c"), SESSION_OF)["session_all@5"] == 0.0


def test_within_a_budget_results_count_until_the_first_that_does_not_fit():
    long = "word " * 300  # 400 tokens
    found = judged([*results("x", text=long), *results("a", text=long), *results("c")], asked("a", "c"), SESSION_OF)
    assert (found["in 500 tokens"], found["in 1000 tokens"]) == (0.0, 1.0)
    assert found["tokens@5"] == pytest.approx(800 + 16 / 3)


def test_a_question_without_evidence_is_no_part_of_recall():
    found = judged(results("a"), asked(answerable=False), SESSION_OF)
    assert not [name for name in found if "recall" in name or "session" in name or "nDCG" in name]


@given(st.lists(st.sampled_from("abcxy"), max_size=12), st.sets(st.sampled_from("abc"), min_size=1))
def test_recall_grows_with_the_cut_and_stays_in_bounds(ranked, evidence):
    found = judged(results(*ranked), asked(*evidence), SESSION_OF)
    cuts = [found[f"recall@{cut}"] for cut in metrics.CUTS]
    assert cuts == sorted(cuts)
    assert all(0 <= found[name] <= 1 for name in found if "tokens@" not in name)
    assert found["recall_all@5"] == (found["recall@5"] == 1)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=9), st.lists(st.integers(0, 4), min_size=1, max_size=9))
def test_auroc_is_the_share_of_pairs_in_the_right_order(higher, lower):
    pairs = [(a > b) + 0.5 * (a == b) for a in higher for b in lower]
    assert auroc(higher, lower) == pytest.approx(sum(pairs) / len(pairs))


def test_withholding_has_the_precision_and_recall_of_nothing_here_answers():
    found = withholding([0.1, 0.8, 0.9], [0.05, 0.15, 0.7], threshold=0.2)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert math.isnan(withholding([0.8], [0.9], 0.2).precision)
    assert math.isnan(auroc([0.8], []))


def rows_of(**values):
    return [Row(name, "kind", True, {"recall@5": value}, None) for name, each in values.items() for value in each]


def test_the_interval_draws_conversations_not_questions():
    low, high = metrics.interval(rows_of(a=[1.0] * 50, b=[0.0] * 50), "recall@5")
    assert (low, high) == (0.0, 1.0), "two conversations tell little, however many questions each has"
    low, high = metrics.interval(rows_of(**{f"c{n}": [0.5] for n in range(20)}), "recall@5")
    assert low == high == 0.5
    assert all(map(math.isnan, metrics.interval(rows_of(a=[1.0, 0.0]), "recall@5")))


# -- the methods beside it -------------------------------------------------------------------------------------------


class Axes:
    """An embedder: one axis for each of a few words."""

    model_id, dimension = "axes", 4

    def embed(self, texts):
        rows = np.array(
            [[float(word in text.lower()) for word in ("kayak", "heron", "bread")] + [0.1] for text in texts]
        )
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def message(number, text, name=""):
    return Message(f"id{number}", "s", "user", text, datetime(2026, 1, 1, tzinfo=UTC), name)


SAID = [message(0, "The kayak is sold."), message(1, "A heron stood there."), message(2, "Herons eat bread.", "Ada")]


def ranked_by(name, question, among=3):
    made = baselines.Baselines(baselines.Texts(Axes()), (name,), None)
    made.keep(SAID)
    answer = made.methods[0].search(question, 5, among)
    return [each.messages[0] for each in answer.results], answer


def test_bm25_finds_stems_and_speakers_and_nothing_without_a_common_word():
    assert set(ranked_by("bm25", "herons?")[0]) == {"id1", "id2"}
    assert ranked_by("bm25", "What did Ada say?")[0] == ["id2"]
    found, answer = ranked_by("bm25", "tortoise")
    assert (found, answer.best) == ([], None)


def test_bm25_is_okapi_s():
    lexical = baselines.Lexical(["red red kayak", "blue kayak"])
    idf = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    expected = idf * 2 * 2.2 / (2 + 1.2 * (0.5 + 0.5 * 3 / 2.5))
    assert lexical.scores("red", 2) == pytest.approx([expected, 0.0])


def test_dense_ranks_by_likeness():
    found, answer = ranked_by("dense", "bread heron")
    assert found[0] == "id2"
    assert answer.best == pytest.approx(1.0, abs=1e-3)


def test_rank_fusion_adds_reciprocal_ranks_and_what_shares_no_word_has_none():
    fused = baselines.fused(np.array([0.0, 3.0, 1.0], np.float32), np.array([0.9, 0.1, 0.5], np.float32))
    assert fused == pytest.approx([1 / 61, 1 / 61 + 1 / 63, 1 / 62 + 1 / 62])


def test_z_scores_have_no_unit():
    values = np.array([1.0, 2.0, 6.0], np.float32)
    assert baselines.z(values) == pytest.approx(baselines.z(100 * values + 5), abs=1e-5)
    assert not baselines.z(np.ones(3, np.float32)).any()


@pytest.mark.parametrize("name", ["bm25", "dense", "rrf", "zsum"])
def test_what_was_said_later_than_is_asked_about_is_not_found(name):
    assert set(ranked_by(name, "heron and bread", among=2)[0]) <= {"id0", "id1"}


def test_mem0_is_not_there_where_its_python_has_none():
    with baselines.mem0("/bin/false", baselines.Texts(Axes())) as found:
        assert found is None


# -- the whole -------------------------------------------------------------------------------------------------------


def test_a_conversation_is_asked_questions_of_the_one_before_that_nothing_there_answers():
    first = Conversation("a", (), (asked("a"), asked("b"), asked("c", answerable=False)))
    second = Conversation("b", (), (asked("c"),))
    one, two = retrieval.with_foreign([first, second], 2)
    assert one.questions == first.questions
    assert [(each.answerable, each.evidence) for each in two.questions[1:]] == [(False, frozenset())] * 2


def test_the_tables_say_what_is_missing_and_how_well_nothing_is_told():
    rows = [Row("c", "k", True, {"recall@5": 1.0}, 0.9), Row("c", "n", False, {}, 0.1)]
    found = {retrieval.OURS: Rows(rows), "other": Rows(rows)}
    tables = {
        table.title: table for table in retrieval_results.tables(found, retrieval.OURS, {"mem0": "not installed"}, 0.2)
    }
    overall = tables["Evidence found, 1 questions"].markdown()
    assert "| mem0 | not installed |" in overall
    assert "| this proxy | – | – | 100.0 |" in overall
    assert "| n | this proxy | 1 : 1 | 1.000 | 100.0 | 100.0 |" in tables["Is there anything that answers?"].markdown()


@linux
def test_a_tiny_run_drives_a_server_of_its_own(tmp_path):
    """Kept, found, judged and erased over HTTP, with the server's CPU, and in the middle of a conversation too."""
    options = retrieval.arguments(
        ["--data", str(written(tmp_path, "set.json", generated())), "--limit", "1", "--baselines", "bm25"]
    )
    shown = retrieval.report(retrieval.run(options), options)
    assert "| this proxy | 100.0 |" in shown
    assert "## Is there anything that answers?" in shown
    assert "nan" not in shown
    cost = next(line for line in shown.splitlines() if line.startswith("| this proxy") and line.count("|") == 8)
    assert all(float(cell) > 0 for cell in cost.split("|")[6:8])


@linux
def test_a_tiny_scale_run_measures_and_draws(tmp_path):
    (found,) = scale.run(scale.arguments(["--rounds", "3"]), tmp_path, {"many users": [(2, 20)]})
    assert (found.users, found.each, found.probe.touched) == (2, 20, 2)
    for name in ("embedding", "first", "warm", "after_write", "request", "background"):
        assert min(getattr(found.probe, name)) > 0, name
    assert found.warm > found.embedding
    shown = scale_results.report([found], "here", drawn=True)
    assert "| 2 | 20 |" in shown
    scale_charts.draw([found], tmp_path / "scale.svg")
    assert (tmp_path / "scale.svg").read_text().startswith("<?xml")


def probe(**values):
    numbers = {name: [values.get(name, 1.0)] for name in ("embedding", "first", "first_wall", "warm", "after_write")}
    return scale.Probe(1, **numbers, request=[values.get("request", 0.5)], background=[9.0], held_mib=1.0, touched=1)


def test_the_goals_compare_with_the_embedding_of_the_same_run():
    found = [
        scale_results.Measured("one user", 1, 10_000, 0, probe(embedding=5.0, warm=10.0)),
        scale_results.Measured("one user", 1, 100_000, 0, probe(embedding=10.0, warm=40.0, request=2.0)),
    ]
    assert [row[1] for row in scale_results.goals(found)] == ["2.00 ×", "2.00 ×", "2.00"]


def test_sizes_stay_within_the_largest():
    assert scale.steps(10_000) == {"one user": [(1, 1_000), (1, 10_000)], "many users": [(1, 100), (100, 100)]}
    assert scale.steps(1_000_000)["many users"][-1] == (10_000, 100)


def test_no_two_questions_or_texts_are_the_same():
    """A cache of recalls or embeddings would otherwise be what is measured."""
    texts = Texts(1)
    assert len({texts.question() for _ in range(500)}) == 500
    assert len({texts.utterance() for _ in range(500)}) == 500
    assert Texts(2).question() == Texts(2).question()


def test_wrong_baselines_are_refused():
    with pytest.raises(argparse.ArgumentTypeError, match="bm25"):
        retrieval._names("bm26")
