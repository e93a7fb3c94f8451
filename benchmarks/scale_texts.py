"""A seed in; utterances, questions and things told out, in words as frequent as English words are.

The vocabulary is the embedder's own, which is in the order of frequency: every word is one token, so that embedding
a question costs what it costs in life, and a word's postings are as long as in life (Zipf).
"""

import json
import random
from datetime import UTC, datetime
from functools import cache
from itertools import accumulate

from adapters.minilm import model_dir

START = datetime(2024, 1, 1, tzinfo=UTC)
_SHORTEST, _LONGEST = 6, 30  # words of an utterance
_ASKED = (100, 8_000)  # ranks of the words that are asked for: neither "the" nor what stands nowhere
_FLATTENED = 2.7  # Mandelbrot's constant


@cache
def vocabulary() -> tuple[str, ...]:
    """Return whole words, the most frequent first."""
    known = json.loads((model_dir() / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    words = (word for word, _ in sorted(known.items(), key=lambda item: item[1]))
    return tuple(word for word in words if word.isascii() and word.isalpha() and len(word) > 1)


@cache
def _frequencies() -> tuple[float, ...]:
    return tuple(accumulate(1 / (rank + _FLATTENED) for rank in range(len(vocabulary()))))


def user_name(number: int) -> str:
    """Return the id of a user."""
    return f"user-{number}"


class Texts:
    """Texts without end, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def utterance(self) -> str:
        """Return what somebody may have said."""
        count = self._rng.randint(_SHORTEST, _LONGEST)
        return " ".join(self._rng.choices(vocabulary(), cum_weights=_frequencies(), k=count)).capitalize() + "."

    def question(self) -> str:
        """Return a question about four things."""
        first, second, third, fourth = (self._asked() for _ in range(4))
        return f"When did I talk about the {first} {second} and the {third} {fourth}?"

    def told(self) -> str:
        """Return something that a user tells of themselves."""
        return f"I bought a {self._asked()} {self._asked()} from a {self._asked()} in {self._asked().capitalize()}."

    def _asked(self) -> str:
        low, high = _ASKED
        rank = low * (high / low) ** self._rng.random()  # as many of each order of magnitude
        return vocabulary()[int(rank)]
