"""A clause in, whether it tells what began or was while somebody was young or of another age.

Law: "I moved to Rome when I was 8" says nothing of where somebody lives now, so it replaces nothing. What lasts from
then on ("I was diagnosed with asthma when I was 8", "my dad died when I was 8") is read as ever.
"""

import re

_AGED = (
    r"(?:\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|"
    r"(?:thir|four|fif|six|seven|eigh|nine)teen|twenty(?:-\w+)?|thirty(?:-\w+)?|"
    r"(?:an? )?(?:\w+ )?(?:kids?|child|children|baby|babies|boys?|girls?|toddlers?|"
    r"teen\w*|students?)|little|small|young\w*|growing up|(?:still )?(?:at|in) (?:\w+ )?"
    r"(?:school|college|uni|university)|"
    r"in (?:my|his|her|our|their) (?:\w+ )?(?:teens|twenties|thirties|\d0s|\d(?:st|nd|rd|th) grade))"
)
_WHEN = (
    rf"(?:(?:back )?(?:when|while) (?:i|we|he|she|they)(?: was| were|'s)(?: (?:about|around|only|just|still|like|maybe|"
    rf"barely|almost|nearly))* {_AGED}\b(?! (?:days?|weeks?|months?) (?:late|behind|away)\b)"
    r"|as (?:a )?(?:(?:small|little|young) )?(?:kids?|child(?:ren)?|teen\w*|baby|boy|girl|toddler)\b"
    r"|(?:at|from) (?:the )?(?:tender )?age (?:of )?[\w-]+"
    r"|(?:(?:back )?in|during|throughout) (?:my|his|her|our|their) (?:\w+ )?(?:childhood|youth|teens|twenties|"
    r"school days))"
)
#: What begins and ends again: homes, work, schools, things and animals.
_PASSES = re.compile(
    r"^(?:\W*(?:i|we|he|she|they|my|our)\b[^,]*?\b)(?:(?:re)?moved|relocated|emigrated|immigrated|settled|lived?|living|left|"
    r"came|went|started|began|joined|worked|working|got(?! (?:diagnosed|married|baptised|baptized))|landed|found|took|"
    r"had|owned|kept|enrolled|transferred|switched|studied|adopted|bought|played|drove|liked|loved|hated)\b",
    re.IGNORECASE,
)
_OF_LATE = re.compile(r"\b(?:last|this) (?:week|month|year|spring|summer|autumn|fall|winter)\b", re.IGNORECASE)
_ANYWHERE = re.compile(rf"\b{_WHEN}", re.IGNORECASE)
_IN_FRONT = re.compile(rf"^\W*{_WHEN}(?: years?(?: old)?| or \w+)?(?: in [\w ]{{2,30}})?\W*$", re.IGNORECASE)


def is_of_youth(clause: str, before: str = "") -> bool:
    """Return True for "we moved to Rome when I was 8", and behind "When I was 8"; ``before``: the clause before."""
    passes = _PASSES.match(clause) and not _OF_LATE.search(clause)
    return bool(passes and (_ANYWHERE.search(clause) or _IN_FRONT.match(before)))
