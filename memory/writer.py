"""A finished exchange in, the memories that it is worth out: the user's words verbatim, and the facts they state.

Law: what memory brought in is never learnt again, what the assistant says is never a fact about the user, and the
same exchange always gives the same writing. What the user hands over (a mail, a page, a transcript) is a document's
word: it states, corrects and forgets nothing, and neither does what tries to give a model orders.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from memory.cube import FactKey, Origin, SemanticType, Source, Trust
from memory.prompts import FENCE_CLOSE, FENCE_OPEN, STABLE_HEADER
from memory.rules.contacts import replaced_by
from memory.rules.corrections import corrected
from memory.rules.endings import endings
from memory.rules.handed_over import parted
from memory.rules.lexicon import NOT_ACKNOWLEDGED
from memory.rules.names import entities_in
from memory.rules.partings import partings
from memory.rules.predicates import Statement
from memory.rules.sentences import Clause, asks, clauses, own_words, plain, sentences_and_rest, well_formed
from memory.rules.small_talk import is_small_talk
from memory.rules.statements import read_statements
from memory.rules.times import find_times
from memory.rules.wished import NOTHING, Before
from memory.rules.wishes import forgets
from memory.rules.words import is_casual
from memory.trust import attacks, gives_orders, least, origin_under, speaks_for_user
from memory.turn import Draft, Exchange, Forget, Message, Retract, Writing
from memory.vault.scrub import FORGOTTEN

MAX_TAGGED_CHARS = 2_000  #: names and times of a verbatim turn are looked for in its front
MAX_NOVEL_CHARS = 20_000  #: of each text that is compared to find out whether an answer says anything new
MAX_CONTEXT = 6  #: earlier user messages that corrections and "forget that" are resolved against

_MEMORY_LINE = re.compile(r"^- \d{4}-\d\d-\d\d: ")
_WORD = re.compile(r"[^\W_]{2,}")
_NO_TIME = frozenset({"birthday", "age", "born", "reading"})
_FRONT_CHARS = 30  #: "At the beginning of last year,"
_SENTENCE_END = re.compile(r"[.!?;:]")
#: "I live in Bergen, not Oslo.": where one value holds, what it is not says no more.
_CONTRAST = re.compile(r", not [^,;.!?]{1,40}[.!]?$")
_NEWS = timedelta(days=92)  #: what began within these is told as a change; what began before that, as history


@dataclass(frozen=True, slots=True)
class _Read:
    """What one user message came to."""

    drafts: list[Draft]  #: the turn first; ``derived_from`` counts inside this list
    statements: list[Statement]
    forgets: tuple[Forget, ...]
    retracts: list[Retract]


class Writer:
    """Writes exchanges down, by rules."""

    def __init__(self, *, keep_turns: bool = True, derive_facts: bool = True, assistant_novel_words: int = 8) -> None:
        self._keep_turns = keep_turns
        self._derive_facts = derive_facts
        self._novel_words = assistant_novel_words

    def write(self, exchange: Exchange) -> Writing:
        """Return drafts, wishes to forget and facts that no longer hold."""
        stated, before = self._context(exchange), self._before(exchange)
        drafts: list[Draft] = []
        wishes: list[Forget] = []
        retracts: list[Retract] = []
        said: list[str] = []
        rests_on = least((exchange.trust, *(self._trust_in(message, exchange) for message in exchange.context)))
        for message in exchange.messages:
            rests_on = least((rests_on, self._trust_in(message, exchange)))
            if message.role == "user":
                read = self._user(message, exchange, stated, before)
                before = Before(message.id, tuple(read.statements))
                drafts += _moved(read.drafts, len(drafts))
                wishes += read.forgets
                retracts += read.retracts
                stated += read.statements
                said.append(message.text)
            elif message.role == "assistant":
                drafts += self._assistant(message, exchange, said, rests_on)
        return Writing(drafts=tuple(drafts), forgets=tuple(wishes), retracts=tuple(retracts))

    def _context(self, exchange: Exchange) -> list[Statement]:
        """Return what was stated before, oldest first; nothing is written of it."""
        earlier = [message for message in exchange.context if message.role == "user"][-MAX_CONTEXT:]
        found: list[Statement] = []
        for message in earlier:
            text = _parted(plain(without_injected(message.text, exchange.injected)))[0]
            found += corrected(text, found) or _stated(text)
        return found

    def _before(self, exchange: Exchange) -> Before:
        """Return what the user said right before the exchange."""
        last = next((message for message in reversed(exchange.context) if message.role == "user"), None)
        if last is None:
            return NOTHING
        text = _parted(plain(without_injected(last.text, exchange.injected)))[0]
        return Before(last.id, tuple(_stated(text)))

    def _user(self, message: Message, exchange: Exchange, stated: Sequence[Statement], before: Before) -> _Read:
        text = plain(well_formed(without_injected(message.text, exchange.injected))).strip()
        own, handed_over = _parted(text)
        read = self._own(own, message, exchange, stated, before)
        if handed_over and self._keep_turns:
            kept = _turn(message, exchange, handed_over, (), trust=Trust.DOCUMENT)
            read = replace(read, drafts=[*read.drafts, kept])
        return read

    def _own(
        self, text: str, message: Message, exchange: Exchange, stated: Sequence[Statement], before: Before
    ) -> _Read:
        """Read what the user says in their own words."""
        wishes, text = forgets(text, before)
        # one that was fulfilled, with all of its turn, says no more what was meant: it would take all
        wishes = tuple(wish for wish in wishes if FORGOTTEN not in wish.target)
        said_at = message.created_at or exchange.occurred_at
        if not any(c.isalnum() for c in text.replace(FORGOTTEN, "")) or is_small_talk(text):
            return _Read([], [], wishes, [])
        parts = clauses(own_words(text))
        facts = (
            (corrected(text, stated) or read_statements(parts, casual=is_casual(text))) if self._derive_facts else []
        )
        kept = [_turn(message, exchange, text, _tags(text, parts, facts, said_at))] if self._keep_turns else []
        asserted = [one for one in _unique(facts) if not one.negated]
        kept += [_fact(one, message, exchange, said_at, derived=self._keep_turns) for one in asserted]
        over = _no_longer(facts, parts, text) if self._derive_facts else []
        retracts = [Retract(fact=fact, at=said_at) for fact in over]
        return _Read(kept, facts, wishes, retracts)

    def _trust_in(self, message: Message, exchange: Exchange) -> Trust:
        """Return the trust in what a message gives an answer to rest on: less when something was handed over in it."""
        if message.role != "user":
            return Trust.USER
        handed_over = _parted(plain(without_injected(message.text, exchange.injected)))[1]
        return Trust.DOCUMENT if handed_over else Trust.USER

    def _assistant(self, message: Message, exchange: Exchange, said: Sequence[str], rests_on: Trust) -> list[Draft]:
        text = well_formed(without_injected(message.text, exchange.injected)).strip()
        if not self._keep_turns or not text or is_small_talk(text):
            return []
        if not exchange.imported and len(_novel(text, [*said, exchange.injected])) < max(1, self._novel_words):
            return []
        trust = least((Trust.ASSISTANT, rests_on, Trust.DOCUMENT if gives_orders(text) else Trust.USER))
        return [_turn(message, exchange, text, (), trust=trust)]


def names_in(text: str, fact: FactKey | None) -> tuple[str, ...]:
    """Return the names in the front of a text, and of whom it states a fact, each once whatever its capitals."""
    subject = () if fact is None or fact.subject == "user" else (fact.subject,)
    found: dict[str, str] = {}
    for name in (*entities_in(text[:MAX_TAGGED_CHARS]), *subject):
        found.setdefault(name.casefold(), name)
    return tuple(found.values())


def without_injected(text: str, injected: str) -> str:
    """Return the text without anything that memory put into the prompt: fences, header, memory lines, injected text."""
    if injected and injected.strip():
        text = text.replace(injected, "\n").replace(injected.strip(), "\n")
    known = {line.strip() for line in injected.splitlines() if line.strip()}
    if not any(mark in text for mark in (FENCE_OPEN, STABLE_HEADER, *known)):
        return text
    text = _without_fenced(text)
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        bare = line.strip()
        if STABLE_HEADER in bare or bare in (FENCE_OPEN, FENCE_CLOSE):
            inside = bare != FENCE_CLOSE
        elif (inside and _MEMORY_LINE.match(bare)) or (bare and bare in known):
            continue
        else:
            inside = inside and not bare
            kept.append(line)
    return "\n".join(kept).replace(FENCE_OPEN, "").replace(FENCE_CLOSE, "").strip()


def _without_fenced(text: str) -> str:
    """Return the text without what stands between fences and the white space behind it. Linear: one look ahead."""
    kept: list[str] = []
    start = 0
    while (opened := text.find(FENCE_OPEN, start)) >= 0:
        closed = text.find(FENCE_CLOSE, opened)
        if closed < 0:
            break
        kept.append(text[start:opened])
        start = closed + len(FENCE_CLOSE)
        while text[start : start + 1].isspace():
            start += 1
    return "".join([*kept, text[start:]])


def _stated(text: str) -> list[Statement]:
    return read_statements(clauses(own_words(text)), casual=is_casual(text))


def _no_longer(facts: Sequence[Statement], parts: Sequence[Clause], text: str) -> list[FactKey]:
    taken_back = [one.fact for one in facts if one.negated]
    out_of_date = [fact for one in facts if not one.negated for fact in replaced_by(one.fact, one.clause)]
    return [*taken_back, *out_of_date, *partings(parts), *endings(parts, text)]


def _unique(statements: Iterable[Statement]) -> list[Statement]:
    found: dict[tuple[str, str, str], Statement] = {}
    for one in statements:
        found.setdefault((one.fact.subject, one.fact.attribute, one.fact.value.casefold()), one)
    return list(found.values())


def _moved(drafts: Iterable[Draft], by: int) -> list[Draft]:
    return [replace(draft, derived_from=tuple(n + by for n in draft.derived_from)) for draft in drafts]


def _source(message: Message, exchange: Exchange) -> Source:
    return Source(
        conversation_id=exchange.conversation_id,
        message_ids=(message.id,) if message.id else (),
        turn_id=exchange.turn_id or None,
        role=message.role,
        name=message.name,
    )


def _parted(text: str) -> tuple[str, str]:
    """Return what the user says in their own words, and what is another's or tries to give orders."""
    own, handed_over = parted(text)
    if not _is_hostile(own):
        return own, handed_over
    # the orders may stand in a quote only: then what stands around it is still the user's
    unquoted = own_words(own).replace("\u2026", " ").strip()
    return ("", text) if _is_hostile(unquoted) else (unquoted, text)


def _is_hostile(text: str) -> bool:
    return attacks(text) or speaks_for_user(text)


def _turn(message: Message, exchange: Exchange, text: str, tags: tuple[str, ...], trust: Trust = Trust.USER) -> Draft:
    return Draft(
        text=text,
        semantic_type=SemanticType.TURN,
        origin=origin_under(trust, Origin.USER_INPUT),
        source=_source(message, exchange),
        trust=trust,
        valid_from=message.created_at or exchange.occurred_at,
        tags=tags,
        entities=entities_in(text[:MAX_TAGGED_CHARS]),
    )


def _tags(text: str, parts: Sequence[Clause], facts: Sequence[Statement], said_at: datetime) -> tuple[str, ...]:
    """Return "question", "covered" and "when:START/END" (ISO dates, half-open) as they apply.

    The first two speak of the whole text, so a text that is too long to be read whole has neither.
    """
    tags: list[str] = []
    pieces, behind = sentences_and_rest(text)
    times = find_times(text[:MAX_TAGGED_CHARS], said_at)
    if pieces and not behind and all(asks(piece) for piece in pieces):
        tags.append("question")
    understood = {one.clause for one in facts}
    if (
        parts
        and facts
        and not behind
        and not any(one.negated for one in facts)
        and not times
        and all(one.whole or (one.fact.single and _CONTRAST.search(text)) for one in facts)
        and not any(c.question or c.unreal for c in parts)
    ):
        spoken = sum(len(c.text) for c in parts)
        if all(c.text in understood for c in parts) and spoken >= 0.5 * len(text):
            tags.append("covered")
    tags += [f"when:{time.start.date()}/{time.end.date()}" for time in times[:4]]
    return tuple(tags)


def _fact(one: Statement, message: Message, exchange: Exchange, said_at: datetime, *, derived: bool) -> Draft:
    start, end = _validity(one, message.text, said_at)
    return Draft(
        text=one.text,
        semantic_type=one.semantic_type,
        origin=Origin.INFERENCE,
        source=_source(message, exchange),
        valid_from=start,
        valid_to=end,
        stated_at=said_at if start < said_at <= start + _NEWS else None,
        fact=one.fact,
        tags=(one.fact.attribute,),  # a label policy finds it by what it is about
        entities=names_in(one.text, one.fact),
        derived_from=(0,) if derived else (),
    )


def _validity(one: Statement, text: str, said_at: datetime) -> tuple[datetime, datetime | None]:
    """Return since when and until when it holds: a past time in the clause dates it, a coming one ends an event.

    So does a time that the message begins with, right before the clause: "In 2019 I moved to Porto."
    """
    if one.fact.attribute in _NO_TIME or one.fact.attribute.startswith("attr:"):
        return said_at, None
    times = find_times(one.clause.replace(one.fact.value, "", 1), said_at)
    front, clause, _ = text.partition(one.clause)
    if not times and clause and len(front) <= _FRONT_CHARS and not _SENTENCE_END.search(front):
        times = find_times(front, said_at)
    if len(times) != 1:
        return said_at, None
    time = times[0]
    if one.semantic_type is SemanticType.EVENT and time.end > said_at:
        return said_at, time.end
    return min(time.start, said_at), None


def _novel(text: str, known: Sequence[str]) -> set[str]:
    """Return the content words of the text, stemmed, that occur in none of the known texts; fronts are compared."""
    old = {_stem(word) for other in known for word in _WORD.findall(other[:MAX_NOVEL_CHARS].casefold())}
    new = {_stem(word) for word in _WORD.findall(text[:MAX_NOVEL_CHARS].casefold()) if word not in NOT_ACKNOWLEDGED}
    return new - old


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
