"""Sampling parameters in, a llama.cpp sampler chain out.

The binding is handed in: only ``adapters/llama_cpp.py`` imports it.
"""

import secrets
import weakref
from collections.abc import Sequence
from typing import Any

from adapters.generation import Sampling

_REPEAT_WINDOW = 64  #: tokens that repeat_penalty looks back, llama.cpp's own default
_ALL_TOKENS = 1 << 20  #: a window longer than any answer
_RANDOM_SEED = 0xFFFFFFFF  #: llama.cpp draws its own seed when it is given this one


class SamplerChain:
    """An owned llama_sampler: freed when nobody holds it any more."""

    def __init__(self, binding: Any, vocab_size: int, sampling: Sampling, prompt: Sequence[int]) -> None:
        self._binding = binding
        self._vocab_size = vocab_size
        self.pointer = binding.llama_sampler_chain_init(binding.llama_sampler_chain_default_params())
        self._release = weakref.finalize(self, binding.llama_sampler_free, self.pointer)
        self._add_bias(sampling)
        self._add_penalties(sampling, prompt)
        self._add_choice(sampling)

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
