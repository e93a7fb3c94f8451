"""Clauses in, the facts that they state or take back out: by rules, in the order in which they were said.

Law: a clause is read only when its whole predicate is understood; everything else stays verbatim. A value is a part of
the clause.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from memory.cube import FactKey, SemanticType
from memory.lexicon import NOT_SUBJECTS, PRONOUNS, RELATIVES, VERBS
from memory.possessives import read_possessive, read_thing
from memory.relations import BY_ATTRIBUTE, RELATIONS, Phrase, Relation
from memory.sentences import Clause
from memory.values import believable, listed, trimmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who a statement is about."""

    subject: str  #: as in ``FactKey.subject``
    shown: str  #: "The user", "Bob"

    def line(self, template: str, value: str) -> str:
        """Return the written form."""
        ending = "'" if self.shown.endswith("s") and self.subject != "user" else "'s"
        return template.replace("{S}", self.shown).replace("{P}", self.shown + ending).replace("{v}", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One fact that a clause states, or takes back."""

    fact: FactKey
    text: str
    semantic_type: SemanticType
    clause: str
    sentence: int = 0
    negated: bool = False  #: it no longer holds
    whole: bool = True  #: the clause says no more than this


USER = Owner(subject="user", shown="The user")

_BE = re.compile(r"^(?:'m|am|is|'s|are|'re)\b\s*", re.IGNORECASE)
_HAVE = re.compile(r"^(?:'ve|have|has|'s(?= got\b))(?: got)?\b\s*", re.IGNORECASE)
_DO_NOT = re.compile(r"^(?:do(?:es)?n'?t|do(?:es)? not)\s+", re.IGNORECASE)
_ADVERBS = re.compile(
    r"^(?P<aux>be |have )?(?:(?:now|currently|also|still|really|just|recently|finally|actually|usually|mostly|"
    r"always|already|both|absolutely|totally|"
    r"quite|simply|presently|officially|very|truly|definitely|normally|often|generally|do|only|originally(?! from)|"
    r"myself|personally|proudly|happily|mainly|all|basically|in fact|as of (?:today|now))\s+)+(?=\w)",
    re.IGNORECASE,
)
_NOT = re.compile(r"^(?P<aux>be |have )?(?:not|n't|no longer|no more)\s+", re.IGNORECASE)
_NO_LONGER = re.compile(r"^(?:be |have )?no (?:longer|more)\b", re.IGNORECASE)
_ANY_MORE = re.compile(r"[\s,]+(?:any ?more|any longer)$", re.IGNORECASE)
_USED_TO = re.compile(
    r"^(?:used to|formerly)\s+(?P<verb>\w+)\s+(?P<old>.+?)(?:,?\s+but (?:i'm |i am |i )?(?:now|currently|"
    r"these days)\s+(?P<new>.+))?$",
    re.IGNORECASE,
)
_STOPPED = re.compile(r"^(?:have )?(?:stopped|quit|gave up|given up)\s+(?P<verb>\w+ing)\s+(?P<rest>.+)$", re.IGNORECASE)
_LEFT = (
    (re.compile(r"^(?:have )?(?:quit|left|resigned from)(?: (?:my|the) job at)? (?P<v>.+)$", re.IGNORECASE), "work", "person"),
    (re.compile(r"^(?:have )?left (?P<v>.+)$", re.IGNORECASE), "lives", "person"),
    (re.compile(r"^(?:have )?(?:gave up|given up|quit|dropped) (?:the )?(?P<v>.+)$", re.IGNORECASE), "instrument", "known_instrument"),
    (re.compile(r"^(?:have )?(?:gave up|given up|quit|dropped) (?P<v>.+)$", re.IGNORECASE), "learning", "tongue"),
    (re.compile(r"^(?:have )?sold (?:the|my) (?P<v>.+)$", re.IGNORECASE), "drives", "vehicle"),
)  # fmt: skip
_THERE = re.compile(r"^(?P<verb>live|work|study|drive|play)s? (?:there|here|it|for them|with them)$", re.IGNORECASE)
_THERE_ATTRIBUTE = {"live": "lives", "work": "work", "study": "studies", "drive": "drives", "play": "instrument"}
_DOUBLE = (  # one predicate that says two things
    (re.compile(r"^(?P<a>works? as .+?) (?:at|for) (?P<b>.+)$", re.IGNORECASE), "works at "),
    (re.compile(r"^(?P<a>works? (?:at|for) .+?) (?P<b>as .+)$", re.IGNORECASE), "works "),
    (re.compile(r"^(?P<a>be (?:an?|the) .+?) (?:at|for|working at|working for) (?P<b>.+)$", re.IGNORECASE), "works at "),
    (re.compile(r"^(?P<a>be (?:an?) .+?) (?:living|based) in (?P<b>.+)$", re.IGNORECASE), "lives in "),
    (re.compile(r"^(?P<a>be (?:an?) .+?) from (?P<b>[A-Z].+)$", re.IGNORECASE), "be from "),
    (re.compile(r"^(?P<a>be [A-Z][\w'-]+),? (?:and )?from (?P<b>.+)$"), "be from "),
    (re.compile(r"^(?P<a>be (?:an?) \d{1,3}[- ]years?[- ]old) (?P<b>.+)$"), "be a "),
    (re.compile(r"^(?P<a>liv(?:e|es) in .+?) (?:and|but) (?:work|works) (?P<b>(?:at|for|as) .+)$", re.IGNORECASE), "works "),
)  # fmt: skip
_FIRST_PERSON = re.compile(r"^(?:i|we)(?=['\s])(?P<rest>.*)$", re.IGNORECASE)
_CALL_ME = re.compile(
    r"^(?:please |just |you can |everyone |people |everybody |friends |they |my friends )*calls? me (?P<v>.+)$",
    re.IGNORECASE,
)
_NAME_HERE = re.compile(r"^(?:this is )?(?P<v>[A-Z][\w'-]+)(?: here)$|^this is (?P<w>[A-Z][\w'-]+)(?: speaking)$")
_HOME_IS = re.compile(r"^home(?: for me)?(?:'s| is) (?:now )?(?:in )?(?P<v>.+)$", re.IGNORECASE)
_PROFESSION = re.compile(r"^(?:my )?(?:profession|job|occupation)\?\s*i(?:'m| am) (?P<v>.+)$", re.IGNORECASE)
_MY = re.compile(r"^(?:my|our) (?P<rest>.+)$", re.IGNORECASE)
_PERSON_NAME = r"[A-Z][\w-]+(?: [A-Z][\w-]+){0,2}"
_RELATIVE = "|".join(sorted((re.escape(word) for word in RELATIVES), key=len, reverse=True))
_MY_PERSON = re.compile(
    rf"^(?:old |good |dear )?(?P<rel>(?i:{_RELATIVE})),? (?P<name>{_PERSON_NAME}),? (?P<rest>\S.*)$"
)
_MY_RELATIVE = re.compile(
    rf"^(?P<rel>(?i:{_RELATIVE}))(?P<rest>'s (?:a|an|allergic|living|learning|vegetarian|vegan)\b.*|\s+(?!is called|"
    rf"is named|'s)\S.*)$",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"^(?P<name>{_PERSON_NAME})(?:, (?:my|our) (?P<rel>(?i:{_RELATIVE})),)?(?P<rest>(?:'s)?\s.+)$")
_HE = re.compile(r"^(?:he|she)(?P<rest>['\s].+)$", re.IGNORECASE)


def read_statements(clauses: Iterable[Clause], *, casual: bool = False) -> list[Statement]:
    """Return what the clauses state; questions and what is wished or reported state nothing.

    ``casual``: the message is written all in lower case, so names need no capital letter.
    """
    found: list[Statement] = []
    person: Owner | None = None
    for clause in clauses:
        if clause.question or clause.unreal:
            continue
        stated = _instead_of_last(found, clause) or read_clause(clause.text, person=person, casual=casual)
        found.extend(replace(one, sentence=clause.sentence) for one in stated)
        named = _NAMED_PERSON.search(clause.text)
        others = [one for one in stated if one.fact.subject != "user" and not one.fact.attribute.startswith("thing:")]
        if others:
            person = Owner(subject=others[-1].fact.subject, shown=_shown(others[-1]))
        elif named:
            person = Owner(subject=named["name"].casefold(), shown=named["name"])
    return found


def _instead_of_last(before: list[Statement], clause: Clause) -> list[Statement]:
    """ "I'm not allergic to soy, it's latex": the second clause takes the place of the value just taken back."""
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


_NAMED_PERSON = re.compile(rf"\b(?i:my|our) (?i:{_RELATIVE}) (?P<name>{_PERSON_NAME})")


def _shown(statement: Statement) -> str:
    """Return the subject as the line shows it: its first words, as many as the subject has."""
    if statement.fact.subject in RELATIVES:
        return f"The user's {statement.fact.subject}"
    return statement.text[: len(statement.fact.subject)]


def read_clause(text: str, *, person: Owner | None = None, casual: bool = False) -> list[Statement]:
    """Return what one clause states, [] when it is not understood. ``person``: whom "he" and "she" mean."""
    first = _FIRST_PERSON.match(text)
    if first:
        return read_predicate(USER, first["rest"], text, casual=casual)
    for pattern, attribute in ((_CALL_ME, "name"), (_NAME_HERE, "name"), (_HOME_IS, "lives"), (_PROFESSION, "job")):
        found = pattern.match(text)
        if found:
            words = found["v"] or found["w"]
            kind = "strict_name" if attribute == "name" else {"lives": "destination", "job": "job"}[attribute]
            return _of(BY_ATTRIBUTE[attribute], kind, words, text, casual)
    mine = _MY.match(text)
    if mine:
        return _mine(mine["rest"], text, casual)
    he = _HE.match(text)
    if he:
        return read_predicate(person, he["rest"], text, casual=casual) if person else []
    return [_thing(t, text) for t in read_thing(text)] or _third_person(text, casual)


def read_predicate(owner: Owner, rest: str, clause: str, *, casual: bool) -> list[Statement]:
    """Return what a predicate ("'ve just moved to Porto") states about its subject."""
    predicate = _normal(rest)
    used = _USED_TO.match(predicate)
    if used:
        return _used_to(owner, used, clause, casual)
    any_more = bool(_ANY_MORE.search(predicate)) or bool(_NO_LONGER.match(predicate))
    predicate = _ANY_MORE.sub("", predicate)
    positive = _positive(predicate)
    if positive is not None:
        if not any_more:
            disliked = _matched(owner, predicate, clause, casual, only=("dislikes",))
            if disliked:
                return disliked
        return _taken_back(owner, positive, clause, casual, any_more)
    for pattern, extra in _DOUBLE:
        two = pattern.match(predicate)
        if two:
            both = _matched(owner, two["a"], clause, casual)
            if both:
                return [*both, *_matched(owner, extra + two["b"], clause, casual)]
    return _matched(owner, predicate, clause, casual) or _left(owner, predicate, clause, casual)


def _normal(rest: str) -> str:
    """Return the predicate with its auxiliary as "be" or "have" and without adverbs in front."""
    predicate = rest.strip()
    predicate = re.sub(r"^(?:isn't|aren't|ain't)\b", "is not", predicate, flags=re.IGNORECASE)
    predicate = re.sub(r"^(?:haven't|hasn't)\b", "have not", predicate, flags=re.IGNORECASE)
    for _ in range(2):
        predicate = _ADVERBS.sub(lambda m: m["aux"] or "", predicate)
        predicate = _HAVE.sub("have ", predicate, count=1)
        predicate = _BE.sub("be ", predicate, count=1)
    return _ADVERBS.sub(lambda m: m["aux"] or "", predicate)


def _positive(predicate: str) -> str | None:
    """Return a negated predicate without its negation, None when it is not negated."""
    if _DO_NOT.match(predicate):
        return _ADVERBS.sub("", _DO_NOT.sub("", predicate))
    if _NOT.match(predicate):
        return _NOT.sub(lambda m: m["aux"] or "", predicate)
    return None


def _used_to(owner: Owner, used: "re.Match[str]", clause: str, casual: bool) -> list[Statement]:
    verb = used["verb"]
    old = _matched(owner, f"{verb} {used['old']}", clause, casual)
    found = [replace(one, negated=True) for one in old]
    if used["new"]:
        new = used["new"]
        found += _matched(owner, _normal(new), clause, casual) or _matched(owner, f"{verb} {new}", clause, casual)
    return found


def _taken_back(owner: Owner, positive: str, clause: str, casual: bool, any_more: bool) -> list[Statement]:
    found = _matched(owner, positive, clause, casual)
    there = _THERE.match(positive)
    if not found and there and any_more:
        relation = BY_ATTRIBUTE[_THERE_ATTRIBUTE[there["verb"].lower()]]
        found = [_statement(owner, relation, relation.predicates[0].line, "", clause)]
    return [replace(one, negated=True) for one in found]


def _left(owner: Owner, predicate: str, clause: str, casual: bool) -> list[Statement]:
    stopped = _STOPPED.match(predicate)
    if stopped:
        verb = "" if stopped["verb"].lower() == "being" else stopped["verb"] + " "
        found = _matched(owner, f"be {verb}{stopped['rest']}", clause, casual)
        return [replace(one, negated=True) for one in found]
    found = []
    for pattern, attribute, kind in _LEFT:
        left = pattern.match(predicate)
        value = believable(kind, left["v"], casual=casual) if left else None
        if value:
            relation = BY_ATTRIBUTE[attribute]
            found.append(replace(_statement(owner, relation, relation.predicates[0].line, value, clause), negated=True))
    return found


def _matched(owner: Owner, predicate: str, clause: str, casual: bool, *, only: tuple[str, ...] = ()) -> list[Statement]:
    own = _named_possession(owner, predicate, clause)
    if own:
        return own
    for relation in RELATIONS:
        if only and relation.attribute not in only:
            continue
        for phrase in relation.predicates:
            found = phrase.pattern.match(predicate)
            stated = _values(owner, relation, phrase, found["v"], clause, casual) if found else []
            if stated:
                return stated
    if owner is USER and predicate.startswith("be ") and not only:
        return _of(BY_ATTRIBUTE["name"], "strict_name", predicate[3:], clause, casual=False)
    return []


def _values(owner: Owner, relation: Relation, phrase: Phrase, words: str, clause: str, casual: bool) -> list[Statement]:
    """Return a statement per value: relations that hold many values read lists."""
    value = trimmed(words)
    values = [value] if relation.single else listed(value)
    checked = [believable(phrase.kind, one, casual=casual) for one in values if one]
    if not checked or checked[0] is None:
        return []
    kept = [one for n, one in enumerate(checked) if one and (n == 0 or one.split()[0].casefold() not in VERBS)]
    whole = len(kept) == len(values) and _is_whole(words, value if len(values) > 1 else kept[0])
    return [replace(_statement(owner, relation, phrase.line, one, clause), whole=whole) for one in kept]


def _of(relation: Relation, kind: str, words: str, clause: str, casual: bool) -> list[Statement]:
    value = believable(kind, words, casual=casual)
    if value is None or (kind == "strict_name" and len(words.split(",")[0].split()) > 3):
        return []
    line = (relation.possessives if relation.attribute == "name" else relation.predicates)[0].line
    return [replace(_statement(USER, relation, line, value, clause), whole=_is_whole(words, value))]


def _statement(owner: Owner, relation: Relation, line: str, value: str, clause: str) -> Statement:
    fact = FactKey(
        subject=owner.subject,
        attribute=relation.attribute,
        value=value,
        single=relation.single,
        profile=relation.profile and owner is USER,
    )
    return Statement(fact=fact, text=owner.line(line, value), semantic_type=relation.semantic_type, clause=clause)


_FILLERS = frozenset(
    "now currently also too as well again actually by the way btw please though these days at moment right nowadays very so much a lot really".split()
)


def _is_whole(words: str, value: str) -> bool:
    """True when the words say no more than the value."""
    rest = words.replace(value, " ", 1)
    return all(word.strip(".,;:!?'\"").casefold() in _FILLERS | {""} for word in rest.split())


def _named_possession(owner: Owner, predicate: str, clause: str) -> list[Statement]:
    """ "have a dog called Rex", "got a new cat named Luna"."""
    found = _HAS_NAMED.match(predicate)
    if not found:
        return []
    several = re.match(r"(?:two|three|four|five|six|\d) (?P<x>.+s)$", found["x"], re.IGNORECASE)
    said = f"{several['x']} are called {found['v']}" if several else f"{found['x']} is called {found['v']}"
    return [
        Statement(fact=fact, text=owner.line(line, fact.value), semantic_type=SemanticType.FACT, clause=clause)
        for fact, line in read_possessive(said, owner.subject, has=True)
    ]


_HAS_NAMED = re.compile(
    r"^(?:have )?(?:a|an|have an?|owns? an?|(?:got|adopted|bought|rescued|get|gets) an?|have|own) (?:(?:new|little|"
    r"lovely|cute|small|big|young|old|second) )*(?P<x>[\w][\w -]{1,30}?),? (?:called|named|by the name of|"
    r"whose name is|and (?:his|her|its|their) names? (?:is|are)) (?P<v>.+)$",
    re.IGNORECASE,
)


def _mine(rest: str, clause: str, casual: bool) -> list[Statement]:
    """Read what follows "my": a person with a name, a relation, a relative, or any attribute."""
    person = _MY_PERSON.match(rest)
    if person and person["name"].casefold() not in NOT_SUBJECTS:
        return _introduced(person["rel"], person["name"], person["rest"], clause, casual)
    for relation in RELATIONS:
        for phrase in relation.possessives:
            found = phrase.pattern.match(_possessive(rest))
            stated = _values(USER, relation, phrase, found["v"], clause, casual) if found else []
            if stated:
                return stated
    for fact, line in (possessed := read_possessive(rest, "user", casual=casual)):
        if fact.value.casefold() in PRONOUNS:
            return []
        preference = fact.attribute.startswith("favourite:")
        kind = SemanticType.PREFERENCE if preference else SemanticType.FACT
        yielded = Statement(fact=fact, text=USER.line(line, fact.value), semantic_type=kind, clause=clause)
        return [yielded, *(_like(yielded, other, other_line) for other, other_line in possessed[1:])]
    relative = _MY_RELATIVE.match(rest)
    if relative:
        word = relative["rel"].lower()
        owner = Owner(subject=word, shown=f"The user's {relative['rel']}")
        return read_predicate(owner, relative["rest"], clause, casual=casual)
    return []


def _like(first: Statement, fact: FactKey, line: str) -> Statement:
    return replace(first, fact=fact, text=USER.line(line, fact.value))


def _possessive(rest: str) -> str:
    """Return "hobby be chess" for "hobby is chess" and "hobby's chess"."""
    return re.sub(r"(?:'s|'re| is| are)(?: now| currently| actually| still| also)*(?=\s)", " be", rest, count=1)


def _introduced(rel: str, name: str, rest: str, clause: str, casual: bool) -> list[Statement]:
    """ "My friend Bob lives in Paris": who Bob is, and what is said of him."""
    of_them = read_predicate(Owner(subject=name.casefold(), shown=name), rest, clause, casual=casual)
    if not of_them:
        return []
    who = [
        Statement(fact=fact, text=USER.line(line, fact.value), semantic_type=SemanticType.FACT, clause=clause)
        for fact, line in read_possessive(f"{rel} is called {name}", "user", has=False)
    ]
    return [*(replace(one, fact=replace(one.fact, single=False)) for one in who), *of_them]


def _third_person(text: str, casual: bool) -> list[Statement]:
    named = _NAMED.match(text)
    if not named or named["name"].split()[0].casefold() in NOT_SUBJECTS:
        return []
    name, rest = named["name"], named["rest"]
    if named["rel"]:
        return _introduced(named["rel"], name, rest.strip(" ,"), text, casual)
    owner = Owner(subject=name.casefold(), shown=name)
    stated = read_predicate(owner, rest, text, casual=casual)
    if stated or not rest.startswith("'s "):
        return stated
    rest = rest[3:]
    for relation in RELATIONS:
        for phrase in relation.possessives:
            found = phrase.pattern.match(_possessive(rest))
            stated = _values(owner, relation, phrase, found["v"], text, casual) if found else []
            if stated:
                return stated
    return [
        Statement(fact=fact, text=owner.line(line, fact.value), semantic_type=SemanticType.FACT, clause=text)
        for fact, line in read_possessive(rest, owner.subject, casual=casual)
    ]


def _thing(thing: tuple[FactKey, str], clause: str) -> Statement:
    fact, text = thing
    return Statement(fact=fact, text=text, semantic_type=SemanticType.FACT, clause=clause)
