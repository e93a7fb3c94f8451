"""A wish to forget "my phone" in, the same with what was told by another word out: "my mobile is 07700 900321".

Law: only what is surely meant. A word that is the name of nothing and was never said is taken for the one name that is
within an edit of it ("adress"), and one number goes by all the words for it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from memory.cube import FactKey
from memory.ports import Vault
from memory.rules.joined import FEATURES
from memory.rules.lexicon import listing
from memory.rules.wishes import targeted
from memory.turn import Forget, Scope
from memory.vault.words import terms

_ATTR = "attr:"
_PHONES = listing("phone, phone number, telephone, telephone number, tel, number, contact number")
_MOBILES = listing(
    "mobile, mobile number, mobile phone, mobile phone number, cell, cell number, cell phone, cellphone, "
    "cell phone number, cellphone number"
)
_LANDLINES = listing("landline, landline number, home phone, home number, home phone number")
_EMAILS = listing("email, e-mail, email address, e-mail address, mail address, mail")
_PINS = listing("pin, pin code, pin number")
#: By the words that ask, those that tell. All of them are meant: a turn that is read again must mean no more.
_TOLD_AS = (
    (_PHONES - {"number"}, _PHONES | _MOBILES | _LANDLINES),
    (_MOBILES, _MOBILES),
    (_LANDLINES, _LANDLINES),
    (_EMAILS, _EMAILS),
    (_PINS, _PINS),
)
_NUMBERED = _PHONES | _MOBILES | _LANDLINES
_DIGITS = 5  #: of a telephone number at least: "my phone is a Pixel 8" tells none
_MOST_LOOKED_AT = 16
_SHORTEST = 5  #: a shorter word is an edit from too many
_SHORTEST_OWN = 6  #: of a name that the user gave: "my couch" is not "my coach"
#: Words of their own that are an edit from a name.
_WORDS = listing("county, employee, procession, hobbit, lobby, phony")
_NAMES = frozenset(FEATURES | {"allergies", "hobbies", "favourites", "medication", "medicine"})
_MINE = re.compile(r"(?P<front>(?:about )?(?:my|our) )(?P<thing>[\w' -]+)", re.IGNORECASE)


def as_told(vault: Vault, scope: Scope, wishes: Iterable[Forget]) -> list[Forget]:
    """Return the wishes with the words and the attributes by which what they mean was told."""
    spelt = [each for wish in wishes for each in _spelt(vault, scope, wish)]
    return [_by_all_words(vault, scope, wish) for wish in spelt]


def _by_all_words(vault: Vault, scope: Scope, wish: Forget) -> Forget:
    names = [name for name in map(_name, wish.attributes) if name]
    told = frozenset[str]().union(*(told for asked, told in _TOLD_AS if asked & set(names)))
    if wish.value or not told:
        return wish
    facts = vault.stated(scope, wish.subject, [_ATTR])
    more = [fact.attribute for fact in facts if _name(fact.attribute) in told and _may_be(fact, names)]
    return replace(wish, attributes=tuple(dict.fromkeys((*wish.attributes, *more))))


def _may_be(fact: FactKey, names: Sequence[str]) -> bool:
    """True for what may be meant; "my phone is a Pixel 8" tells no number."""
    name = _name(fact.attribute)
    return name not in _NUMBERED or name in names or sum(letter.isdigit() for letter in fact.value) >= _DIGITS


def _spelt(vault: Vault, scope: Scope, wish: Forget) -> Sequence[Forget]:
    """Return the wish for the one name that is within an edit of its words, where nothing was ever told by these."""
    found = _MINE.fullmatch(wish.target.strip())
    names = [_name(attribute) for attribute in wish.attributes]
    if not found or wish.value or wish.subject != "user" or not names or not all(names):
        return [wish]
    thing = found["thing"].casefold()
    if thing in _NAMES or not any(len(word) >= _SHORTEST for word in thing.split()):
        return [wish]
    known = {_name(fact.attribute) for fact in vault.stated(scope, "user", [_ATTR])} - {""}
    if thing in known or any(_was_said(vault, scope, word) for word in _odd(thing, known)):
        return [wish]
    meant = sorted(name for name in _NAMES | known if _is_misspelt(thing, name))
    return targeted(f"{found['front']}{meant[0]}") if len(meant) == 1 else [wish]


def _was_said(vault: Vault, scope: Scope, word: str) -> bool:
    """True where a memory holds the word itself; a search finds what is spelt alike, too."""
    found, _ = vault.lexical(scope, word, limit=_MOST_LOOKED_AT)
    cubes = vault.get_many(scope, [cube_id for cube_id, _ in found])
    return any(set(terms(word)) <= set(terms(cube.text)) for cube in cubes)


def _odd(thing: str, known: Iterable[str]) -> list[str]:
    """Return the words that are in no name."""
    usual = {word for name in (*_NAMES, *known) for word in name.split()}
    return [word for word in thing.split() if word not in usual]


def _is_misspelt(thing: str, name: str) -> bool:
    """True for "adress" of "address", "phonenumber" of "phone number"; never for one of two words that there are."""
    if thing.replace(" ", "") == name.replace(" ", ""):
        return thing != name
    words, others = thing.split(), name.split()
    differing = [(word, other) for word, other in zip(words, others, strict=False) if word != other]
    if len(words) != len(others) or len(differing) != 1:
        return False
    word, other = differing[0]
    usual = name in _NAMES or len(words) > 1
    plural = {word, other} == {word, f"{word}s"} or {word, other} == {other, f"{other}s"}
    long = min(len(word), len(other)) >= (_SHORTEST if usual else _SHORTEST_OWN) and word.isalpha()
    return long and not plural and word not in _WORDS and word[0] == other[0] and _is_an_edit(word, other)


def _is_an_edit(one: str, other: str) -> bool:
    """True where a letter was left out, put in, or struck wrong, or two were changed round."""
    short, long = sorted((one, other), key=len)
    at = next((n for n, letter in enumerate(short) if letter != long[n]), len(short))
    if len(short) != len(long):
        return short[at:] == long[at + 1 :]
    changed_round = short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]
    return changed_round or short[at + 1 :] == long[at + 1 :]


def _name(attribute: str) -> str:
    """Return "bank pin" for "attr:bank pin", "" for any other kind of fact."""
    return attribute.removeprefix(_ATTR) if attribute.startswith(_ATTR) else ""
