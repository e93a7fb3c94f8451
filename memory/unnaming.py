"""A name that is to be forgotten in, what else is known of its bearer told without it out.

Law: what is told anew holds neither the name nor anything else that is forgotten beside it; where that cannot be, it is
not told.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from memory.aliases import PREFIXES, Named, synonyms
from memory.cube import MemCube, Origin, Source
from memory.rules.deaths import ATTRIBUTE as DIED
from memory.rules.deaths import living
from memory.rules.names import entities_in
from memory.rules.wishes import beings_unnamed
from memory.trust import is_external
from memory.turn import Draft, Forget
from memory.vault.forgotten_names import ForgottenNames
from memory.vault.said_names import same_name, spelt, without_names
from memory.vault.words import plain, words

_ADDRESS = re.compile(r"\S*[@\d]\S*")  #: a name may be a part of it


def unnamed_by(wishes: Sequence[Forget], known: Sequence[Named]) -> list[Named]:
    """Return those whose name is to be forgotten, and of whom the wishes say no more."""
    named: set[str] = set()
    whole: set[str] = set()  #: that are to be forgotten themselves
    for wish in wishes:
        beings = beings_unnamed(wish)
        named |= {being for being in beings if not (called := _called(wish, known)) or being in called}
        if not beings:
            whole |= {attribute.partition(":")[2] for attribute in wish.attributes if attribute.startswith(PREFIXES)}
            whole |= set() if wish.attributes else {wish.subject, plain(wish.subject)}
    if any(wish.everything for wish in wishes):
        return []
    return [
        who for who in known if who.being in named and not {who.being, plain(who.name)} & whole and is_alone(who, known)
    ]


def _called(wish: Forget, known: Sequence[Named]) -> set[str]:
    """Return the beings whose names the wish itself says: then it means no others."""
    said = set(words(wish.target))
    return {who.being for who in known if set(words(who.name)) <= said}


def is_alone(who: Named, known: Sequence[Named]) -> bool:
    """True where nobody else is called so, and nobody else is that to the user."""
    same = synonyms(who.being)
    return all(same_name(each.name, who.name) == (each.being in same) for each in known)


def unnamed(cube: MemCube, who: Named, gone: ForgottenNames) -> Draft | None:
    """Return a fact about somebody told without their name; None for anything else, and where a name would stay."""
    fact, being = cube.fact, living(who.being)
    about = {plain(word) for word in (who.name, *synonyms(being))}
    if fact is None or plain(fact.subject) not in about or not cube.in_use or is_external(cube.trust):
        return None
    beings = "|".join(map(re.escape, synonyms(being)))
    text = re.sub(rf"\b(the user's (?:{beings})) {spelt(who.name)}(?!\w)", r"\1", cube.text, flags=re.IGNORECASE)
    text = without_names(text, [who.name], f"the user's {being}")
    text = text[:1].upper() + text[1:]
    value = f"{being} {DIED}" if fact.attribute == DIED else fact.value
    if (
        text == cube.text
        or gone.states(f"{text} {value}")
        or _addresses(f"{text} {value}", (*gone.values, *gone.names))
    ):
        return None
    return Draft(
        text=text,
        semantic_type=cube.semantic_type,
        origin=Origin.INFERENCE,
        source=Source(conversation_id=cube.source.conversation_id),  # the turn that named them is no source of it
        trust=cube.trust,
        valid_from=cube.valid_from,
        valid_to=cube.valid_to,
        fact=replace(fact, subject=being, value=value),
        tags=tuple(tag for tag in cube.tags if not gone.states(tag)),
        entities=entities_in(text),
        pinned=cube.pinned,
        decays=cube.decays,
        priority=cube.priority,
    )


def _addresses(text: str, names: Collection[str]) -> bool:
    """True where a name is in an address or the like: "annameier@example.org", "anna99"."""
    sought = [plain(name) for name in names]
    return any(name in address for address in _ADDRESS.findall(plain(text)) for name in sought)


def left_s(cube: MemCube, now: datetime) -> float | None:
    """Return for how long it is still to be kept; None: no end is set."""
    return None if cube.ttl_s is None else cube.ttl_s - (now - cube.recorded_at).total_seconds()
