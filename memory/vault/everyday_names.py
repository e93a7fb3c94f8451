"""A month or an everyday word in a text in, whether somebody is called by it there out.

Law: a word counts as a name unless something beside it says that it is none; what is doubtful counts. Only what stands
close to the word tells, so it is the same in a quotation, in a list and where another name was taken out.
"""

import re

from memory.rules.lexicon import BEINGS, MONTHS, WEEKDAYS, alternatives, listing

_SEASONS = listing("summer, autumn, winter, spring")
_SHORT_MONTHS = listing("jan, mar, jun, jul, dec")
_TIMES = {*MONTHS, *WEEKDAYS} | _SEASONS | _SHORT_MONTHS
#: Words that people and animals are called by, and that are written small where they are none.
_WORDS = listing(
    "will, rose, grace, hope, faith, joy, bill, mark, art, dawn, amber, grant, chase, hunter, frank, rich, skip, "
    "miles, cliff, clay, lucky, shadow, spot, biscuit, pepper, cookie, honey, angel, buddy, bear, tiger, midnight, "
    "patch, socks, ginger, star, sky, rain, storm, river, forest, stone, rock, king, prince, major, happy, peanut, "
    "pumpkin, muffin, apple, cherry, berry, plum, olive, blue, red, grey, ash, flash, rocket, scout, captain, chip, "
    "boots, mittens, tank, spirit, magic, chance, case, guy, bean, cinnamon, caramel, fudge, waffle, noodle, pickle, "
    "sunny, copper, silver, gold, snow, sage, jade, crystal, charity, patience, heaven, princess, duke, baron, dusty"
)
_EVERYDAY = _TIMES | _WORDS
_MODAL = listing("may, will")
_VERBS = listing(
    "hope, mark, bill, chase, grant, rain, storm, rock, spot, skip, patch, flash, chip, tank, star, snow, dawn, march, "
    "bear, shadow, scout, rose"
)
_ADJECTIVES = listing(
    "frank, rich, lucky, happy, blue, red, grey, sunny, dusty, major, amber, silver, gold, copper, olive, spring"
)
_NEAR = 40  #: characters on either side that tell what a word is

_MONTH_WORDS = "|".join(sorted({*MONTHS} | _SHORT_MONTHS))
_PERSONAL = r"(?:i|you|he|she|it|we|they|there)"
_PRONOUN = rf"(?:{_PERSONAL}|this|that|these|those|which|who|what|one|everyone|nobody|somebody)"
_ADVERB = (
    r"(?:also|still|just|really|only|never|always|often|all|both|then|so|do|did|does|would|could|can|should|must|"
    r"might|may|will|have to|need to|want to|\w+n't|\w+n\u2019t|not)"
)
_TH = r"(?:st|nd|rd|th)?"
_COUNTED = (
    r"(?:times?|x|years?|yrs?|months?|weeks?|days?|hours?|hrs?|minutes?|mins?|%|percent|today|tomorrow|now|euros?|"
    r"dollars?|pounds?|kilos?|kg|cm|km|miles?)\b"
)

_DATE_BEFORE = re.compile(
    rf"(?:\b\d{{1,2}}{_TH}\.?(?:,? of)?[\s/-]+|\b(?:in|last|next|this|each|every|early|late|mid|month of|"
    rf"(?:beginning|middle|end|start|day|days) of|until|till|since|during|throughout|an?|the)[\s-]+|"
    rf"\b(?:from|between) (?:{_MONTH_WORDS}) (?:to|until|till|through|and) |\b(?:{_MONTH_WORDS})\s?[/\u2013-]\s?)\Z",
    re.IGNORECASE,
)
_DAY_BEFORE = re.compile(
    r"\b(?:on|last|next|this|each|every|until|till|by|since) (?:(?:early|late) )?\Z|\bin (?:early |late )?\Z|"
    r"\b(?:an?|the) (?:\w+ )?\Z",
    re.IGNORECASE,
)
_DAY_BEHIND = re.compile(r"\s+(?:morning|afternoon|evening|night|holidays?|break|term)\b", re.IGNORECASE)
_DATE_BEHIND = re.compile(
    rf"(?:\.?,?\s+(?:the )?\d{{1,2}}{_TH}\b(?!\s*{_COUNTED}|\s*%)(?!['\u2019\w])|"
    rf",?\s+(?:19|20)\d\d\b(?!\s*{_COUNTED})|\s?[/\u2013-]\s?(?:\d|(?:{_MONTH_WORDS})\b)|"
    rf"\s+(?:to|until|till|through)\s+(?:{_MONTH_WORDS})\b)",
    re.IGNORECASE,
)
_DAY_OF_MONTH = re.compile(rf"\s+(?:the )?\d{{1,2}}{_TH}\b", re.IGNORECASE)
_ON_BEFORE = re.compile(r"\b(?:on|by|until|since|before|after)\s+\Z", re.IGNORECASE)
_NAMED_BEFORE = re.compile(
    rf"(?:\b(?:called|named|name is|name's|name was|names are|known as|aka|nicknamed)|"
    rf"\b(?:my|our) (?:\w+ )?(?:{BEINGS}),?)\s+[\"'\u2018\u201c]?\Z",
    re.IGNORECASE,
)
_BEING_BEFORE = re.compile(rf"\b(?:my|our) (?:\w+ )?(?:{BEINGS})\s+\Z", re.IGNORECASE)
#: Whom one meets is called by a name, however it is written.
_MET_BEFORE = re.compile(
    r"\b(?:met|meet|meeting|saw|seen|visit|visited|visiting|told|tell|asked|ask|called|call|love|miss|missed|thank|"
    r"thanked|invited|hugged)\s+\Z",
    re.IGNORECASE,
)
_WITH_BEFORE = re.compile(r"\b(?:with|for|from|to)\s+\Z", re.IGNORECASE)
#: Of "going to rain" the word is a verb.
_TO_BEFORE = re.compile(
    r"\b(?:going|wants?|wanted|needs?|needed|have|had|has|try|tries|tried|trying|starts?|started|begins?|began|likes?|"
    r"able|about|supposed|how|decided|plan|planned) to\s+\Z",
    re.IGNORECASE,
)
_ADJECTIVE = alternatives(
    listing(
        "good, bad, great, nice, new, old, big, small, little, high, low, best, better, worst, worse, full, final, "
        "top, red, white, pink, yellow, blue, black, green, wild, dried, fresh, single, long, short, heavy, light, "
        "electric, electricity, phone, water, gas, energy, monthly, yearly, unpaid, false, real, true, pure, modern, "
        "fine, beautiful, lovely, young, brown, golden, huge, first, second, third, last, next, other, only, whole, "
        "strong, weak, free, cold, hot, warm, poor, tiny, steep, restaurant, hotel, sweet, dark, clear"
    )
)
_ADJECTIVE_ALONE = alternatives(
    listing(
        "good, bad, best, worst, white, pink, yellow, black, green, wild, dried, fresh, heavy, electric, electricity, "
        "phone, water, gas, energy, monthly, yearly, unpaid, false, modern, fine, high, low, question, exclamation, "
        "in the, at the"
    )
)
_ARTICLE_BEFORE = re.compile(
    r"\b(?:an?|the|some|any|every|each|no|such|much|many|few|several|more|most|enough|less|too)\s+"
    rf"(?:(?:very |really )?(?:{_ADJECTIVE})\s+)?\Z|\b(?:{_ADJECTIVE_ALONE})\s+\Z",
    re.IGNORECASE,
)
#: Said in front of a name as well, where somebody does something: "this morning at 5 rose came".
_OWNED_BEFORE = re.compile(
    r"(?:\b(?:my|your|his|her|its|our|their|this|that|these|those|which|what|whose|another|first|second|third|last|"
    r"next|one|two|three|four|five|six|seven|eight|nine|ten|hundred|thousand|half|red|\w+['\u2019]s)|\b\d[\d.,]*)\s+\Z",
    re.IGNORECASE,
)
_SAID_THAT = re.compile(
    r"\b(?:knows?|knew|thinks?|thought|hopes?|hoped|says?|said|believes?|heard|hears?|guess|glad|sure|happy|sad|sorry|"
    r"(?:told|tell|tells) \w+) that\s+\Z",
    re.IGNORECASE,
)
_COPULA_BEFORE = re.compile(
    r"(?:\b(?:am|is|are|was|were|be|been|so|very|quite|too|really|feel|feels|felt|looks?|looked|get|got|turned|not)|"
    r"['\u2019](?:s|m|re))\s+\Z",
    re.IGNORECASE,
)
_SUBJECT_BEFORE = re.compile(
    rf"(?:\b{_PRONOUN}|\b{_PERSONAL}(?:['\u2019](?:d|ll))?(?:\s+{_ADVERB})+|"
    rf"\b{_PERSONAL}['\u2019](?:d|ll)|\b(?:please|let['\u2019]s|don['\u2019]t))\s+\Z",
    re.IGNORECASE,
)
#: What rises.
_RISING_BEFORE = re.compile(
    r"\b(?:(?!(?:yesterday|always|sometimes|besides|perhaps|thanks|towards|was|is|has|does|this|as|us|christmas|guys|"
    r"days|plus|across|unless|afterwards|nowadays)\b)\w{3,}(?<!s)s|sun|moon|prices?|temperature|cost|rent|inflation|"
    r"rate|number|water|level|dough|bread|smoke|steam|dust|voice|tension|pressure|demand|share|stock|river|sea|tide|"
    r"balloon|curtain|fever)\s+\Z",
    re.IGNORECASE,
)
_SET_PHRASE = re.compile(
    r"\b(?:(?:at|before|after|until|since) (?:midnight|dawn)|free will|bill of|rose by (?:\D)?\d|"
    r"in case|by chance|of art|art (?:class|gallery|history|school|museum)|"
    r"rose (?:gardens?|petals?|bush(?:es)?|gold|wine|water|oil)|happy (?:birthday|new|christmas|easter|anniversary|"
    r"to|with|about|that)|miles (?:away|per)|(?:red|blue|grey) (?:wine|cars?|shoes|hair))\b",
    re.IGNORECASE,
)
_OWNED = re.compile(r"['\u2019]s\s+[a-z]")  # "in May's house"
_DOES_BEHIND = re.compile(
    r"\s+(?:and (?:i|me)|came|comes|called|calls|likes?|liked|said|says|told|tells|asked|asks|went|goes|gave|gives|"
    r"wants|wanted|loves|loved|hates|hated|thinks|thought|lives|lived|works|worked|visits|visited|met|moved|bought|"
    r"cooked|arrived|wrote|texted|phoned|rang|helped|brought|knows|knew|plays|played|died|barks|barked|ate|sleeps)\b",
    re.IGNORECASE,
)
_FINITE_BEHIND = re.compile(
    r"\s+(?:is|was|has|had|does|did|will|would|can|could|should|isn['\u2019]t|wasn['\u2019]t)\b|['\u2019]s\b",
    re.IGNORECASE,
)
_VERB_BEHIND = re.compile(r"\s+(?:it|them|as|those|these)\b", re.IGNORECASE)
_HOPE_BEHIND = re.compile(rf"\s+(?:{_PRONOUN}|to|so|not|the|your|my|for|all|everything)\b", re.IGNORECASE)
_MODAL_BEHIND = re.compile(
    rf"\s+(?:{_PRONOUN}\b|(?:the|a|an|my|your|our|his|her|their|these|be|have|not|also|just|still|never|always|"
    r"probably|only|soon|definitely|certainly|likely|or may)\b|well\b)",
    re.IGNORECASE,
)
_LISTED_BEFORE = re.compile(rf"(?:[A-Z][\w'\u2019-]+|\b(?:[Mm]y|[Oo]ur) (?:{BEINGS})|\bme),? and\s+\Z")
_WORD_BEHIND = re.compile(r"\s+([a-z]+)", re.IGNORECASE)
#: Behind a modal verb none of these stands.
_NO_INFINITIVE = listing(
    "and, or, but, at, on, in, to, for, from, with, about, of, by, after, before, until, since, because, if, when, "
    "while, who, is, was, has, had, are, were, does, did, came, went, said, told, gave, got, made, took, ate, saw, "
    "met, left, wrote, rang, bought, brought, knew, thought, tonight, today, tomorrow, yesterday, again, too, there, "
    "here, last, next, would, could, should, can, might, as, than, nearby, downtown, upstairs, home, together, "
    "twice, once"
)
_INFINITIVE_ENDING = re.compile(r".*(?:ss|need|feed|eed|speed|embed|focus|bus|sing|ring|bring)\Z", re.IGNORECASE)
_INFLECTED = re.compile(r".*(?:s|ed|ing)\Z", re.IGNORECASE)
_SENTENCE_START = re.compile(r"(?:^|[.!?:\n]\s*|^\s*[-*>]\s*)[\"'\u2018\u201c(]*\Z")


def is_everyday_word(word: str) -> bool:
    """True for a folded word that is a month or an everyday word, whoever may be called so."""
    return word in _EVERYDAY


def is_mere_word(word: str) -> bool:
    """True for a folded word that is a verb nearly everywhere: a search for it finds what has nothing in common."""
    return word in _MODAL or word == "march"


def may_be_name(word: str, found: "re.Match[str]") -> bool:
    """Return whether somebody may be called by the word where it was found; ``word``: the same folded."""
    place = _Place(word, found)
    if place.behind(_OWNED) and not place.before(_ARTICLE_BEFORE):
        return True
    if place.before(_NAMED_BEFORE):
        return not (place.small and word in _MODAL and place.before(_BEING_BEFORE) and _has_infinitive(place))
    if word in _TIMES and _is_time(word, place):
        return False
    if place.before(_MET_BEFORE):
        return True
    if not place.small:
        return not (place.before(_SENTENCE_START) and _begins_as_verb(word, place))
    return not _is_no_name(word, place)


class _Place:
    """Where a word stands."""

    def __init__(self, word: str, found: "re.Match[str]") -> None:
        said = found[0]
        self.text, self.start, self.end = found.string, found.start(), found.end()
        self.small = said[:1].islower() or (len(word) > 1 and said.isupper())

    def before(self, pattern: "re.Pattern[str]") -> bool:
        """True where the pattern, which ends in an end, stands right in front."""
        return pattern.search(self.text, max(0, self.start - _NEAR), self.start) is not None

    def behind(self, pattern: "re.Pattern[str]") -> "re.Match[str] | None":
        """Return the pattern right behind."""
        return pattern.match(self.text, self.end, self.end + _NEAR)

    def within(self, pattern: "re.Pattern[str]") -> bool:
        """True where the word is a part of the pattern."""
        found = pattern.finditer(self.text, max(0, self.start - _NEAR), self.end + _NEAR)
        return any(each.start() <= self.start and self.end <= each.end() for each in found)


def _is_time(word: str, place: _Place) -> bool:
    if word in _SEASONS.union(WEEKDAYS):
        return place.before(_DAY_BEFORE) or bool(place.behind(_DAY_BEHIND))
    if place.before(_DATE_BEFORE) or place.behind(_DATE_BEHIND):
        return True
    return place.before(_ON_BEFORE) and bool(place.behind(_DAY_OF_MONTH))


def _begins_as_verb(word: str, place: _Place) -> bool:
    """True for "Will it rain?", "Hope you are well.", "Mark it." and "Happy birthday!"."""
    if place.within(_SET_PHRASE):
        return True
    if word in _MODAL:
        return bool(place.behind(_MODAL_BEHIND))
    if word == "hope":
        return bool(place.behind(_HOPE_BEHIND))
    return word in _VERBS and bool(place.behind(_VERB_BEHIND))


def _is_no_name(word: str, place: _Place) -> bool:
    """True for a word in small letters, or all in capitals, that is surely no name."""
    if word in _VERBS and place.before(_TO_BEFORE):
        return True
    if place.before(_WITH_BEFORE):
        return False
    if place.within(_SET_PHRASE) or place.before(_ARTICLE_BEFORE):
        return True
    if place.behind(_DOES_BEHIND):
        return False
    if place.before(_OWNED_BEFORE) and not place.before(_SAID_THAT):
        return True
    if word in _ADJECTIVES and place.before(_COPULA_BEFORE):
        return True
    if word in _MODAL:
        return _is_modal(place)
    return word in _VERBS and _is_verb(word, place)


def _is_modal(place: _Place) -> bool:
    if place.behind(_FINITE_BEHIND):
        return False
    if place.before(_SUBJECT_BEFORE) or place.behind(_MODAL_BEHIND):
        return True
    return not place.before(_LISTED_BEFORE) and _has_infinitive(place)


def _has_infinitive(place: _Place) -> bool:
    """True for "will come", and not for "will came" or "will and I"."""
    word = place.behind(_WORD_BEHIND)
    said = word[1].casefold() if word else "and"
    return said not in _NO_INFINITIVE and (not _INFLECTED.match(said) or bool(_INFINITIVE_ENDING.match(said)))


def _is_verb(word: str, place: _Place) -> bool:
    if place.behind(_FINITE_BEHIND):
        return False
    if place.before(_SUBJECT_BEFORE) or _begins_as_verb(word, place):
        return True
    return word == "rose" and place.before(_RISING_BEFORE)
