"""The embedder: unit vectors that do not depend on their neighbours in a batch and that put like beside like."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from adapters.minilm import MiniLM


def test_a_text_has_the_same_unit_vector_alone_and_in_any_batch(minilm):
    texts = ["I live in Lisbon.", "", "walnuts " * 300, "My favourite colour is teal.", "ok"]
    together = minilm.embed(texts)
    assert together.shape == (5, minilm.dimension)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for text, row in zip(texts, together, strict=True):
        assert np.allclose(minilm.embed([text])[0], row, atol=1e-5)


def test_what_means_the_same_is_nearer_than_what_shares_words(minilm):
    question, right, wrong = minilm.embed(
        ["Which city is my home?", "I moved to Porto.", "Which film is my favourite?"]
    )
    assert question @ right > question @ wrong


def test_known_sentence_pair_has_the_published_similarity(minilm):
    """sentence-transformers prints 0.7553 for this pair: the graph that is built here is the same function."""
    a, b = minilm.embed(["A man is eating food.", "A man is eating a piece of bread."])
    assert a @ b == pytest.approx(0.7553, abs=2e-3)


@pytest.mark.usefixtures("minilm")
def test_the_runtime_reports_to_nobody(minilm_cache, tmp_path):
    """From its import on, onnxruntime keeps a device id and events to be sent in the home folder, unless told before.

    A process of its own, with nothing in its environment that says so: tests and programs use the adapter by itself.
    """
    code = "import pathlib, sys; from adapters.minilm import MiniLM; MiniLM(pathlib.Path(sys.argv[1])).embed(['Hi'])"
    subprocess.run([sys.executable, "-c", code, str(minilm_cache)], env={"HOME": str(tmp_path)}, check=True)
    assert list(tmp_path.rglob("*")) == []


def test_first_starts_at_the_same_time_do_not_disturb_each_other(tmp_path):
    with ThreadPoolExecutor(3) as pool:
        encoders = list(pool.map(MiniLM, [tmp_path] * 3))
    vectors = [encoder.embed(["walnuts"]) for encoder in encoders]
    assert all(np.array_equal(each, vectors[0]) for each in vectors)
    assert [path.suffix for path in tmp_path.iterdir()] == [".onnx"], "nothing half-made stays"
