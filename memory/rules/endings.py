"""Clauses in ("I got laid off", "We gave Rex away"), what no longer holds of the user out.

Law: a name or a value ends only what holds it, and what is told of long ago ends nothing, for there may have been
another since. What is taken back in the words of a fact ("I no longer play the violin") is read by ``predicates``.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from memory.cube import FactKey
from memory.rules.lexicon import A_MONTH, ANIMAL, ANIMALS, RELATIVE
from memory.rules.partings import COUPLED, HAVE, MARRIED, RECENTLY
from memory.rules.sentences import Clause
from memory.rules.values import believable
from memory.rules.words import PERSON_NAME

_LONG_AGO = re.compile(
    r"\b(?:in|since|until|till|before|during) (?:19|20)\d\d\b|\byears? ago\b|\bback (?:then|in|when)\b|\blong ago\b|"
    r"\bonce\b|\bat (?:that|the) time\b|\bwhen (?:i|we) (?:was|were|lived|worked)\b|"
    r"\bas a (?:kid|child|teen\w*|student)\b",
    re.IGNORECASE,
)
_AM = r"(?:'m| am)(?: now| currently| officially| finally)*"
_NOW = r"(?: now| again| at the moment| right now| these days| currently)?"
_ANY_MORE = r"(?: any ?more| any longer| now)?"
_MINE = r"(?:my|our) (?:beloved |poor |dear )?"
_PART_WITH = r"(?:sold|scrapped|totall?ed|got rid of|gotten rid of|gave away|given away|donated|traded in)"
_THIS_YEAR = rf"(?:{RECENTLY}|,? (?:early|last year|this (?:year|spring|summer|autumn|fall|winter)))"

_HEADS = "boss|manager|supervisor"  # whoever has a new one has the old one no more, whatever either is called

_DIETS_WITHOUT = {
    "meat": ("vegan", "vegetarian", "pescatarian", "pescetarian"),
    "fish": ("vegan", "vegetarian"),
    "dairy": ("vegan", "dairy-free", "dairy free"),
    "eggs": ("vegan",),
    "gluten": ("gluten-free", "gluten free"),
    "carbs": ("keto", "ketogenic", "low-carb", "low carb", "carnivore"),
}
#: Where one is reached: the thing may go, and the number stay.
_REACHED = frozenset("phone mobile telephone cell email mail address number name".split())
_SMILES = " :;()*^/\\-"
_FOLLOWED = "|".join(_DIETS_WITHOUT)

#: "Dune and loved it", "Dune in three days"; not "Pride and Prejudice".
_BEHIND_TITLE = re.compile(
    r",? (?:and [a-z]|in (?:just |only |about )?(?:\d|one|an?|two|three|four|five|six|seven)\b|"
    r"on (?:my |an? )?(?:\w+day|kindle|Kindle|audio|plane|train|flight)|over the|for the|with |which |it ).*$|\s*,.*$"
)

Told = Callable[
    ["re.Match[str]"], list[tuple[str, str]]
]  # what was told out: attributes and values, "": whatever it is


def _all(*attributes: str) -> Told:
    return lambda _: [(attribute, "") for attribute in attributes]


def _thing(told: "re.Match[str]") -> list[tuple[str, str]]:
    thing = told["thing"].casefold()
    if thing == "car":
        return [("drives", ""), ("attr:car", "")]
    if thing in ANIMALS:
        return [(f"pet:{thing}", "")]
    return [] if thing in _REACHED else [(f"attr:{thing}", "")]


def _traded(told: "re.Match[str]") -> list[tuple[str, str]]:
    instrument = believable("known_instrument", told["thing"], casual=True)
    return [("instrument", told["thing"])] if instrument else _thing(told)


def _animal(told: "re.Match[str]") -> list[tuple[str, str]]:
    name = told.groupdict().get("name") or ""
    animal = (told.groupdict().get("animal") or "").casefold()
    return [(f"pet:{each}", name) for each in ([animal] if animal else sorted(ANIMALS) if name else [])]


def _book(told: "re.Match[str]") -> list[tuple[str, str]]:
    book = _BEHIND_TITLE.sub("", told["book"])
    if book.casefold() in ("the book", "this book", "that book"):
        return [("reading", "")]
    return [("reading", each) for each in dict.fromkeys((book, book.partition(" by ")[0]))]


_FORMS: tuple[tuple["re.Pattern[str]", Told], ...] = tuple(
    (re.compile(rf"^{form}$", re.IGNORECASE), told)
    for form, told in (
        (
            rf"i{HAVE} (?:quit|left|lost|resigned from|gave up|given up|been let go from) my "
            rf"(?:old |current |full-time )?job{RECENTLY}",
            _all("work"),
        ),
        (
            rf"i{HAVE} (?:resigned|(?:got|was|been|gotten) (?:fired|sacked|laid off|let go|made redundant)){RECENTLY}",
            _all("work"),
        ),
        (
            rf"(?:they|my (?:boss|company|employer)){HAVE} (?:fired me|sacked me|laid me off|let me go){RECENTLY}",
            _all("work"),
        ),
        (rf"i{_AM} (?:unemployed|jobless|out of work|out of a job|between jobs){_NOW}", _all("work")),
        (rf"i{_AM} (?:self-employed|freelancing|a freelancer){_NOW}", _all("work")),
        (r"i(?:'m| am)?(?: now)? work(?:ing)? for myself(?: now)?", _all("work")),
        (rf"i{HAVE} retired{_THIS_YEAR}", _all("work", "job")),
        (rf"i{_AM} retired{_NOW}", _all("work", "job")),
        (rf"i{_AM} single{_NOW}", _all(*(f"rel:{each}" for each in COUPLED))),
        (rf"i{_AM} divorced{_NOW}", _all(*(f"rel:{each}" for each in MARRIED))),
        (
            rf"i (?:no longer have|(?:don't|do not) have) an? (?P<being>{'|'.join(COUPLED)}){_ANY_MORE}",
            lambda told: [(f"rel:{told['being'].casefold()}", "")],
        ),
        (
            rf"(?-i:(?P<name>{PERSON_NAME}))(?:(?: is|'s) (?:no longer|not)| isn't) my (?P<being>{RELATIVE})"
            rf"{_ANY_MORE}",
            lambda told: [(f"rel:{told['being'].casefold()}", told["name"])],
        ),
        (
            rf"my new (?:{_HEADS}) is .+|.+ is my new (?:{_HEADS})|i{HAVE} (?:got |have )?a new (?:{_HEADS})"
            r"(?:,.*| (?:called|named|who|now|and|at work|since)\b.*)?",
            _all(*(f"rel:{each}" for each in _HEADS.split("|"))),
        ),
        (rf"(?:i|we){HAVE} {_PART_WITH} {_MINE}(?P<thing>{ANIMAL}|[a-z]+){RECENTLY}", _thing),
        (rf"(?:i|we){HAVE} traded {_MINE}(?P<thing>[a-z]+) in{RECENTLY}", _traded),
        (
            rf"(?:i|we) (?:no longer|don't|do not) (?:have|own) an? (?P<thing>{ANIMAL}){_ANY_MORE}",
            _thing,
        ),
        (  # "I don't have a car" may be said of a journey
            r"(?:i|we) (?:no longer (?:have|own) a car|(?:don't|do not) (?:have|own) a car any ?more)",
            _all("drives", "attr:car"),
        ),
        (
            rf"(?:i|we)(?:{HAVE} (?:gave|given)|{HAVE} had to give) (?:(?:my|our|the) (?P<animal>{ANIMAL}),? ?)?"
            rf"(?-i:(?P<name>{PERSON_NAME}))?,? ?(?:away|up for adoption){RECENTLY}",
            _animal,
        ),
        (
            rf"(?:i|we)(?:{HAVE} (?:rehomed|found a new home for)|{HAVE} had to rehome) "
            rf"(?:{_MINE}(?P<animal>{ANIMAL}),? ?)?(?-i:(?P<name>{PERSON_NAME}))?{RECENTLY}",
            _animal,
        ),
        (
            rf"i{HAVE} (?:finished|gave up on|given up on|put down|abandoned)(?: reading)? (?P<book>.+?){RECENTLY}",
            _book,
        ),
        (rf"i{HAVE} (?:gave|given) up on (?P<tongue>.+?){RECENTLY}", lambda told: [("learning", told["tongue"])]),
        (
            rf"i{HAVE} (?:stopped|quit|gave up|given up) (?P<doing>[a-z]+ing(?: .+?)?){RECENTLY}",
            lambda told: [("hobby", told["doing"])],
        ),
        (
            rf"i(?:{_AM} eating|{HAVE} (?:started eating|started to eat|gone back to eating|went back to eating)| eat) "
            rf"(?P<food>{_FOLLOWED})(?: again)",
            lambda told: [("diet", each) for each in _DIETS_WITHOUT[told["food"].casefold()]],
        ),
        (
            rf"i{HAVE} dropped out(?: of (?:university|uni|college|school|my (?:course|degree|studies|phd)))?"
            rf"{RECENTLY}",
            _all("studies", "university"),
        ),
        (
            rf"i{HAVE} graduated(?: from (?:university|uni|college))?(?:{_THIS_YEAR}| in (?:{A_MONTH}))",
            _all("studies", "university"),
        ),
    )
)


def endings(clauses: Sequence[Clause], text: str) -> list[FactKey]:
    """Return the facts that no longer hold; one without a value stands for whatever it is.

    ``text`` is all that was said.
    """
    return [] if _LONG_AGO.search(text) else [*_endings(clauses)]


def _endings(clauses: Sequence[Clause]) -> Iterator[FactKey]:
    for clause in clauses:
        if clause.question or clause.unreal or clause.framed:
            continue
        for form, told in _FORMS:
            if match := form.match(clause.text.rstrip(_SMILES)):
                yield from (FactKey(subject="user", attribute=name, value=value) for name, value in told(match))
