"""Several choices of one request: one prompt, all or none admitted, each event told whose it is."""

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.engine import Engine
from adapters.generation import Failed, Finished, GenerationRequest, Piece, Sampling, TokenScore
from adapters.text_stream import TextStream
from adapters.token_scores import ScoreLine
from memory.errors import QueueFull
from proxy.engine_chat import EventQueue
from proxy.engine_choices import Choices
from tests.scripted_context import (
    ScriptedContext,
    prompt_for,
    started_engines,  # noqa: F401  # the fixture `start`
)


def choices(engine: Engine[ScriptedContext], prompt: list[int], count: int, **options) -> Choices:
    events = EventQueue()
    request = GenerationRequest(prompt=prompt, max_tokens=50, on_event=events.deliver, post=events.post, **options)
    return Choices(engine.submit, engine.cancel, request, count, events)


async def texts(made: Choices, count: int) -> list[str]:
    said, ended = [""] * count, 0
    while ended < count:
        index, event = await made.next(30)
        assert not isinstance(event, Failed)
        if isinstance(event, Piece):
            said[index] += event.text
        ended += isinstance(event, Finished)
    return said


async def test_the_prompt_is_computed_once_and_shared(start):
    context = ScriptedContext()
    engine = start(context)
    prompt = prompt_for("hello", filler=[5] * 150)
    assert await texts(choices(engine, prompt, 4), 4) == ["hello"] * 4
    computed = sum(len(span.tokens) for batch in context.batches for span in batch)
    drawn = 4 * len("hello")
    assert computed == len(prompt) + 3 + drawn, "of a shared prompt only the last token is computed again"


async def test_choices_for_which_there_is_no_room_wait_and_are_answered(start):
    engine = start(ScriptedContext(sequences=1), queue_limit=8)
    assert await texts(choices(engine, prompt_for("abc"), 5), 5) == ["abc"] * 5


async def test_when_not_all_can_even_wait_none_is_begun(start):
    context = ScriptedContext(sequences=2)
    context.gate = threading.Semaphore(0)
    engine = start(context, queue_limit=1)
    made = choices(engine, prompt_for("x" * 40), 6)
    context.gate.release(1)
    with pytest.raises(QueueFull):
        await made.next(30)
    made.cancel()
    context.gate.release(10_000)
    for _ in range(500):
        load = engine.load_now()
        if not load.running and not load.waiting:
            break
        await asyncio.sleep(0.01)
    assert (load.running, load.waiting) == (0, 0)


async def test_each_choice_has_a_seed_of_its_own_and_the_first_the_given_one(start):
    seeds = []

    class Recording(ScriptedContext):
        def new_sampler(self, sampling, prompt):
            seeds.append(sampling.seed)
            return super().new_sampler(sampling, prompt)

    engine = start(Recording())
    await texts(choices(engine, prompt_for("a"), 8, sampling=Sampling(seed=-3)), 8)
    assert seeds[0] == -3 % (1 << 64)
    assert len({seed & 0xFFFFFFFF for seed in seeds}) == 8, "llama.cpp takes the lower half"
    seeds.clear()
    await texts(choices(engine, prompt_for("b"), 3), 3)
    assert seeds == [None] * 3


PIECES = st.lists(
    st.sampled_from([b"ab", b"c", "é".encode()[:1], "é".encode()[1:], b"</", b"stop", b"!", b""]), max_size=12
)


@given(PIECES)
@settings(deadline=None)
def test_law_scores_come_with_the_text_that_their_tokens_begin(pieces):
    stream, line = TextStream(["</stop"]), ScoreLine()
    shown, scores = "", []
    for number, data in enumerate(pieces):
        line.push(data, TokenScore(data, -float(number)))
        text = stream.push(data)
        if text:
            shown += text
            scores += line.take(text)
    text = stream.finish()
    if text:
        shown += text
        scores += line.take(text)
    numbers = [-score.logprob for score in scores]
    assert numbers == list(range(len(numbers))), "in order, none twice, none left out before the last"
    joined = b"".join(score.data for score in scores).decode(errors="replace")
    if "\ufffd" not in shown:
        assert joined.startswith(shown), "all of the shown text is scored"
    if not stream.stopped and "\ufffd" not in shown:
        assert joined.rstrip("\ufffd") == shown
