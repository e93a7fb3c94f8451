"""A message in, the wishes to forget that it holds out.

Law: "don't forget" is a wish to remember, "forget it" is none at all, and instructions to the model ("forget all
previous instructions") never touch memory.
"""

import re
from collections.abc import Sequence

from memory.aliases import PREFIXES
from memory.rules.deaths import living
from memory.rules.joined import BETWEEN, FEATURES, is_told_of_another, joined, without_request
from memory.rules.lexicon import ANIMALS, RELATIVES
from memory.rules.plurals import singular
from memory.rules.possessives import key
from memory.rules.predicates import Owner, Statement
from memory.rules.questions import TIME_BEHIND
from memory.rules.questions import asked_about as asked_about  # what a question names, a wish to forget may name too
from memory.rules.relations import RELATIONS
from memory.rules.sentences import MAX_SENTENCE_CHARS, Clause, asks, clauses, sentences_and_rest
from memory.rules.statements import read_statements
from memory.rules.wish_frames import asked_to_forget, named_in, of_user
from memory.rules.wished import NOTHING, ORDERS, THAT, Before, about_orders, all_about, being_named
from memory.rules.words import content_words
from memory.turn import Forget

_BEGINS = re.compile(r"\b(?:forget|delete|erase|remove|wipe|clear|drop|remember)", re.IGNORECASE)
_NO_TARGET = re.compile(
    r"^(?:it|about it|that i asked|i asked|i said anything|that question|the question|this conversation's|me not|"
    rf"to .+|this (?:line|file|function|word|sentence|paragraph).*|{ORDERS}|"
    r"(?:the|a|an|all(?! (?:of it )?about\b)|any|every|these|those) (?!.*\b(?:know|knew|stored|saved|remember|told|"
    r"about me|of me|of mine|memor|my)\b).*)$",
    re.IGNORECASE,
)
_MEMORY_VERBS = re.compile(r"^(?:delete|erase|remove|wipe|clear|drop)\b", re.IGNORECASE)
_ABOUT_MEMORY = re.compile(
    r"\b(?:you (?:know|knew|have|stored|saved|remember)|about me|i (?:told|gave|said|mentioned)|i(?:'ve| have) told|"
    r"memor(?:y|ies)|where i|what i|who i|how (?:old )?i|when i|that i|fact that|"
    r"my (?:\w+ )?(?:phone|mobile|telephone|cell|passport|account) number$|my (?:password|pin|blood type|salary)$|"
    r"my (?:name|address|age|birthday|job|home|city|employer|hobby|hobbies|diet|allerg\w+|favou?rite \w+|\w+'s name|"
    r"data|details|profile|history))\b",
    re.IGNORECASE,
)
#: "Remove my address from this letter" is work on a text.
_ELSEWHERE = re.compile(
    r"^my (?:\w+ ){1,3}(?:from|in|on|off|out of) (?:this|that|the|my|a|an|these|those) (?!(?:\w+ )?"
    r"(?:memor|database|system|records?|profile|history|chat|conversation))",
    re.IGNORECASE,
)
_EVERYTHING = re.compile(
    r"^(?:(?:about )?me|who i am and everything.*|(?:absolutely )?(?:everything|all|anything|all of it|it all|"
    r"what(?:ever)?)(?: (?:that )?(?:you (?:know|knew|have|remember|stored|have stored|saved|have saved|learned|"
    r"learnt|have learnt)|i(?:'ve| have)? (?:ever )?(?:told|said|mentioned|shared)(?: (?:to |"
    r"with )?you)?))?(?: (?:about|on|of) (?:me|myself))?(?: so far)?|"
    r"all (?:of )?(?:my |your |the )?(?:memor(?:y|ies)|data|facts|information|details)(?: (?:about|of|on) me)?|"
    r"(?:my|your) (?:whole |entire )?memor(?:y|ies)(?: (?:about|of|on) me)?|all about me)$",
    re.IGNORECASE,
)
_FROM_MEMORY = re.compile(r"\bfrom your memor(?:y|ies)\b", re.IGNORECASE)
_LEAD_IN = re.compile(
    r"^(?:about |(?:the fact |what i (?:said|told you) |everything |anything |all |"
    r"what )*(?:that )?(?:you know about |i told you about |i said about |i(?:'ve| have) told you about |"
    r"you remember about |about )|(?:the fact )?that |the information (?:about|on) )",
    re.IGNORECASE,
)
#: Why it is to be forgotten, or what else is asked for; another thing that is to be forgotten is none of these.
_BEHIND = re.compile(
    rf"(?!{BETWEEN}),\s+(?:delete|erase|remove|and|it's|it is|that's|please|(?-i:i )|because|since)\b", re.IGNORECASE
)
_STATES = re.compile(r"^(?:about )?(?:the fact )?that\s", re.IGNORECASE)
_MINE = re.compile(r"^(?:my|our)\s", re.IGNORECASE)
_THAT = re.compile(
    r"^(?:that|this|what i(?:'ve)? (?:just )?(?:said|told you|wrote|written|typed|mentioned)(?: last| just now)?|"
    r"(?:the|that|my) last (?:thing|message|one|sentence|statement|bit)(?: (?:that )?i (?:just )?(?:said|told you|"
    r"wrote|typed|mentioned))?)$",
    re.IGNORECASE,
)
_OF_PERSON = re.compile(
    r"^(?:where|what|who|how old|when|which \w+|that)? ?(?P<n>[A-Z][\w-]+)(?P<rest>(?:'s)?(?: .*)?)$"
)
_THING = re.compile(
    r"^(?:what )?the (?P<x>[\w ]{2,30}?) (?:of|for) (?:the|my|our) (?P<y>[\w ]{2,30}?)(?: is)?$", re.IGNORECASE
)

_OF_NAME = re.compile(r"\bnames?\b|\bcalled\b|\bnamed\b", re.IGNORECASE)
_WITH_BEINGS = frozenset({"children"})  #: is named by the same words as their names
_BESIDE_NAMES = _WITH_BEINGS | {"name"}

_OF_SELF = re.compile(r"(?:i|we|my|our)\b", re.IGNORECASE)
_LAST = (Forget(target=THAT),)  #: stands for what was said last


def forgets(text: str, before: Before = NOTHING) -> tuple[tuple[Forget, ...], str]:
    """Return the wishes to forget, and the rest of the message. ``before``: what "forget that" means.

    Read is what ``sentences`` reads, less the sentences longer than ``MAX_SENTENCE_CHARS``. "Forget that" with nothing
    before it is no wish, and no part of the rest either.
    """
    parts, behind = sentences_and_rest(text)
    if not _BEGINS.search(text, 0, len(text) - len(behind)):
        return (), text
    wishes: list[Forget] = []
    rest: list[str] = []
    last = False
    for sentence in parts:
        found = _forget(sentence) if len(sentence) <= MAX_SENTENCE_CHARS else ()
        if found == _LAST:
            last = True
            wishes += _that(rest, before)
        elif found:
            wishes += found
            rest += _told_beside(sentence)
        elif not (wishes and _repeats_wish(sentence)):
            rest.append(sentence)
    return (tuple(wishes), "\n".join(filter(None, (" ".join(rest), behind)))) if wishes or last else ((), text)


def beings_unnamed(wish: Forget) -> tuple[str, ...]:
    """Return whose name, and no more, is to be forgotten ("my sister's name"); none where it is all about them."""
    named = [attribute for attribute in wish.attributes if attribute.startswith(PREFIXES)]
    others = set(wish.attributes).difference(named)
    if wish.everything or wish.subject != "user" or others - _BESIDE_NAMES or not _OF_NAME.search(wish.target):
        return ()
    return tuple(attribute.partition(":")[2] for attribute in named)


def _forget(sentence: str) -> Sequence[Forget]:
    body = sentence.strip().rstrip("?.! ")
    asked = asked_to_forget(body)
    if asked is None:
        return ()
    words, _ = without_request(asked.target)
    said = _BEHIND.split(words)[0].strip(" ,")
    target = named_in(said)
    if words != asked.target and (_EVERYTHING.match(target) or _THAT.match(target)):
        return ()  # "Forget that and tell me a joke." is no wish, and one with an exception is not carried out
    if _EVERYTHING.match(target) and not _THAT.match(target):
        return () if asked.in_passing else (Forget(target=target, everything=True),)
    of_memory = _ABOUT_MEMORY.search(said) or _FROM_MEMORY.search(body)
    if _MEMORY_VERBS.search(asked.verb) and (not of_memory or _ELSEWHERE.search(asked.target)):
        return ()
    if _THAT.match(target):
        return _LAST
    if _NO_TARGET.match(target) or about_orders(target):
        return ()
    return _each(target) or targeted(target)


def _each(target: str) -> list[Forget]:
    """Return the wish for each thing that is joined in the target; [] where it is one, or not all are understood."""
    parts = joined(target)
    if len(parts) == 1:
        return []
    wishes: list[Forget] = []
    states = few = False
    for part in parts:
        states = bool(_STATES.match(part)) or (states and bool(_MINE.match(part)))
        if _EVERYTHING.match(part):
            wishes.append(Forget(target=part, everything=True))
        elif is_told_of_another(part) or (states and not _stated(_LEAD_IN.sub("", part).strip())):
            return []
        else:
            found = targeted(part)
            short = any(len(content_words(wish.target)) < 2 for wish in found if not wish.attributes)
            few = few or (short and not all_about(part))
            wishes += found
    return [] if few else wishes


def _told_beside(sentence: str) -> list[str]:
    """Return what is to be kept in the same breath: "and remember that I like tea"."""
    _, asked = without_request(sentence)
    return [asked] if asked.casefold().startswith("remember") else []


def _that(rest: list[str], before: Before) -> Sequence[Forget]:
    """Return the wish for what was said last, and take it out of the rest where it stands in front of the wish.

    A question says nothing: "forget that" behind it takes only the question back.
    """
    if rest and len(content_words(rest[-1])) > 1:
        said = rest.pop().strip().rstrip(".!")
        return targeted(f"that {said}") if _OF_SELF.match(said) and not asks(said) else ()
    if before.message_id:
        return (Forget(target=THAT, message_id=before.message_id),)
    facts = [one.fact for one in before.statements]
    return tuple(
        Forget(target=THAT, subject=fact.subject, attributes=(fact.attribute,), value=fact.value) for fact in facts
    )


def targeted(target: str) -> Sequence[Forget]:
    """Return the wish with the attributes that the target names; a whole statement names its value too.

    Whatever is stated is a wish of its own: each of several, and each value.
    """
    about = _LEAD_IN.sub("", target).strip()
    everything, named = all_about(target), being_named(target)
    if everything:
        return _all_about(everything)
    if named:
        return (Forget(target=target, subject=named[1].casefold()),)
    stated = _stated(about)
    if stated:
        said = dict.fromkeys((one.fact.subject, one.fact.value) for one in stated)
        return [_of_value(target, subject, value, stated) for subject, value in said]
    thing = _THING.match(about)
    if thing and not _names_being(key(thing["x"]), key(thing["y"])):
        return (Forget(target=target, subject=key(thing["y"]), attributes=(f"thing:{key(thing['x'])}",)),)
    person = _OF_PERSON.match(about)
    if person and person["n"] not in ("I", "My", "Our", "Everything", "All", "The", "What", "Where"):
        return (_about_person(target, person["n"], person["rest"]),)
    return (_asked_for(target, asked_about(about), in_time=bool(TIME_BEHIND.search(about))),)


def _all_about(about: str) -> Sequence[Forget]:
    """Return the wish for what the words name as such, and the one for wherever they stand."""
    wishes = (*targeted(about), *(targeted(of_user(about)) if of_user(about) else ()))
    mine = all(wish.subject == "user" and wish.attributes and not wish.value for wish in wishes)
    return (*wishes, Forget(target=about)) if mine and _MINE.match(about) and not _OF_NAME.search(about) else wishes


def _stated(about: str) -> list[Statement]:
    """Return what is stated and meant: "my sister Anna lives in Porto" is no wish to forget her name.

    Several clauses are understood all or none.
    """
    casual = about == about.lower()
    stated = read_statements([Clause(text=about)], casual=casual)
    if not stated:
        parts = clauses(about)
        stated = read_statements(parts, casual=casual)
        if {part.text for part in parts} != {one.clause for one in stated}:
            return []
    more = any(not _is_name(one) and one.fact.attribute not in _WITH_BEINGS for one in stated)
    if not more or _OF_NAME.search(about):
        return stated
    return [one for one in stated if not _introduces(one, about)]


def _is_name(one: Statement) -> bool:
    return one.fact.attribute.startswith(PREFIXES)


def _introduces(one: Statement, about: str) -> bool:
    """True for the name in "my sister Anna lives in Porto", where it says only of whom more is stated.

    Not for that of an animal that was the user's: that says as much as that it died.
    """
    being = one.fact.attribute.partition(":")[2]
    mentioned = re.search(rf"\b(?:my|our) (?:\w+ )*?{re.escape(being)}\b", about, re.IGNORECASE)
    return _is_name(one) and living(being) == being and mentioned is not None


def _of_value(target: str, subject: str, value: str, stated: Sequence[Statement]) -> Forget:
    facts = [one.fact for one in stated if (one.fact.subject, one.fact.value) == (subject, value)]
    attributes = tuple(dict.fromkeys(fact.attribute for fact in facts))
    return Forget(target=target, subject=subject, attributes=attributes, value=value)


def _names_being(feature: str, owner: str) -> bool:
    """True for "the name of my dog": that is a fact about the user."""
    return feature in ("name", "names") and bool({owner, singular(owner)} & (RELATIVES | ANIMALS))


def _asked_for(target: str, named: Sequence[tuple[str, str]], *, in_time: bool) -> Forget:
    """Return the wish for what a question of these words names.

    "My launch on Tuesday" may stand anywhere, as a fact or not: its words are looked for.
    """
    if not named or (in_time and named[0][1].startswith("attr:")):
        return Forget(target=target)
    subject = named[0][0]
    whole = named[0][1].removeprefix("attr:")
    words = target if whole != named[0][1] and whole not in FEATURES and _MINE.match(target) else ""
    attributes = tuple(
        attribute for who, attribute in named if who == subject and not (words and _is_of_front(attribute, words))
    )
    if _OF_NAME.search(target) and any(attribute.startswith(PREFIXES) for attribute in attributes):
        attributes = tuple(attribute for attribute in attributes if attribute not in _WITH_BEINGS)
    return Forget(target=target, subject=subject, attributes=attributes)


#: "My name from your database", "my allergy to nuts", "my car details" are about the name, the allergy and the car.
_NOUN_BEHIND = re.compile(
    r"\s+(?!(?:from|in|on|at|to|of|for|out|and|because|i|that|info\w*|details?|date|preferences?|model|make)\b)\w",
    re.IGNORECASE,
)


def _is_of_front(attribute: str, words: str) -> bool:
    """True for the car in "my car insurance": the words begin with it, and name something else."""
    found = [match for each in RELATIONS if each.attribute == attribute for match in each.asked.finditer(words)]
    return bool(found) and all(_NOUN_BEHIND.match(words, match.end()) for match in found)


def _about_person(target: str, name: str, rest: str) -> Forget:
    owner = Owner(subject=name.casefold(), shown=name)
    first_person = rest.removeprefix("'s").strip().removesuffix("s" if not rest.startswith("'s") else "")
    asked = f"my {first_person}" if rest.startswith("'s") else f"{target.split(name)[0].strip()} i {first_person}"
    named = asked_about(asked.strip()) if first_person else ()
    return Forget(target=target, subject=owner.subject, attributes=tuple(attribute for _, attribute in named))


def _repeats_wish(sentence: str) -> bool:
    return asked_to_forget(sentence.strip().rstrip("?.! ")) is not None
