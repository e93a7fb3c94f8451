"""Logits in, log-probabilities in OpenAI's sense out: of the token that was drawn and of the most probable ones.

The law: the model's own distribution with ``logit_bias`` on it, before temperature, filters, penalties and grammar.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from adapters.generation import TokenScore


def score_token(
    logits: npt.NDArray[np.float32],
    token: int,
    top: int,
    bias: Mapping[int, float],
    data: Callable[[int], bytes],
) -> TokenScore:
    """Return the score of a token among logits of shape (vocabulary,), which are not changed."""
    if bias:
        logits = logits.copy()
        for biased, value in bias.items():
            if 0 <= biased < len(logits):
                logits[biased] += value
    peak = float(logits.max())
    total = peak + float(np.log(np.exp(logits - peak).sum(dtype=np.float64)))
    best: npt.NDArray[np.intp] = np.empty(0, np.intp)
    if top:
        best = np.argpartition(logits, -top)[-top:]
        best = best[np.argsort(-logits[best], kind="stable")]
    alternatives = tuple(TokenScore(data(int(other)), float(logits[other]) - total) for other in best)
    return TokenScore(data(token), float(logits[token]) - total, alternatives)


class ScoreLine:
    """Holds the scores of tokens back until the text that they begin in is shown."""

    __slots__ = ("_drawn_bytes", "_held", "_shown_bytes")

    def __init__(self) -> None:
        self._held: list[tuple[int, TokenScore]] = []
        self._drawn_bytes = 0
        self._shown_bytes = 0

    def push(self, data: bytes, score: TokenScore) -> None:
        """Add the next token of the answer."""
        self._held.append((self._drawn_bytes, score))
        self._drawn_bytes += len(data)

    def take(self, text: str) -> list[TokenScore]:
        """Return the scores of the tokens that begin in this next piece of text."""
        self._shown_bytes += len(text.encode("utf-8", errors="replace"))
        ready = [score for start, score in self._held if start < self._shown_bytes]
        self._held = self._held[len(ready) :]
        return ready
