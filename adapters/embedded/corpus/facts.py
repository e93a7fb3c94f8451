"""Made-up facts in, the sentences in which they are told, stored, asked for and answered out.

Law: the answer depends on the fact alone, never on the phrasing, so that right and wrong can be told apart.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from adapters.embedded.corpus import frames
from adapters.embedded.corpus.people import PEOPLE
from adapters.embedded.corpus.relation import Phrasings
from adapters.embedded.corpus.tastes import TASTES
from adapters.embedded.corpus.things import THINGS
from adapters.embedded.corpus.vocabulary import FAVOURITE_KINDS, LISTED_VALUES, Vocabulary

RELATIONS: dict[str, Phrasings] = {relation.id: relation for relation in (*PEOPLE, *TASTES, *THINGS)}
_IDS = tuple(RELATIONS)
_WEIGHTS = tuple(relation.weight for relation in RELATIONS.values())
UNKNOWN = "I don't know that yet."
_GREETS = re.compile(r"(?:hi|hello|hey|call|you can|please|it's|people|good|by the way)\b", re.IGNORECASE)
_NAMED_THE_SAME = {"pet", "rel"}  #: "my Max is called", for a word that nobody knows: an animal or a relative
_AMERICAN = (
    ("avourite", "avorite"), ("olour", "olor"), ("eighbour", "eighbor"), ("travelling", "traveling"),
    ("travelled", "traveled"), ("ractise", "ractice"), ("licence plate", "license plate"), ("oghurt", "ogurt"),
    ("emorise", "emorize"), ("ecognise", "ecognize"), ("pologise", "pologize"), ("rganise", "rganize"),
)  # fmt: skip

_FILLERS = (
    "again",
    "exactly",
    "currently",
    "really",
    "now",
    "please",
    "actually",
    "today",
    "then",
    "right",
    "still",
    "just",
)
_SMALL_WORDS = {
    "what",
    "is",
    "do",
    "the",
    "of",
    "which",
    "a",
    "an",
    "that",
    "does",
    "you",
    "can",
    "me",
    "to",
    "am",
    "currently",
    "now",
}

Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One value of one relation; ``who`` is "" for the user."""

    relation: str
    who: str
    x: str
    y: str
    value: str

    @property
    def key(self) -> Key:
        """What a newer fact of the same key replaces."""
        relation = "pet" if self.relation in _NAMED_THE_SAME else self.relation
        return (relation, self.who, self.x, self.y)


def american(text: str) -> str:
    """Return the text in American spelling, as far as the tables need it."""
    for british, spelling in _AMERICAN:
        text = text.replace(british, spelling)
    return text


def lower_first(sentence: str) -> str:
    """Return the sentence as a clause: its first letter small, but for "I"."""
    return sentence if re.match(r"I\b", sentence) else sentence[0].lower() + sentence[1:]


def answer(fact: Fact) -> str:
    """Return what the model is to say.

    No answer begins with a copied word: at the start of a text it would be another token than inside a sentence.
    """
    return f"I remember that {clause(fact)}" if fact.who else said_back(fact)


def said_back(fact: Fact) -> str:
    """Return the fact as a sentence to the user: "You live in Porto.", "Bob lives in Porto."."""
    relation = RELATIONS[fact.relation]
    return _filled(relation.answer_third if fact.who else relation.answer, fact)


def clause(fact: Fact) -> str:
    """Return ``said_back`` as it stands inside a sentence, with its full stop."""
    return said_back(fact) if fact.who else lower_first(said_back(fact))


def own_clause(fact: Fact) -> str:
    """Return the fact as the user would put it behind "that", without full stop: "I live in Porto"."""
    text = clause(fact).rstrip(".")
    for pattern, own in (
        (r"^you are\b", "I am"), (r"^you were\b", "I was"), (r"^you\b", "I"), (r"^your\b", "my"),
    ):  # fmt: skip
        text = re.sub(pattern, own, text)
    return text


def to_second_person(noun_clause: str) -> str:
    """Return "where I live" as "where you live"."""
    for pattern, second in (
        (r"\bI am\b", "you are"), (r"\bI'm\b", "you are"), (r"\bI was\b", "you were"), (r"\bI\b", "you"),
        (r"\bmy\b", "your"), (r"\bme\b", "you"), (r"\bam you\b", "are you"), (r"\bmyself\b", "yourself"),
        (r"\bmine\b", "yours"), (r"\bI've\b", "you have"),
    ):  # fmt: skip
        noun_clause = re.sub(pattern, second, noun_clause)
    return noun_clause


def acknowledgement(facts: Sequence[Fact]) -> str:
    """Return "Okay, I will remember that ... and ..."."""
    return "Okay, I will remember that " + " and ".join(clause(fact).rstrip(".") for fact in facts) + "."


class Facts:
    """Facts and their sentences, drawn with a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def new(self, relation: str = "", who: str | None = None, x: str = "", y: str = "") -> Fact:
        """Return a fact; what is not given is drawn. ``who``: None draws it, "" is the user."""
        words = self.vocabulary
        chosen = RELATIONS[relation or words.random.choices(_IDS, _WEIGHTS)[0]]
        if who is None:
            who = words.value("name") if chosen.answer_third and words.chance(0.22) else ""
        x = x or (words.value(chosen.x) if chosen.x else "")
        y = y or (words.value(chosen.y) if chosen.y else "")
        kind = chosen.value
        if kind == "fav":
            kind = FAVOURITE_KINDS.get(x, "any") if words.chance(0.7) else "any"
        return Fact(relation=chosen.id, who=who if chosen.answer_third else "", x=x, y=y, value=words.value(kind))

    def newer(self, old: Fact) -> Fact:
        """Return another value for the same key."""
        while True:
            fact = self.new(old.relation, old.who, old.x, old.y)
            if fact.value != old.value:
                return fact

    def near(self, others: Sequence[Fact]) -> Fact:
        """Return a fact that is easily taken for one of the others: the same relation of another key or person."""
        words = self.vocabulary
        other = words.pick(others)
        if other.x and words.chance(0.6):
            return self.new(other.relation, other.who)
        return self.new(other.relation, words.value("name") if not other.who else "", other.x, other.y)

    def missing(self, others: Sequence[Fact], known: Collection[Key], *, present_person: float = 0.35) -> Fact:
        """Return a fact whose key is not known, mostly one that is close to what is."""
        words = self.vocabulary
        people = sorted({fact.who for fact in others if fact.who})
        while True:
            fact = self.new()
            if people and words.chance(present_person):
                fact = self.new(who=words.pick(people))
            elif others and words.chance(0.65):
                other = words.pick(others)
                share = words.random.random()
                if other.x and share < 0.45:
                    fact = self.new(other.relation, other.who)
                elif share < 0.8 and RELATIONS[other.relation].answer_third:
                    who = words.value("name") if not other.who or words.chance(0.5) else ""
                    fact = self.new(other.relation, who, other.x)
            if fact.key not in known:
                return fact

    def stored(self, fact: Fact) -> str:
        """Return a third-person sentence of the memory list."""
        return _filled(self._form(RELATIONS[fact.relation].stored, fact), fact)

    def told(self, fact: Fact) -> str:
        """Return how the user says it, without anything around it."""
        return self.stored(fact) if fact.who else _filled(self._form(RELATIONS[fact.relation].told, fact), fact)

    def statement(self, fact: Fact) -> str:
        """Return how the user says it, at times with a lead in front."""
        words = self.vocabulary
        text = self.told(fact)
        if words.chance(0.2) and not _GREETS.match(text):
            if words.chance(0.5):
                text = words.pick(frames.TELL_LEADS_THAT) + (text if fact.who else lower_first(text))
            else:
                text = words.pick(frames.TELL_LEADS_SENTENCE) + text
        if words.split == "train" and words.chance(0.1):
            text = text.rstrip(".") + words.pick(("", "!"))
        if words.split == "train" and words.chance(0.04) and not fact.who:
            text = text[0].lower() + text[1:]
        return text

    def together(self, facts: Sequence[Fact], *, third: bool) -> str:
        """Return two or three facts in one sentence, or in sentences one after another."""
        words = self.vocabulary
        texts = [self._joinable(fact, third=third, first=index == 0) for index, fact in enumerate(facts)]
        clauses = [
            texts[0],
            *((text if fact.who else lower_first(text)) for fact, text in zip(facts[1:], texts[1:], strict=True)),
        ]
        share = words.random.random()
        if share < 0.6:
            *front, last = [text.rstrip(".") for text in clauses]
            return ", ".join(front) + f" and {last}."
        if share < 0.75:
            return ", ".join(text.rstrip(".") for text in clauses) + "."
        return " ".join(texts)

    def question(self, fact: Fact) -> str:
        """Return a question for the fact, at times garbled a little, as people type."""
        words = self.vocabulary
        relation = RELATIONS[fact.relation]
        if words.chance(0.22):
            named = relation.named_third if fact.who else relation.named
            text = words.pick(frames.INDIRECT).replace("{i}", _filled(self._form(named, fact), fact))
        else:
            text = _filled(self._form(relation.asked_third if fact.who else relation.asked, fact), fact)
        return self.typed(text, fact) if words.split == "train" else text

    def typed(self, text: str, fact: Fact) -> str:
        """Return the question as somebody in a hurry types it."""
        words = self.vocabulary
        if words.chance(0.12):
            text = self._reworded(text, fact)
        if words.chance(0.08) and not fact.who:
            text = text.lower()
        if words.chance(0.08):
            text = text.rstrip("?.")
        if words.chance(0.08):
            if words.chance(0.5):
                return words.pick(frames.ASK_LEADS_CLAUSE) + lower_first(text)
            return words.pick(frames.ASK_LEADS_SENTENCE) + text
        return text

    def named(self, fact: Fact) -> str:
        """Return the noun clause for the fact: "where I live"."""
        relation = RELATIONS[fact.relation]
        return _filled(self._form(relation.named_third if fact.who else relation.named, fact), fact)

    def _reworded(self, text: str, fact: Fact) -> str:
        """Drop a small word, or put one in: what decides are the words that carry the meaning."""
        words = self.vocabulary
        tokens = text.split(" ")
        keyed = set(f"{fact.who} {fact.x} {fact.y}".split())
        if words.chance(0.5):
            at = words.random.randint(1, len(tokens))
            tokens.insert(at, words.pick(_FILLERS))
        else:
            small = [i for i, token in enumerate(tokens) if token.lower() in _SMALL_WORDS and token not in keyed]
            if len(tokens) > 3 and small:
                del tokens[words.pick(small)]
        return " ".join(tokens)

    def _joinable(self, fact: Fact, *, third: bool, first: bool) -> str:
        text = ""
        for _ in range(20):
            text = self.stored(fact) if third else self.told(fact)
            if "." not in text[:-1] and (not _GREETS.match(text) or (first and not third)):
                break
        return text

    def _form(self, options: Sequence[str], fact: Fact) -> str:
        """Return a form; one with "~" only where its words say of which relation it is."""
        known = self.vocabulary.split == "train" and _is_listed(fact)
        while True:
            form = self.vocabulary.pick(options)
            if form[0] != "~":
                return form
            if known:
                return form[1:]


def _is_listed(fact: Fact) -> bool:
    value = fact.value.lower().removeprefix("a ").removeprefix("an ")
    return value in LISTED_VALUES and (not fact.x or fact.x.lower() in LISTED_VALUES)


def _filled(form: str, fact: Fact) -> str:
    subject, possessive = (fact.who, f"{fact.who}'s") if fact.who else ("The user", "The user's")
    for slot in ("x", "y"):
        if (getattr(fact, slot) or "-")[0] in "aeiou":
            form = form.replace(f" a {{{slot}}}", f" an {{{slot}}}")
    return form.format(v=fact.value, x=fact.x, y=fact.y, n=fact.who, S=subject, P=possessive)
