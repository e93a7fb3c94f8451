"""People who told things over many chats in, what each memory policy finds and what a model answers with that out.

    python benchmarks/policies.py --data set.json --out benchmarks/results/policies.md
    python benchmarks/policies.py --data set.json --policies lru,semantic --people 2 --questions 30     in small

One server for each policy, on a folder of its own, with the policy's file as its configuration and everything else the
same: `memos serve --config config/policies/NAME.yaml` with the embedded model. Over HTTP only. Sessions are kept in
order of time; every question is searched, and some of each type are asked in a chat of their own, read-only. The data
is the generated set of memories that change (adapters/ranker/training/conversations.py tells its format); ids of
messages are hashes, so that no evidence enters. Right is an answer that says the value (answers_judge.py); the embedded
model reads plain sentences only, so *brought in*, the share of questions whose right answer stands in what the policy
brought in, says what a better reader would have had. *Outdated*: it says what held before. Where nothing answers, right
is an answer that says so; what is brought in all the same is counted. CPU is that of the server's process (Linux).
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from answers_judge import is_right, is_unknowing, says_stale, wilson
from answers_results import percent
from answers_server import Server, served
from answers_sets import Asked, Person, generated, sample
from bench_console import machine, names_of, progress_bar
from retrieval_metrics import Rows, row_of
from retrieval_results import MISSING, Table
from rich.console import Console

from config.settings import POLICIES
from proxy.shadowing import LADDER, shipped

ANSWER_TOKENS = 96
RECALLS = ("recall@1", "recall@5")


@dataclass(frozen=True, slots=True)
class Answer:
    """One chat."""

    answerable: bool
    right: bool
    stale: bool  #: it says what held before
    held: bool  #: what was brought in says a right answer
    memories: int
    prompt_tokens: int


@dataclass(slots=True)
class Found:
    """How one policy did."""

    searches: Rows = field(default_factory=Rows)
    answers: list[Answer] = field(default_factory=list)

    def of(self, *, answerable: bool) -> list[Answer]:
        """Return the answers to questions that something answers, or that nothing does."""
        return [answer for answer in self.answers if answer.answerable is answerable]


@dataclass(frozen=True, slots=True)
class Case:
    """One person of the set, and which of their questions are asked in chats."""

    person: Person
    chatted: frozenset[int]  #: by id()


def cases(path: Path, people: int, questions: int, seed: int) -> list[Case]:
    """Return the first people of a file; ``questions``: asked in chats in all, as many of each type as can be."""
    persons = generated(path, people)
    chosen = sample(persons, questions, seed)
    return [Case(one, frozenset(map(id, some.asked))) for one, some in zip(persons, chosen, strict=True)]


@dataclass(slots=True)
class Examination:
    """One policy's server."""

    server: Server
    top_k: int
    found: Found = field(default_factory=Found)
    _cpu_ms: float = 0.0

    def case(self, case: Case) -> None:
        """Keep what a person told, ask, forget it."""
        memory, person = self.server.memory, case.person
        user = f"policies-{person.id}"
        session_of = {message.id: message.session for session in person.sessions for message in session}
        for session, due in person.by_session():
            memory.keep(user, session)
            if due:
                memory.rest()
            before = memory.cpu_ms()
            for asked in due:
                if asked.question is not None:
                    found = memory.search(user, asked.question, self.top_k)
                    row = row_of(person.id, asked.question, found.results, session_of, found.sufficiency)
                    self.found.searches.rows.append(row)
            self._cpu_ms += memory.cpu_ms() - before
            for asked in due:
                if id(asked) in case.chatted:
                    self._chat(user, asked)
        memory.erase(user)

    def finished(self) -> Found:
        """Return what was found, with what a query took."""
        self.found.searches.query_cpu_ms = self._cpu_ms / max(1, len(self.found.searches.rows))
        return self.found

    def _chat(self, user: str, asked: Asked) -> None:
        said = [{"role": "user", "content": asked.text}]
        reply = self.server.ask(user, said, "read-only", tokens=ANSWER_TOKENS)
        brought = "\n".join(self.server.texts(user, reply.memory_ids))
        self.found.answers.append(
            Answer(
                answerable=asked.gold.answerable,
                right=is_right(reply.text, asked.gold) if asked.gold.answerable else is_unknowing(reply.text),
                stale=says_stale(reply.text, asked.gold),
                held=is_right(brought, asked.gold),
                memories=len(reply.memory_ids),
                prompt_tokens=reply.prompt_tokens,
            )
        )


def examine(set_of: Sequence[Case], names: Sequence[str], top_k: int, flags: Sequence[str] = ()) -> dict[str, Found]:
    """Return what each policy found; ``flags``: of `memos serve`, beside the policy's file."""
    found: dict[str, Found] = {}
    with progress_bar() as progress:
        task = progress.add_task("", total=len(names) * len(set_of))
        for name in names:
            progress.update(task, description=name)
            with served(["--config", str(POLICIES / f"{name}.yaml"), *flags]) as server:
                examination = Examination(server, top_k)
                for case in set_of:
                    examination.case(case)
                    progress.advance(task)
                found[name] = examination.finished()
    return found


def tables(found: dict[str, Found]) -> Iterator[Table]:
    """Yield all tables."""
    yield _answers(found)
    yield _searches(found)
    for value in RECALLS:
        yield _by_kind(found, value)


def _answers(found: dict[str, Found]) -> Table:
    some = next(iter(found.values()))
    counts = [len(some.of(answerable=answerable)) for answerable in (True, False)]
    columns = (
        "policy",
        f"answered right ({counts[0]})",
        "95 %",
        "outdated",
        "brought in",
        f"says so where nothing answers ({counts[1]})",
        "memories",
        "where nothing answers",
        "prompt tokens",
    )
    rows = [[name, *_answer_cells(each)] for name, each in found.items()]
    return Table("Chats with the embedded model", columns, rows)


def _answer_cells(found: Found) -> list[str]:
    yes, no = found.of(answerable=True), found.of(answerable=False)
    low, high = wilson(sum(answer.right for answer in yes), len(yes))
    return [
        percent([answer.right for answer in yes]),
        f"{100 * low:.0f} to {100 * high:.0f}" if yes else MISSING,
        percent([answer.stale for answer in yes]),
        percent([answer.held for answer in yes]),
        percent([answer.right for answer in no]),
        _mean([answer.memories for answer in yes], 1),
        _mean([answer.memories for answer in no], 1),
        _mean([answer.prompt_tokens for answer in found.answers], 0),
    ]


def _searches(found: dict[str, Found]) -> Table:
    count = next(iter(found.values())).searches.count()
    rows = [
        [
            name,
            *(f"{100 * each.searches.mean(value):.1f}" for value in RECALLS),
            f"{each.searches.mean('tokens@5'):.0f}",
            f"{each.searches.query_cpu_ms:.1f}",
        ]
        for name, each in found.items()
    ]
    columns = ("policy", *RECALLS, "tokens of the first 5", "CPU ms a query")
    return Table(f"Evidence found, {count} questions", columns, rows)


def _by_kind(found: dict[str, Found], value: str) -> Table:
    first = next(iter(found.values())).searches
    kinds = sorted({row.kind for row in first.rows if value in row.values})
    rows = [
        [f"{kind} ({first.of(kind).count(value)})"]
        + [f"{100 * each.searches.of(kind).mean(value):.0f}" for each in found.values()]
        for kind in kinds
    ]
    return Table(f"{value} by type of question", ("type", *found), rows)


def _mean(values: Sequence[float], digits: int) -> str:
    return f"{sum(values) / len(values):.{digits}f}" if values else MISSING


def report(found: dict[str, Found], options: argparse.Namespace) -> str:
    """Return the Markdown."""
    lines = [
        f"# Memory policies on {options.data.name}, {options.people} people",
        "",
        f"In percent; {machine()}. `config/policies/*.yaml` are the policies; made by `benchmarks/policies.py`.",
        "",
        *(table.markdown() for table in tables(found)),
    ]
    return "\n".join(lines)


def _names(text: str) -> tuple[str, ...]:
    return names_of(text, shipped())


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="a file of the generated set")
    parser.add_argument("--policies", type=_names, default=LADDER, metavar="NAME,...", help="shipped policies")
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--questions", type=int, default=120, help="asked in chats, with each policy")
    parser.add_argument("--top-k", type=int, default=10, help="results of a search")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path, help="a file for the Markdown, such as benchmarks/results/policies.md")
    return parser.parse_args(given)


def main() -> None:
    options = arguments()
    found = examine(
        cases(options.data, options.people, options.questions, options.seed), options.policies, options.top_k
    )
    for table in tables(found):
        Console().print(table.shown())
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(report(found, options), encoding="utf-8")


if __name__ == "__main__":
    main()
