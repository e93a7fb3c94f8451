"""A message in, the clauses that the user says in their own words out.

Law: nothing is added to the user's words. What is quoted, pasted, played or handed over to be worked on is not read.
"""

import re
from dataclasses import dataclass, replace

from memory.rules.composed import COMPOSED
from memory.rules.family import may_be_apposed
from memory.rules.lexicon import A_MONTH, RELATIVE
from memory.rules.relative_clauses import goes_on
from memory.rules.words import PERSON_NAME
from memory.rules.youth import is_of_youth

MAX_SENTENCES = 24  #: of a message; what comes later is kept verbatim only
MAX_SENTENCE_CHARS = 400  #: people state facts in shorter sentences; longer ones are pasted or lists
MAX_READ_CHARS = 6000  #: only the front of a long message is split

_PLAIN = str.maketrans(
    {
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{MODIFIER LETTER APOSTROPHE}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{NO-BREAK SPACE}": " ",
        "`": "'",
    }
)
_CODE = re.compile(r"(```|'''|~~~).*?(?:\1|\Z)|`[^`\n]*`", re.DOTALL)  # backticks as they are, or made plain
_QUOTED_LINE = re.compile(r"^[^\S\n]*+(?:>|\|).*$", re.MULTILINE)
_DOUBLE_QUOTED = re.compile(r'"([^"\n]{0,2000})"|\u00ab([^\u00ab\u00bb\n]*+)\u00bb|\u201e([^"\u201e\n]*+)"')
_SINGLE_QUOTED = re.compile(r"(?<![\w'])'([^'\n]{1,40}(?:'\w[^'\n]{0,40}){0,3})'(?!\w)")
_SPEECH = re.compile(r"\b(?:i|i'm|my|we|our|is|are|was|am)\b", re.IGNORECASE)
#: The rest of the message is material to work on.
_MATERIAL = re.compile(
    r"\b(?:translate|rephrase|paraphrase|proof-?read|rewrite|reword|summari[sz]e|shorten|spell-?check|grammar|"
    r"correct (?:this|the|my)"
    r"|fix (?:this|the|my)|improve (?:this|the|my)|how (?:do|would) (?:you|i|we) say|what does .{0,40} mean|"
    r"the following|explain this"
    r"|analy[sz]e (?:this|the)|continue (?:this|the)|classify|is this (?:sentence|correct)|(?:here is|here's) (?:a|"
    r"an|the|my) (?:text|email|letter|article|draft|story|poem|code|log|transcript))\b",
    re.IGNORECASE,
)
#: The rest of the message is a game or a story: and see ``memory/rules/composed.py``.
_PLAY = re.compile(
    r"\b(?:role-?play(?:ing)?|let'?s (?:play|pretend|imagine|say)|pretend|imagine|act as|acting as|you are now|"
    r"in (?:my|a|the|this) (?:novel|story|book|game|dream|film|movie|play|screenplay|script|scenario|campaign)"
    r"|(?:my|the|a) (?:main )?(?:character|protagonist|narrator)\b|fictional|write (?:me )?(?:a|an|"
    r"the) .{0,60}\b(?:from the perspective|in the voice|first[- ]person)"
    r"|as if i|just kidding|only joking|for the sake of argument|hypothetically)\b",
    re.IGNORECASE,
)
_JOKE_AFTER = re.compile(r"\b(?:just kidding|only joking|jk|kidding!|not really|just a joke)\b", re.IGNORECASE)
#: Beside these, whoever died may have died in a game, a story or a joke, or be a machine.
_NOT_IN_EARNEST = re.compile(
    r"\b(?:gam(?:es?|ing|ers?)|playthrough|play(?:s|ed|ing)? (?-i:[A-Z]\w)|respawn\w*|reviv\w*|resurrect\w*|reload\w*|"
    r"quests?|raid|minecraft|skyrim|sims|tamagotchi|stor(?:y|ies)|novel|fiction\w*|poems?|lyrics|jokes?|joking|"
    r"kidding|jk|not really|essay|chapter|script|screenplay|film|movie|plot|character|prank\w*|lol|lmao|rofl|l?haha\w*|"
    r"laugh\w*|hilarious|funny|i mean|mechanic|engine|battery|reboot\w*|exit code|knock knock|example|sentence|"
    r"grammar)\b|\b(?:right|correct|true|really|huh|no|or|not)\?",
    re.IGNORECASE,
)
_CUT_OFF = re.compile(r"\s\u2026\s*$")
_COLON = re.compile(r":(?=\s|$)")
_AFTER = re.compile(r"\b(?:after|since|when|while)\b", re.IGNORECASE)
AGO = (
    r"(?:about |over |around )?(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|\d{1,2}|a few|a couple of|"
    r"several|many) (?:days?|weeks?|months?|years?) ago"
)
#: In front of a death: a time, or another death.
_EARNEST_AHEAD = re.compile(
    rf"(?:{AGO}|(?:(?:on|last|this) )?\w+day(?: (?:morning|evening|night))?|(?:last|this) (?:night|morning|spring|"
    r"summer|autumn|fall|winter)|(?:my|our) .*\b(?:died|passed away)\b.*)",
    re.IGNORECASE,
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|st|prof|sr|jr|vs|etc|e\.g|i\.e|approx|no|dept|inc|ltd|co)|\b[a-z]|\.[a-z])\.$", re.IGNORECASE
)
# Possessive, and only from the first mark of a run: a long run of marks is read once.
_END = re.compile(r"(?<![.!?\u2026])[.!?\u2026]++[\"')\]]*+(?=\s|$)|\n++|\s\|\s")
_CLOSING = "\"')]"
_END_MARKS = f".!?\u2026 {_CLOSING}"
_MAX_ABBREVIATION_CHARS = 8
_LIST_MARK = re.compile(r"^\s*(?:[-*\u2022]|\d{1,2}[.)])\s+")
_CUT = re.compile(r"\s*\u2026\s*")

_ASKS = re.compile(
    r"^(?:(?:so|and|but|ok(?:ay)?|well|also|hey|hi|hello|please|now|then|oh|um)[, ]+)*"
    r"(?:what|what's|whats|where|where's|who|who's|whose|whom|when|when's|why|why's|how|how's|which|is|are|am|was|"
    r"were|do(?! not\b)|does|did|can|could|"
    r"would|will|shall|should|have i|has|had|may i|might|isn't|aren't|don't(?= (?:i|you|we|they)\b)|doesn't|didn't|"
    r"can't|couldn't|won't|any idea|remind me|tell me|"
    r"guess)\b",
    re.IGNORECASE,
)
_UNREAL = re.compile(
    r"\b(?:if|unless|suppose|supposing|wish|what if|assuming|assume|would|wouldn't|could have|might|maybe|perhaps|"
    r"daydream\w*|dream(?:t|ed|ing)? of"
    r"|thinking (?:of|about)|thought about|wondered about|considering|hoping|used to think|as a kid|as a child|"
    r"someday|one day|almost|nearly|let's say|e\.g\.|for example|for instance|example:)\b",
    re.IGNORECASE,
)
_HARMLESS_IF = re.compile(
    r",? *\b(?:in case (?:it|that) (?:matters|helps|is relevant)|in case you (?:wonder|were wondering|need it|"
    r"didn't know|forgot)"
    r"|if (?:it|that) (?:matters|helps)|if you (?:must|want to|didn't) know|if you (?:wonder|are wondering|"
    r"were wondering|need it|ask))\b,? *",
    re.IGNORECASE,
)
_PARENTHESIS = re.compile(r",\s*(?:by the way|btw|of course|actually|as you know|in fact),(?=\s)", re.IGNORECASE)
_REPORTED = re.compile(
    r"^(?!i\b|we\b|please write (?:this|that|it) down\b)"
    r"[\w' ]{1,40}?\b(?:says?|said|thinks?|thought|claims?|claimed|believes?|believed|told|tells|"
    r"writes?|wrote|asks?|asked|insists?|swears?|answered|replied|goes(?=[,:]|$))\b",
    re.IGNORECASE,
)

_FILLER = (
    r"hi|hello|hey(?: there)?|good (?:morning|evening|afternoon|day)|yo|dear \w+|by the way|btw|actually|well|so|"
    r"ok(?:ay)?|oh|ah|um+|uh|hm+|yes|yeah|yep|no|nope|nah|sure|right|"
    r"anyway|also|and|but|or|then|now|fyi|for your information|just so you know|just to let you know|for the record|"
    r"to be clear|for (?:future )?reference|for context|"
    r"please note(?: that)?|note(?: that)?|note to self|remember(?: that| this| please)?|please remember(?: that|"
    r" this)?|don't forget(?: that)?|do not forget(?: that)?|"
    r"keep in mind(?: that)?|please keep in mind(?: that)?|you should know(?: that)?|you must know(?: that)?|"
    r"i should (?:mention|say|add)(?: that)?|i forgot to (?:mention|say)(?: that)?|i want(?:ed)? (?:you to know|"
    r"to tell you|to let you know)(?: that)?|"
    r"i(?:'ve| have)? told you(?: already| before)?(?: that)?|as i (?:said|mentioned|told you)(?: before| earlier)?|"
    r"i must (?:say|admit)(?: that)?|let me (?:tell you|introduce myself|start)(?: that)?|"
    r"(?:the )?truth is(?: that)?|the thing is(?: that)?|"
    r"(?:big |great |good )?news|update|new chapter|correction|fact|fun fact|quick (?:update|note)|reminder|"
    r"guess what|in fact|honestly|frankly|personally|today|yesterday|this week|last week|last month|last year|"
    r"recently|currently|at the moment|nowadays|these days|"
    r"finally|after (?:the|my|a) [\w -]{2,20}|of course|you know(?: what)?|listen|look|see|thanks|thank you|great|"
    r"nice|cool|wow|lol|haha|sorry|i mean|i meant(?: that)?|unfortunately|sadly|luckily|fortunately|happily|"
    r"surprisingly|(?:i (?:found out|learned|learnt|discovered|realised|realized)|(?:it )?turns out)(?: that|"
    r"(?= (?:i|i'm|i've|my)\b))|(?:save|store|write down|note down|memori[sz]e)(?= (?:my|the|our) [\w -]{2,40}:)|"
    r"since(?: (?!(?:i|we|my|our|he|she|they)\b)\w+){1,4}|"
    rf"in (?:\d{{4}}|{A_MONTH})"
    r"(?: \d{4})?|about me|me|myself|careful|attention|important|please|because|as for me|"
    r"for me"
)
_LEAD = re.compile(rf"^(?:(?:{_FILLER})\b\s*(?:[,:;.!\u2013\u2014-]+\s*|\s+|$))+", re.IGNORECASE)

_SUBJECT_AHEAD = (
    r"(?:i(?:'m|'ve|'d|'ll)?\s|we(?:'re|'ve)?\s|my\s|our\s|he\s|she\s|he's\s|she's\s|it's\s|they\s|"
    r"the\s+[\w ]{2,30}\s(?:of|for)\s+(?:the|my|our)\s|call me\s|"
    r"(?:(?:his|her|their)\s\w+|mine|hers|theirs|yours)\s(?:is|are|was)\b|"
    r"(?:what|where|who|when|how|which|why|can|could|do|does|would|is|are|should)\b)"
)
_VERB_AHEAD = (
    r"(?:(?:now|also|currently|still|really|just|recently|usually)\s+)*(?:live|lives|work|works|like|likes|love|"
    r"loves|hate|hates|dislike|enjoy|play|plays|speak|speaks|study|studies|drive|drives|drink|drinks|moved|have|has|"
    r"don't|do not|"
    r"can't stand|am|is|'m|own|adore|prefer|started|joined|took up|eat|was born|grew up|come from|became|report to|"
    r"learn|turned|got|bought|named(?! (?:it|him|her)\b)|follow)\b"
)
_THIRD_VERB = re.compile(
    r"(?:(?:now|also|currently|still|really|just|recently|usually)\s+)*(?:\w+s|doesn't|does not)\b(?!')",
    re.IGNORECASE,
)
_PAST_VERB = re.compile(
    r"(?:(?:now|also|just|recently)\s+)*(?:was|moved|started|joined|took up|grew up|became|turned|got|bought|"
    r"named(?! (?:it|him|her)\b)|can't stand)\b",
    re.IGNORECASE,
)
_MY_RELATIVE = re.compile(rf"(?i:my|our) (?i:{RELATIVE})(?: [A-Z][\w-]+)?(?= )")
_APPOSITION = re.compile(rf"\s*[A-Z][\w-]+, (?:my|our) (?i:{RELATIVE})$")
_NAME_APPOSED = re.compile(
    rf"\s*(?P<apposed>(?i:my|our) (?P<being>(?i:{RELATIVE})), (?P<name>{PERSON_NAME}))(?P<behind>, .+)?$"
)
_JOIN = re.compile(
    rf"\s*(?:;|\s[\u2013\u2014-]{{1,2}}\s|\u2014)\s*(?:and\s+|but\s+|so\s+)?"
    rf"|,?\s+(?:and|but|so|though|although|while|whereas|plus)\s+(?:also\s+|then\s+|now,?\s+|today\s+|currently\s+|"
    rf"these days\s+)?(?={_SUBJECT_AHEAD}|[A-Z][\w-]+\s(?:lives|works|likes|loves|hates|plays|has|is)\s)"
    rf"|,\s*(?!(?:my|our)\s[\w -]{{2,24}},)(?={_SUBJECT_AHEAD}|(?:suggest|recommend|please|give me|tell me|help me|"
    rf"find)\b)"
    rf"|,?\s+(?:and|but)\s+(?={_VERB_AHEAD})"
    r"|,?\s+(?:and|but)\s+(?=(?:please )?(?:remember|note|keep in mind|don't forget|do not forget) (?:that|my|i)\b)"
    rf"|,\s*(?={_VERB_AHEAD})"
    rf"|:\s+(?=(?:i|i'm|my|it's)\s)",
    re.IGNORECASE,
)
_COMPLEMENT = re.compile(
    r"^(?:am|is|are|'m)?\s*(?:allergic to|vegetarian|vegan|pescatarian|from|\d{1,2} years old|born in|married to)\b",
    re.IGNORECASE,
)
_COMPLEMENT_JOIN = re.compile(
    r",?\s+and\s+(?=(?:allergic to|vegetarian|vegan|pescatarian|from|born in|married to|a vegetarian|a vegan|"
    r"\d{1,2} years old)\b)|,\s*(?=\d{1,2}(?: years old)?\s*(?:,|and\b|$)|from [A-Z])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One clause of a message."""

    text: str  #: without leading fillers and end punctuation
    question: bool = False
    unreal: bool = False  #: wished, supposed or reported: never a fact
    framed: bool = False  #: behind a colon or a lead-in, or of a message about a game, a joke, a text: be careful
    sentence: int = 0  #: number of its sentence


def plain(text: str) -> str:
    """Return the text with typographic quotes and spaces made plain; every character keeps its place."""
    return text.translate(_PLAIN)


def own_words(text: str) -> str:
    """Return what the user says themselves: no code, no quotes, no pasted or played material."""
    words = _QUOTED_LINE.sub("\u2026", _CODE.sub("\u2026", text[:MAX_READ_CHARS]))
    words = _DOUBLE_QUOTED.sub(_unquoted, plain(words))
    words = _SINGLE_QUOTED.sub(_unquoted, words)
    return _before_material(words)


def well_formed(text: str) -> str:
    """Return the text with lone surrogates (halves of characters) replaced by U+FFFD; halves that fit are joined."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def sentences(words: str) -> list[str]:
    """Return the sentences with their end marks: at most ``MAX_SENTENCES``, of the first ``MAX_READ_CHARS``. Linear."""
    return sentences_and_rest(words)[0]


def sentences_and_rest(words: str) -> tuple[list[str], str]:
    """Return what ``sentences`` returns, and the text behind it as it stands."""
    front = words[:MAX_READ_CHARS]
    found: list[str] = []
    start = 0
    for end in _END.finditer(front):
        if _is_abbreviation(front, start, end) and front[end.end() : end.end() + 2].strip():
            continue
        _add(found, front[start : end.end()])
        start = end.end()
        if len(found) >= MAX_SENTENCES:
            return found, words[start:].strip()
    _add(found, front[start:])
    return found, words[MAX_READ_CHARS:].strip()


def _is_abbreviation(words: str, start: int, end: "re.Match[str]") -> bool:
    """True when the dot belongs to the word before it. Looks at that word only, however long the sentence is."""
    if not end[0].startswith("."):
        return False
    last = end.start() + len(end[0].rstrip(_CLOSING))
    return _ABBREVIATION.search(words, max(start, last - _MAX_ABBREVIATION_CHARS), last) is not None


def clauses(words: str) -> list[Clause]:
    """Return the clauses of a message's own words, in order."""
    found: list[Clause] = []
    framed = bool(_NOT_IN_EARNEST.search(words) or _CUT_OFF.search(words))
    for number, sentence in enumerate(sentences(words)):
        framed = framed or bool(_COLON.search(_LEAD.sub("", sentence, count=1)))
        if len(sentence) <= MAX_SENTENCE_CHARS:
            found.extend(_clauses_of(sentence, number, framed))
    return found


def asks(text: str) -> bool:
    """True when the text is put as a question, with or without its mark."""
    return _is_marked(text) or bool(_ASKS.match(_HARMLESS_IF.sub(" ", text).strip()))


def _is_marked(text: str) -> bool:
    """True for an end of "?", "?!" and "?)"."""
    return "?" in text[len(text.rstrip(_END_MARKS)) :]


def without_lead(text: str) -> str:
    """Return the text without greetings and fillers in front ("Hi, by the way, remember that ...")."""
    return _LEAD.sub("", text, count=1).strip(" ,:;-\u2013\u2014.!")


def _clauses_of(sentence: str, number: int, framed: bool) -> list[Clause]:
    marked = _is_marked(sentence)
    body = _PARENTHESIS.sub("", _HARMLESS_IF.sub(" ", sentence)).strip().rstrip(".!?\u2026 ")
    parts = _split(body)
    last_question = max((n for n, part in enumerate(parts) if _ASKS.match(part)), default=-1)
    found: list[Clause] = []
    reported = unreal = False
    for n, part in enumerate(parts):
        reported = reported or bool(_REPORTED.match(part))
        unreal = unreal or bool(_UNREAL.search(part))
        question = bool(_ASKS.match(part)) or (marked and (n >= last_question))
        text = without_lead(part)
        if text:
            of_youth = is_of_youth(text, parts[n - 1] if n else "")
            no_fact = reported or unreal or of_youth or "\u2026" in text
            found.append(Clause(text=text, question=question, unreal=no_fact, framed=framed, sentence=number))
        framed = framed or _frames(part, text)
    if _JOKE_AFTER.search(body) or any(c.unreal and _UNREAL.match(c.text) for c in found):
        return [replace(c, unreal=True) for c in found]
    return found


def _frames(part: str, text: str) -> bool:
    """True for "In Skyrim" and "After the raid" in front of a clause, not for a time and for fillers."""
    return bool(text and not _EARNEST_AHEAD.fullmatch(text)) or bool(_AFTER.search(part))


def _split(body: str) -> list[str]:
    """Split at joints that are followed by a subject or a verb; a verb without a subject takes the one before."""
    parts: list[str] = []
    pieces = [piece for piece in _JOIN.split(body) if piece and piece.strip()]
    for n in range(len(pieces) - 1, 0, -1):
        if _is_apposition(pieces[n - 1], pieces[n]) or goes_on(pieces[n - 1], pieces[n]):  # no comma closes a clause
            pieces[n - 1 : n + 1] = [f"{pieces[n - 1]}, {pieces[n]}"]
    for piece in pieces:
        parts.extend(_with_subject(parts, piece.strip()))
    return parts


def _is_apposition(piece: str, behind: str) -> bool:
    """True for "Bob, my brother" and for "My brother, Bob" in front of a verb: "My brother, Bob, and I" are three."""
    found = _NAME_APPOSED.match(piece)
    named = found and not found["behind"] and may_be_apposed(found["being"].casefold(), found["name"])
    return bool(named and re.match(_VERB_AHEAD, behind, re.IGNORECASE)) or bool(_APPOSITION.match(piece))


def _with_subject(before: list[str], piece: str) -> list[str]:
    subject = _subject_of(before[-1]) if before else ""
    if subject and re.match(_VERB_AHEAD, piece, re.IGNORECASE) and _agrees(subject, piece):
        piece = f"{subject} {piece}"
    found: list[str] = []
    for part in _COMPLEMENT_JOIN.split(piece):
        head = re.match(r"(?:.*?\b)?(i'm|i am)\b", found[0], re.IGNORECASE) if found else None
        found.append(f"{head[1]} {part}" if head else part)
    return found if len(found) > 1 and re.search(r"\bi(?:'m| am)\b", found[0], re.IGNORECASE) else [piece]


def _agrees(subject: str, piece: str) -> bool:
    if _PAST_VERB.match(piece):
        return True
    return bool(_THIRD_VERB.match(piece)) == (subject != "I")


def _subject_of(part: str) -> str:
    """Return the subject that a following verb without one takes: "I", "Bob", "my sister", "" when it is unclear."""
    text = without_lead(part)
    if re.match(r"(?:i|we)\b|my (?:\w+ )?name\b", text, re.IGNORECASE):
        return "I"
    apposed = _NAME_APPOSED.match(text)
    if apposed and apposed["behind"]:
        return f"{apposed['apposed']}," if may_be_apposed(apposed["being"].casefold(), apposed["name"]) else ""
    named = _MY_RELATIVE.match(text) or re.match(r"(?:[A-Z][\w-]+(?: [A-Z][\w-]+)?|he|she|He|She)(?= )", text)
    return named[0] if named else ""


def _unquoted(found: "re.Match[str]") -> str:
    inner = next((group for group in found.groups() if group is not None), "")
    if len(inner.split()) > 6 or _SPEECH.search(inner):
        return "\u2026"
    return found[0]


def _before_material(words: str) -> str:
    for pattern in (_PLAY, _MATERIAL):
        found = pattern.search(words)
        if found:
            start = _sentence_start(words, found.start())
            words = f"{words[:start]}\n\u2026" if words[:start].strip() else ""
    if composed := COMPOSED.search(words):
        words = f"{words[: composed.start()]}\n\u2026" if words[: composed.start()].strip() else ""
    if len(words) > 1500:  # "... here it is:" and then a page of somebody else's text
        colon = re.search(r":[ \t]*\n", words)
        words = words[: colon.start()] if colon else words
    return words


def _sentence_start(words: str, position: int) -> int:
    ends = [end.end() for end in _END.finditer(words[:position])]
    return ends[-1] if ends else 0


def _add(found: list[str], piece: str) -> None:
    sentence = " ".join(_LIST_MARK.sub("", piece).split())
    if any(c.isalnum() for c in sentence):
        found.append(sentence)
