"""A question or a noun clause in ("Where do I live?", "what my dog is called"), the facts that it asks for out.

Law: as a pair of subject and attribute, spelt as in ``FactKey``; an attribute that ends in ":" names all below it.
"""

import re

from memory.rules.deaths import ATTRIBUTE as DIED
from memory.rules.lexicon import A_MONTH, ANIMALS, BEINGS, CODE_NOUNS, NOT_SUBJECTS, PRONOUNS, RELATIVE, RELATIVES
from memory.rules.plurals import singular
from memory.rules.possessives import key
from memory.rules.relations import RELATIONS

Asked = tuple[str, str]  #: subject, attribute

_NOBODY = (
    r"(?!(?:What|Where|Who|Whom|Whose|When|Which|Why|How|In|On|At|For|By|To|From|Of|With|Is|Are|Am|Was|Were|Does|Do|"
    r"Did|"
    r"Has|Have|Can|Any|And|Remind|Tell|Show|Give|Forget|There|It|That|This|Today|The|I|My|Our|You|Your)\b)"
)
_WHO = rf"(?P<who>{_NOBODY}[A-Z][\w-]+(?: [A-Z][\w-]+)?|(?i:my|our) (?i:{RELATIVE}))"
_FAVOURITE = re.compile(
    r"\b(?:favou?rites?|preferred)(?: (?P<x>[a-z][a-z -]{1,30}?))?(?:\s+(?:is|are|was|of all)\b|$)", re.IGNORECASE
)
_BEST = re.compile(
    r"\b(?:which|what|the) (?P<x>(?!do\b|did\b|is\b|are\b|was\b)[a-z][a-z-]*(?: [a-z-]+)??) (?:that )?(?:(?:do )?i "
    r"(?:(?:like|love|enjoy) (?:the )?(?:best|most)|prefer)|is my favou?rite)\b",
    re.IGNORECASE,
)
_HAVE = re.compile(
    r"(?:\b(?:which|what)(?: (?:kind|sort|type) of)? (?P<x>[a-z][a-z -]{1,30}?) (?:(?:do )?i (?:have|use)|have i got)|"
    r"\b(?:do i have|have i got|i have) (?:a|an|any) (?P<y>[a-z][a-z -]{1,30}?))$",
    re.IGNORECASE,
)
_MY = re.compile(
    r"^(?:what |who |how |which |the )?(?:name of )?(?:my|our) (?P<x>[\w' -]{2,40}?)(?:'s (?:name|names))?(?: (?:is|"
    r"are|was)(?: called| named)?)?(?: called)?$",
    re.IGNORECASE,
)
#: "Where is my sister living" and "when is my nanny around" ask for something else.
_ALIVE = re.compile(
    rf"\b(?:my|our) (?P<x>{BEINGS})(?: [A-Z][\w-]+)? (?:(?:is|was|still|already|even|really|has) )*"
    r"(?:alive|dead|(?P<there>living|around|gone)|die|died|pass(?:ed)? away)$|\bhappen(?:ed|s) to (?:my|our) "
    rf"(?P<y>{BEINGS})(?: [A-Z][\w-]+)?$",
    re.IGNORECASE,
)
_YES_OR_NO = re.compile(
    r"(?:do you (?:still )?(?:know|remember) )?(?:is|are|was|were|has|have|if|whether)\b", re.IGNORECASE
)
_SHORT = re.compile(r"\b(what|where|who|when|how)'s\b", re.IGNORECASE)
_ADVERB = re.compile(
    r"(?<= )(?:currently|originally|normally|usually|exactly|really|nowadays|actually|still) ", re.IGNORECASE
)
_END = re.compile(r"(?:,? (?:again|now|please|currently|exactly|then|these days|at the moment))+$", re.IGNORECASE)
#: "My launch on Tuesday": the time is none of the attribute.
TIME_BEHIND = re.compile(
    rf"\s+(?:(?:on|by|in|from|until) (?:\w+day|\d|(?:{A_MONTH})\b).*|at \d.*|"
    r"(?:next|last|this) \w+|tomorrow|today|tonight|yesterday)$",
    re.IGNORECASE,
)
_THING = re.compile(
    r"\bthe (?:new |current )?(?P<x>[a-z][\w -]{1,30}?) (?:of|for|at) (?:the|our|my) (?P<y>[\w -]{2,30}?)(?:,| is\b|"
    r" are\b|"
    r" now\b| again\b| please\b|$)",
    re.IGNORECASE,
)
_CODE = re.compile(
    rf"\b(?:the|our) (?:new |current )?(?P<x>(?:[\w-]+ ){{0,2}}(?:{CODE_NOUNS}))(?: is)?$", re.IGNORECASE
)
_DOES = re.compile(
    rf"^(?P<front>.*?)\b(?P<aux>[Dd]oes|[Ii]s|[Ww]as|[Dd]id|[Hh]as|[Cc]an|[Mm]ust|[Ss]hould|"
    rf"[Ww]ill) {_WHO}(?P<rest> .*|)$"
)
_SOMEBODYS = re.compile(rf"^(?P<front>.*?)\b{_WHO}'s (?P<rest>(?!(?:\w+ )?names?\b).+)$")
_CLAUSE = re.compile(
    rf"^(?P<front>.*?\b(?i:where|what|which [\w ]+?|how old|who|when|how many [\w ]+?) ){_WHO}"
    rf" (?P<verb>[a-z]+)(?P<rest>.*)$"
)
_ALL_OF_THEM = {
    "favourites": "favourite:",
    "preferences": "favourite:",
    "pets": "pet:",
    "relatives": "rel:",
    "family": "rel:",
}
#: One word for several kinds of relatives.
_KINDS = {
    "kid": ("kid", "child", "son", "daughter"),
    "child": ("child", "kid", "son", "daughter"),
    "sibling": ("sister", "brother"),
    "parent": ("mother", "father", "mum", "dad"),
}
_ASKED_FOR = RELATIVES | ANIMALS | _KINDS.keys()
_FIRST_PERSON = {"does": "do", "is": "am", "has": "have"}


def asked_about(text: str) -> tuple[Asked, ...]:
    """Return the (subject, attribute) pairs that a question or a "forget ..." names, most exact first.

    "Where do I live?" names ("user", "lives"), "What's my dog called?" ("user", "pet:dog"), "Where does Bob live?"
    ("bob", "lives"), "What is the code of the garage?" ("garage", "thing:code").
    """
    words = _ADVERB.sub("", _SHORT.sub(r"\1 is", _END.sub("", text.strip().rstrip("?.! "))))
    words = re.sub(r"\bwhereabouts\b", "where", words, flags=re.IGNORECASE)
    of_others = _alive(words) or _of_others(words)
    if of_others:
        return of_others
    return tuple(dict.fromkeys([*_of_user(words), *_of_things(words)]))


def _alive(words: str) -> tuple[Asked, ...]:
    """Return what "is my dog still alive" names: the death, and what another one may be called."""
    found = _ALIVE.search(words)
    if found and found["there"] and not _YES_OR_NO.match(words):
        return ()
    being = (found["x"] or found["y"]).casefold() if found else ""
    return ((being, DIED), ("user", _called(being))) if being else ()


def _called(being: str) -> str:
    """Return the attribute that holds what the user's being is called."""
    return f"{'rel' if being in RELATIVES else 'pet'}:{being}"


def _of_things(words: str) -> list[Asked]:
    thing, code = _THING.search(words), _CODE.search(words)
    found = [("user", f"attr:{key(code['x'])}")] if code else []
    if not thing or " i " in f" {thing['y']} ".casefold():
        return found
    noun = key(thing["x"])
    if noun == "name" and re.search(r"\b(?:of|for) (?:my|our)\b", thing[0], re.IGNORECASE):
        return found  # "the name of my dog"
    return [*found, (key(thing["y"]), f"thing:{noun}")]


def _of_user(words: str) -> list[Asked]:
    favourite = _BEST.search(words) or _FAVOURITE.search(words)
    if favourite:
        return [("user", f"favourite:{key(favourite['x'] or '')}")]
    have = _HAVE.search(words)
    gone: list[Asked] = []
    if have:
        being = (have["x"] or have["y"]).casefold()
        gone = [(being, DIED)] if being in ANIMALS | RELATIVES else []
        words = f"my {being}"
    found = [("user", relation.attribute) for relation in RELATIONS if relation.asked.search(words)]
    return list(dict.fromkeys([*_possessed(words), *found, *gone]))


def _of_others(words: str) -> tuple[Asked, ...]:
    """Return what is asked about somebody else: the question is put in the first person and read so."""
    for pattern, first_person in ((_SOMEBODYS, _my), (_DOES, _do_i), (_CLAUSE, _i_do)):
        found = pattern.match(words)
        who = re.sub(r"^(?:my|our) ", "", found["who"], flags=re.IGNORECASE).casefold() if found else ""
        if not found or who.split()[0] in NOT_SUBJECTS | PRONOUNS:
            continue
        asked = [attribute for _, attribute in _of_user(first_person(found))]
        if "name" in asked and who in RELATIVES:
            return (("user", f"rel:{who}"),)
        if asked:
            return tuple((who, attribute) for attribute in asked)
    return ()


def _my(found: "re.Match[str]") -> str:
    return f"{found['front']}my {found['rest']}"


def _do_i(found: "re.Match[str]") -> str:
    aux = found["aux"].lower()
    identity = not found["rest"].strip() and "old" not in found["front"]
    if identity or found["rest"].startswith((" called", " named")):
        return ""  # "Who is my sister?", "What is my sister called?": that asks for the user's sister
    return f"{found['front']}{_FIRST_PERSON.get(aux, aux)} I{found['rest']}"


def _i_do(found: "re.Match[str]") -> str:
    verb = found["verb"]
    if found["rest"].startswith((" called", " named")):
        return ""
    plain = {"is": "am", "has": "have", "does": "do", "was": "was"}.get(verb)
    if plain is None:
        plain = re.sub(r"ies$", "y", verb) if verb.endswith("ies") else verb.removesuffix("s")
    return f"{found['front']}I {plain}{found['rest']}"


def _possessed(words: str) -> list[Asked]:
    """Return what "my dog's name" or "my shoe size" names."""
    cut = re.sub(r"^.*?\b(?=(?:name of )?(?:my|our)\b)", "", words, count=1, flags=re.IGNORECASE)
    mine = _MY.match(TIME_BEHIND.sub("", cut))
    if not mine:
        return []
    word = _attribute_word(mine["x"])
    if word in _ALL_OF_THEM:
        return [("user", _ALL_OF_THEM[word])]
    one = word if word in _ASKED_FOR else singular(word)
    if one in _KINDS:
        return [("user", _called(each)) for each in _KINDS[one]]
    if one in RELATIVES | ANIMALS:
        return [("user", _called(one))]
    if word.split()[-1:] and word.split()[-1] in RELATIVES:
        return [("user", f"rel:{word.split()[-1]}")]
    fixed = [relation for relation in RELATIONS if relation.asked.fullmatch(f"my {word}")]
    return [] if fixed or not word else [("user", f"attr:{word}")]


def _attribute_word(words: str) -> str:
    """Return "dog" for "dog's name is", and "team name" for "current team name"."""
    word = re.sub(r"^(?:new|current|old) ", "", key(words))
    word = re.sub(r"(?: called| named| is| now)+$", "", word)
    bare = re.sub(r"(?:'s|(?:'s?)? (?:first )?names?)$", "", word)
    return bare if "'s" in word or singular(bare) in _ASKED_FOR or bare in _ASKED_FOR else word
