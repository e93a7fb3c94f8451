"""Tokens are drawn from arrays of logits as llama.cpp's own chain would draw them."""

import numpy as np
import pytest

from adapters.embedded import gguf_path
from adapters.generation import Sampling
from adapters.llama_cpp import load_binding, load_model
from adapters.llama_grammar import all_candidates, apply_sampler
from adapters.llama_sampler import SamplerChain
from adapters.logit_sampler import LogitSampler

RANDOM = np.random.default_rng(3)
PROMPT = RANDOM.integers(0, 2048, 100).tolist()
LOGITS = (RANDOM.standard_normal(2048) * 4).astype(np.float32)
BEST = np.argsort(-LOGITS)[:20].tolist()

SAMPLINGS = {
    "nothing": Sampling(),
    "greedy": Sampling(temperature=0),
    "temperature": Sampling(temperature=0.3),
    "top_k": Sampling(top_k=7),
    "top_p": Sampling(top_p=0.6),
    "top_p keeps one": Sampling(top_p=0.0),
    "min_p": Sampling(min_p=0.1),
    "all": Sampling(temperature=1.3, top_k=40, top_p=0.9, min_p=0.05),
    "bias": Sampling(logit_bias={BEST[0]: -100, 5: 30.0, 99999: 3}),
    "repeat": Sampling(repeat_penalty=1.7),
    "presence": Sampling(presence_penalty=1.5),
    "frequency": Sampling(frequency_penalty=0.7, presence_penalty=-0.5),
    "every one": Sampling(
        temperature=0.8,
        top_k=100,
        top_p=0.95,
        min_p=0.02,
        repeat_penalty=1.3,
        frequency_penalty=0.4,
        presence_penalty=0.2,
        logit_bias={BEST[1]: -3.0},
    ),
}


@pytest.mark.engine
@pytest.mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
@pytest.mark.parametrize("said", [0, 3, 90])
def test_what_may_be_drawn_and_how_probably_is_what_llama_cpp_has_it(sampling, said):
    binding = load_binding()
    model = load_model(gguf_path())
    chain = SamplerChain(binding.api, model, sampling, PROMPT)
    ours = LogitSampler(sampling, PROMPT, lambda _: b"")
    for token in (BEST * 5)[:said]:
        binding.api.llama_sampler_accept(chain.pointer, token)
        only = np.full(2048, -1e4, np.float32)
        only[token] = 1e4  # so that nothing else can be drawn, whatever it is made less probable by
        assert ours.draw(only) == token
    candidates = all_candidates(LOGITS)  # llama.cpp keeps a pointer to it
    chosen = apply_sampler(binding.api, chain.pointer, candidates)
    theirs = {chosen.data[i].id: chosen.data[i].p for i in range(chosen.size)}
    tokens, chances = ours.chances(LOGITS)
    if sampling.temperature <= 0:
        assert [int(tokens[0])] == [chosen.data[chosen.selected].id]
    else:
        assert set(tokens.tolist()) == set(theirs)
        np.testing.assert_allclose(chances, [theirs[token] for token in tokens.tolist()], rtol=2e-3, atol=1e-7)
    model.close()


def test_logits_are_not_changed_and_seeds_decide():
    sampling = Sampling(temperature=1.5, repeat_penalty=1.2, seed=-5, logit_bias={1: 3.0}, top_logprobs=2)
    before = LOGITS.copy()
    samplers = [LogitSampler(sampling, PROMPT, lambda token: b"%d" % token) for _ in range(2)]
    first, second = ([sampler.draw(LOGITS) for _ in range(50)] for sampler in samplers)
    assert first == second
    assert len(set(first)) > 5
    assert np.array_equal(LOGITS, before)
    score = samplers[0].score
    assert score is not None
    assert score.data == b"%d" % first[-1]
    assert [other.data for other in score.top] == [b"%d" % token for token in BEST[:2]]


@pytest.mark.parametrize("temperature", [1e-45, 1e-30, 2.0])
def test_next_to_no_temperature_is_no_accident(temperature):
    sampler = LogitSampler(Sampling(temperature=temperature, top_k=3), [], lambda _: b"")
    assert sampler.draw(LOGITS) in BEST[:3]
