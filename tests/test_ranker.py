"""The learned ranker: the file that ships, the trees that are written, and what it may change."""

import lightgbm
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.ranker import SHIPPED, TreeRanker
from adapters.ranker.training.trees import write_trees
from memory.errors import Invalid
from memory.features import FEATURES_VERSION, features_of
from memory.finding import reordered
from memory.outline import Entry, Outline, packed
from memory.ports import Features
from memory.postings import POSTING, Postings
from memory.rules.marks import marks_of
from memory.signals import signals_of

TEXTS = ("I moved to Lisbon in May.", "Which city do you like?", "Tea, please.", "My sister has 3 dogs.", "Goodbye!")


def outlined(texts=TEXTS, utterances=(True, True, True, True, True)):
    return Outline(
        [
            Entry(n, f"m{n}", utterance, "c", "user", "", n, len(text.split()), packed(marks_of(text)))
            for n, (text, utterance) in enumerate(zip(texts, utterances, strict=True))
        ]
    )


def signals(outline):
    rows = np.array([(0, 1, 6), (1, 1, 5)], POSTING)
    likeness = np.linspace(0.5, 0.1, len(outline), dtype=np.float32)
    return signals_of(outline, Postings({"citi": rows}, len(outline), 30), likeness, "Which city?", ())


def test_the_ranker_that_ships_learnt_from_the_features_that_are_computed():
    """Else its trees read one feature as another, and nothing would tell."""
    outline = outlined()
    features = features_of(signals(outline), outline, "Which city?", range(5))
    ranker = TreeRanker()
    assert ranker.features == features.names
    scores = ranker.score(features)
    assert scores.shape == (5,)
    assert np.isfinite(scores).all()
    assert len(set(scores.tolist())) > 1
    assert not ranker.of_talks
    assert SHIPPED.stat().st_size < 200_000


def test_a_ranker_that_learnt_from_other_features_is_refused(tmp_path):
    model = onnx.load(str(SHIPPED))
    next(each for each in model.metadata_props if each.key == "features_version").value = str(FEATURES_VERSION + 1)
    onnx.save(model, str(tmp_path / "other.onnx"))
    with pytest.raises(Invalid, match=f"this program computes version {FEATURES_VERSION}: train it again"):
        TreeRanker(tmp_path / "other.onnx")


def test_a_ranker_that_is_none_is_refused_by_name(tmp_path):
    junk = tmp_path / "junk.onnx"
    junk.write_text("no model")
    for path in (junk, tmp_path / "missing.onnx"):
        with pytest.raises(Invalid, match=path.name) as refused:
            TreeRanker(path)
        assert refused.value.param == "operator.ranker"


def test_the_written_trees_say_what_lightgbm_says(tmp_path):
    random = np.random.default_rng(3)
    rows = random.normal(size=(600, 4)).astype(np.float32)
    answers = (rows[:, 0] + rows[:, 1] * rows[:, 2] > 0.5).astype(int)
    data = lightgbm.Dataset(rows, answers, group=[20] * 30, feature_name=list("abcd"))
    booster = lightgbm.train({"objective": "lambdarank", "verbose": -1, "num_leaves": 7}, data, num_boost_round=30)
    said = {"features_version": str(FEATURES_VERSION), "conversations": "talks", "learnt_from": "a test"}
    write_trees(booster.dump_model(), said, list("abcd"), tmp_path / "r.onnx")
    ranker = TreeRanker(tmp_path / "r.onnx")
    assert ranker.features == tuple("abcd")
    assert ranker.of_talks
    fresh = random.normal(size=(200, 4)).astype(np.float32)
    np.testing.assert_allclose(ranker.score(Features(tuple("abcd"), fresh)), booster.predict(fresh), atol=1e-4)


class Upside:
    """Ranks what comes last in the outline first."""

    of_talks = False

    def score(self, features):
        return np.arange(len(features.rows), dtype=np.float32) * 100


@settings(max_examples=40)
@given(st.lists(st.booleans(), min_size=5, max_size=5), st.permutations([0.1, 0.9, 2.0, -1.0, 3.0]))
def test_utterances_exchange_their_scores_and_facts_keep_theirs(utterances, scores):
    outline = outlined(utterances=utterances)
    before = np.array(scores, np.float32)
    after = reordered(before, Upside(), signals(outline), outline, "Which city?")
    said = outline.utterance
    assert after[~said].tolist() == before[~said].tolist()
    assert sorted(after[said].tolist()) == sorted(before[said].tolist())
    assert before.tolist() == np.array(scores, np.float32).tolist(), "what comes in is left as it is"
