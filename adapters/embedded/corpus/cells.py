"""A cell's name, a number and a seed in, examination questions on people and words that are in no training text out.

Law: each question has one right answer and the whole answer is compared. Names, values and attributes are those of the
test split; the blocks are the product's, in the system message or fenced in the user's, as facts or as quotes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from adapters.embedded.corpus import frames
from adapters.embedded.corpus.blocks import Blocks, Entry, system_text
from adapters.embedded.corpus.chats import Chat, Turn, listing
from adapters.embedded.corpus.facts import UNKNOWN, Fact, Facts, Key, acknowledgement, answer
from adapters.embedded.corpus.held_out import HELD_OUT
from adapters.embedded.corpus.vocabulary import Vocabulary
from memory import prompts


@dataclass(frozen=True, slots=True)
class Question:
    """A conversation whose last answer is the examined one."""

    chat: Chat
    about: str  #: the relation's id
    style: str  #: of the memory lines: fact or quote
    place: str  #: of the block: system or user

    @property
    def messages(self) -> list[dict[str, str]]:
        """The conversation up to the examined answer, as a client sends it."""
        messages = [{"role": "system", "content": self.chat.system}] if self.chat.system else []
        for turn in self.chat.turns[:-1]:
            messages += [{"role": "user", "content": turn.user}, {"role": "assistant", "content": turn.assistant}]
        return [*messages, {"role": "user", "content": self.chat.turns[-1].user}]

    @property
    def expected(self) -> str:
        """The right answer."""
        return self.chat.turns[-1].assistant


@dataclass(slots=True)
class _Draft:
    """A question in the making."""

    facts: list[Fact]
    asked: Fact
    expected: str
    question: str = ""
    before: list[Turn] = field(default_factory=list)
    groups: list[list[Fact]] | None = None


class _Examiner:
    def __init__(self, seed: int) -> None:
        self.words = Vocabulary(seed, "test")
        self.facts = Facts(self.words)
        self.blocks = Blocks(self.facts)

    def memories(self, count: int) -> list[Fact]:
        """Return facts of different keys, two in five of them close to another one."""
        facts: list[Fact] = []
        keys: set[Key] = set()
        while len(facts) < count:
            fact = self.facts.new()
            if facts and self.words.chance(0.4):
                fact = self.facts.near(facts)
            if fact.key not in keys:
                keys.add(fact.key)
                facts.append(fact)
        return facts

    # -- cells: each returns a draft, or None when what was drawn does not fit -------------------------------------

    def one_of(self, count: int) -> _Draft | None:
        facts = self.memories(count)
        fact = self.words.pick(facts)
        return _Draft(facts, fact, answer(fact))

    def missing(self, count: int) -> _Draft | None:
        facts = self.memories(count)
        fact = self.facts.missing(facts, {one.key for one in facts}, present_person=0.0)
        return _Draft(facts, fact, UNKNOWN)

    def missing_of_present_person(self, count: int) -> _Draft | None:
        facts = self.memories(count)
        people = [fact.who for fact in facts if fact.who]
        if not people:
            return None
        fact = self.facts.new(who=self.words.pick(people))
        return _Draft(facts, fact, UNKNOWN) if fact.who and fact.key not in {f.key for f in facts} else None

    def newest(self, count: int) -> _Draft | None:
        facts = self.memories(count)
        at = self.words.random.randrange(count - 1)
        fact = self.facts.newer(facts[at])
        facts[self.words.random.randrange(at + 1, count)] = fact
        return _Draft(facts, fact, answer(fact))

    def third_person(self, count: int) -> _Draft | None:
        facts = self.memories(count)
        others = [fact for fact in facts if fact.who]
        if not others:
            return None
        fact = self.words.pick(others)
        return _Draft(facts, fact, answer(fact))

    def told(self, count: int) -> _Draft | None:  # noqa: ARG002  # one signature for all cells
        facts = self.memories(self.words.pick((0, 3)))
        newer = facts and self.words.chance(0.3)
        fact = self.facts.newer(self.words.pick(facts)) if newer else self.facts.new(who="")
        before = [Turn(self.facts.statement(fact), acknowledgement([fact]))]
        for said, reply in self.words.random.sample(frames.SMALL_TALK, self.words.random.randint(0, 2)):
            before.append(Turn(self.words.pick(said), reply))
        return _Draft(facts, fact, answer(fact), before=before)

    def acknowledged(self, count: int) -> _Draft | None:
        facts = self.memories(self.words.pick((0, 3)))
        told = [self.facts.new(who="") for _ in range(count)]
        if len({fact.key for fact in told}) < count:
            return None
        text = self.facts.statement(told[0]) if count == 1 else self.facts.together(told, third=False)
        return _Draft(facts, told[0], acknowledgement(told), question=text)

    def listed(self, count: int) -> _Draft | None:
        facts = self.memories(self.words.random.randint(1, count))
        return _Draft(facts, facts[0], listing(facts), question=self.words.pick(frames.LIST_QUESTIONS))

    def two_in_a_line(self, count: int) -> _Draft | None:
        facts = self.memories(count)
        at = self.words.random.randrange(count - 1)
        groups = [*([f] for f in facts[:at]), facts[at : at + 2], *([f] for f in facts[at + 2 :])]
        fact = facts[at + self.words.random.randrange(2)]
        return _Draft(facts, fact, answer(fact), groups=groups)

    def paraphrased(self, count: int) -> _Draft | None:
        facts = self.memories(count)
        relation, form = self.words.pick(HELD_OUT)
        keys = {fact.key for fact in facts}
        fact = self.facts.new(relation, "")
        if fact.key in keys:
            return None
        facts[self.words.random.randrange(count)] = fact
        return _Draft(facts, fact, answer(fact), question=form.format(x=fact.x, y=fact.y))


_MAKERS: dict[str, tuple[Callable[[_Examiner, int], _Draft | None], int]] = {
    "1 memory": (_Examiner.one_of, 1),
    "5 memories": (_Examiner.one_of, 5),
    "20 memories": (_Examiner.one_of, 20),
    "missing, 5 memories": (_Examiner.missing, 5),
    "missing, 20 memories": (_Examiner.missing, 20),
    "missing of a known person": (_Examiner.missing_of_present_person, 10),
    "newest of two, 5 memories": (_Examiner.newest, 5),
    "newest of two, 20 memories": (_Examiner.newest, 20),
    "told earlier in the chat": (_Examiner.told, 0),
    "third persons, 5 memories": (_Examiner.third_person, 5),
    "third persons, 20 memories": (_Examiner.third_person, 20),
    "acknowledged": (_Examiner.acknowledged, 1),
    "two facts acknowledged": (_Examiner.acknowledged, 2),
    "two facts in a line": (_Examiner.two_in_a_line, 5),
    "list of up to 5": (_Examiner.listed, 5),
    "paraphrased, 5 memories": (_Examiner.paraphrased, 5),
}
CELLS = tuple(_MAKERS)


def make_cell(name: str, count: int, seed: int) -> list[Question]:
    """Return ``count`` questions of a cell of ``CELLS``; the same for the same seed."""
    make, memories = _MAKERS[name]
    examiner = _Examiner(seed * 1000 + CELLS.index(name))
    questions: list[Question] = []
    while len(questions) < count:
        draft = make(examiner, memories)
        if draft is not None:
            questions.append(_asked(examiner, draft))
    return questions


def _asked(examiner: _Examiner, draft: _Draft) -> Question:
    words, blocks = examiner.words, examiner.blocks
    style = words.pick(("fact", "quote"))
    persona = blocks.persona()
    entries = blocks.entries(draft.facts, plain=True)
    if draft.groups is not None:
        entries = _regrouped(draft.groups, entries)
    lines = blocks.lines(entries, style)
    question = draft.question or examiner.facts.question(draft.asked)
    in_user = bool(lines) and not draft.before and words.chance(0.5)
    if in_user:
        system, question = persona, prompts.turn_block(lines) + question
    else:
        system = system_text(persona, lines)
    chat = Chat(system, (*draft.before, Turn(question, draft.expected)))
    return Question(chat, draft.asked.relation, style, "user" if in_user else "system")


def _regrouped(groups: Sequence[Sequence[Fact]], entries: Sequence[Entry]) -> list[Entry]:
    days = {entry.facts[0]: entry.day for entry in entries}
    return [Entry(facts=tuple(group), day=days[group[0]]) for group in groups]
