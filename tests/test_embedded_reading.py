"""The shipped model reads its memories: its examination in small, so that no change of prompts breaks it."""

from collections.abc import Iterator

import pytest

from adapters.embedded import gguf_path
from adapters.embedded.corpus.cells import make_cell
from adapters.embedded.training.evaluate import LlamaCppReader

pytestmark = pytest.mark.engine
QUESTIONS = 40
#: Far enough below the card that chance alone does not fail it: at a true share of .90, 40 questions give less than
#: .75 once in 400 times; the questions are always the same.
LEAST_RIGHT = {
    "1 memory": 0.85,
    "5 memories": 0.80,
    "20 memories": 0.75,
    "missing, 5 memories": 0.85,
    "newest of two, 5 memories": 0.75,
    "told earlier in the chat": 0.85,
    "third persons, 5 memories": 0.75,
}


@pytest.fixture(scope="module")
def reader() -> Iterator[LlamaCppReader]:
    reader = LlamaCppReader(gguf_path(), threads=1)
    yield reader
    reader.close()


@pytest.mark.parametrize("cell", LEAST_RIGHT)
def test_the_shipped_model_answers_from_its_memories(reader: LlamaCppReader, cell: str):
    """Whole answers on words that are in no training text, through the product's own prompts and engine."""
    questions = make_cell(cell, QUESTIONS, seed=20)
    right = sum(a == q.expected for q, a in zip(questions, reader.answers(questions), strict=True))
    assert right / QUESTIONS >= LEAST_RIGHT[cell]
