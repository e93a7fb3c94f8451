"""An exchange in, facts that an LLM found in it out, checked against the schema and against the user's own words.

Law: an answer that does not follow the schema adds nothing, so a bad model costs recall and never correctness. A value
that the user did not say is not kept.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from memory.cube import EXTRACTED, FactKey, Origin, SemanticType, Trust
from memory.ports import Extractor
from memory.prompts import EXTRACTION_EXCHANGE, EXTRACTION_SCHEMA, as_data
from memory.rules.possessives import key
from memory.rules.relations import BY_ATTRIBUTE
from memory.turn import Draft, Exchange, Message, Writing
from memory.vault.scrub import FORGOTTEN

logger = logging.getLogger(__name__)

MAX_FACTS = 24
MAX_MESSAGE_CHARS = 6000
_FIELDS = ("subject", "attribute", "value", "text")
_ALL_FIELDS = frozenset((*_FIELDS, "semantic_type", "valid_from"))
_TYPES = {
    "fact": SemanticType.FACT,
    "preference": SemanticType.PREFERENCE,
    "event": SemanticType.EVENT,
}
_PREFIXES = ("pet:", "rel:", "favourite:", "attr:", "thing:")


class Extraction:
    """Adds what an extractor finds to what the rules found."""

    def __init__(self, llm: Extractor) -> None:
        self._llm = llm

    @staticmethod
    def wants(writing: Writing) -> bool:
        """True when the user said something that facts may be in, and it is no wish to forget."""
        return not writing.forgets and bool(_turns(writing.drafts))

    def extend(self, drafts: Sequence[Draft], exchange: Exchange) -> list[Draft]:
        """Return the drafts with the extractor's facts added, none of them twice.

        Raises: EngineDown: the extractor does not answer.
        """
        turns = _turns(drafts)
        if not turns:
            return list(drafts)
        answer = self._llm.extract(prompt_for(exchange, [drafts[n] for n in turns]), EXTRACTION_SCHEMA)
        spoken = " ".join(drafts[n].text for n in turns)
        known = {_same(draft.fact) for draft in drafts if draft.fact}
        held = {(draft.fact.subject, draft.fact.attribute) for draft in drafts if draft.fact and draft.fact.single}
        found = list(drafts)
        for item in facts_of(answer):
            fact = fact_key(item)
            if not _said(fact.value, spoken) or FORGOTTEN in fact.value + item["text"] or _is_withheld(fact, exchange):
                continue
            if _same(fact) in known or (fact.subject, fact.attribute) in held:
                continue  # what the rules read is exact: they win
            known.add(_same(fact))
            found.append(_draft(item, fact, drafts, turns))
        return found


def prompt_for(exchange: Exchange, turns: Sequence[Draft]) -> str:
    """Return the user message of the extraction call: the user's words as data, with the date and a little context."""
    context = "\n".join(_line(message) for message in exchange.context[-4:] if message.role in ("user", "assistant"))
    words = "\n".join(f"user: {as_data(turn.text[:MAX_MESSAGE_CHARS])}" for turn in turns)
    return EXTRACTION_EXCHANGE.format(
        today=exchange.occurred_at.date().isoformat(), context=context or "(none)", exchange=words
    )


def facts_of(answer: object) -> list[Mapping[str, Any]]:
    """Return the items of the answer that follow the schema; anything else is left out."""
    facts = answer.get("facts") if isinstance(answer, Mapping) else None
    if not isinstance(facts, list):
        logger.warning("the extractor's answer does not follow the schema; the rules' facts stand alone")
        return []
    valid = [item for item in facts[:MAX_FACTS] if _is_valid(item)]
    if len(valid) < len(facts):
        logger.warning("%d of %d extracted facts do not follow the schema", len(facts) - len(valid), len(facts))
    return valid


def fact_key(item: Mapping[str, Any]) -> FactKey:
    """Return the key of an extracted fact, spelt as the rules spell theirs."""
    subject = key(item["subject"])
    subject = "user" if subject in ("user", "the user", "i", "me") else subject
    attribute = key(item["attribute"])
    relation = BY_ATTRIBUTE.get(attribute)
    if relation is None and not attribute.startswith(_PREFIXES):
        attribute = f"attr:{attribute}"
    single = relation.single if relation else not attribute.startswith("pet:")
    profile = (relation.profile if relation else attribute.startswith(("pet:", "rel:"))) and subject == "user"
    return FactKey(subject=subject, attribute=attribute, value=item["value"].strip(), single=single, profile=profile)


def _is_valid(item: object) -> bool:
    if not isinstance(item, Mapping) or set(item) - _ALL_FIELDS:
        return False
    if not all(isinstance(item.get(name), str) and 0 < len(item[name].strip()) <= 300 for name in _FIELDS):
        return False
    since = item.get("valid_from")
    return item.get("semantic_type") in _TYPES and (since is None or isinstance(since, str))


def _draft(item: Mapping[str, Any], fact: FactKey, drafts: Sequence[Draft], turns: Sequence[int]) -> Draft:
    origin = next((n for n in turns if _said(fact.value, drafts[n].text)), turns[-1])
    turn = drafts[origin]
    return Draft(
        text=" ".join(item["text"].split()),
        semantic_type=_TYPES[item["semantic_type"]],
        origin=Origin.INFERENCE,
        source=turn.source,
        valid_from=_since(item.get("valid_from"), turn.valid_from),
        fact=fact,
        tags=(EXTRACTED,),
        derived_from=(origin,),
    )


def _turns(drafts: Sequence[Draft]) -> list[int]:
    """Return where the user's own words stand: what they handed over is not read."""
    turns = [n for n, draft in enumerate(drafts) if draft.semantic_type is SemanticType.TURN]
    return [n for n in turns if drafts[n].source.role == "user" and drafts[n].trust is Trust.USER]


def _is_withheld(fact: FactKey, exchange: Exchange) -> bool:
    """True when a later turn took back what is known of that; an attribute that ends in ":" names all below it."""
    mine = [attribute for subject, attribute in exchange.withheld if subject == fact.subject.casefold()]
    below = tuple(attribute for attribute in mine if attribute.endswith(":"))
    return fact.attribute.casefold() in mine or fact.attribute.casefold().startswith(below)


def _since(text: str | None, said_at: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(text) if text else said_at
    except ValueError:
        return said_at
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return min(at, said_at)


def _same(fact: FactKey) -> tuple[str, str, str]:
    return fact.subject, fact.attribute, fact.value.casefold()


def _said(value: str, spoken: str) -> bool:
    return " ".join(value.split()).casefold() in " ".join(spoken.split()).casefold()


def _line(message: Message) -> str:
    return f"{message.role}: {as_data(message.text[:500])}"
