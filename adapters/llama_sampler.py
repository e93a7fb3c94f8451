"""Sampling parameters in, a llama.cpp sampler chain that draws tokens out.

The binding is handed in: only ``adapters/llama_cpp.py`` imports it.
"""

import secrets
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from adapters.generation import NO_TOKEN, Sampling, TokenScore
from adapters.llama_grammar import Candidates, TokenGate, all_candidates, apply_sampler
from adapters.llama_model import LlamaModel
from adapters.token_scores import score_token

_REPEAT_WINDOW = 64  #: tokens that repeat_penalty looks back, llama.cpp's own default
_ALL_TOKENS = 1 << 20  #: a window longer than any answer
_SHORTLIST = 512  #: most probable tokens that are checked before the whole vocabulary is
_RANDOM_SEED = 0xFFFFFFFF  #: llama.cpp draws its own seed when it is given this one


class SamplerChain:
    """An owned llama_sampler: freed when nobody holds it any more."""

    def __init__(self, binding: Any, model: LlamaModel, sampling: Sampling, prompt: Sequence[int]) -> None:
        self._binding = binding
        self._model = model
        self._vocab_size = model.vocab_size
        self._sampling = sampling
        self.score: TokenScore | None = None  #: of the latest token, where scores were asked for
        self._gate = TokenGate(binding, model, sampling.grammar) if sampling.grammar is not None else None
        self.pointer = binding.llama_sampler_chain_init(binding.llama_sampler_chain_default_params())
        self._release = weakref.finalize(self, binding.llama_sampler_free, self.pointer)
        self._add_bias(sampling)
        self._add_penalties(sampling, prompt)
        self._add_choice(sampling)

    def draw(self, context: Any, row: int) -> int:
        """Return the next token after that row of the context's latest batch, or ``NO_TOKEN``."""
        if self._gate is None:
            token = int(self._binding.llama_sampler_sample(self.pointer, context, row))
        else:
            token = self._draw_bound(self._gate, self._logits(context, row))
        if self._sampling.top_logprobs is not None and token != NO_TOKEN:
            self.score = score_token(
                self._logits(context, row), token, self._sampling.top_logprobs, self._sampling.logit_bias, self._data
            )
        return token

    def _logits(self, context: Any, row: int) -> npt.NDArray[np.float32]:
        return np.ctypeslib.as_array(self._binding.llama_get_logits_ith(context, row), (self._vocab_size,))

    def _data(self, token: int) -> bytes:
        """Return a token's bytes; of a control token those of its name, as alternatives are shown."""
        return self._model.piece(token) or self._model.token_text(token).encode()

    def _draw_bound(self, gate: TokenGate, logits: npt.NDArray[np.float32]) -> int:
        """Draw, and draw again among what the grammar allows when it rejects that.

        Checking one token costs next to nothing, checking a vocabulary milliseconds; mostly the first one is good.
        """
        token = self._choose(all_candidates(logits))
        if not gate.allows(token):
            token = self._choose_allowed(gate, all_candidates(logits))
        if token != NO_TOKEN:
            self._binding.llama_sampler_accept(self.pointer, token)
            gate.accept(token)
        return token

    def _choose_allowed(self, gate: TokenGate, candidates: Candidates) -> int:
        if len(candidates) > 2 * _SHORTLIST and self._keeps_order():
            best = candidates[np.sort(np.argpartition(candidates["logit"], -_SHORTLIST)[-_SHORTLIST:])]
            floor = float(best["logit"].min())
            gate.restrict(best)
            if self._needs_no_more(best["logit"], floor):
                token = self._choose_among(gate, best)
                if token != NO_TOKEN:
                    return token
        gate.restrict(candidates)
        return self._choose_among(gate, candidates)

    def _keeps_order(self) -> bool:
        """Return True if nothing in the chain makes an improbable token a probable one."""
        sampling = self._sampling
        penalties = sampling.presence_penalty or sampling.frequency_penalty or sampling.repeat_penalty not in (0.0, 1.0)
        return not sampling.logit_bias and not penalties

    def _needs_no_more(self, logits: npt.NDArray[np.float32], floor: float) -> bool:
        """Return True if the filters would drop every token below ``floor``, seeing those that are allowed above it.

        Where it is min_p that drops them, top_p counts its share without them: what they add is next to nothing.
        """
        sampling = self._sampling
        allowed = logits[np.isfinite(logits)]
        wanted = sampling.top_k if sampling.temperature > 0 else 1
        if wanted and len(allowed) >= wanted:
            return True
        return bool(len(allowed) and sampling.min_p > 0 and allowed.max() + np.log(sampling.min_p) > floor)

    def _choose_among(self, gate: TokenGate, candidates: Candidates) -> int:
        """Return one of those that are left; ``NO_TOKEN`` when none is."""
        while True:
            left = candidates[np.isfinite(candidates["logit"])]
            if not len(left):
                return NO_TOKEN
            token = self._choose(left)
            if gate.fits(token):
                return token
            candidates["logit"][candidates["id"] == token] = -np.inf

    def _choose(self, candidates: Candidates) -> int:
        chosen = apply_sampler(self._binding, self.pointer, candidates)
        return int(chosen.data[chosen.selected].id)

    def _add(self, sampler: Any) -> None:
        self._binding.llama_sampler_chain_add(self.pointer, sampler)

    def _add_bias(self, sampling: Sampling) -> None:
        bias = {token: value for token, value in sampling.logit_bias.items() if 0 <= token < self._vocab_size}
        if not bias:
            return
        entries = (self._binding.llama_logit_bias * len(bias))()
        for entry, (token, value) in zip(entries, bias.items(), strict=True):
            entry.token, entry.bias = token, value
        self._add(self._binding.llama_sampler_init_logit_bias(self._vocab_size, len(bias), entries))

    def _add_penalties(self, sampling: Sampling, prompt: Sequence[int]) -> None:
        make = self._binding.llama_sampler_init_penalties
        if sampling.repeat_penalty not in (0.0, 1.0):
            repeat = make(self._vocab_size, _REPEAT_WINDOW, sampling.repeat_penalty, 0.0, 0.0)
            for token in prompt[-_REPEAT_WINDOW:]:
                self._binding.llama_sampler_accept(repeat, token)
            self._add(repeat)
        if sampling.frequency_penalty or sampling.presence_penalty:
            # A sampler of its own: unlike repeat_penalty these count what was generated, not the prompt.
            self._add(make(self._vocab_size, _ALL_TOKENS, 1.0, sampling.frequency_penalty, sampling.presence_penalty))

    def _add_choice(self, sampling: Sampling) -> None:
        binding = self._binding
        if sampling.temperature <= 0:
            self._add(binding.llama_sampler_init_greedy())
            return
        if sampling.top_k > 0:
            self._add(binding.llama_sampler_init_top_k(sampling.top_k))
        if sampling.top_p < 1:
            self._add(binding.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p > 0:
            self._add(binding.llama_sampler_init_min_p(sampling.min_p, 1))
        self._add(binding.llama_sampler_init_temp(sampling.temperature))
        seed = secrets.randbits(32) if sampling.seed is None else sampling.seed & 0xFFFFFFFF
        self._add(binding.llama_sampler_init_dist(seed if seed != _RANDOM_SEED else 0))
