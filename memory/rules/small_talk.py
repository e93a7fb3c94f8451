"""A message in, whether it is small talk out: greetings, thanks and other words that hold nothing to remember."""

import re

# No part is two others in a row ("bye bye", "see you later"): every text has one reading, and is read once.
_SMALL_TALK = re.compile(
    r"^(?:(?:hi|hello|hey|hiya|howdy|yo|good (?:morning|evening|afternoon|night|day)|thanks?(?: you)?(?: so much|"
    r" very much| a lot| a bunch)?|thank you|thx|ty|cheers|ok(?:ay)?|k|"
    r"bye|goodbye|see (?:you|ya)(?: soon| tomorrow)?|later|great|nice|cool|perfect|awesome|good|"
    r"fine|wow|lol|haha+|hmm+|ah|oh|i see|got it|understood|noted|sure|yes|yeah|yep|no|nope|"
    r"alright|right|exactly|indeed|never ?mind|forget (?:it|about it)|sorry|please|there|everyone|"
    r"how are you(?: doing)?(?: today)?|how do you do|how is it going|how's it going|what's up|sup|"
    r"you(?:'re| are) welcome|no problem|good job|well done|very good|that(?:'s| is) (?:great|good|fine|nice|funny|"
    r"cool|helpful|perfect|all)|that helped|it worked|welcome|test|ping|continue|go on|next|again|for (?:your|"
    r"the) help|then|for now)"
    r"(?:[\s,.!?;:)(-]+|$))+$",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")


def is_small_talk(text: str) -> bool:
    """True for greetings, thanks and the like, and for texts without a word."""
    return not _WORD.search(text) or (len(text) <= 120 and bool(_SMALL_TALK.match(text.strip())))
