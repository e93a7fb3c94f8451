"""A pattern of what asks for a text to be written: the words of that text, which somebody else may speak, follow.

Law: behind an imperative to write a text of any sort, what follows a colon, a quotation mark or "in which" is
material: its "I" may be anybody. What is to be noted ("write this down:", "make a note:") is the user's own word.
"""

import re

_TEXTS = (
    r"(?:stor(?:y|ies)|backstor(?:y|ies)|tales?|fairy ?tales?|fables?|legends?|myths?|fan ?fics?|fan ?fiction|"
    r"fiction|narratives?|narration|novels?|novellas?|chapters?|scenes?|plays?|scripts?|screenplays?|skits?|"
    r"sketch(?:es)?|monolog(?:ue)?s?|soliloqu(?:y|ies)|dialog(?:ue)?s?|conversations?|interviews?|speech(?:es)?|"
    r"toasts?|eulog(?:y|ies)|vows|poems?|poetry|haikus?|sonnets?|limericks?|ballads?|odes?|verses?|rhymes?|songs?|"
    r"lyrics|raps?|jokes?|riddles?|bios?|biograph(?:y|ies)|autobiograph(?:y|ies)|memoirs?|blurbs?|captions?|posts?|"
    r"tweets?|threads?|blogs?|articles?|essays?|letters?|e-?mails?|messages?|texts?|replies|reply|responses?|diary|"
    r"diaries|journals?|resumes?|r\u00e9sum\u00e9s?|cvs?|statements?|testimonials?|reviews?|adverts?|"
    r"advertisements?|ads?|cop(?:y|ies)|slogans?|pitch(?:es)?|paragraphs?|sentences?|passages?|introductions?|"
    r"intros?|openings?|quotes?|quotations?|prompts?|descriptions?|personas?|characters?|press releases?|reports?|"
    r"obituar(?:y|ies)|confessions?|prayers?|greetings?|voice-?overs?|voicemails?|podcasts?|subtitles|"
    r"translations?|summar(?:y|ies)|proposals?|headlines?)"
)
_TO_WRITE = (
    r"(?:writ(?:e|ing|es)|wrote|draft(?:ing)?|compos(?:e|ing)|generat(?:e|ing)|creat(?:e|ing)|produc(?:e|ing)|"
    r"craft(?:ing)?|pen|prepar(?:e|ing)|script|come up with|put together|make|do(?! (?:you|i|we|they)\b)|give me|"
    r"tell me|send me|type(?: up)?|need|want|finish|complete|continue|"
    r"extend|expand|edit|polish|perform|recite|narrate|rap|sing|read|rate|critique|start|begin|"
    r"help (?:me )?with)"
)
#: The verb is an order or a wish: "I write songs: I play the guitar" is neither.
_ASKED = (
    r"(?:(?:^|[.!?\n,;:\u2026-])[^\S\n]{0,2}|\b(?:please|pls|plz|you|and|then|now|just|so|hey|hi|hello|ok|okay|"
    r"help me|help|let's|lets|(?:you|me|us|need|want|'d like|have|try|trying|going) to|(?:i'm|i am|we're|we are)|"
    r"kindly|quickly|also)\s+)"
)
_INVENTED = r"(?:mak(?:e|ing) up|invent(?:ing)?|draft|compose|imagine|improvise|ghost-?write)"
_OPENS = (
    r"(?::(?=\s|$|[\"'])|(?<=\s)[\"'](?=\w)|\b(?:in which|wherein|where(?= (?:my name|i am|i'm)\b)|starring|told by|"
    r"narrated by|spoken by)\b)"
)

#: "Story: my name is Max".
_HEADED = r"(?:draft|(?:back|short )?story|poem|monologue|dialogue|lyrics|script|scene|essay|bio)"

COMPOSED = re.compile(
    rf"{_ASKED}(?:{_TO_WRITE}\b(?! (?:this |it |that |these )?down\b)(?=[^.!?\n:\"]{{1,100}}?\b{_TEXTS}\b)"
    rf"|{_INVENTED}\b(?! my mind\b))[^.!?\n:\"]{{1,160}}?{_OPENS}"
    rf"|^\s*{_HEADED}:(?=\s)",
    re.IGNORECASE,
)
