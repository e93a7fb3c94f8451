"""A subject and its predicate in ("I", "'ve just moved to Porto"), the facts that it states or takes back out.

Law: a predicate is understood whole or not at all. A value is a part of the predicate.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from memory.cube import FactKey, SemanticType
from memory.rules.family import family
from memory.rules.lexicon import BEINGS, VERBS
from memory.rules.occupations import is_student_kind
from memory.rules.possessives import read_possessive
from memory.rules.relation import Phrase, Relation
from memory.rules.relations import BY_ATTRIBUTE, RELATIONS
from memory.rules.values import believable, listed, trimmed, without_trail


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
    r"quite|simply|presently|officially|very|truly|definitely|normally|often|generally|only|originally(?! from)|"
    r"do(?= (?:really |also |still )?(?:like|love|enjoy|prefer|adore|hate|live|work|have|play|speak|know|own|drive)\b)|"
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

_NOT_AT_END = re.compile(r",? (?:and )?not (?:to |in |on )?(?P<old>[\w' -]{2,40})$", re.IGNORECASE)

_STOPPED = re.compile(r"^(?:have )?(?:stopped|quit|gave up|given up)\s+(?P<verb>\w+ing)\s+(?P<rest>.+)$", re.IGNORECASE)

_GAVE_UP = r"^(?:have )?(?:gave up|given up|quit|dropped) "

_NO_JOB = (
    r"(?:(?:have )?(?:quit|left|lost|gave up|given up|resigned from) my (?:old )?job (?:at|with)|"
    r"(?:was|be|have been|got) (?:fired|sacked|dismissed|laid off|let go|made redundant) (?:from|by|at))"
)

_LEFT = (
    (re.compile(r"^(?:have )?(?:quit|left|resigned from) (?!my job)(?P<v>.+)$", re.IGNORECASE), "work", "person"),
    (re.compile(rf"^{_NO_JOB} (?P<v>.+)$", re.IGNORECASE), "work", "company"),
    (re.compile(r"^(?:have )?left (?P<v>.+)$", re.IGNORECASE), "lives", "person"),
    (re.compile(rf"{_GAVE_UP}(?:the )?(?P<v>.+)$", re.IGNORECASE), "instrument", "known_instrument"),
    (re.compile(rf"{_GAVE_UP}(?P<v>.+)$", re.IGNORECASE), "learning", "tongue"),
    (re.compile(r"^(?:have )?sold (?:the|my) (?P<v>.+)$", re.IGNORECASE), "drives", "vehicle"),
)  # fmt: skip

_THERE = re.compile(r"^(?P<verb>live|work|study|drive|play)s? (?:there|here|it|for them|with them)$", re.IGNORECASE)

_THERE_ATTRIBUTE = {"live": "lives", "work": "work", "study": "studies", "drive": "drives", "play": "instrument"}

_NO_STUDENT = r"(?!.*\bstudent\b)"
_B = r"(?P<b>(?!heart\b).+)"
_DOUBLE = (  # one predicate that says two things
    (re.compile(r"^(?P<a>be an? student of .+?) at (?P<b>.+)$", re.IGNORECASE), "study at "),
    (re.compile(r"^(?P<a>be an? (?P<kind>.+?) student) at (?P<b>.+)$", re.IGNORECASE), "study at "),
    (re.compile(r"^(?P<a>works? as .+?) (?:at|for) (?P<b>.+)$", re.IGNORECASE), "works at "),
    (re.compile(r"^(?P<a>works? (?:at|for) .+?) (?P<b>as .+)$", re.IGNORECASE), "works "),
    (re.compile(rf"^(?P<a>be (?:an?|the) {_NO_STUDENT}.+?) (?:working )?(?:at|for) {_B}$", re.IGNORECASE), "works at "),
    (re.compile(r"^(?P<a>be (?:an?) .+?) (?:living|based) in (?P<b>.+)$", re.IGNORECASE), "lives in "),
    (re.compile(r"^(?P<a>be (?:an?) .+?) from (?P<b>[A-Z].+)$", re.IGNORECASE), "be from "),
    (re.compile(r"^(?P<a>be [A-Z][\w'-]+),? (?:and )?from (?P<b>.+)$"), "be from "),
    (re.compile(r"^(?P<a>be (?:an?) \d{1,3}[- ]years?[- ]old) (?P<b>.+)$"), "be a "),
    (re.compile(r"^(?P<a>liv(?:e|es) in .+?) (?:and|but) works? (?P<b>(?:at|for|as) .+)$", re.IGNORECASE), "works "),
)  # fmt: skip


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
        disliked = [] if any_more else _matched(owner, predicate, clause, casual, only=("dislikes",))
        return disliked or _taken_back(owner, positive, clause, casual, any_more)
    stated = _two(owner, predicate, clause, casual) or _stated(owner, predicate, clause, casual)
    return [*stated, *_rather_than(stated, predicate)]


def _rather_than(stated: Sequence[Statement], predicate: str) -> list[Statement]:
    """Read the end of "be allergic to kiwi, not nuts": where values add up, the one that is named is taken back."""
    found = _NOT_AT_END.search(predicate)
    if not found or not stated or stated[0].fact.single:
        return []
    return [replace(stated[0], fact=replace(stated[0].fact, value=found["old"]), negated=True)]


def _two(owner: Owner, predicate: str, clause: str, casual: bool) -> list[Statement]:
    """Read a predicate that says two things: "be a nurse at Siemens"."""
    for pattern, extra in _DOUBLE:
        two = pattern.match(predicate)
        if two and not is_student_kind(two.groupdict().get("kind") or ""):
            first = _matched(owner, two["a"], clause, casual)
            if first:
                return [*first, *_matched(owner, extra + two["b"], clause, casual)]
    return []


def _stated(owner: Owner, predicate: str, clause: str, casual: bool) -> list[Statement]:
    """Read a predicate as it stands, or else without the times and fillers at its end."""
    stated = _matched(owner, predicate, clause, casual) or _left(owner, predicate, clause, casual)
    shorter = without_trail(predicate)
    if stated or shorter == predicate:
        return stated
    whole = _is_whole(predicate, shorter)
    return [replace(one, whole=one.whole and whole) for one in _matched(owner, shorter, clause, casual)]


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
    own = (
        _family(owner, predicate, clause)
        or _named_possession(owner, predicate, clause)
        or _favourite(owner, predicate, clause)
    )
    if own:
        return [] if only else own
    for relation in RELATIONS:
        if only and relation.attribute not in only:
            continue
        for phrase in relation.predicates:
            found = phrase.pattern.match(predicate)
            stated = values_of(owner, relation, phrase, found["v"], clause, casual) if found else []
            if stated:
                return stated
    if owner is USER and predicate.startswith("be ") and not only:
        return relation_of(BY_ATTRIBUTE["name"], "strict_name", predicate[3:], clause, casual=False)
    return []


def values_of(
    owner: Owner, relation: Relation, phrase: Phrase, words: str, clause: str, casual: bool
) -> list[Statement]:
    """Return a statement per value: relations that hold many values read lists."""
    value = trimmed(words)
    values = [value] if relation.single else listed(value)
    checked = [believable(phrase.kind, one, casual=casual) for one in values if one]
    if not checked or checked[0] is None:
        return []
    kept = [one for n, one in enumerate(checked) if one and (n == 0 or one.split()[0].casefold() not in VERBS)]
    whole = len(kept) == len(values) and _is_whole(words, value if len(values) > 1 else kept[0])
    return [replace(_statement(owner, relation, phrase.line, one, clause), whole=whole) for one in kept]


def relation_of(relation: Relation, kind: str, words: str, clause: str, casual: bool) -> list[Statement]:
    """Return the user's statement of that relation, [] when the words are no value of that kind."""
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
    "now currently also too as well again actually by the way btw please though these days at moment right nowadays "
    "very so much a lot really".split()
)


def _is_whole(words: str, value: str) -> bool:
    """True when the words say no more than the value."""
    rest = words.replace(value, " ", 1)
    return all(word.strip(".,;:!?'\"").casefold() in _FILLERS | {""} for word in rest.split())


def _family(owner: Owner, predicate: str, clause: str) -> list[Statement]:
    """Read "have two kids, Mia and Leo", "got a new dog, Bella"."""
    found = family(predicate)
    if found is None:
        return []
    children = BY_ATTRIBUTE["children"]
    line = children.predicates[0].line
    counted = [_statement(owner, children, line, found.children, clause)] if found.children else []
    named = [
        one
        for being, name in found.names
        for one in told(owner, read_possessive(f"{being} is called {name}", owner.subject, has=True), clause)
    ]
    return [replace(one, whole=found.whole) for one in (*counted, *named)]


def told(owner: Owner, possessed: Iterable[tuple[FactKey, str]], clause: str) -> list[Statement]:
    """Return what ``read_possessive`` found, as facts of the owner."""
    return [
        Statement(fact=fact, text=owner.line(line, fact.value), semantic_type=SemanticType.FACT, clause=clause)
        for fact, line in possessed
    ]


def _named_possession(owner: Owner, predicate: str, clause: str) -> list[Statement]:
    """Read "have a dog called Rex", "got a new cat named Luna"."""
    found = _HAS_NAMED.match(predicate) or _CALLS.match(predicate)
    if not found or found["x"].split()[0].casefold() in ("been", "had", "to", "got", "never"):
        return []
    several = re.match(r"(?:two|three|four|five|six|\d) (?P<x>.+s)$", found["x"], re.IGNORECASE)
    said = f"{several['x']} are called {found['v']}" if several else f"{found['x']} is called {found['v']}"
    return told(owner, read_possessive(said, owner.subject, has=found.re is _HAS_NAMED), clause)


_HAS_NAMED = re.compile(
    r"^(?:have )?(?:a|an|have an?|(?:owns?|keeps?) an?|(?:got|adopted|bought|rescued|get|gets) an?|have|own) (?:(?:new|"
    r"little|lovely|cute|small|big|young|old|second) )*(?P<x>[\w][\w -]{1,30}?),? (?:(?:(?:who|which|that) (?:is|"
    r"are) )?"
    r"(?:called|named)|by the name of|whose name is|and (?:named|called) (?:it|him|her)|"
    r"and (?:his|her|its|their) names? (?:is|are)) (?P<v>.+)$",
    re.IGNORECASE,
)

_CALLS = re.compile(
    rf"^(?i:calls?|named) (?i:the|my|our|his|her|their) (?P<x>(?i:{BEINGS})) (?P<v>[A-Z][\w'-]*(?: [A-Z][\w'-]*)?)$"
)

_FAVOURITES = (
    re.compile(r"^(?:likes?|loves?|prefers?) the (?P<x>[a-z]+) (?P<v>.+?) (?:the )?(?:best|most)$", re.IGNORECASE),
    re.compile(
        r"^(?:likes?|loves?|prefers?) (?P<v>.+?) (?:(?:more|better) than|to) any other (?P<x>.+)$", re.IGNORECASE
    ),
    re.compile(r"^have (?P<v>.+) as (?:my |his |her |their |a )?favou?rite (?P<x>.+)$", re.IGNORECASE),
)


def _favourite(owner: Owner, predicate: str, clause: str) -> list[Statement]:
    """Read "like jazz more than any other music"."""
    found = next(filter(None, (pattern.match(predicate) for pattern in _FAVOURITES)), None)
    if not found:
        return []
    kind = SemanticType.PREFERENCE
    return [
        Statement(fact=fact, text=owner.line(line, fact.value), semantic_type=kind, clause=clause)
        for fact, line in read_possessive(f"favourite {found['x']} is {found['v']}", owner.subject)
    ]
