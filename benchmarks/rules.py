"""How often the rules read what people say: told facts in plain words in, a Markdown table per kind of fact out.

    python benchmarks/rules.py [--draws 4] [--seed 1] [--show RELATION]

Every phrasing of the embedded model's training tables is filled with listed (never made-up) words and given to the
writer, as if it were the only message of a conversation. "right": the facts written are the one that was told and no
other; "part": it is among them, beside another; "wrong": only others are; "none": no fact, the words alone are kept.
"others" is told of somebody else ("Bob lives in Porto."). Writes nothing; needs no engine and no network.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from adapters.embedded.corpus import words
from adapters.embedded.corpus.facts import RELATIONS, Fact, Facts
from adapters.embedded.corpus.vocabulary import LISTED_VALUES, Vocabulary
from memory.cube import FactKey
from memory.rules.possessives import key
from memory.turn import Exchange, Message, Scope
from memory.writer import Writer

NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)
OUTCOMES = ("right", "part", "wrong", "none")
COMMON = {
    part
    for text in (*LISTED_VALUES, *words.NAMES, *words.NOUNS, *words.ADJECTIVES, *words.MONTHS)
    for part in text.casefold().split()
} | {"a", "an", "the"}


def is_common(text: str) -> bool:
    """True when every word stands in a list, or is a number or a code."""
    return all(word in COMMON or re.fullmatch(r"[a-z]{0,2}-?[\d:]+", word) for word in text.casefold().split())


def told(relation: str, form: str, facts: Facts, who: str) -> tuple[Fact, str]:
    """Return a fact in listed words and the form with its words in it."""
    while True:
        fact = facts.new(relation, who)
        if is_common(f"{fact.x} {fact.y} {fact.value}"):
            return fact, filled(form.removeprefix("~"), fact)


def filled(form: str, fact: Fact) -> str:
    """Return the form with the fact's words in it, "a" before vowels as "an"."""
    for slot in ("x", "y"):
        if (getattr(fact, slot) or "-")[0] in "aeiou":
            form = form.replace(f" a {{{slot}}}", f" an {{{slot}}}")
    owner = fact.who or "The user"
    return form.format(v=fact.value, x=fact.x, y=fact.y, n=fact.who, S=owner, P=f"{owner}'s")


def expected(fact: Fact) -> tuple[str, set[str], str]:
    """Return the subject, the attributes that may stand for it, and the value of a told fact."""
    x = key(fact.x)
    last = x.split()[-1] if x else ""
    attributes = {
        "pet": {f"pet:{x}"},
        "rel": {f"rel:{x}", f"rel:{last}"},
        "fav": {f"favourite:{x}"},
        "attr": {f"attr:{x}"},
        "thing": {f"thing:{x}"},
    }.get(fact.relation, {fact.relation})
    subject = key(fact.y) if fact.y else (fact.who or "user").casefold()
    return subject, attributes, bare(fact.value)


def bare(value: str) -> str:
    """Return the value in lower case, without an article and "old": what must be the same."""
    return re.sub(r"^(?:an?|the) ", "", value.casefold())


def read(text: str, writer: Writer) -> list[FactKey]:
    """Return the facts that the writer finds in one message."""
    exchange = Exchange(
        turn_id="t",
        scope=Scope(user="u"),
        conversation_id="c",
        messages=(Message(role="user", text=text),),
        injected="",
        occurred_at=NOW,
    )
    return [draft.fact for draft in writer.write(exchange).drafts if draft.fact]


def outcome(fact: Fact, found: list[FactKey]) -> str:
    """Return one of ``OUTCOMES``."""
    subject, attributes, value = expected(fact)
    hits = [one.subject == subject and one.attribute in attributes and bare(one.value) == value for one in found]
    if not hits:
        return "none"
    return "right" if all(hits) else "part" if any(hits) else "wrong"


def measured(relation: str, draws: int, seed: int, *, others: bool) -> Iterator[tuple[str, str, str, list[FactKey]]]:
    """Yield (outcome, form, sentence, facts read) for every phrasing of a relation, ``draws`` times each."""
    phrasings = RELATIONS[relation]
    facts, writer = Facts(Vocabulary(seed)), Writer()
    for form in phrasings.stored if others else phrasings.told:
        for _ in range(draws):
            who = facts.vocabulary.pick(words.NAMES) if others else ""
            fact, text = told(relation, form, facts, who)
            found = read(text, writer)
            yield outcome(fact, found), form, text, found


def share(counts: Counter[str], name: str) -> str:
    """Return the share in per cent, as it stands in the table."""
    total = counts.total()
    return f"{100 * counts[name] / total:.0f}" if total else "-"


def row(name: str, own: Counter[str], others: Counter[str]) -> str:
    """Return a row of the table."""
    cells = [share(own, outcome) for outcome in OUTCOMES] + [share(others, outcome) for outcome in OUTCOMES]
    return "| " + " | ".join([name, str(own.total()), *cells]) + " |"


def table(draws: int, seed: int) -> str:
    """Return the shares per relation in per cent, and over all phrasings."""
    heads = [*OUTCOMES, *(f"others: {outcome}" for outcome in OUTCOMES)]
    lines = ["| relation | told | " + " | ".join(heads) + " |", "|---|" + "---:|" * 9]
    all_own: Counter[str] = Counter()
    all_others: Counter[str] = Counter()
    for relation, phrasings in RELATIONS.items():
        own = Counter(result for result, *_ in measured(relation, draws, seed, others=False))
        others: Counter[str] = Counter()
        if phrasings.answer_third:
            others = Counter(result for result, *_ in measured(relation, draws, seed, others=True))
        all_own += own
        all_others += others
        lines.append(row(relation, own, others))
    return "\n".join([*lines, row("all", all_own, all_others)])


def misses(relation: str, draws: int, seed: int) -> str:
    """Return every sentence of a relation that was not read right, with what was read."""
    lines = []
    for others in (False, True) if RELATIONS[relation].answer_third else (False,):
        for result, form, text, found in measured(relation, draws, seed, others=others):
            if result != "right":
                said = "; ".join(f"{one.subject} {one.attribute} = {one.value}" for one in found)
                lines.append(f"{result:5}  {form:50}  {text:60}  {said}")
    return "\n".join(lines)


def main() -> None:
    """Print the table, or the misses of one relation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=4, help="sentences per phrasing")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", choices=sorted(RELATIONS), help="print what was not read right instead")
    given = parser.parse_args()
    print(misses(given.show, given.draws, given.seed) if given.show else table(given.draws, given.seed))


if __name__ == "__main__":
    main()
