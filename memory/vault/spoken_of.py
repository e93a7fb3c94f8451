"""What a wish to forget is about in, a pattern of the sentences that speak of it out, as far as they are of the user.

"My salary" is spoken of in "I earn 50000 a year." too, and "where I work" in "I work as a nurse in Bristol."; "my
sister's knee" is not "my knee". Law: only what is surely about it is, for what is forgotten cannot be brought back.
"""

import re

from memory.vault.words import stems, words

_MINE = re.compile(
    r"^(?:about )?(?:that )?(?P<owner>my|our) (?P<thing>[\w'\u2019-]+"
    r"(?: (?!(?:on|in|at|of|to|for|with|from|about|and|or|by|is|was)\b)[\w'\u2019-]+){0,2})$",
    re.IGNORECASE,
)
_OWNER = r"(?:my|our|your|the user['\u2019]s)"
_WHO = r"(?:i|we|you|the user)"
_ADVERB = r"(?: (?:also|still|now|just|currently|really|always|usually|only|mostly))?"
_BETWEEN = r"(?: (?!(?:and|or|but|in|on|at|of|to|for|with|from|by|is|was|are)\b)[\w-]+){0,2}"  #: "my left knee"
_NEAR = r"[^.!?\n]{0,40}?\b"
_CURRENCY = r"(?:euros?|dollars?|francs?|pounds?|usd|eur|chf|gbp|bucks)"
_MEDICINE = (
    r"\d+ ?mg|medicines?|medications?|pills?|tablets?|antibiotics?|painkillers?|aspirin|paracetamol|insulin|inhaler|"
    r"steroids?|antidepressants?|morphine|codeine|cortisone|"
    r"\w+(?:profen|cillin|mycin|statin|olol|pril|sartan|prazole|azepam|azolam|oxetine|traline|formin|dipine|cycline)"
)
_ILLNESS = (
    r"pain|pains|ache|aches|headaches?|migraines?|pressure|asthma|allergy|allergies|heart|back|depression|anxiety|"
    r"diabetes|cholesterol|thyroid|nerves|sleep|infection|cold|flu|epilepsy|adhd|arthritis"
)
#: By word, what else is said of oneself where that is meant.
_SAID_AS = {
    "work": rf"{_WHO}{_ADVERB} work(?:s|ed)?\b|{_OWNER} (?:work|job|employer|company|profession)\b",
    "job": rf"{_WHO}{_ADVERB} work(?:s|ed)? as\b|{_OWNER} (?:work|job|profession|occupation)\b",
    "medicin": rf"{_WHO}{_ADVERB} (?:take|takes|took|am on|'m on|use|uses|need|needs|got prescribed|was prescribed)\b"
    rf"{_NEAR}(?:{_MEDICINE}|for (?:my|his|her|the) (?:[\w-]+ ){{0,2}}(?:{_ILLNESS}))\b|"
    rf"{_OWNER} (?:\w+ )?(?:medicines?|medications?|meds|pills|tablets|drugs|prescription)\b",
    "salari": rf"{_WHO}{_ADVERB} (?:earn(?:s|ed)?|get(?:s)? paid|(?:am|are|is|'m|'re) paid|makes? [$\u20ac\u00a3]\s?\d|"
    rf"makes? \d[\d.,]*k?(?: {_CURRENCY})? (?:a|per) (?:year|month|week|hour)|makes? \d[\d.,]*k? {_CURRENCY}\b)"
    rf"|{_OWNER} (?:\w+ )?(?:salary|income|pay|wages?|earnings|paycheck)\b",
}
_SAID_AS |= dict.fromkeys(("medic", "med", "pill", "tablet", "drug", "prescript"), _SAID_AS["medicin"])
_SAID_AS |= dict.fromkeys(("incom", "pay", "wage", "earn", "paycheck"), _SAID_AS["salari"])

_WHERE = re.compile(r"^where (?:i|we) (?P<verb>[a-z]+)$", re.IGNORECASE)
_KIND = re.compile(
    r"^(?:(?:what|which) (?:kind of |sort of )?(?P<noun>[a-z]+) (?:i|we) (?:take|use|need|am on)|"
    r"(?:what|how much)(?: money)? (?:i|we) (?P<earn>earn|make|get paid))$",
    re.IGNORECASE,
)
_AGE = re.compile(
    r"^(?:(?:my|our) (?P<being>[\w-]+)['\u2019]s age|how old (?:my|our) (?P<other>[\w-]+) is)$", re.IGNORECASE
)
_AT = r"(?:at|in|for|with|on|from|near|by|to)"
_NUMBER = (
    r"(?:\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)"
    r"teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-\w+)?)\b"
)
_NO_YEARS = "cm|kg|kilos?|metres?|meters?|feet|foot|pounds|km|miles|hours?|minutes?|days?|weeks?|of|o'clock|am|pm"
_AGED = rf"{_NUMBER}(?![.,:]?\d|\s*(?:%|(?:{_NO_YEARS})\b))"
_IS = r"(?: is| was| turned| turns|'s| will be| just turned)(?: (?:now|already|only|about|almost))?"


def mine(target: str) -> "re.Pattern[str] | None":
    """Return a pattern of the sentences that speak of what is the user's ("my knee"); None for any other words."""
    found = _MINE.match(target.strip())
    if found is None or re.search(r"['\u2019]s? ", found["thing"]):
        return None
    thing = words(found["thing"])
    spoken = [rf"{_OWNER}{_BETWEEN} {' '.join(map(_inflected, thing))}\b(?!-)"]
    if len(thing) == 1 and (other := _SAID_AS.get(stems(thing)[0])):
        spoken.append(other)
    return re.compile(rf"(?<!\w)(?:{'|'.join(spoken)})", re.IGNORECASE)


def told_of(target: str) -> "re.Pattern[str] | None":
    """Return a pattern of what tells what a clause asks for ("where I work", "my daughter's age"), as ``mine`` does."""
    where, kind, aged = _WHERE.match(target), _KIND.match(target), _AGE.match(target)
    if where:
        verb = re.escape(where["verb"].casefold().removesuffix("ed").removesuffix("e"))
        does = rf"{_WHO}(?:{_ADVERB} | am |'m |'ve | have ){verb}(?:e|s|es|ed|ing)?\b{_NEAR}{_AT}\b"
        return re.compile(rf"(?<!\w)(?:{does})", re.IGNORECASE)
    if kind:
        said = _SAID_AS.get("salari" if kind["earn"] else stems([kind["noun"].casefold()])[0])
        return None if said is None else re.compile(rf"(?<!\w)(?:{said})", re.IGNORECASE)
    if aged:
        being = re.escape(aged["being"] or aged["other"])
        who = _who(being)
        aged_so = rf"{who}{_IS} {_AGED}|{who}{_IS}[^.!?\n]{{0,20}} years? old|{_OWNER} \w+[- ]year[- ]old {being}"
        return re.compile(rf"(?<!\w)(?:{aged_so})", re.IGNORECASE)
    return mine(target)


def without_age(text: str, target: str) -> str:
    """Return "My daughter goes to school." for "My daughter is 5 and goes to school."; "" where nothing else stays."""
    aged, told = _AGE.match(target), told_of(target)
    if aged is None or told is None:
        return ""
    who = _who(re.escape(aged["being"] or aged["other"]))
    and_ = rf"(?P<who>(?<!\w){who}){_IS} {_AGED}(?: years? old)?,? and (?=\w+s\b)"
    left = re.sub(and_, r"\g<who> ", text, flags=re.IGNORECASE)
    return "" if left == text or told.search(left) else left


def _who(being: str) -> str:
    return rf"{_OWNER} (?:\w+ )?{being}(?:,? (?!is\b|was\b)[\w-]+,?)?"


def _inflected(word: str) -> str:
    one = word if len(word) < 4 or word.endswith("ss") else word.removesuffix("s")
    return rf"{re.escape(one)}(?:s|es)?"
