"""People who told things over many chats in, the share of their later questions that are answered right out, four ways.

    python benchmarks/answers.py --data set.json            the generated set, and the plain ones beside it
    python benchmarks/answers.py --people 2 --questions 40  the plain ones alone, in small: three minutes

The same model, server, people and questions; each question begins a new chat, and memory is all that differs:

    no memory      the question alone
    full history   the earlier chats as earlier messages, from the newest back as far as the context goes
    plain RAG      the five messages that are nearest to the question by the product's own embedder, quoted in a system
                   message in the product's words, oldest first; the messages of both sides can be found
    this proxy     the question alone, and the proxy's memory

What was told comes in over the memory API, as if it had been chatted; questions are read-only, so that none becomes a
memory. Before each of them the engine's context is emptied; right after it another question of the same person is
asked the same way, whose prompt may begin with what is computed already (*again*). Two sources, kept apart: the
embedded model reads plain sentences only, so the generated set shows how far that carries, and the plain sets
(answers_sets.py) what memory brings to a model that can read: one of few chats, which all fit into the context, and one
of many, which do not. How answers are judged: answers_judge.py.
"""

import argparse
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from answers_judge import is_right, is_unknowing, says_stale
from answers_results import CONDITIONS, HISTORY, OURS, RAG, Row, report, tables
from answers_server import Chat, Server, served
from answers_sets import Asked, Person, generated, plain, sample
from bench_console import machine, progress_bar
from chat_stream import Reply
from retrieval_baselines import DENSE, Index, Ranking, Texts
from rich.console import Console
from tokenizers import Tokenizer

from adapters.embedded import gguf_path
from adapters.minilm import MiniLM
from adapters.ranker.training.conversations import Message
from config.settings import load
from memory import prompts

GENERATED = "generated set"
ANSWER_TOKENS = 96
RAG_TOP_K = 5
AGAIN = "What is my dog called?"  #: asked right after each question, the same way
_MESSAGE_TOKENS = 6  #: of the chat template, around each message
_QUESTION_TOKENS = 64  #: kept free, so that the same history goes before each question


@dataclass(frozen=True, slots=True)
class Before:
    """What goes before a question, and what it took the benchmark to find that."""

    messages: Chat = ()
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Ways:
    """What goes before a question in each condition."""

    tokenizer: Tokenizer
    texts: Texts
    context_tokens: int
    users_only: bool = False  #: plain RAG finds no messages of the assistant

    def before(self, condition: str, person: Person, asked: Asked, question: str) -> Before:
        """Return what goes before a question."""
        if condition == HISTORY:
            return Before(self._history(person.told(asked)))
        if condition != RAG:
            return Before()
        told = [each for each in person.told(asked) if each.role == "user" or not self.users_only]
        return self._retrieved(told, question)

    def _history(self, messages: Sequence[Message]) -> Chat:
        """Return the newest messages that fit, from a user's on."""
        left = self.context_tokens - ANSWER_TOKENS - _QUESTION_TOKENS
        kept: list[Message] = []
        for message in reversed(messages):
            left -= len(self.tokenizer.encode(message.text).ids) + _MESSAGE_TOKENS
            if left < 0:
                break
            kept.insert(0, message)
        while kept and kept[0].role != "user":
            del kept[0]
        return [{"role": message.role, "content": message.text} for message in kept]

    def _retrieved(self, messages: Sequence[Message], question: str) -> Before:
        index = Index(self.texts)
        index.keep(messages)
        found = Ranking(DENSE, index).search(question, RAG_TOP_K, len(messages))
        nearest = {id_ for result in found.results for id_ in result.messages}
        lines = [
            prompts.quote_line(each.said_at.date(), each.text, each.role) for each in messages if each.id in nearest
        ]
        return Before([{"role": "system", "content": prompts.stable_block(lines)}], found.cpu_ms / 1000)


@dataclass(slots=True)
class Examination:
    """One run over a set."""

    server: Server
    ways: Ways
    rng: random.Random

    def person(self, person: Person) -> Iterator[Row]:
        """Keep what somebody told, session by session, and yield how each question was answered; then forget it."""
        memory, user = self.server.memory, f"answers-{person.id}"
        for session, questions in person.by_session():
            memory.keep(user, session)
            if questions:
                memory.rest()
            for asked in questions:
                yield from self._answers(user, person, asked)
        memory.erase(user)

    def _answers(self, user: str, person: Person, asked: Asked) -> Iterator[Row]:
        for condition in self.rng.sample(CONDITIONS, len(CONDITIONS)):
            self.server.empty_context()
            before = self.ways.before(condition, person, asked, asked.text)
            reply = self._ask(user, condition, before, asked.text)
            again = self._ask(user, condition, self.ways.before(condition, person, asked, AGAIN), AGAIN)
            brought = [*(message["content"] for message in before.messages), *self.server.texts(user, reply.memory_ids)]
            yield Row(
                kind=asked.kind,
                answerable=asked.gold.answerable,
                condition=condition,
                held=is_right("\n".join(brought), asked.gold),
                right=is_right(reply.text, asked.gold),
                stale=says_stale(reply.text, asked.gold),
                unknowing=is_unknowing(reply.text),
                first_s=reply.first_s,
                first_cpu_s=reply.cpu_s,
                again_s=again.first_s,
                again_cpu_s=again.cpu_s,
                prompt_tokens=reply.prompt_tokens,
                cached_tokens=reply.cached_tokens,
                question=asked.text,
                answer=reply.text,
            )

    def _ask(self, user: str, condition: str, before: Before, question: str) -> Reply:
        mode = "read-only" if condition == OURS else "off"
        messages = [*before.messages, {"role": "user", "content": question}]
        reply = self.server.ask(user, messages, mode, tokens=ANSWER_TOKENS)
        return replace(reply, first_s=reply.first_s + before.cpu_s, cpu_s=reply.cpu_s + before.cpu_s)


def ways(context_tokens: int, *, users_only: bool = False) -> Ways:
    """Return the conditions, with the embedded model's tokens and the product's embedder."""
    tokenizer = Tokenizer.from_file(str(gguf_path().with_name("tokenizer.json")))
    return Ways(tokenizer, Texts(MiniLM(load().settings.data.cache_dir)), context_tokens, users_only)


def examine(
    sets: Mapping[str, Sequence[Person]], flags: Sequence[str] = (), seed: int = 1, *, users_only: bool = False
) -> dict[str, list[Row]]:
    """Return the rows of each set, all by one server; ``flags``: of `memos serve`; ``users_only``: as in ``Ways``."""
    found: dict[str, list[Row]] = {name: [] for name in sets}
    with served(flags) as server, progress_bar() as progress:
        brought = ways(server.context_tokens(), users_only=users_only)
        examination = Examination(server, brought, random.Random(seed))
        for name, people in sets.items():
            task = progress.add_task(name, total=len(CONDITIONS) * sum(len(person.asked) for person in people))
            for person in people:
                if not person.asked:
                    continue
                for row in examination.person(person):
                    found[name].append(row)
                    progress.advance(task)
    return found


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a file of the generated set; absent: the plain set alone")
    parser.add_argument("--people", type=int, default=10, help="of each set, as far as there are")
    parser.add_argument("--chats", type=_numbers, default=(3, 12), help="of each person of the plain set: 3,12 are two")
    parser.add_argument("--facts", type=int, default=4, help="told in each of these chats")
    parser.add_argument("--questions", type=int, default=150, help="of each set, asked in each way")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--rag-users-only", action="store_true", help="plain RAG finds nothing that the assistant said")
    parser.add_argument("--show", action="store_true", help="print each question and answer")
    parser.add_argument("--out", type=Path, help="a folder for answers.md and answers.svg, as benchmarks/results")
    return parser.parse_args(given)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def sets_of(options: argparse.Namespace) -> dict[str, list[Person]]:
    """Return the sets that are asked for."""
    found = {}
    each = -(-options.questions // options.people)
    if options.data:
        people = generated(options.data, options.people)
        found[GENERATED] = sample(people, options.questions, options.seed)
    for chats in options.chats:
        people = plain(options.people, chats, options.facts, each, options.seed)
        found[f"plain set of {chats} chats"] = sample(people, options.questions, options.seed)
    return found


def main() -> None:
    options = arguments()
    sets = sets_of(options)
    found = examine(sets, seed=options.seed, users_only=options.rag_users_only)
    console = Console()
    for name, rows in found.items():
        for table in tables(rows, name):
            console.print(table.shown())
        if options.show:
            for row in rows:
                console.print(
                    f"{row.condition}: {row.kind}: {row.question} -> {row.answer!r} {row.right}", markup=False
                )
    if options.out is None:
        return
    options.out.mkdir(parents=True, exist_ok=True)
    rag = "; plain RAG over the users' messages only" if options.rag_users_only else ""
    asked = f"at most {options.questions} questions of {options.people} people a set"
    how = f"{asked}, seed {options.seed}{rag}; {machine()}"
    drawn = find_spec("matplotlib") is not None
    (options.out / "answers.md").write_text(report(found, how, drawn=drawn), encoding="utf-8")
    if drawn:
        from answers_charts import draw  # noqa: PLC0415 - matplotlib is not installed everywhere

        draw(found, options.out / "answers.svg")
    console.print(f"Written to {options.out}")


if __name__ == "__main__":
    main()
