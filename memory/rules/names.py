"""A text in, the names in it out: capitalised words, aliases and handles."""

import re

from memory.rules.lexicon import NOT_SUBJECTS

_CAPITALISED = re.compile(
    r"(?<![\w'])[A-Z][\w-]*(?:(?:'[A-Z]\w+)|(?: (?:of|de|van|von|the) )?(?: ?[A-Z][\w-]+)| \d+\b)*"
)
_ALIAS = re.compile(r"(?<!\w)@(\w{2,40})|\b(?:aka|a\.k\.a\.|known as|called|named|nicknamed) ([A-Z][\w-]+)")
#: Words that carry no meaning of their own.
STOP_WORDS = frozenset(
    "a an the i me my we our you your he she it they them him her his its their is are was were am be do does did "
    "have has had can could will would should may might "
    "what where who when why how which and or but so of in on at to for from with about not no yes please this that "
    "these those there here one other know tell remember "
    "ok okay then than as if also too again any some more else now".split()
)
_NO_NAMES = NOT_SUBJECTS | STOP_WORDS
#: A single capitalised word at the start of a sentence: everyday openings are no names.
_NAME_LIKE = re.compile(
    r"^(?!(?:Remember|Forget|Tell|Give|Show|Write|Make|Help|Find|Suggest|Recommend|Explain|Translate|List|Plan|Pick|"
    r"Create|Summari[sz]e|Describe|Compare|Check|Call|Please|Great|Nice|Cool|Good|Bad|Can|Could|Would|"
    r"Should|Will|Shall|May|Might|Have|Has|Had|Did|Were|Was|Any|Just|After|Before|During|Since|Although|Though|"
    r"While|Until|Because|Unless|However|Therefore|Still|Even|Only|Once|Later|Soon|Recently|"
    r"Last|Next|First|Second|Finally|Honestly|Sadly|Luckily|Unfortunately|Hopefully|Home|Work|Note|Don|Keep|Wait|"
    r"Oops|Correction|Well|Right|Sure|Welcome|Use|Add|Set|Get|Go|Come|Look|See|Think|Try|Stop|Start|Delete|Erase|"
    r"Remove)\b)[A-Z]"
)


def entities_in(text: str) -> tuple[str, ...]:
    """Return the names in the text, as they are written, in order: capitalised words and aliases."""
    starts = {len(text) - len(text.lstrip())}
    starts |= {m.end() for m in re.finditer(r"[.!?:\n]\s+|^\s*[-*>]\s+", text)}
    found: list[str] = []
    for match in _CAPITALISED.finditer(text):
        name = _entity(match[0], match.start() in starts)
        if name:
            found.append(name)
    found += [m[1] or m[2] for m in _ALIAS.finditer(text)]
    return tuple(dict.fromkeys(found))[:32]


def _entity(words: str, at_start: bool) -> str:
    parts = words.split()
    if at_start or parts[0].casefold() in NOT_SUBJECTS:
        while parts and (parts[0].casefold() in _NO_NAMES or (len(parts) > 1 and not _NAME_LIKE.match(parts[0]))):
            parts.pop(0)
        if at_start and len(parts) == 1 and parts == words.split() and not _NAME_LIKE.match(words):
            return ""
    name = " ".join(parts).removesuffix("'s")
    return "" if name in ("I", "") or name.casefold() in _NO_NAMES else name
