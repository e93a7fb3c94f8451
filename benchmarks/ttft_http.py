"""The time to the first token through HTTP: a pinned memory of so many tokens, a question, proxy and engine.

A second server over the same data keeps activation memories in files only. llama.cpp's own server, where there is one,
gets prompts of the same length, the memory in the system message.
"""

import math
import random
from collections.abc import Iterator
from pathlib import Path

import engine as engine_benchmark
from activation_models import single_words
from activation_server import NO_END, STORED, TEXT, Server, serving
from bench_processes import cpu_ms
from chat_stream import Reply, chat
from tokenizers import Tokenizer
from ttft_engine import WANTED, Plan, context_tokens
from ttft_results import (
    ALONE,
    DISK,
    PLAIN,
    RAM,
    RESIDENT,
    THEIR_CACHE,
    THEIR_PLAIN,
    Cell,
    Memory,
    Series,
    Taken,
)

from adapters.embedded import gguf_path

AFTER_MEMORY, AFTER_QUESTION = "<|im_end|>\n<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
SAMPLE_WORDS = 40  #: of a memory that shows what stands around it


class Texts:
    """Memories and questions by the tokens that they are of a prompt; words of one token each."""

    def __init__(self, plan: Plan) -> None:
        self._words = sorted(single_words())
        self._back = plan.repeat_tokens
        self._tokenizer = Tokenizer.from_file(str(gguf_path().with_name("tokenizer.json")))

    def words(self, count: int, seed: str) -> str:
        return " ".join(random.Random(seed).choices(self._words, k=count))

    def question(self, tokens: int, seed: str) -> str:
        """Return a question that is so many tokens of a prompt, with its share of the template."""
        frame = len(self._tokens(f"<|im_start|>user\n{AFTER_QUESTION}"))
        count = tokens - frame
        while len(self._tokens(self.words(count, seed))) > tokens - frame:
            count -= 1
        return self.words(count, seed)

    def answer(self, memory: str, question: str) -> str:
        """Return what the model must say to a prompt in which the memory ends the system message."""
        ids = self._tokens(f"{memory}{AFTER_MEMORY}{question}{AFTER_QUESTION}")
        token = ids[-self._back]
        return self._tokenizer.decode([token], skip_special_tokens=True) if token > 2 else ""

    def _tokens(self, text: str) -> list[int]:
        return self._tokenizer.encode(text).ids


def measure(model: Path, plan: Plan, folder: Path, series: Series) -> None:
    """Fill the series with what proxy and engine take."""
    texts, data = Texts(plan), folder / "data"
    engine = {"context_tokens": context_tokens(plan.cells), "max_sequences": 8, "threads": plan.threads}
    engine |= {"parked_mb": 0, "check_memory": False, "activation_ram_mb": 8192, "activation_disk_mb": 65_536}
    with serving(model, data, engine) as server:
        server.pin("sample", texts.words(SAMPLE_WORDS, "memory"))
        memories = {}
        for tokens in sorted({cell.memory for cell in plan.cells}):
            plan.on_step(f"storing {tokens:,} tokens")
            memories[tokens] = _pin(server, texts, tokens)
            server.empty_context()
            size_bytes, build_s = server.store(_user(tokens))
            series.memories[tokens] = Memory(size_bytes, build_s, copy_s=math.nan)
        for cell, number in _turns(plan):
            plan.on_step(f"{cell.memory:,} x {cell.question}, turn {number + 1}")
            _measure_cell(server, texts, memories[cell.memory], cell, number, plan, series)
        key = server.key
    with serving(model, data, {**engine, "activation_ram_mb": 0}, key) as server:
        server.chat("nobody", "Hi!", TEXT)  # warms
        for cell, number in _turns(plan):
            plan.on_step(f"{cell.memory:,} x {cell.question} from disk, turn {number + 1}")
            server.empty_context()
            _take(series, cell, DISK, server, texts, memories[cell.memory], number)


def measure_theirs(python: str, model: Path, plan: Plan, folder: Path, series: Series) -> None:
    """Add what llama.cpp's own server takes for a prompt, and for one whose beginning it has just read."""
    texts = Texts(plan)
    command = engine_benchmark.llama_server(python, model, plan.threads)
    with engine_benchmark.served("llama.cpp's server", command, folder / "theirs.log") as server:

        def ask(memory: str, question: str) -> Reply:
            messages = [{"role": "system", "content": memory}, {"role": "user", "content": question}]
            body = {"messages": messages, "max_tokens": 1, "logit_bias": NO_END}
            return chat(server.port, body, lambda: cpu_ms(server.process.pid) / 1000)

        ask("", "Hi!")  # warms
        for cell in plan.cells:
            plan.on_step(f"llama.cpp's server, {cell.memory:,} x {cell.question}")
            memory = texts.words(cell.memory, f"theirs {cell.memory} {cell.question}")
            for number in range(plan.repeats + 1):
                way, wanted = (THEIR_CACHE, "kept") if number else (THEIR_PLAIN, "read")
                question = _question(texts, cell, way, number)
                reply = ask(memory, question)
                series.add(cell, way, Taken(reply.cpu_s, reply.first_s))
                found = "kept" if reply.cached_tokens >= cell.memory else "read"
                series.check(
                    cell, way, text=reply.text, expected=texts.answer(memory, question), tier=found, wanted=wanted
                )


def _turns(plan: Plan) -> Iterator[tuple[Cell, int]]:
    return ((cell, number) for number in range(plan.repeats) for cell in plan.cells)


def _pin(server: Server, texts: Texts, tokens: int) -> str:
    """Pin a memory that makes every prompt of its user so many tokens longer; return its text."""
    alone = server.chat("nobody", "Hi!", TEXT).prompt_tokens
    frame = server.chat("sample", "Hi!", TEXT).prompt_tokens - alone - SAMPLE_WORDS
    memory = texts.words(tokens - frame, "memory")
    server.pin(_user(tokens), memory)
    return memory


def _user(tokens: int) -> str:
    return f"memory-{tokens}"


def _measure_cell(
    server: Server, texts: Texts, memory: str, cell: Cell, number: int, plan: Plan, series: Series
) -> None:
    server.empty_context()
    reply = server.chat("nobody", _question(texts, cell, ALONE, number), TEXT)
    series.add(cell, ALONE, Taken(reply.cpu_s, reply.first_s))
    server.empty_context()
    _take(series, cell, RAM, server, texts, memory, number)
    _take(series, cell, RESIDENT, server, texts, memory, number)
    if number < plan.plain_repeats:
        server.empty_context()
        _take(series, cell, PLAIN, server, texts, memory, number)


def _question(texts: Texts, cell: Cell, way: str, number: int) -> str:
    """A question that nobody asked before: its embedding is not there yet, as it is not in real chats."""
    return texts.question(cell.question, f"{way} {cell.memory} {number}")


def _take(series: Series, cell: Cell, way: str, server: Server, texts: Texts, memory: str, number: int) -> None:
    question, user = _question(texts, cell, way, number), _user(cell.memory)
    reply = server.chat(user, question, TEXT if way == PLAIN else STORED)
    series.add(cell, way, Taken(reply.cpu_s, reply.first_s))
    if reply.prompt_tokens != sum(cell):
        series.problems.append(f"the prompt of {cell.memory} x {cell.question} has {reply.prompt_tokens} tokens")
    expected, wanted = texts.answer(memory, question), WANTED.get(way, "text")
    tier = server.restored(user, reply.request_id).tier
    series.check(cell, way, text=reply.text, expected=expected, tier=tier, wanted=wanted)
