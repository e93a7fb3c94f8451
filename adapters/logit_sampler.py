"""Sampling parameters and logits in, the next token out: for engines that hand out logits as arrays.

The law: the steps, their order and what they count are those of llama.cpp's chain as ``llama_sampler`` builds it: bias,
repetition over the prompt's end and the answer, presence and frequency over the answer, then greedy, or top_k, top_p,
min_p, temperature and a draw. The same seed draws the same again, but not what llama.cpp draws.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from adapters.generation import Sampling, TokenScore
from adapters.token_scores import score_token

_REPEAT_WINDOW: Final = 64  #: tokens that repeat_penalty looks back

Logits = npt.NDArray[np.float32]
Tokens = npt.NDArray[np.intp]
Chances = npt.NDArray[np.float64]


class LogitSampler:
    """Draws the tokens of one generation."""

    def __init__(self, sampling: Sampling, prompt: Sequence[int], data: Callable[[int], bytes]) -> None:
        """``data``: a token's bytes as alternatives are shown."""
        self._sampling = sampling
        self._data = data
        self._recent = deque(prompt[-_REPEAT_WINDOW:], maxlen=_REPEAT_WINDOW)
        self._said: Counter[int] = Counter()
        self._random = np.random.default_rng(None if sampling.seed is None else sampling.seed & 0xFFFFFFFF)
        self.score: TokenScore | None = None  #: of the latest token, where scores were asked for

    def draw(self, logits: Logits) -> int:
        """Return the next token after logits of shape (vocabulary,), which are not changed."""
        sampling = self._sampling
        tokens, chances = self.chances(logits)
        token = int(tokens[0] if len(tokens) == 1 else tokens[self._random.choice(len(tokens), p=chances)])
        self._recent.append(token)
        self._said[token] += 1
        if sampling.top_logprobs is not None:
            self.score = score_token(logits, token, sampling.top_logprobs, sampling.logit_bias, self._data)
        return token

    def chances(self, logits: Logits) -> tuple[Tokens, Chances]:
        """Return the tokens that may be next, the most probable first, and their probabilities."""
        logits = self._changed(logits)
        if self._sampling.temperature <= 0:
            return np.array([logits.argmax()], np.intp), np.ones(1)
        tokens, left = self._filtered(logits)
        return tokens, _softmax(left, self._sampling.temperature)

    def _changed(self, logits: Logits) -> Logits:
        sampling = self._sampling
        repeats = sampling.repeat_penalty not in (0.0, 1.0)
        counts = bool(sampling.presence_penalty or sampling.frequency_penalty)
        if not (sampling.logit_bias or repeats or counts):
            return logits
        logits = logits.copy()
        for token, value in sampling.logit_bias.items():
            if 0 <= token < len(logits):
                logits[token] += value
        if repeats:
            recent = _known(self._recent, len(logits))
            values = logits[recent]
            logits[recent] = np.where(values > 0, values / sampling.repeat_penalty, values * sampling.repeat_penalty)
        if counts:
            said = np.fromiter(self._said, np.intp, len(self._said))
            times = np.fromiter(self._said.values(), np.float32, len(self._said))
            logits[said] -= times * sampling.frequency_penalty + sampling.presence_penalty
        return logits

    def _filtered(self, logits: Logits) -> tuple[Tokens, Logits]:
        """Return the tokens that may be drawn, most probable first, and their logits."""
        sampling = self._sampling
        tokens = _best(logits, sampling.top_k)
        left = logits[tokens]
        if sampling.top_p < 1:
            enough = int(np.searchsorted(np.cumsum(_softmax(left)), sampling.top_p)) + 1
            tokens, left = tokens[:enough], left[:enough]
        if sampling.min_p > 0:
            kept = left >= left[0] + np.log(sampling.min_p)
            tokens, left = tokens[kept], left[kept]
        return tokens, left


def _best(logits: Logits, count: int) -> Tokens:
    """Return the tokens with the highest logits in order; 0: all."""
    if 0 < count < len(logits):
        best = np.argpartition(logits, -count)[-count:]
        return best[np.argsort(-logits[best], kind="stable")]
    return np.argsort(-logits, kind="stable")


def _softmax(logits: Logits, temperature: float = 1.0) -> Chances:
    with np.errstate(over="ignore"):  # next to no temperature: all but the highest are minus infinity
        weights = np.exp((logits.astype(np.float64) - float(logits[0])) / temperature)  # the first is the highest
    shares: Chances = weights / weights.sum()
    return shares


def _known(tokens: Sequence[int] | deque[int], size: int) -> Tokens:
    return np.array(sorted({token for token in tokens if 0 <= token < size}), np.intp)
