"""What a recall found in, ranked by what similarity does not know out.

Similarity alone does not know who speaks, what is only mused about, what day is meant, nor that a newer statement
replaces an older one. These are the cues that do. Most are amounts in z units. Supersession is none: a new statement
takes the place that the old one has earned, since questions share their words with either.
"""

import calendar
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from memory.cube import MemCube, SemanticType
from memory.rules.assistants import OF_THE_ASSISTANT
from memory.rules.stance import SOMEBODY, Stance, muses, stance_of
from memory.rules.topics import Holds, Topic
from memory.rules.words import content_words
from memory.topics import Label
from memory.turn import Hit, MemoryCall, TimeExpression

DATE_WORDS = frozenset(name.casefold() for names in (calendar.day_name, calendar.month_name) for name in names)
MAX_DAYS = 31  #: a named interval that is longer names no day
_NEAR = 0.1  #: topics whose likeness is so close to the best one's may be meant too
_PREFERENCES = 4  #: that a recommendation heeds at least, where there are any
_TOPIC_RELEVANCE = 0.2  #: what is of the topic asked about answers, though it shares no word with the question
_ADVICE_RELEVANCE = 0.15
_STEP = 0.05  #: in z units: right behind

_POLITE = re.compile(
    r"^(?:(?:please|hey|so|and|now),? )*(?:can|could|would|will) you (?:please |kindly )?", re.IGNORECASE
)
EARLIER = re.compile(
    r"\b(?:before(?!\s+\w+ing\b)|previous(?:ly)?|former(?:ly)?|earlier|used to|originally|in the past|"
    r"the last one|old)\b",
    re.IGNORECASE,
)
_ASKED_BEFORE = re.compile(r"\b(?:did|have) i (?:ever |already )?ask|\bmy (?:last |first )?question", re.IGNORECASE)
FIRST_PERSON = re.compile(r"\b(?:i|my|me|mine|we|our|us|i'm|i've)\b", re.IGNORECASE)
_WANTS_ADVICE = re.compile(
    r"^(?:please )?(?:can you |could you |would you )?(?:suggest|recommend|plan|pick|choose|find me|make me|give me|"
    r"help|design|prepare|propose|explain|write)\b|\bany ideas?\b|\bideas for\b|"
    r"\b(?:should|could|shall|can) (?:i|we)\b|\bwhat would (?:go|be|suit|fit|work)\b|"
    r"\bhow (?:tall|long|big|much|many|should)\b.*\bshould\b|\bhow should\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cues:
    """What a question says beside its content."""

    of_assistant: bool  #: it asks what the assistant said
    of_questions: bool  #: it asks what was asked
    of_self: bool  #: it asks about the speaker, or for advice to them, and names nobody else
    earlier: bool  #: it asks for what held before
    advice: bool  #: it asks for a recommendation
    musing: bool  #: it asks for what was only thought of
    days: tuple[date, ...]  #: the days that it names, past and to come
    until: datetime | None  #: the end of the past time that it asks about
    topics: Mapping[str, float]  #: what it may ask about, by name, with how likely that is, in [0, 1]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One memory in the running."""

    hit: Hit
    label: Label | None  #: of a statement
    stance: Stance

    @classmethod
    def of(cls, hit: Hit, label: Label | None) -> "Candidate":
        """Return the candidate of a hit."""
        return cls(hit, label, stance_of(hit.cube))

    @property
    def states(self) -> bool:
        """True for what the speaker states of themselves."""
        return self.stance.states

    @property
    def cube(self) -> MemCube:
        """The memory."""
        return self.hit.cube


def cues_of(call: MemoryCall, topics: Sequence[tuple[Topic, float]]) -> Cues:
    """Return the cues of a question; ``topics`` with their likeness, best first."""
    text = _POLITE.sub("", call.query.rsplit("\n", 1)[-1])
    advice = bool(_WANTS_ADVICE.search(text))
    past = [time for time in call.times if time.start <= call.now]
    best = topics[0][1] if topics else 0.0
    near = {topic.name: max(0.0, 1 - (best - score) / _NEAR) for topic, score in topics}
    return Cues(
        of_assistant=bool(OF_THE_ASSISTANT.search(text)),
        of_questions=bool(_ASKED_BEFORE.search(text)),
        of_self=(advice or not call.entities or bool(FIRST_PERSON.search(text))) and not SOMEBODY.search(text),
        earlier=bool(EARLIER.search(text)),
        advice=advice,
        musing=muses(text),
        days=tuple(_days(call.times)),
        until=max((time.end for time in past), default=None),
        topics={name: share for name, share in near.items() if share > 0},
    )


def day_tags(days: Sequence[date]) -> list[str]:
    """Return the tags of verbatim turns that speak of one of these days."""
    return [f"when:{day}/{end}" for day in days for end in (day, day + timedelta(days=1))]


def ranked(candidates: Sequence[Candidate], cues: Cues) -> list[Hit]:
    """Return the hits with the cues in their scores, best first."""
    adjusted = [_adjusted(candidate, cues) for candidate in candidates]
    order = _Order(adjusted)
    if cues.of_self and not (cues.earlier and cues.until is None):
        order.newest_first(cues)
    if cues.of_self and not cues.of_assistant:
        order.own_first(cues)
    if cues.advice:
        order.with_preferences()
    return order.hits()


def _adjusted(candidate: Candidate, cues: Cues) -> Candidate:
    cube, label = candidate.cube, candidate.label
    share = cues.topics.get(label.topic.name, 0.0) if label is not None else 0.0
    amounts = {
        "assistant": (1.0 if cues.of_assistant else -2.0 * cues.of_self) * _is_assistant(cube),
        "request": -3.0 * (cues.of_self and candidate.stance.request and not cues.of_questions),
        "others": -4.0 * (cues.of_self and not cues.of_assistant and candidate.stance.others),
        "mused": -4.0 * (cues.of_self and not cues.musing and share > 0 and candidate.stance.mused),
        "day": 4.0 * _on_days(cube, cues.days),
        "topic": 2.5 * share * (cues.of_self and candidate.states),
        "advice": 2.0 * (cues.advice and candidate.states and _is_preference(candidate)),
    }
    amounts = {name: round(amount, 3) for name, amount in amounts.items() if amount}
    if not amounts:
        return candidate
    hit = candidate.hit
    fits = amounts.get("topic", 0.0) / 2.5 * _TOPIC_RELEVANCE + _ADVICE_RELEVANCE * ("advice" in amounts)
    hit = replace(
        hit,
        score=hit.score + sum(amounts.values()),
        relevance=min(1.0, hit.relevance + fits),
        signals={**hit.signals, **amounts},
    )
    return replace(candidate, hit=hit)


class _Order:
    """Places that do not follow from a sum."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._candidates = candidates
        self._scores = {one.cube.id: one.hit.score for one in candidates}
        self._replaced: set[str] = set()

    def newest_first(self, cues: Cues) -> None:
        """Give the newest statement of a topic the place that the best of those it replaces has earned.

        Only where one value holds at a time, as of the time that is asked about.
        """
        for chain in _chains(self._candidates, cues):
            best = max(self._scores[one.cube.id] for one in chain)
            for place, one in enumerate(chain):
                self._scores[one.cube.id] = min(best - place * _STEP, best if not place else self._of(one))
            self._replaced |= {one.cube.id for one in chain[1:]}

    def own_first(self, cues: Cues) -> None:
        """Put what the topic's statements say of the speaker above what is said of others or mused about."""
        for topic in cues.topics:
            about = [one for one in self._candidates if one.label is not None and one.label.topic.name == topic]
            best = max((self._of(one) for one in about if one.states), default=None)
            for one in about:
                if best is not None and not one.states:
                    self._scores[one.cube.id] = min(self._of(one), best - 2 * _STEP)

    def with_preferences(self) -> None:
        """Lift the best preferences among the first hits: a recommendation must heed them, whatever its words."""
        heard = [one for one in self._candidates if one.states and _is_preference(one)]
        heard = [one for one in heard if one.cube.id not in self._replaced]
        heard = sorted(heard, key=self._of, reverse=True)[:_PREFERENCES]
        others = sorted((self._of(one) for one in self._candidates if one not in heard), reverse=True)
        floor = others[1] if len(others) > 1 else others[0] if others else 0.0
        for place, one in enumerate(heard):
            self._scores[one.cube.id] = max(self._of(one), floor - (place + 1) * _STEP / 10)

    def hits(self) -> list[Hit]:
        """Return the hits, best first."""
        placed = [
            one.hit
            if self._of(one) == one.hit.score
            else replace(one.hit, score=self._of(one), signals={**one.hit.signals, "placed": round(self._of(one), 3)})
            for one in self._candidates
        ]
        return sorted(placed, key=lambda hit: (hit.score, hit.cube.valid_from), reverse=True)

    def _of(self, one: Candidate) -> float:
        return self._scores[one.cube.id]


def _is_preference(one: Candidate) -> bool:
    preference = one.cube.semantic_type is SemanticType.PREFERENCE
    return preference or (one.label is not None and one.label.topic.advises)


def _chains(candidates: Sequence[Candidate], cues: Cues) -> list[list[Candidate]]:
    """Return the statements that replace each other, newest first; what is later than is asked about comes last."""
    chains: list[_Chain] = []
    told = [(one, one.label.topic) for one in candidates if one.label is not None and one.states]
    told.sort(key=lambda each: (_late(each[0], cues), -each[0].cube.valid_from.timestamp()))
    for one, topic in told:
        if topic.holds not in (Holds.ONE, Holds.EACH):
            continue
        words = frozenset(content_words(one.cube.text) if topic.holds is Holds.EACH else ())
        chain = next((known for known in chains if known.holds(topic, words)), None)
        if chain is None:
            chains.append(chain := _Chain(topic))
        chain.add(one, words)
    return [chain.statements for chain in chains if len(chain.statements) > 1]


def _late(one: Candidate, cues: Cues) -> bool:
    return cues.until is not None and one.cube.valid_from > cues.until


class _Chain:
    """Statements of a topic about the same thing."""

    def __init__(self, topic: Topic) -> None:
        self.statements: list[Candidate] = []
        self._topic = topic
        self._words: list[frozenset[str]] = []

    def add(self, one: Candidate, words: frozenset[str]) -> None:
        self.statements.append(one)
        self._words.append(words)

    def holds(self, topic: Topic, words: frozenset[str]) -> bool:
        """Return whether a statement of these content words belongs to it."""
        if topic is not self._topic:
            return False
        return topic.holds is Holds.ONE or any(_things(known & words, topic) for known in self._words)


def _is_assistant(cube: MemCube) -> bool:
    """True for a model's words; whoever has a name is a person in somebody's chat log."""
    return cube.source.role == "assistant" and cube.source.name is None


def _things(words: frozenset[str], topic: Topic) -> bool:
    """True when any of the words names a thing: no word of the topic, no number, no day or month."""
    return any(not word.isdigit() and word not in topic.words and word not in DATE_WORDS for word in words)


def _on_days(cube: MemCube, days: Sequence[date]) -> bool:
    for tag in cube.tags:
        if days and tag.startswith("when:"):
            start, _, end = tag[5:].partition("/")
            if any(start <= str(day) and (str(day) < end or str(day) == start) for day in days):
                return True
    return False


def _days(times: Sequence[TimeExpression]) -> list[date]:
    found: list[date] = []
    for time in times:
        days = max(1, (time.end - time.start).days)
        if days <= MAX_DAYS:
            found += [time.start.date() + timedelta(days=n) for n in range(days)]
    return found
