"""Conversations of a public data set in, how much of the evidence is recalled, beside the well-known methods, out.

    python benchmarks/retrieval.py --data locomo10.json --limit 2 --baselines      a server of its own, in a new folder
    python benchmarks/retrieval.py --data FILE --url URL --key KEY [--pid PID]     a running one
    python benchmarks/retrieval.py --data FILE --baselines bm25,mem0 --mem0 PATH/TO/python

The proxy is driven over its HTTP API only: every conversation is a new user, whose sessions are kept in order of time
and who is erased at the end. No evidence enters: ids of messages are hashes. Questions without evidence are no part of
recall; those that nothing answers show whether `sufficiency` tells so, and so do some of the conversation before. What
is measured and how: retrieval_metrics.py; the formats: adapters/ranker/training; the methods:
retrieval_baselines.py. CPU is that of the server's process (Linux).
"""

import argparse
import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench_console import machine, names_of, progress_bar
from retrieval_baselines import MEM0, NAMES, Baselines, Texts, mem0
from retrieval_metrics import Rows, row_of
from retrieval_results import Table, tables
from retrieval_server import Memory, served

from adapters.minilm import MiniLM
from adapters.ranker.training.conversations import FORMATS, Conversation, Question, read
from config.settings import load

OURS = "this proxy"
FOREIGN = "asked of another conversation"


@dataclass(slots=True)
class Spent:
    """CPU milliseconds over a number of things."""

    cpu_ms: float = 0.0
    count: int = 0

    def add(self, cpu_ms: float, count: int = 1) -> None:
        self.cpu_ms += cpu_ms
        self.count += count

    @property
    def each(self) -> float:
        return self.cpu_ms / self.count if self.count else float("nan")


@dataclass(slots=True)
class Run:
    """One run over a file: the product, and beside it other methods on the same messages and questions."""

    memory: Memory
    baselines: Baselines | None
    top_k: int
    found: dict[str, Rows] = field(default_factory=lambda: {OURS: Rows()})
    kept: Spent = field(default_factory=Spent)
    asked: Spent = field(default_factory=Spent)
    others: dict[str, Spent] = field(default_factory=dict)

    def conversation(self, one: Conversation) -> None:
        """Keep it, ask about it, forget it."""
        user = f"benchmark-{uuid.uuid4().hex}"
        self._with_product(user, one)
        self.memory.erase(user)
        if self.baselines is not None:
            self._with_baselines(one, self.baselines)

    def finish(self) -> None:
        """Set what each thing cost on average."""
        ours = self.found[OURS]
        ours.query_cpu_ms, ours.kept_cpu_ms = self.asked.each, self.kept.each
        for method in self.baselines.methods if self.baselines else ():
            rows = self.found.get(method.name)
            if rows is not None:
                rows.query_cpu_ms, rows.kept_cpu_ms = self.others[method.name].each, method.kept_cpu_ms

    def _with_product(self, user: str, one: Conversation) -> None:
        session_of = {message.id: message.session for message in one.messages}
        self.memory.rest()
        for session in one.sessions:
            before = self.memory.cpu_ms()
            self.memory.keep(user, session)
            self.kept.add(self.memory.cpu_ms() - before, len(session))
            self._ask(user, one, [q for q in one.questions if q.after == session[0].session], session_of)
        before = self.memory.cpu_ms()
        self.memory.rest()  # what was kept may be worked on after it can be found
        self.kept.add(self.memory.cpu_ms() - before, 0)
        self._ask(user, one, [question for question in one.questions if not question.after], session_of)

    def _ask(self, user: str, one: Conversation, questions: Sequence[Question], session_of: dict[str, str]) -> None:
        before = self.memory.cpu_ms()
        for question in questions:
            found = self.memory.search(user, question, self.top_k)
            row = row_of(one.id, question, found.results, session_of, found.sufficiency)
            self.found[OURS].rows.append(row)
        self.asked.add(self.memory.cpu_ms() - before, len(questions))

    def _with_baselines(self, one: Conversation, baselines: Baselines) -> None:
        messages = list(one.messages)
        session_of = {message.id: message.session for message in messages}
        baselines.keep(messages)
        for question in one.questions:
            among = _before(one, question.after)
            for method in baselines.methods:
                answer = method.search(question.text, self.top_k, among)
                self.others.setdefault(method.name, Spent()).add(answer.cpu_ms)
                row = row_of(one.id, question, answer.results, session_of, answer.best or 0.0)
                self.found.setdefault(method.name, Rows()).rows.append(row)


def _before(one: Conversation, session: str) -> int:
    """How many messages there are up to the end of this session."""
    if not session:
        return sum(map(len, one.sessions))
    number = next(n for n, said in enumerate(one.sessions) if said[0].session == session)
    return sum(map(len, one.sessions[: number + 1]))


def with_foreign(found: Iterable[Conversation], count: int) -> Iterator[Conversation]:
    """Yield the conversations, each asked so many questions of the one before as well: nothing in it answers them."""
    before: tuple[Question, ...] = ()
    for one in found:
        nothing: frozenset[str] = frozenset()
        asked = before[:: max(1, len(before) // count)][:count] if count else ()
        asked = tuple(
            replace(each, kind=FOREIGN, evidence=nothing, sessions=nothing, answerable=False) for each in asked
        )
        yield replace(one, questions=(*one.questions, *asked))
        before = tuple(each for each in one.questions if each.answerable and not each.after)


def run(options: argparse.Namespace) -> list[Table]:
    """Return the tables."""
    names = options.baselines
    with ExitStack() as stack, progress_bar() as progress:
        theirs = baselines = None
        if names:
            texts = Texts(MiniLM(load().settings.data.cache_dir))
            theirs = stack.enter_context(mem0(options.mem0, texts)) if "mem0" in names else None
            baselines = Baselines(texts, names, theirs)
        memory = Memory(options.url, options.key, options.pid) if options.url else stack.enter_context(served())
        run = Run(memory, baselines, options.top_k)
        task = progress.add_task("conversations", total=options.limit)
        for one in with_foreign(read(options.data, options.format, options.limit), options.foreign):
            run.conversation(one)
            progress.update(task, advance=1, description=f"recall@5 {run.found[OURS].mean('recall@5'):.3f}")
    run.finish()
    missing = {MEM0: "not installed"} if "mem0" in names and theirs is None else {}
    return list(tables(run.found, OURS, missing, options.threshold))


def report(found: Sequence[Table], options: argparse.Namespace) -> str:
    """Return the Markdown."""
    limit = f", the first {options.limit} conversations" if options.limit else ""
    lines = [
        f"# Recall on {options.data.name}{limit}",
        "",
        f"In percent, means over questions; {machine()}. One result of a baseline is one message.",
        "",
        *(table.markdown() for table in found),
    ]
    return "\n".join(lines)


def _names(text: str) -> tuple[str, ...]:
    return tuple(NAMES) if text == "all" else names_of(text, NAMES)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="a file of one of the formats")
    parser.add_argument("--format", choices=FORMATS, default="", help="told by what is in the file when absent")
    parser.add_argument("--url", help="of a running server; absent: one is started on a temporary folder")
    parser.add_argument("--key", help="for --url; it may assert users")
    parser.add_argument("--pid", type=int, help="of the server at --url, on this machine: its CPU is counted")
    parser.add_argument("--limit", type=int, help="conversations")
    parser.add_argument("--top-k", type=int, default=50)
    parser.add_argument("--threshold", type=float, help="of sufficiency; absent: below which nothing is brought in")
    parser.add_argument("--foreign", type=int, default=20, help="questions of another conversation that each is asked")
    parser.add_argument("--baselines", type=_names, nargs="?", const=tuple(NAMES), default=(), metavar="bm25,dense,...")
    parser.add_argument("--mem0", default=sys.executable, metavar="PYTHON", help="a Python that has mem0ai")
    parser.add_argument("--out", type=Path, help="a file for the Markdown, such as benchmarks/results/retrieval.md")
    options = parser.parse_args(given)
    if options.url and not options.key:
        parser.error("--url needs --key")
    if options.threshold is None:
        options.threshold = load().settings.scheduler.min_sufficiency
    return options


def main() -> None:
    options = arguments()
    shown = report(run(options), options)
    print(shown)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(shown, encoding="utf-8")


if __name__ == "__main__":
    main()
