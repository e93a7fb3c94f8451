"""A seed in, whole conversations out: memory, what is told in passing, questions, and the right answers.

Law: an answer follows from what stands above it, in the system message or in an earlier message, the later word
winning; where nothing above answers, the answer is ``UNKNOWN``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from adapters.embedded.corpus import frames
from adapters.embedded.corpus.blocks import Blocks, Entry, system_text
from adapters.embedded.corpus.facts import (
    UNKNOWN,
    Fact,
    Facts,
    Key,
    acknowledgement,
    american,
    answer,
    clause,
    own_clause,
    said_back,
    to_second_person,
)
from adapters.embedded.corpus.vocabulary import Vocabulary
from adapters.embedded.corpus.words import LIKINGS
from memory import prompts

LISTED = "This is what I know"
MOST_LISTED = 5  #: facts; longer lists end with ``AND_MORE``
AND_MORE = "- and more"
NOTHING_LIKED = "I don't know what you like yet."
_CORRECTED_AT_ONCE = 0.45  #: share of newer values that are of one of the last two facts
_FOOD_FAVOURITES = {"food", "dish", "meal", "snack", "breakfast", "soup", "dessert", "pizza", "cake", "fruit"}
_NO_FOOD = {"pollen", "cats", "dust", "bees", "latex", "penicillin", *LIKINGS}


@dataclass(frozen=True, slots=True)
class Turn:
    """What the user says and what the model is to answer; ``learnt``: whether the answer is trained on."""

    user: str
    assistant: str
    learnt: bool = True


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation; ``system`` is "" without a system message.

    ``newer``: for each memory line, in the order of the text, whether it replaces what an earlier one said.
    """

    system: str
    turns: tuple[Turn, ...]
    newer: tuple[bool, ...] = ()


def listing(facts: Sequence[Fact], about: str = "") -> str:
    """Return the answer to "What do you know about me?" (or about somebody)."""
    if not facts:
        return UNKNOWN
    lines = [f"- {said_back(fact)}" for fact in facts[:MOST_LISTED]]
    more = [AND_MORE] if len(facts) > MOST_LISTED else []
    return "\n".join([f"{LISTED} about {about or 'you'}:", *lines, *more])


def suggestion(fact: Fact) -> str:
    """Return what to propose to somebody of whom this one thing is known, "" when it is no help."""
    about = said_back(fact)
    match fact.relation:
        case "allergy" | "dislikes" if fact.value not in _NO_FOOD:
            return f"How about something without {fact.value}? {about}"
        case "diet":
            return f"How about something {fact.value}? {about}"
        case "likes" if fact.value not in _NO_FOOD:
            return f"How about {fact.value}? {about}"
        case "fav" if fact.x in _FOOD_FAVOURITES:
            return f"How about {fact.value}? {about}"
        case _:
            return ""


@dataclass(slots=True)
class _State:
    """What has been said so far in one conversation."""

    contradictions: float  #: the share of questions that are about what was contradicted, where something was
    known: dict[Key, Fact] = field(default_factory=dict)  #: in the order of the first telling
    times_told: dict[Key, int] = field(default_factory=dict)
    days: dict[Key, str] = field(default_factory=dict)
    to_come: list[Entry] = field(default_factory=list)
    asked: set[Key] = field(default_factory=set)
    fresh: list[Key] = field(default_factory=list)  #: told in this conversation, not asked for yet
    forgotten: set[Key] = field(default_factory=set)
    newer: list[bool] = field(default_factory=list)  #: of each memory line so far

    def learn(self, fact: Fact, day: str = "") -> None:
        """Take in a fact."""
        if fact.key in self.known:
            self.times_told[fact.key] += 1
        else:
            self.times_told[fact.key] = 1
        self.known[fact.key] = fact
        self.days[fact.key] = day
        self.asked.discard(fact.key)
        self.forgotten.discard(fact.key)

    def bring_in(self, count: int) -> list[Entry]:
        """Take in the next ``count`` entries to come, and return them."""
        entries, self.to_come = self.to_come[:count], self.to_come[count:]
        for entry in entries:
            self.newer.append(any(fact.key in self.known for fact in entry.facts))
            for fact in entry.facts:
                self.learn(fact, entry.day.isoformat())
        return entries

    @property
    def reserved(self) -> set[Key]:
        """Keys of entries to come: neither asked for nor told."""
        return {fact.key for entry in self.to_come for fact in entry.facts}

    @property
    def plain(self) -> bool:
        """True while nothing was contradicted or forgotten."""
        return not self.forgotten and all(count == 1 for count in self.times_told.values())


class Chats:
    """Training conversations, drawn with a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.words = vocabulary
        self.facts = Facts(vocabulary)
        self.blocks = Blocks(self.facts)

    def chat(
        self, memories: int, turns: int, *, lists: float = 1.0, contradictions: float = 0.65, near: float = 0.35
    ) -> Chat:
        """Return a conversation of about ``turns`` turns over a list of ``memories`` facts.

        ``lists`` scales how often the model is asked for all it knows, the hardest of its tasks, which needs memories
        without contradictions; ``contradictions``: the share of lists that hold some, and of questions about them;
        ``near``: the share of facts that are easily taken for another one of the list.
        """
        words = self.words
        talkative = memories == 0 or words.chance(0.15)
        facts = self._memories(min(memories, 3) if talkative else memories, contradictions, near)
        entries = self.blocks.entries(facts)
        state = _State(contradictions)
        system = self._system(entries, state)
        written: list[Turn] = []
        for index in range(turns):
            block = self._turn_block(state, last=index >= turns - 2)
            turn = self._turn(state, talkative=talkative, lists=lists, block=block)
            if turn is None and block:  # what is brought in counts as known from here on
                turn = self._small_talk(state)
            if turn is not None:
                written.append(Turn(block + turn.user, turn.assistant, turn.learnt))
        if not written:
            written = [Turn("Hello!", "Hello! How can I help you?")]
        return self._spelled(Chat(system, tuple(written), tuple(state.newer)))

    # -- memory -------------------------------------------------------------------------------------------------

    def _memories(self, count: int, contradictions: float, near: float) -> list[Fact]:
        """Return facts with near misses among them and, in most lists, newer values of older keys.

        Many newer values stand right behind the older one: the order of lines next to each other is the hardest to see.
        """
        words = self.words
        facts: list[Fact] = []
        people = [words.value("name") for _ in range(2)]
        contradicted = count > 1 and words.chance(contradictions)
        rate = words.pick((0.15, 0.3, 0.5)) if contradicted else 0.0
        keys: set[Key] = set()
        while len(facts) < count:
            if facts and words.chance(rate):
                facts.append(self.facts.newer(words.pick(facts[-2:] if words.chance(_CORRECTED_AT_ONCE) else facts)))
                continue
            fact = self.facts.new()
            if facts and words.chance(near):
                fact = self.facts.near(facts)
            elif words.chance(0.1):
                fact = self.facts.new(who=words.pick(people))
            if fact.key not in keys:
                keys.add(fact.key)
                facts.append(fact)
        return facts

    def _system(self, entries: list[Entry], state: _State) -> str:
        """Return the system message with the stable block; what it does not hold comes in later."""
        words = self.words
        persona = self.blocks.persona()
        share = words.random.random()
        cut = len(entries) if share < 0.5 else 0 if share < 0.75 else words.random.randint(0, len(entries))
        state.to_come, stable = entries, entries[:cut]
        state.bring_in(cut)
        return system_text(persona, self.blocks.lines(stable))

    def _turn_block(self, state: _State, *, last: bool) -> str:
        """Return the fenced block in front of this user message, "" in most turns."""
        words = self.words
        if not state.to_come or not (last or words.chance(0.5)):
            return ""
        count = len(state.to_come) if last or words.chance(0.6) else words.random.randint(1, len(state.to_come))
        return prompts.turn_block(self.blocks.lines(state.bring_in(count)))

    # -- turns --------------------------------------------------------------------------------------------------

    def _turn(self, state: _State, *, talkative: bool, lists: float, block: str) -> Turn | None:
        words = self.words
        listing_share = (0.13 if len(state.known) <= MOST_LISTED else 0.03) * lists
        kinds = (
            (self._small_talk, 0.05),
            (self._told, 0.30 if talkative else 0.10),
            (self._forget, 0.02),
            (self._list, listing_share),
            (self._list_person, 0.03 * lists),
            (self._when_told, 0.02),
            (self._suggest, 0.025),
            (self._who_is, 0.015),
            (self._unknowable, 0.02),
            (self._missing, 0.13 if talkative else 0.18),
            (self._asked, 0.45),
        )
        weights = [weight for _, weight in kinds]
        if block:  # mostly a question, and mostly about what has just been brought in
            weights[0] = weights[1] = weights[2] = 0.02
        for _ in range(8):
            make = words.random.choices([kind for kind, _ in kinds], weights)[0]
            turn = make(state)
            if turn is not None:
                return turn
        return None

    def _small_talk(self, state: _State) -> Turn:  # noqa: ARG002  # one signature for all kinds of turns
        said, reply = self.words.pick(frames.SMALL_TALK)
        return Turn(self.words.pick(said), reply)

    def _told(self, state: _State) -> Turn | None:
        words = self.words
        facts: list[Fact] = []
        for _ in range(words.random.choices((1, 2, 3), (72, 22, 6))[0]):
            known = list(state.known.values())
            fact = self.facts.newer(words.pick(known)) if known and words.chance(0.35) else self.facts.new()
            if fact.key not in state.reserved and fact.key not in {one.key for one in facts}:
                facts.append(fact)
        if not facts:
            return None
        text = self.facts.statement(facts[0]) if len(facts) == 1 else self.facts.together(facts, third=False)
        if len(facts) > 1 and words.chance(0.1):
            text = words.pick(("Hi! ", "Hello, ", "Hello! ", "Hey, ")) + text
        for fact in facts:
            state.learn(fact)
            if words.chance(0.6):
                state.fresh.append(fact.key)
        return Turn(text, acknowledgement(facts))

    def _forget(self, state: _State) -> Turn:
        words = self.words
        known = list(state.known.values())
        fact = words.pick(known) if known and words.chance(0.7) else self.facts.new()
        fact = state.known.get(fact.key, fact)
        if words.chance(0.3):
            request = words.pick(frames.FORGET_THAT).replace("{c}", own_clause(fact))
            turn = Turn(request, f"Okay, I will forget that {clause(fact)}")
        else:
            named = self.facts.named(fact)
            turn = Turn(
                words.pick(frames.FORGET).replace("{i}", named), f"Okay, I will forget {to_second_person(named)}."
            )
        state.known.pop(fact.key, None)
        state.times_told.pop(fact.key, None)
        state.forgotten.add(fact.key)
        return turn

    def _list(self, state: _State) -> Turn | None:
        if not state.plain or state.reserved:
            return None
        return Turn(self.words.pick(frames.LIST_QUESTIONS), listing(list(state.known.values())))

    def _list_person(self, state: _State) -> Turn | None:
        words = self.words
        people = list(dict.fromkeys(fact.who for fact in state.known.values() if fact.who))
        if not state.plain or not people:
            return None
        name = words.pick(people) if words.chance(0.8) else words.value("name")
        question = words.pick(frames.LIST_QUESTIONS_THIRD).replace("{n}", name)
        return Turn(question, listing([fact for fact in state.known.values() if fact.who == name], name))

    def _when_told(self, state: _State) -> Turn | None:
        dated = [fact for key, fact in state.known.items() if state.days[key] and state.times_told[key] == 1]
        if not dated:
            return None
        fact = self.words.pick(dated)
        question = self.words.pick(frames.WHEN_TOLD).replace("{c}", own_clause(fact))
        return Turn(question, f"You told me on {state.days[fact.key]}.")

    def _suggest(self, state: _State) -> Turn | None:
        words = self.words
        if not state.plain:
            return None
        own = [fact for fact in state.known.values() if not fact.who]
        if words.chance(0.25):
            hobbies = [fact for fact in own if fact.relation == "hobby"]
            if len(hobbies) > 1:
                return None
            reply = f"How about {hobbies[0].value}? {said_back(hobbies[0])}" if hobbies else NOTHING_LIKED
            return Turn(words.pick(frames.SUGGEST_FREE_TIME), reply)
        if any(fact.relation in ("likes", "dislikes", "allergy") and not suggestion(fact) for fact in own):
            return None
        found = [text for text in map(suggestion, own) if text]
        if len(found) > 1:
            return None
        return Turn(words.pick(frames.SUGGEST_FOOD), found[0] if found else NOTHING_LIKED)

    def _who_is(self, state: _State) -> Turn | None:
        words = self.words
        named = [f for f in state.known.values() if f.relation in ("rel", "pet") and " " not in f.value]
        if named and words.chance(0.75):
            fact = words.pick(named)
            if sum(other.value == fact.value for other in state.known.values()) > 1:
                return None
            return Turn(words.pick(("Who is {v}?", "Who's {v}?")).replace("{v}", fact.value), answer(fact))
        name = words.value("name")
        if any(name in (fact.who, fact.value) for fact in state.known.values()):
            return None
        return Turn(f"Who is {name}?", UNKNOWN)

    def _unknowable(self, state: _State) -> Turn:  # noqa: ARG002  # one signature for all kinds of turns
        return Turn(self.blocks.unknowable(), UNKNOWN)

    def _missing(self, state: _State) -> Turn:
        known = {*state.known, *state.reserved, *state.asked}
        if state.forgotten and self.words.chance(0.3):
            key = self.words.pick(sorted(state.forgotten))
            relation = "rel" if key[0] == "pet" and self.words.chance(0.5) else key[0]
            fact = self.facts.new(relation, key[1], key[2], key[3])
            return Turn(self.facts.question(fact), UNKNOWN)
        fact = self.facts.missing(list(state.known.values()), known)
        return Turn(self.facts.question(fact), UNKNOWN)

    def _asked(self, state: _State) -> Turn | None:
        words = self.words
        pool = [key for key in state.known if key not in state.asked] or list(state.known)
        if not pool:
            return None
        contradicted = [key for key in pool if state.times_told[key] > 1]
        fresh = [key for key in state.fresh if key in state.known]
        if fresh and words.chance(0.5):
            key = words.pick(fresh)
            state.fresh.remove(key)
        elif contradicted and words.chance(state.contradictions):
            key = words.pick(contradicted)
        else:
            key = words.pick(pool)
        state.asked.add(key)
        fact = state.known[key]
        return Turn(self.facts.question(fact), answer(fact))

    def _spelled(self, chat: Chat) -> Chat:
        """Return the chat in British or American spelling, or its memory in one and its talk in the other."""
        words = self.words
        share = words.random.random()
        if share < 0.5:
            return chat
        if share < 0.85:
            turns = tuple(Turn(american(t.user), american(t.assistant), t.learnt) for t in chat.turns)
            return replace(chat, system=american(chat.system), turns=turns)
        if any(LISTED in turn.assistant for turn in chat.turns):
            return chat
        if share < 0.93:
            return replace(chat, system=american(chat.system))
        talk = []
        for turn in chat.turns:
            close = turn.user.rfind(prompts.FENCE_CLOSE)
            block, said = (turn.user[:close], turn.user[close:]) if close >= 0 else ("", turn.user)
            talk.append(Turn(block + american(said), american(turn.assistant), turn.learnt))
        return replace(chat, turns=tuple(talk))
