"""A user's message in, their own part and the part that is somebody else's text out.

Law: the two together are the message, less white space where it is parted. Only clear marks part it: without one it is
all the user's own.
"""

import re

from memory.rules.characters import look_of

MAX_LOOKED_AT_CHARS = 20_000  #: marks stand in front of what they announce

_THING = (
    r"(?:e-?mail|mail|document|docs?|article|web ?page|page|site|website|letter|text|message|log|transcript|chat|"
    r"conversation|note|pdf|read ?me|file|ticket|issue|review|post|comment|tweet|snippet|output|result|response|"
    r"search results?|contents?|reply|answer|paragraph|story|report|contract|invoice|recipe|csv|table|data|listing)s?"
)
_MARKS = re.compile(
    rf"""(?imx)
      ^[^\S\n]*-{{2,}}[^\S\n]*(?:original|forwarded|begin|start)\b
    | ^[^\S\n]*begin\ forwarded\ message
    | ^[^\S\n]*={{3,}}[^\S\n]*\w | ^[^\S\n]*\*{{3,}}[^\S\n]*(?:begin|start|document|tool)\b
    | ^[^\S\n]*(?:from|subject|sent|reply-to):[^\S\n]*\S[^\n]*\n[^\S\n]*(?:from|to|subject|sent|date|cc):
    | ^[^\S\n]*subject:[^\S\n]*\S
    | ^[^\S\n]*on\ [^\n]{{5,100}}\ wrote:
    | ^[\s#*>\[(]{{0,6}}(?:system|assistant|developer|human|ai|user|bot|tool|function|customer|agent|operator)
        (?:\s(?:message|prompt|output|result|response))?[\])*]{{0,3}}[^\S\n]*:
    | <\s?/?\s?(?:documents?|docs?|tool_\w+|tool|function_\w+|search_\w+|results?|context|web_?page|file|attachment|
        e-?mail|article|page|data|untrusted\w*|source|snippet|system|memory|instructions?)\b[^<>\n]{{0,80}}>
    | <[|\uff5c][^|\uff5c<>]{{1,40}}[|\uff5c]> | <<\s?/?SYS\s?>> | \[/?(?:INST|SYSTEM_PROMPT|TOOL_RESULTS|TOOL_CALLS)\]
    | </?(?:start_of_turn|end_of_turn)>
    | ^[^\S\n]*(?:\#{{1,6}}[^\S\n]*)?(?:the\ )?(?:document|tool\ (?:output|result|response)|search\ results?|web\ ?page|
        file\ contents?|attachment|transcript|retrieved\ \w+|page\ content|api\ response)\b[^\n:]{{0,60}}:
    | \b(?:here\ (?:is|are|comes)|here's|this\ is|these\ are|that's|below\ (?:is|are)|see|read|check(?:\ out)?|
        look\ at|got|received|summari[sz]e|translate|proof-?read|review|rewrite|explain|analy[sz]e|reply\ to|answer|
        fix|correct|shorten|paste[ds]?|copied|quote[ds]?|forward(?:ing|ed)?)\b(?!\ my\b)
        (?:\ (?!{_THING}\b)[\w'-]+){{0,4}}\ {_THING}\b[^.!?\n:]{{0,60}}:
    | \b(?:the|this|that|an?|my|our|its|your)\ (?:[\w'-]+\ ){{0,2}}{_THING}\b[^.!?\n:]{{0,30}}
        \b(?:says?|said|reads?|states?|returned|returns?|wrote|contain(?:s|ed)|told|claims?)\b[^.!?\n:]{{0,20}}:
    """
)
_SENTENCE_ENDS = re.compile(r"[.!?\u2026][\"')\]]*\s|\n")


def parted(text: str) -> tuple[str, str]:
    """Return the user's own part and what they handed over; the second is "" when nothing says that it is another's.

    Parted is before the sentence that announces it.
    """
    front = text[:MAX_LOOKED_AT_CHARS]
    mark = _MARKS.search(look_of(front))
    if mark is None:
        return text, ""
    starts = [end.end() for end in _SENTENCE_ENDS.finditer(front, 0, mark.start())]
    start = starts[-1] if starts else 0
    if not text[mark.end() :].strip():  # announced, and then nothing came
        return text, ""
    return text[:start].strip(), text[start:].strip()
