"""Two sources of people who tell things and ask about them later; the same shape out of both.

The generated set of memories that change (a file: one object with ``users`` and ``checks``) speaks as people do. The
plain set is drawn here from the embedded model's own phrasings, on the words of its test split, which no training text
holds: it shows what memory brings to a model that understands what it reads.
"""

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from answers_judge import Gold

from adapters.embedded.corpus import frames
from adapters.embedded.corpus.facts import Fact, Facts, Key, acknowledgement
from adapters.embedded.corpus.held_out import HELD_OUT
from adapters.embedded.corpus.vocabulary import Vocabulary
from adapters.ranker.training.conversations import Message, Question, opaque, read

NOT_ASKED = "isolation"  # it looks for another user's words
_DATES = ("{0:%Y-%m-%d}", "{0.day} {0:%B}", "{0:%B} {0.day}", "{0.day} {0:%b}", "{0:%b} {0.day}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what is a right answer to it."""

    text: str
    kind: str
    gold: Gold
    after: str = ""  #: asked when this session is over; "": at the end
    question: Question | None = None  #: with its evidence, where a file names it


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody's chats, in order of time, and what they ask."""

    id: str
    sessions: tuple[tuple[Message, ...], ...]
    asked: tuple[Asked, ...]

    def told(self, asked: Asked) -> list[Message]:
        """Return all messages up to a question."""
        messages: list[Message] = []
        for session in self.sessions:
            messages += session
            if asked.after and session[0].session == asked.after:
                break
        return messages

    def by_session(self) -> Iterator[tuple[tuple[Message, ...], list[Asked]]]:
        """Yield the sessions, each with what is asked behind it."""
        last = self.sessions[-1][0].session
        for session in self.sessions:
            here = session[0].session
            yield session, [each for each in self.asked if (each.after or last) == here]


# -- the generated set -----------------------------------------------------------------------------------------------


def generated(path: Path, people: int | None) -> list[Person]:
    """Return the people of a file of the generated set. Raises: ValueError: it is of another format."""
    talks = list(read(path, "generated", people))
    record = json.loads(path.read_bytes())
    found = []
    for user, talk in zip(record["users"], talks, strict=False):
        checks = [each for each in record["checks"] if each["user"] == user["id"] and each["type"] != NOT_ASKED]
        values = frozenset(value for check in checks for value in _values(check))
        asked = tuple(
            Asked(question.text, question.kind, gold_of(check, values), question.after, question)
            for question, check in zip(talk.questions, checks, strict=True)
        )
        found.append(Person(talk.id, talk.sessions, asked))
    return found


def gold_of(check: Mapping[str, Any], values: frozenset[str]) -> Gold:
    """Return what a check's answer must say; ``values``: all that the person ever told, for what nothing answers."""
    if check["type"] == "abstain":
        return Gold(never=values)
    if check.get("forbid"):
        return Gold(never=frozenset(check["forbid"]))
    if check["type"] == "temporal":  # the question names the event: the answer is its day
        day = date.fromisoformat(check["gold_date"])
        return Gold(one_of=tuple(form.format(day) for form in _DATES))
    return Gold(
        one_of=tuple(check.get("any") or ()),
        every=tuple(check.get("all") or ()),
        stale=frozenset(check.get("stale") or ()),
    )


def _values(check: Mapping[str, Any]) -> Iterator[str]:
    for name in ("any", "all", "stale", "other", "forbid"):
        yield from check.get(name) or ()


# -- the plain set ---------------------------------------------------------------------------------------------------

ONCE, CHANGED, OTHERS, PARAPHRASED, NEVER = "told once", "changed", "another person's", "paraphrased", "never told"
_FIRST_DAY = datetime(2025, 1, 6, 9, tzinfo=UTC)
_BETWEEN_CHATS, _BETWEEN_MESSAGES = timedelta(days=9), timedelta(seconds=40)
_SMALL_TALK_A_CHAT = 3


def plain(people: int, chats: int, facts_a_chat: int, questions: int, seed: int) -> list[Person]:
    """Return people who tell facts over several chats, in sentences that the embedded model can read.

    ``questions``: of each person, as many of each kind as can be.
    """
    return [_Life(f"{seed}-{number}", chats, facts_a_chat).person(questions) for number in range(people)]


class _Life:
    """One person's facts, chat by chat."""

    def __init__(self, name: str, chats: int, facts_a_chat: int) -> None:
        self.name = name
        self.rng = random.Random(name)
        self.facts = Facts(Vocabulary(self.rng.randrange(1 << 30), "test"))
        self.known: dict[Key, list[Fact]] = {}
        self.paraphrases: dict[Key, str] = {}
        self.chats = [[self._next() for _ in range(facts_a_chat)] for _ in range(chats)]

    def person(self, questions: int) -> Person:
        """Return the person."""
        sessions = tuple(self._session(number, facts) for number, facts in enumerate(self.chats))
        return Person(opaque("plain", self.name), sessions, tuple(self._asked(questions)))

    def _next(self) -> Fact:
        """Tell something new, something else about what was told, or what a held-out question asks for."""
        share = self.rng.random()
        old = [said[-1] for said in self.known.values() if len(said) == 1]
        if share < 0.15 and old:
            fact = self.facts.newer(self.rng.choice(old))
        elif share < 0.35:
            relation, form = self.rng.choice(HELD_OUT)
            fact = self.facts.new(relation, "")
            if fact.key in self.known:
                return self._next()
            self.paraphrases[fact.key] = form.format(x=fact.x, y=fact.y)
        else:
            fact = self.facts.near(old) if share < 0.6 and old else self.facts.new()
            if fact.key in self.known:
                return self._next()
        self.known.setdefault(fact.key, []).append(fact)
        return fact

    def _session(self, number: int, facts: Sequence[Fact]) -> tuple[Message, ...]:
        said = [(self.facts.statement(fact), acknowledgement([fact])) for fact in facts]
        for texts, reply in self.rng.sample(frames.SMALL_TALK, _SMALL_TALK_A_CHAT):
            said.insert(self.rng.randrange(len(said) + 1), (self.rng.choice(texts), reply))
        session, at = opaque(self.name, number), _FIRST_DAY + number * _BETWEEN_CHATS
        texts = [(role, text) for turn in said for role, text in zip(("user", "assistant"), turn, strict=True)]
        return tuple(
            Message(opaque(session, place), session, role, text, at + place * _BETWEEN_MESSAGES)
            for place, (role, text) in enumerate(texts)
        )

    def _asked(self, questions: int) -> list[Asked]:
        values = frozenset(fact.value for said in self.known.values() for fact in said)
        kinds: dict[str, list[Asked]] = {kind: [] for kind in (ONCE, CHANGED, OTHERS, PARAPHRASED, NEVER)}
        for key, said in self.known.items():
            gold = Gold(one_of=(said[-1].value,), stale=frozenset(fact.value for fact in said[:-1]))
            kind = CHANGED if len(said) > 1 else OTHERS if said[-1].who else ONCE
            if key in self.paraphrases and kind is ONCE:
                kinds[PARAPHRASED].append(Asked(self.paraphrases[key], PARAPHRASED, gold))
            else:
                kinds[kind].append(Asked(self.facts.question(said[-1]), kind, gold))
        everything = [said[-1] for said in self.known.values()]
        for _ in range(-(-questions // len(kinds))):
            missing = self.facts.missing(everything, self.known.keys())
            kinds[NEVER].append(Asked(self.facts.question(missing), NEVER, Gold(never=values)))
        for some in kinds.values():
            self.rng.shuffle(some)
        return in_turn(kinds.values(), questions)


def in_turn(groups: Iterable[Sequence[Asked]], count: int) -> list[Asked]:
    """Return so many, one of each group after the other."""
    left = [list(group) for group in groups]
    taken: list[Asked] = []
    while any(left) and len(taken) < count:
        for group in left:
            if group and len(taken) < count:
                taken.append(group.pop(0))
    return taken


def sample(people: Sequence[Person], count: int, seed: int) -> list[Person]:
    """Return the people with ``count`` questions in all, as many of each kind as can be, drawn from everybody's."""
    rng = random.Random(seed)
    every = [(asked, number) for number, person in enumerate(people) for asked in person.asked]
    rng.shuffle(every)
    every.sort(key=lambda each: each[0].kind)
    owner = {id(asked): number for asked, number in every}
    groups = [[asked for asked, _ in some] for _, some in groupby(every, key=lambda each: each[0].kind)]
    taken = in_turn(groups, count)
    return [
        Person(person.id, person.sessions, tuple(asked for asked in taken if owner[id(asked)] == number))
        for number, person in enumerate(people)
    ]
