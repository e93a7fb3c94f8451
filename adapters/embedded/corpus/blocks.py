"""Facts in, the memory lines and the two blocks that the product puts into a prompt out.

Law: the bytes are made by ``memory.prompts``, the same code that writes the prompts of real requests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from adapters.embedded.corpus import frames
from adapters.embedded.corpus.facts import Fact, Facts
from adapters.embedded.corpus.vocabulary import Vocabulary
from memory import prompts
from memory.injector import place

_FIRST_DAY = date(2023, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One memory: the facts that its line states (none: a line that holds no fact), told on a day."""

    facts: tuple[Fact, ...]
    day: date
    text: str = ""  #: what was said, for a line without facts


def system_text(persona: str, lines: Sequence[str]) -> str:
    """Return the system message of a caller's own text and the memory lines, "" without either."""
    own = [{"role": "system", "content": persona}] if persona else []
    return "".join(message["content"] for message in place(own, prompts.stable_block(list(lines)), {}))


class Blocks:
    """Memory lines, drawn with a vocabulary."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._words: Vocabulary = facts.vocabulary

    def entries(self, facts: Sequence[Fact], *, plain: bool = False) -> list[Entry]:
        """Return the facts as entries, oldest first; ``plain``: one fact an entry, and nothing else."""
        words = self._words
        entries: list[Entry] = []
        day = _FIRST_DAY + timedelta(days=words.random.randint(0, 1400))
        span_days = words.pick((0, 5, 60, 400)) / max(1, len(facts))
        left = list(facts)
        while left:
            group = [left.pop(0)]
            while not plain and left and len(group) < 3 and self._joins(group, left[0]):
                group.append(left.pop(0))
            day += timedelta(days=round(words.random.random() * 2 * span_days))
            entries.append(Entry(facts=tuple(group), day=day))
            if not plain and words.chance(0.06):
                entries.append(Entry(facts=(), day=day, text=self._noise()))
        return entries

    def lines(self, entries: Sequence[Entry], style: str = "") -> list[str]:
        """Return the memory lines. ``style``: fact, quote or mixed; "" draws one."""
        style = style or self._words.random.choices(("fact", "quote", "mixed"), (48, 37, 15))[0]
        return [self._line(entry, style) for entry in entries]

    def _joins(self, group: Sequence[Fact], fact: Fact) -> bool:
        return fact.key not in {one.key for one in group} and self._words.chance(0.12 if len(group) == 1 else 0.25)

    def _line(self, entry: Entry, style: str) -> str:
        facts = self._facts
        if not entry.facts:
            return prompts.quote_line(entry.day, entry.text)
        first = entry.facts[0]
        quoted = style == "quote" or (style == "mixed" and self._words.chance(0.5))
        if len(entry.facts) > 1:
            text = facts.together(entry.facts, third=not quoted)
        else:
            text = facts.statement(first) if quoted else facts.stored(first)
        return prompts.quote_line(entry.day, text) if quoted else prompts.fact_line(entry.day, text)

    def _noise(self) -> str:
        """Return something that somebody said and that holds no fact."""
        words = self._words
        if words.chance(0.4):
            said, _ = words.pick(frames.SMALL_TALK)
            return words.pick(said)
        return self._facts.question(self._facts.new()) if words.chance(0.5) else self.unknowable()

    def unknowable(self) -> str:
        """Return a question that no memory answers."""
        words = self._words
        return words.pick(frames.UNKNOWABLE).format(
            city=words.value("city"),
            number=words.random.randint(1, 99),
            word=words.made_up(),
            name=words.value("name"),
        )

    def persona(self) -> str:
        """Return a caller's own system prompt, "" in a quarter of the cases."""
        words = self._words
        share = words.random.random()
        if share < 0.25:
            return ""
        if share < 0.45:
            return "You are a helpful assistant."
        first = words.pick(frames.PERSONAS).format(
            name=words.value("name"), company=words.value("company"), subject=words.value("subject")
        )
        if words.chance(0.1):
            first = f"Today is {words.day()}."
        count = words.random.choices((0, 1, 2, 3), (3, 4, 2, 1))[0]
        return words.pick((" ", " ", "\n")).join([first, *words.random.sample(frames.RULES, count)])
