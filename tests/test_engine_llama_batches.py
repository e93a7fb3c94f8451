"""llama.cpp under many users: what was parked, shared in a burst or drawn keeping the lock is what it was before."""

import queue

import numpy as np
import pytest

from adapters.embedded import gguf_path
from adapters.engine import Engine
from adapters.generation import Event, Finished, GenerationRequest, Piece, Sampling, Span, Started
from adapters.llama_context import ContextOptions, LlamaContext
from adapters.llama_cpp import load_binding, load_model, new_context
from adapters.residents import Resident, ResidentTable

pytestmark = pytest.mark.engine


def made(**options: int) -> LlamaContext:
    return new_context(
        load_model(gguf_path()), ContextOptions(**{"context_tokens": 4096, "max_sequences": 16, **options})
    )


@pytest.fixture
def context():
    context = made()
    yield context
    context.close()


def compute(context: LlamaContext, table: ResidentTable, resident: Resident, prompt: list[int]) -> np.ndarray:
    """Compute what the sequence lacks of the prompt; return the logits after it."""
    rest = prompt[len(resident.tokens) :]
    context.decode([Span(resident.id, len(resident.tokens), rest, True)])
    logits = context.logits(0)
    table.extend(resident, rest)
    return logits


def tokens(context: LlamaContext, text: str) -> list[int]:
    return context.model.tokenize(f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n", parse_special=True)


def test_a_parked_sequence_continues_bit_for_bit(context):
    first = tokens(context, "Remember that I live in Lisbon. " * 20)
    follow = [*first, *tokens(context, "Where do I live?")]
    logits = []
    for leaves in (False, True):
        context.reset()
        table = ResidentTable(context, 1 << 30)
        resident = table.admit(first, len(first) + 1, "")
        compute(context, table, resident, first)
        table.retire(resident)
        if leaves:
            other = tokens(context, "Something else. " * 60)
            running = table.admit(other, len(other) + 1, "")
            compute(context, table, running, other)
            while table.evict_one():
                pass
            assert len(table.parked) == 1
        back = table.admit(follow, len(follow) + 1, "")
        assert len(back.tokens) == len(first)
        logits.append(compute(context, table, back, follow))
    # Cells elsewhere in the cache change the order of summation at most.
    assert np.abs(logits[0] - logits[1]).max() < 0.05
    assert logits[0].argmax() == logits[1].argmax()


class Answer:
    def __init__(self, engine: Engine[LlamaContext], prompt: list[int], seed: int) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        sampling = Sampling(temperature=0.8, top_k=40, seed=seed)
        engine.submit(GenerationRequest(prompt=prompt, max_tokens=24, on_event=self.events.put, sampling=sampling))

    def result(self) -> tuple[str, Finished]:
        text = ""
        while isinstance(event := self.events.get(timeout=60), Started | Piece):
            text += event.text if isinstance(event, Piece) else ""
        assert isinstance(event, Finished)
        return text, event


def test_a_burst_that_begins_alike_gets_answers_of_its_own():
    engine = Engine(made)
    context = engine.start().result(timeout=60)
    try:
        beginning = "My sister is called Ada, and she lives in Porto with a cat. " * 6
        prompts = [tokens(context, f"{beginning}Question {number}?") for number in range(8)]
        answers = [Answer(engine, prompt, seed) for seed, prompt in enumerate(prompts)]
        together = [answer.result() for answer in answers]
    finally:
        engine.close()
    assert all(end.usage.completion_tokens for _, end in together)
    shared = [end.usage.cached_tokens for _, end in together]
    assert sum(count > 60 for count in shared) >= 6, shared


def test_little_work_is_left_to_one_thread():
    context = made(threads=2)
    try:
        library = load_binding().api
        prompt = tokens(context, "Hello")
        context.decode([Span(0, 0, prompt, False)])
        assert library.llama_n_threads_batch(context._pointer) == 2
        context.decode([Span(0, len(prompt), [5], True)])
        assert library.llama_n_threads(context._pointer) == 1
        context.decode([Span(n, 0 if n else len(prompt) + 1, [5], True) for n in range(8)])
        assert library.llama_n_threads_batch(context._pointer) == 2
    finally:
        context.close()


def test_calls_that_keep_the_interpreters_lock_return_the_same(context):
    binding = load_binding()
    context.decode([Span(0, 0, tokens(context, "Hello"), True)])
    length = context.length(0)
    assert binding.api.llama_memory_seq_pos_max(context._memory, 0) + 1 == length
    chain = context.new_sampler(Sampling(temperature=0), [])
    row = context._batch.rows[0]
    drawn = {
        library.llama_sampler_sample(chain.pointer, context._pointer, row) for library in (binding.api, binding.quick)
    }
    assert drawn == {int(context.logits(0).argmax())}
