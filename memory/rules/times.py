"""A text and the present in, the times it names out, as half-open intervals in UTC.

Law: the start lies before the end, and what cannot be resolved is left out. An interval is as wide as the words are:
"in May" is a month, "yesterday" a day, "tomorrow at 5" an hour. Days are UTC days. General date parsers return points
without their width and take milliseconds per phrase, which is too slow here.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice

from memory.rules.lexicon import A_MONTH, MONTHS, WEEKDAYS
from memory.rules.tenses import means_ahead
from memory.turn import TimeExpression

Span = tuple[datetime, datetime]

MAX_TIMES = 32  #: of a text, the first ones

_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_NUMBERS = {w: n for n, w in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())}
_NUMBERS |= {"a": 1, "an": 1, "couple of": 2, "a couple of": 2, "few": 3, "a few": 3}

_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"(?P<weekday>mon|tues|wednes|thurs|fri|satur|sun)day\b"
_NUMBER = r"(?P<number>\d{1,4}|(?:a )?(?:couple of|few)|an?|" + "|".join(list(_NUMBERS)[1:13]) + ")"
_UNIT = r"(?P<unit>minute|hour|day|week|month|year)s?\b"
_YEAR = r"(?P<year>(?:19|20)\d\d)\b"
_CLOCK = r"(?: at (?P<hour>\d{1,2})(?:[:.](?P<minute>\d\d))? ?(?P<half>[ap]\.?m\b\.?)?)?"

#: Nothing of this in a text: no time is named. One pass over the text, no groups.
_GATE = re.compile(
    r"\b(?:ago|last|past|next|this|yesterday|today|tonight|tomorrow|\w{3,6}day|(?:19|20)\d\d|in (?:an?|\d+|"
    r"couple|few|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b|summer|autumn|spring|winter|fall"
    rf"|{A_MONTH}"
    r"|\d{1,2}(?:st|nd|rd|th)?\b"
    r"|(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b)",
    re.IGNORECASE,
)
_A_MONTH = re.compile(r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)


def find_times(text: str, now: datetime) -> tuple[TimeExpression, ...]:
    """Return the times that the text names, in the order of the text, without overlaps, at most
    ``MAX_TIMES``; ``now`` is aware.
    """
    if not _GATE.search(text):
        return ()
    moment = now.astimezone(UTC)
    taken = bytearray(len(text))  # a 1 where a time stands
    times: list[tuple[int, int, Span]] = []
    for pattern, resolve in (*_OF_MONTHS, *_OTHERS) if _A_MONTH.search(text) else _OTHERS:
        for found in islice(pattern.finditer(text), MAX_TIMES):
            if any(taken[found.start() : found.end()]):
                continue
            span = _resolved(resolve, found, moment)
            if span is not None:
                times.append((found.start(), found.end(), span))
                taken[found.start() : found.end()] = b"\1" * (found.end() - found.start())
    return tuple(
        TimeExpression(text=text[start:end].strip(), start=span[0], end=span[1])
        for start, end, span in sorted(times)[:MAX_TIMES]
    )


Resolver = Callable[["re.Match[str]", datetime], Span | None]


def _resolved(resolve: Resolver, found: "re.Match[str]", now: datetime) -> Span | None:
    try:
        return resolve(found, now)
    except (ValueError, OverflowError):  # 31 February, the year 0, ten thousand years ago
        return None


def _ahead(found: "re.Match[str]") -> bool:
    return means_ahead(found.string, found.start(), found.end())


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _days(start: datetime, count: int = 1) -> Span:
    return start, start + timedelta(days=count)


def _month(year: int, month: int, count: int = 1) -> Span:
    start = datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=UTC)
    last = month - 1 + count
    return start, datetime(year + last // 12, last % 12 + 1, 1, tzinfo=UTC)


def _year(year: int) -> Span:
    return _month(year, 1, 12)


def _number(words: str) -> int:
    return int(words) if words.isdigit() else _NUMBERS[words.lower()]


def _month_number(word: str) -> int:
    return next(n for n, name in enumerate(MONTHS, 1) if name.startswith(word.lower()[:3]))


def _at_clock(found: "re.Match[str]", span: Span, start_hour: int = 0) -> Span:
    """Narrow a day to the hour named with "at 5"; a bare hour before 7 is meant in the afternoon."""
    if not found["hour"]:
        return span if not start_hour else (span[0] + timedelta(hours=start_hour), span[1])
    hour, minute, half = int(found["hour"]), int(found["minute"] or 0), (found["half"] or "").lower()
    if half.startswith("p") or (not half and not found["minute"] and 0 < hour < 7):
        hour = hour % 12 + 12
    elif half:
        hour %= 12
    start = span[0].replace(hour=hour, minute=minute)
    return start, start + timedelta(hours=1)


def _near_day(found: "re.Match[str]", now: datetime) -> Span:
    word = " ".join(found["word"].lower().split())
    offset = {"yesterday": -1, "last night": -1, "tomorrow": 1}.get(word, 0)
    if word.startswith(("the day", "day")):
        offset = -2 if "before" in word else 2
    evening = 18 if word in ("tonight", "last night") else 0
    return _at_clock(found, _days(_midnight(now) + timedelta(days=offset)), evening)


def _shifted(now: datetime, unit: str, count: int) -> Span:
    """Return the unit that lies ``count`` units from now: a day for days, seven days around it for weeks."""
    today = _midnight(now)
    if unit in ("minute", "hour"):
        width = timedelta(**{f"{unit}s": 1})
        middle = now + count * width
        return middle - width / 2, middle + width / 2
    if unit == "day":
        return _days(today + timedelta(days=count))
    if unit == "week":
        return _days(today + timedelta(days=7 * count - 3), 7)
    if unit == "month":
        return _month(now.year, now.month + count)
    return _year(now.year + count)


def _ago(found: "re.Match[str]", now: datetime) -> Span:
    return _shifted(now, found["unit"].lower(), -_number(found["number"]))


def _in_units(found: "re.Match[str]", now: datetime) -> Span:
    return _shifted(now, found["unit"].lower(), _number(found["number"]))


def _which(found: "re.Match[str]") -> int:
    return {"last": -1, "past": -1, "previous": -1, "next": 1, "coming": 1}.get(found["which"].lower(), 0)


def _last_unit(found: "re.Match[str]", now: datetime) -> Span:
    which, unit, today = _which(found), found["unit"].lower(), _midnight(now)
    monday = today - timedelta(days=today.weekday())
    if unit == "week":
        return _days(monday + timedelta(days=7 * which), 7)
    if unit == "weekend":
        return _days(monday + timedelta(days=5 + 7 * which), 2)
    if unit in ("morning", "afternoon", "evening"):
        hour = {"morning": 5, "afternoon": 12, "evening": 17}[unit]
        return today + timedelta(hours=hour), today + timedelta(hours=hour + 7)
    if unit == "month":
        return _month(now.year, now.month + which)
    return _year(now.year + which)


def _last_weekday(found: "re.Match[str]", now: datetime) -> Span | None:
    word = (found["which"] or "").lower()
    if not word and found["on"] is None and not found["hour"]:
        return None  # "Monday" alone is a name as often as a time
    day = next(n for n, name in enumerate(WEEKDAYS) if name.startswith(found["weekday"].lower()))
    today = _midnight(now)
    back = (today.weekday() - day) % 7
    if word in ("next", "coming", "this") or (not word and _ahead(found)):
        start = today + timedelta(days=(7 - back) % 7 or (7 if word == "next" else 0))
    else:
        start = today - timedelta(days=back or (7 if word else 0))
    return _at_clock(found, _days(start))


def _last_season(found: "re.Match[str]", now: datetime) -> Span | None:
    if not found["which"] and not found["year"]:
        return None  # "spring" and "fall" alone are other words as often
    which, first = (found["which"] or "").lower(), _SEASONS[found["season"].lower()]
    year = int(found["year"]) if found["year"] else now.year
    if not found["year"] and which == "last" and _month(year, first, 3)[1] > now:
        year -= 1
    if not found["year"] and which == "next" and _month(year, first, 3)[0] <= now:
        year += 1
    return _month(year, first, 3)


def _named_month(found: "re.Match[str]", now: datetime) -> Span:
    month = _month_number(found["month"])
    if found["year"]:
        return _month(int(found["year"]), month)
    which = (found["which"] or "").lower()
    if which == "next" or (which != "last" and _ahead(found)):
        return _month(now.year + (month < now.month or (which == "next" and month == now.month)), month)
    return _month(now.year - (month > now.month or (which == "last" and month == now.month)), month)


def _calendar_day(found: "re.Match[str]", now: datetime) -> Span:
    month, day = _month_number(found["month"]), int(found["day"])
    if found["year"]:
        return _at_clock(found, _days(datetime(int(found["year"]), month, day, tzinfo=UTC)))
    start = datetime(now.year, month, day, tzinfo=UTC)
    ahead = _ahead(found)
    if ahead and start < _midnight(now):
        start = datetime(now.year + 1, month, day, tzinfo=UTC)
    elif not ahead and start > now:
        start = datetime(now.year - 1, month, day, tzinfo=UTC)
    return _at_clock(found, _days(start))


def _from_day_to_day(found: "re.Match[str]", now: datetime) -> Span | None:
    """Return "28 March to 12 April" whole: it is ahead until it has ended. The first month may be left unsaid."""
    since, until = _month_number(found["first"] or found["month"]), _month_number(found["month"] or found["first"])
    earlier = (since, int(found["since"])) > (until, int(found["until"]))  # from December to January
    if earlier and since == until:
        return None

    def in_year(year: int) -> Span:
        start = datetime(year - earlier, since, int(found["since"]), tzinfo=UTC)
        return start, datetime(year, until, int(found["until"]), tzinfo=UTC) + timedelta(days=1)

    if found["year"]:
        return in_year(int(found["year"]))
    spans = [in_year(now.year + n) for n in (-1, 0, 1)]
    if _ahead(found):
        return next((span for span in spans if span[1] > _midnight(now)), None)
    return next(span for span in reversed(spans) if span[0] <= now)


def _iso_day(found: "re.Match[str]", _now: datetime) -> Span:
    return _days(datetime(int(found["year"]), int(found["m"]), int(found["d"]), tzinfo=UTC))


def _plain_year(found: "re.Match[str]", _now: datetime) -> Span:
    return _year(int(found["year"]))


def _compiled(pattern: str) -> "re.Pattern[str]":
    return re.compile(pattern, re.IGNORECASE)


_WHICH = r"(?P<which>last|past|previous|this|next|coming)"
_TH = r"(?:st|nd|rd|th)?"
_NO_CLOCK = r"(?<!\d)(?<!\d[.:/-])(?<!\bat )"  # what stands before a day: of "9.10" and "at 9", neither is one
_FIRST = _MONTH.replace("<month>", "<first>")
_TO = r"(?: ?[-\u2013\u2014] ?| (?:to|until|till|through) )"
_SINCE, _UNTIL = rf"(?:the )?{_NO_CLOCK}(?P<since>\d{{1,2}}){_TH}", rf"(?:the )?(?P<until>\d{{1,2}}){_TH}"
#: "by Friday", "for Friday"; "for Friday nights" names no day.
_BEFORE_DAY = r"(?:(?<=\bby )|(?<=\bfor )|(?<=\buntil )|(?<=\btill ))(?!\w+day (?:morning|evening|night|afternoon)s\b)"
_OF_MONTHS: tuple[tuple["re.Pattern[str]", Resolver], ...] = (  #: read where a month is named
    (
        _compiled(rf"\b(?:from )?{_SINCE}(?:(?: of)? {_FIRST})?{_TO}{_UNTIL}(?: of)? {_MONTH}(?:,? {_YEAR})?"),
        _from_day_to_day,
    ),
    (
        _compiled(rf"\bbetween {_SINCE}(?:(?: of)? {_FIRST})? and {_UNTIL}(?: of)? {_MONTH}(?:,? {_YEAR})?"),
        _from_day_to_day,
    ),
    (
        _compiled(
            rf"\b(?:from |(?P<between>between ))?{_FIRST} (?:the )?(?P<since>\d{{1,2}}){_TH}"
            rf"(?(between) and |{_TO})(?:{_MONTH} )?{_UNTIL}(?![.:]\d|\d| ?[ap]\.?m\b| o'clock)(?:,? {_YEAR})?"
        ),
        _from_day_to_day,
    ),
    (
        _compiled(rf"\b(?:on )?(?:the )?{_NO_CLOCK}(?P<day>\d{{1,2}}){_TH}(?: of)? {_MONTH}(?:,? {_YEAR})?{_CLOCK}"),
        _calendar_day,
    ),
    (
        _compiled(rf"\b(?:on )?{_MONTH} (?:the )?(?P<day>\d{{1,2}}){_TH}\b(?:,? {_YEAR})?{_CLOCK}"),
        _calendar_day,
    ),
    (_compiled(rf"\b(?:in |since |last |next )?(?P<which>)?{_MONTH},? (?:of )?{_YEAR}"), _named_month),
    (
        _compiled(
            rf"\b(?:in |since |(?<=\buntil )|(?<=\btill )|(?P<limit>(?<=\bby ))|(?P<which>last|next|this) ){_MONTH}"
            r"(?P<year>)(?(limit)(?=\s*(?:[.,!?;]|$|and|or|but)))"
        ),
        _named_month,
    ),
)
_OTHERS: tuple[tuple["re.Pattern[str]", Resolver], ...] = (
    (_compiled(rf"\b{_YEAR}-(?P<m>\d\d)-(?P<d>\d\d)\b"), _iso_day),
    (
        _compiled(
            rf"\b(?P<word>yesterday|today|tonight|tomorrow|last night|(?:the )?day (?:before yesterday|"
            rf"after tomorrow))\b{_CLOCK}"
        ),
        _near_day,
    ),
    (_compiled(rf"\b{_NUMBER} {_UNIT} ago\b"), _ago),
    (_compiled(rf"\bin {_NUMBER} {_UNIT}"), _in_units),
    (_compiled(rf"\b{_WHICH} (?P<unit>weekend|week|month|year|morning|afternoon|evening)\b"), _last_unit),
    (
        _compiled(rf"\b(?P<on>on |{_BEFORE_DAY})?(?:{_WHICH} )?{_DAY}{_CLOCK}"),
        _last_weekday,
    ),
    (
        _compiled(
            rf"\b(?:in )?(?:(?P<which>last|this|next|in|the) )?(?P<season>spring|summer|autumn|fall|"
            rf"winter)\b(?: of)?(?: {_YEAR})?"
        ),
        _last_season,
    ),
    (_compiled(rf"\b(?:in|since|during) {_YEAR}"), _plain_year),
)
