"""Text in, the payment cards, bank accounts and national ids in it out: checksums of the python-stdnum package.

A checksum alone is not enough (one number in ten passes Luhn's), so a number also needs its usual shape or words beside
it that say what it is. Order numbers, serial numbers, versions, dates and ids in code stay.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from stdnum import iban, luhn
from stdnum.au import tfn
from stdnum.be import nn
from stdnum.bg import egn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ch_ssn
from stdnum.cl import rut
from stdnum.cn import ric
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nif as fr_nif
from stdnum.fr import nir
from stdnum.gb import nhs, utr
from stdnum.gr import amka
from stdnum.hr import oib
from stdnum.ie import pps
from stdnum.il import idnr as il_idnr
from stdnum.in_ import aadhaar, pan
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.my import nric
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.pt import cc, nif
from stdnum.ro import cnp
from stdnum.se import personnummer
from stdnum.th import pin
from stdnum.tr import tckimlik
from stdnum.us import itin, ssn
from stdnum.za import idnr as za_idnr

from memory.ports import Finding
from memory.sensitivity import BANK_ACCOUNT, CARD, NATIONAL_ID

_REACH_CHARS = 60  #: how far from a number words may stand that say what it is

_CARD = re.compile(r"(?<![\w.,/#-])\d(?:[ -]?\d){12,18}(?![\w/]|[.,-]\d)")
# Issuer prefixes with their lengths (ISO/IEC 7812): Visa, Mastercard, American Express, Discover, Diners, JCB, Maestro,
# UnionPay.
_ISSUER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|(?:5018|5020|5038|6304|6759)\d{8,15}"
    r"|62\d{14,17}"
)
_CARD_SHAPE = re.compile(r"\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{5}")
_CARD_WORDS = re.compile(
    r"(?i)\b(?:card|visa|master ?card|amex|american express|maestro|diners|discover|jcb|unionpay|debit|credit|cvv|cvc|"
    r"expir\w*|exp|karte|kreditkarte|carte|tarjeta|carta|pay(?:ment|ing)?|charge[ds]?)\b"
)
_OTHER_NUMBER = re.compile(
    r"(?i)\b(?:orders?|invoice|tracking|ticket|reference|ref|serial|imei|isbn|ean|gtin|sku|parcel|shipment|version|build|"
    r"commit|booking|case|model|part|item|product|batch|timestamp|phone|tel|call|id|uuid|hash|port|key|gift|loyalty|"
    r"library|membership)\b(?:\s+(?:number|no|nr|code|id|is|was))*[\s.:#]*\Z"
)
_IBAN = re.compile(r"(?<![\w-])[A-Z]{2}\d\d(?:[ -]?[A-Z0-9]){11,30}", re.IGNORECASE)


class _Scheme(NamedTuple):
    """A country's number of persons."""

    words: str  #: that name it, as a pattern
    shape: str
    is_valid: Callable[[str], Any]


_ANY_NATIONAL = (
    r"national (?:id|identity|identification|insurance|registration)|identity (?:card|number|no|document)|"
    r"id[ -]?card|identification (?:number|no)|personal (?:id|identity|identification) (?:number|code)|"
    r"(?:tax|fiscal)(?:payer)? (?:id|identification|number|no|file|code)|social (?:security|insurance)|"
    r"citizen(?:ship)? (?:id|number|card)|resident(?:'s)? (?:id|registration|identity)|person(?:al)? number"
)
_SCHEMES = (
    _Scheme(r"ssn|social(?: security)?(?: number| no)?", r"\d{3}[- ]?\d\d[- ]?\d{4}", ssn.is_valid),
    _Scheme(r"itin", r"9\d\d[- ]?\d\d[- ]?\d{4}", itin.is_valid),
    _Scheme(r"nhs", r"\d{3}[- ]?\d{3}[- ]?\d{4}", nhs.is_valid),
    _Scheme(r"utr", r"\d{5} ?\d{5}", utr.is_valid),
    _Scheme(r"nir|s[ée]curit[ée] sociale|insee|carte vitale", r"[12](?: ?\d){12,14}", nir.is_valid),
    _Scheme(r"num[ée]ro fiscal|spi", r"[0-3]\d(?: ?\d){11}", fr_nif.is_valid),
    _Scheme(r"steuer-?(?:id\w*|nummer|identifikations\w*)|idnr", r"\d(?:[ ]?\d){10}", idnr.is_valid),
    _Scheme(r"dni|nif", r"\d{8}[- ]?[A-Z]", dni.is_valid),
    _Scheme(r"nie|dni", r"[XYZ][- ]?\d{7}[- ]?[A-Z]", nie.is_valid),
    _Scheme(r"bsn|burgerservicenummer|sofinummer", r"\d{4}[. ]?\d\d[. ]?\d{3}", bsn.is_valid),
    _Scheme(r"pesel", r"\d{11}", pesel.is_valid),
    _Scheme(r"nif|contribuinte", r"\d{3} ?\d{3} ?\d{3}", nif.is_valid),
    _Scheme(r"cart[ãa]o (?:de )?cidad[ãa]o", r"\d{8}[- ]?\d ?[A-Z0-9]{2}\d", cc.is_valid),
    _Scheme(r"cpf", r"\d{3}\.?\d{3}\.?\d{3}-?\d\d", cpf.is_valid),
    _Scheme(r"aadha+r", r"\d{4}[- ]?\d{4}[- ]?\d{4}", aadhaar.is_valid),
    _Scheme(r"pan", r"[A-Z]{5}\d{4}[A-Z]", pan.is_valid),
    _Scheme(r"personnummer", r"(?:\d\d)?\d{6}[-+ ]?\d{4}", personnummer.is_valid),
    _Scheme(r"cpr", r"\d{6}[- ]?\d{4}", cpr.is_valid),
    _Scheme(r"hetu|henkil[öo]tunnus", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]", hetu.is_valid),
    _Scheme(r"f[øo]dselsnummer|personnummer", r"\d{6} ?\d{5}", fodselsnummer.is_valid),
    _Scheme(r"rijksregister\w*|registre national|insz|niss", r"\d\d[. ]?\d\d[. ]?\d\d[- ]?\d{3}[. ]?\d\d", nn.is_valid),
    _Scheme(r"cnp", r"[1-9]\d{12}", cnp.is_valid),
    _Scheme(r"rodn[ée] [čc][íi]slo", r"\d{6}/?\d{3,4}", rc.is_valid),
    _Scheme(r"egn|егн", r"\d{10}", egn.is_valid),
    _Scheme(r"oib", r"\d{11}", oib.is_valid),
    _Scheme(r"isikukood|asmens kodas", r"[1-6]\d{10}", ik.is_valid),
    _Scheme(r"ahv|avs", r"756\.?\d{4}\.?\d{4}\.?\d\d", ch_ssn.is_valid),
    _Scheme(r"amka", r"\d{11}", amka.is_valid),
    _Scheme(r"pps\w?", r"\d{7}[A-W][ABHWTX]?", pps.is_valid),
    _Scheme(r"teudat zehut|mispar zehut", r"\d{8,9}", il_idnr.is_valid),
    _Scheme(r"rrn", r"\d{6}-?[1-8]\d{6}", rrn.is_valid),
    _Scheme(r"身份证|shenfenzheng", r"\d{17}[0-9X]", ric.is_valid),
    _Scheme(r"tckn|tc ?kimlik", r"[1-9]\d{10}", tckimlik.is_valid),
    _Scheme(r"nric|mykad", r"\d{6}-?\d\d-?\d{4}", nric.is_valid),
    _Scheme(r"thai id", r"\d-?\d{4}-?\d{5}-?\d\d-?\d", pin.is_valid),
    _Scheme(r"sa id", r"\d{13}", za_idnr.is_valid),
    _Scheme(r"rut", r"\d{1,2}\.?\d{3}\.?\d{3}-?[0-9K]", rut.is_valid),
    _Scheme(r"tfn", r"\d{3}[- ]?\d{3}[- ]?\d{2,3}", tfn.is_valid),
    _Scheme(r"sin", r"\d{3}[- ]?\d{3}[- ]?\d{3}", sin.is_valid),
)
# Letters, a date and a checksum: these tell themselves.
_TELLING = (
    _Scheme("", r"[A-Z]{6}\d\d[A-EHLMPR-T]\d\d[A-Z]\d{3}[A-Z]", codicefiscale.is_valid),
    _Scheme("", r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d", curp.is_valid),
)


def _number(scheme: _Scheme) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w./-])(?:{scheme.shape})(?![\w/]|[.-]\d)", re.IGNORECASE)


_NAMED = [(scheme, re.compile(rf"(?i)\b(?:{scheme.words})\b"), _number(scheme)) for scheme in _SCHEMES]
_SAYS = re.compile(rf"(?i)\b(?:{_ANY_NATIONAL}|{'|'.join(scheme.words for scheme in _SCHEMES)})\b")
_SAYS_ANY = re.compile(rf"(?i)\b(?:{_ANY_NATIONAL})\b")
_ALONE = [(scheme, _number(scheme)) for scheme in _TELLING]
_DIGITS = re.compile(r"\d\D{0,3}\d\D{0,3}\d\D{0,3}\d")


class StdNum:
    """SensitiveDetector of numbers with checksums. Thread-safe: it keeps nothing."""

    tags = frozenset((CARD, BANK_ACCOUNT, NATIONAL_ID))

    def find(self, text: str) -> list[Finding]:
        """Return cards, bank accounts and national ids. Linear in the text's length."""
        if _DIGITS.search(text) is None:
            return []
        found = [Finding(text=each, tag=BANK_ACCOUNT) for each in _ibans(text)]
        found += [Finding(text=each, tag=CARD) for each in _cards(text)]
        found += [Finding(text=each, tag=NATIONAL_ID) for each in _national_ids(text)]
        return found


def _cards(text: str) -> Iterator[str]:
    for found in _CARD.finditer(text):
        number = re.sub(r"[ -]", "", found[0])
        if not _ISSUER.fullmatch(number) or not luhn.is_valid(number):
            continue
        before = text[max(0, found.start() - _REACH_CHARS) : found.start()]
        around = f"{before} {text[found.end() : found.end() + _REACH_CHARS]}"
        if _CARD_WORDS.search(around) or (_CARD_SHAPE.fullmatch(found[0]) and not _OTHER_NUMBER.search(before)):
            yield found[0]


def _ibans(text: str) -> Iterator[str]:
    for found in _IBAN.finditer(text):
        run = found[0]
        for end in range(len(run), 14, -1):
            whole = end == len(run) or not run[end].isalnum()
            if whole and run[end - 1].isalnum() and iban.is_valid(run[:end]):
                yield run[:end]
                break


def _national_ids(text: str) -> Iterator[str]:
    for scheme, number in _ALONE:
        yield from (found[0] for found in number.finditer(text) if scheme.is_valid(found[0].upper()))
    for window in _windows(text):
        said_any = _SAYS_ANY.search(window) is not None
        for scheme, words, number in _NAMED:
            if said_any or words.search(window):
                yield from (found[0] for found in number.finditer(window) if scheme.is_valid(found[0].upper()))


def _windows(text: str) -> Iterator[str]:
    """Yield the surroundings of words that announce a national id, those that touch as one."""
    start = end = 0
    for found in _SAYS.finditer(text):
        if found.start() - _REACH_CHARS > end:
            if end:
                yield text[start:end]
            start = found.start() - _REACH_CHARS
        end = found.end() + _REACH_CHARS
    if end:
        yield text[start:end]
