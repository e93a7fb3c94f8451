"""Clauses in, the facts that they state or take back out: by rules, in the order in which they were said.

Law: questions and what is wished, supposed or reported state nothing; what is not understood stays verbatim.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from memory.cube import FactKey, SemanticType
from memory.rules.beings import ends_with_name, in_company, named_alone, told_more, who_died, who_is, who_is_renamed
from memory.rules.deaths import NOT_ALIVE, death
from memory.rules.family import is_name_of, may_be_apposed
from memory.rules.lexicon import (
    ANIMAL,
    ANIMALS,
    NOT_SUBJECTS,
    PRONOUNS,
    RELATIVE,
    RELATIVES,
    listing,
)
from memory.rules.possessives import read_possessive, read_thing
from memory.rules.predicates import USER, Owner, Statement, read_predicate, relation_of, told, values_of
from memory.rules.relations import BY_ATTRIBUTE, RELATIONS
from memory.rules.relative_clauses import told_of
from memory.rules.rewording import plain_forms
from memory.rules.sentences import AGO, Clause
from memory.rules.two_clauses import as_one, is_now
from memory.rules.values import trimmed, without_trail
from memory.rules.words import PERSON_NAME

_FIRST_PERSON = re.compile(r"^(?:i|we)(?=['\s])(?P<rest>.*)$", re.IGNORECASE)

_CALL_ME = re.compile(
    r"^(?:please |just |you can |you may |everyone |people |everybody |friends |they |my friends |my parents |all )*"
    r"(?:calls?|named) me (?P<v>.+)$",
    re.IGNORECASE,
)

_NAME_HERE = re.compile(r"^(?i:this is|it's|it is) (?P<v>[A-Z][\w'-]+) (?:here|speaking)$")  # not "Newbie here"
#: "Call me later" is put as "call me tom" is: in small letters a name is one that is offered.
_OFFERED = re.compile(r"^you (?:can|may) (?:just |please )?call me ", re.IGNORECASE)

_HOME_IS = re.compile(r"^home(?: for me)?(?:'s| is) (?:now )?(?:in )?(?P<v>.+)$", re.IGNORECASE)

_PROFESSION = re.compile(r"^(?:my )?(?:profession|job|occupation)\?\s*i(?:'m| am) (?P<v>.+)$", re.IGNORECASE)

_MY = re.compile(r"^(?:my|our) (?P<rest>.+)$", re.IGNORECASE)


_OTHERWISE_PUT = {_CALL_ME: "name", _NAME_HERE: "name", _HOME_IS: "lives", _PROFESSION: "job"}
_KINDS = {_CALL_ME: "nickname", _NAME_HERE: "strict_name", _HOME_IS: "destination", _PROFESSION: "job"}

_MY_PERSON = re.compile(
    rf"^(?:old |good |dear )?(?P<rel>(?i:{RELATIVE}))(?P<comma>,)? (?P<name>{PERSON_NAME}),? (?P<rest>\S.*)$"
)

_MY_RELATIVE = re.compile(
    rf"^(?P<rel>(?i:{RELATIVE}))(?P<rest>'s (?:a|an|allergic|living|learning|vegetarian|vegan)\b.*|\s+(?!is called|"
    rf"is named|'s)\S.*)$",
    re.IGNORECASE,
)

_MY_RELATIVES = re.compile(rf"^(?P<rel>(?i:{RELATIVE}))(?:,? (?P<name>{PERSON_NAME}))?(?:'s|(?<=s)') (?P<rest>\S.*)$")

_NAMED = re.compile(rf"^(?P<name>{PERSON_NAME})(?:, (?:my|our) (?P<rel>(?i:{RELATIVE})),)?(?P<rest>(?:'s)?\s.+)$")

#: "My other dog Rex is 3 years old": of an animal only some things are told.
_MY_ANIMAL = re.compile(
    rf"^(?:(?i:old|other|second|third|little|big|new|young|older|younger|dear|sweet) )*(?P<rel>(?i:{ANIMAL}))"
    rf"(?P<comma>,)? (?P<name>{PERSON_NAME}),? (?P<rest>\S.*)$"
)
_OF_ANIMALS = ("age", "birthday", "likes", "dislikes", "lives", "allergic")

#: "My fish Tank", "my cat Food": written with a capital, and no name.
_OF_ANIMALS_THINGS = listing(
    "tank, food, tree, bed, house, cage, bowl, stable, farm, race, milk, walker, trainer, sitter, owner, show, park, "
    "shelter, project, peeve, shop, toy, flap, door, feeder, bath, soup, leash, collar, tag, coat, fur, hair, play"
)

#: "Sounds like fun", "Kids love tools": the word in front is no single person.
_NOT_SINGULAR = re.compile(
    r"^\s+(?:(?:also|really|just|still|often|usually|always|never|now)\s+)*(?:like|love|enjoy|adore|prefer|hate|dislike|"
    r"live|work|study|learn|play|practi[sc]e|drive|own|drink|eat|cook|speak|know|understand|report|follow|keep|have|come|"
    r"go|do|are|were|start|begin|spend|major|want|need|take|make|earn|reside|attend|react|suffer)\b(?!')",
    re.IGNORECASE,
)

_MY_LATE = re.compile(rf"^{AGO},? (?:my|our) (?P<rest>.+)$", re.IGNORECASE)

_HE = re.compile(r"^(?:he|she)(?P<rest>['\s].+)$", re.IGNORECASE)


def read_statements(clauses: Iterable[Clause], *, casual: bool = False) -> list[Statement]:
    """Return what the clauses state; questions and what is wished or reported state nothing.

    ``casual``: the message is written all in lower case, so names need no capital letter.
    """
    found: list[Statement] = []
    person: Owner | None = None
    before: Clause | None = None
    going_on = False  # the clause before ends with somebody's name, and more of them may follow
    said = list(clauses)
    for number, clause in enumerate(said):
        beside, before = before, clause
        listed, going_on = going_on, False
        if clause.question or clause.unreal or _dies_in_jest(clause, len(said) > 1):
            continue
        stated = (
            _instead_of_last(found, clause)
            or _with_before(beside, clause, casual)
            or read_clause(clause.text, person=person, casual=casual)
            or (listed and beside is not None and beside.sentence == clause.sentence and named_alone(clause.text))
            or []
        )
        going_on = ends_with_name(stated, clause.text)
        stated = [one for one in stated if not _is_told_better(one, found)]
        if stated:
            found.extend(_listed_before(said[:number], clause))
        found.extend(replace(one, sentence=clause.sentence) for one in stated)
        named = _NAMED_PERSON.search(clause.text)
        others = [one for one in stated if one.fact.subject != "user" and not one.fact.attribute.startswith("thing:")]
        if others:
            subject = others[-1].fact.subject
            person = None if subject in ANIMALS else Owner(subject=subject, shown=_shown(others[-1]))
        elif named:
            person = Owner(subject=named["name"].casefold(), shown=named["name"])
        elif len(told_of_them := [one for one in stated if one.fact.attribute.startswith("rel:")]) == 1:
            name = told_of_them[0].fact.value
            person = Owner(subject=name.casefold(), shown=name) if not told_of_them[0].negated else person
    return found


def _dies_in_jest(clause: Clause, more_said: bool) -> bool:
    """True for a death that may be one in a game, a story or a joke; "is dead" is often said of the living."""
    if not clause.framed and not more_said:
        return False
    mine = _MY.match(clause.text) or _MY_LATE.match(clause.text)
    died = death(mine["rest"]) if mine else None
    return died is not None and (clause.framed or died.dead)


def _listed_before(before: list[Clause], clause: Clause) -> list[Statement]:
    """Read "my wife Clara" in front of "and I live in Bonn" or "and my son Tom live in Bonn": who she is, and no more.

    "My wife Clara, my son Tom lives in Bonn" is no list: she is spoken to.
    """
    mine = _MY.match(clause.text)
    last = _MY_PERSON.match(mine["rest"]) if mine else None
    if not (_FIRST_PERSON.match(clause.text) or (last and _NOT_SINGULAR.match(f" {last['rest']}"))):
        return []
    found: list[Statement] = []
    for one in reversed(before):
        if one.sentence != clause.sentence or one.question or one.unreal:
            break
        named = named_alone(one.text, surely=bool(found))
        if not named:
            break
        found = [*named, *found]
    return [replace(each, sentence=clause.sentence) for each in found]


def _with_before(before: Clause | None, clause: Clause, casual: bool) -> list[Statement]:
    """Read "My email changed", "it is now V", the clause before and this one, as one."""
    if before is None or before.question or before.unreal:
        return []
    one = as_one(before.text, clause.text)
    return [replace(each, clause=clause.text, whole=False) for each in read_clause(one, casual=casual)] if one else []


def _is_told_better(one: Statement, before: list[Statement]) -> bool:
    """True for "I grew up in Oslo" behind "I was born in Lima": the same attribute, and less exact."""
    if one.fact.attribute != "born" or " born in " in one.text:
        return False
    return any(other.fact.subject == one.fact.subject and " born in " in other.text for other in before)


def _instead_of_last(before: list[Statement], clause: Clause) -> list[Statement]:
    """Read "I'm not allergic to soy, it's latex": the second clause takes the place of the value just taken back."""
    last = before[-1] if before else None
    its = _IT_IS.match(clause.text)
    if not its or last is None or not last.negated or last.sentence != clause.sentence:
        return []
    new = instead(last, trimmed(its["v"]))
    return [new] if new else []


def instead(before: Statement, value: str) -> Statement | None:
    """Return the earlier statement with another value, read again so that the value is checked as any other."""
    line = before.text.replace(before.fact.value, value, 1) if before.fact.value else ""
    if not line.startswith("The user"):
        clause = before.clause.replace(before.fact.value, value, 1)
        own = read_clause(clause, casual=True)
    else:
        own = read_clause(_FIRST_LINE.sub(_in_first_person, line).rstrip("."), casual=True)
    fitting = [one for one in own if one.fact.attribute == before.fact.attribute and not one.negated]
    if not fitting or not value or fitting[0].fact.value.casefold() == before.fact.value.casefold():
        return None
    return replace(fitting[0], clause=before.clause, sentence=before.sentence, whole=False)


_IT_IS = re.compile(r"^(?:it(?:'s| is)|that(?:'s| is))(?: actually| really)? (?P<v>.+)$", re.IGNORECASE)

_FIRST_LINE = re.compile(r"^The user('s)?")


def _in_first_person(found: "re.Match[str]") -> str:
    return "My" if found[1] else "I"


_NAMED_PERSON = re.compile(rf"\b(?i:my|our) (?i:{RELATIVE}) (?P<name>{PERSON_NAME})")


def _shown(statement: Statement) -> str:
    """Return the subject as the line shows it: its first words, as many as the subject has."""
    if statement.fact.subject in RELATIVES:
        return f"The user's {statement.fact.subject}"
    return statement.text[: len(statement.fact.subject)]


def read_clause(text: str, *, person: Owner | None = None, casual: bool = False) -> list[Statement]:
    """Return what one clause states, [] when it is not understood. ``person``: whom "he" and "she" mean."""
    spoken = text.casefold()
    mine = _MY.match(text)
    if mine and (other := who_is_renamed(mine["rest"], text)):
        return other
    if is_now(text):
        return [replace(one, clause=text) for one in read_clause(is_now(text), casual=casual)]
    for plain in plain_forms(text):
        stated = _read_plain(plain, person, casual)
        if stated and all(one.fact.value.casefold() in spoken for one in stated):
            return [replace(one, clause=text) for one in stated]
    return _read_plain(text, person, casual)


def _read_plain(text: str, person: Owner | None, casual: bool) -> list[Statement]:
    first = _FIRST_PERSON.match(text)
    if first:
        told_in_passing = told_of(text)
        return (
            (
                told_in_passing
                and told_more(told_in_passing, _read_plain(told_in_passing.front, None, casual), text, casual)
            )
            or in_company(first["rest"], text, casual)
            or read_predicate(USER, first["rest"], text, casual=casual)
        )
    for pattern, attribute in _OTHERWISE_PUT.items():
        found = pattern.match(text)
        if found:
            small = casual and (pattern is not _CALL_ME or bool(_OFFERED.match(text)))
            return relation_of(BY_ATTRIBUTE[attribute], _KINDS[pattern], found["v"], text, small)
    mine = _MY.match(text)
    if mine:
        return _mine(mine["rest"], text, casual) or [_thing(thing, text) for thing in read_thing(text)]
    he = _HE.match(text)
    if he:
        return read_predicate(person, he["rest"], text, casual=casual) if person else []
    late_one = _MY_LATE.match(text)
    if late_one:
        return who_died(late_one["rest"], text)
    return [_thing(thing, text) for thing in read_thing(text)] or _third_person(text, casual)


def _mine(rest: str, clause: str, casual: bool) -> list[Statement]:
    """Read what follows "my": a death, a person with a name, a relation, a relative, or any attribute."""
    died = who_died(rest, clause)
    if died:
        return died
    person = _MY_PERSON.match(rest)
    if person and person["name"].casefold() not in NOT_SUBJECTS and _may_be_called(person):
        return _introduced(person["rel"], person["name"], person["rest"], clause, casual)
    mine = _animal(rest, clause, casual) or _possessed(USER, rest, clause, casual)
    if mine:
        return mine
    for fact, line in (possessed := read_possessive(rest, "user")):
        if fact.value.casefold() in PRONOUNS:
            return []
        preference = fact.attribute.startswith("favourite:")
        kind = SemanticType.PREFERENCE if preference else SemanticType.FACT
        whole = without_trail(fact.value + rest.rpartition(fact.value)[2]) == fact.value
        yielded = Statement(fact=fact, text=USER.line(line, fact.value), semantic_type=kind, clause=clause, whole=whole)
        return [yielded, *(_like(yielded, other, other_line) for other, other_line in possessed[1:])]
    theirs = _MY_RELATIVES.match(rest)
    if theirs and (stated := _of_relative(theirs["rel"], theirs["name"] or "", theirs["rest"], clause, casual)):
        return stated
    relative = _MY_RELATIVE.match(rest)
    if relative:
        word = relative["rel"].lower()
        owner = Owner(subject=word, shown=f"The user's {relative['rel']}")
        return read_predicate(owner, relative["rest"], clause, casual=casual)
    return []


def _may_be_called(person: "re.Match[str]") -> bool:
    return not person["comma"] or may_be_apposed(person["rel"].casefold(), person["name"])


def _like(first: Statement, fact: FactKey, line: str) -> Statement:
    return replace(first, fact=fact, text=USER.line(line, fact.value))


def _possessive(rest: str) -> str:
    """Return "hobby be chess" for "hobby is chess" and "hobby's chess"."""
    return re.sub(r"(?:'s|'re| is| are)(?: now| currently| actually| still| also)*(?=\s)", " be", rest, count=1)


def _introduced(rel: str, name: str, rest: str, clause: str, casual: bool) -> list[Statement]:
    """Read "My friend Bob lives in Paris": who Bob is, and what is said of him."""
    of_them = read_predicate(Owner(subject=name.casefold(), shown=name), rest, clause, casual=casual)
    if not of_them:
        return []
    return [*who_is(rel, name, clause), *of_them]


def _animal(rest: str, clause: str, casual: bool) -> list[Statement]:
    """Read "dog Rex is 3 years old": what the animal is called, and what is told of animals."""
    found = _MY_ANIMAL.match(rest)
    animal = found["rel"].casefold() if found else ""
    if not found or animal in NOT_ALIVE or not found["rel"].islower() or not is_name_of(animal, found["name"]):
        return []
    if found["name"].split()[-1].casefold() in _OF_ANIMALS_THINGS:
        return []
    owner = Owner(subject=found["name"].casefold(), shown=found["name"])
    of_it = read_predicate(owner, found["rest"], clause, casual=casual)
    of_it = [one for one in of_it if one.fact.attribute in _OF_ANIMALS]
    named = who_is(found["rel"], found["name"], clause)
    return [*(replace(one, whole=bool(of_it)) for one in named), *of_it]


def _of_relative(rel: str, name: str, rest: str, clause: str, casual: bool) -> list[Statement]:
    """Read "sister's birthday is on 3 May" and "sister Anna's birthday ...": that, and what she is called."""
    if not name:
        return _possessed(Owner(subject=rel.lower(), shown=f"The user's {rel}"), rest, clause, casual)
    if not is_name_of(rel.casefold(), name):
        return []
    stated = _possessed(Owner(subject=name.casefold(), shown=name), rest, clause, casual)
    return [*who_is(rel, name, clause), *stated] if stated else []


def _possessed(owner: Owner, rest: str, clause: str, casual: bool) -> list[Statement]:
    """Return what "birthday is on 3 May" states of somebody, by the relation table."""
    for relation in RELATIONS:
        for phrase in relation.possessives:
            found = phrase.pattern.match(_possessive(rest))
            stated = values_of(owner, relation, phrase, found["v"], clause, casual) if found else []
            if stated:
                return stated
    return []


def _third_person(text: str, casual: bool) -> list[Statement]:
    named = _NAMED.match(text)
    if not named or named["name"].split()[0].casefold() in NOT_SUBJECTS:
        return []
    name, rest = named["name"], named["rest"]
    if _NOT_SINGULAR.match(rest):
        return []
    if named["rel"]:
        return _introduced(named["rel"], name, rest.strip(" ,"), text, casual)
    owner = Owner(subject=name.casefold(), shown=name)
    stated = read_predicate(owner, rest, text, casual=casual)
    if stated or not rest.startswith("'s "):
        return stated
    rest = rest[3:]
    return _possessed(owner, rest, text, casual) or told(owner, read_possessive(rest, owner.subject), text)


def _thing(thing: tuple[FactKey, str], clause: str) -> Statement:
    fact, text = thing
    return Statement(fact=fact, text=text, semantic_type=SemanticType.FACT, clause=clause)
