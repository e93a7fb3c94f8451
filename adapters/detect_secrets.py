"""Text in, the secrets in it out: the plugins of the detect-secrets package, used directly.

The plugins' own scan reads global settings and may call services to verify a finding; their patterns do neither.
Passwords that are told in prose, and key forms that the package lacks, are small patterns of this file. Everyday values
stay: door codes, dates, telephone numbers, addresses, ids.
"""

import re
from collections.abc import Iterator
from typing import Any

from detect_secrets.plugins.artifactory import ArtifactoryDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

# Each plugin with a text that must be there before it is asked: most lines hold none of them. The package's patterns
# for OpenAI, npm and JSON Web Tokens take quadratic time on hostile texts, and those for AWS look about for long; they
# are replaced below.
_PLUGINS: tuple[tuple[type[Any], str], ...] = (
    (ArtifactoryDetector, r"AKC|AP[\dABCDEF]"),
    (AzureStorageKeyDetector, r"AccountKey"),
    (BasicAuthDetector, r"://"),
    (DiscordBotTokenDetector, r"[MNO][a-zA-Z\d_-]{23,25}\."),
    (GitHubTokenDetector, r"gh[pousr]_"),
    (GitLabTokenDetector, r"gl[a-z]{2,5}-|GR13489"),
    (MailchimpDetector, r"-us\d"),
    (PypiTokenDetector, r"pypi-"),
    (SendGridDetector, r"SG\."),
    (SlackDetector, r"xox|hooks\.slack"),
    (SquareOAuthDetector, r"sq0csp"),
    (StripeDetector, r"(?:r|s)k_live"),
    (TelegramBotTokenDetector, r"^\d{8,10}:"),
    (TwilioKeyDetector, r"(?:AC|SK)[a-z0-9]{32}"),
)

_WITH_CONTEXT = (BasicAuthDetector,)

_PATTERNS: tuple[re.Pattern[str], ...] = (
    # keys of OpenAI and those who took the form over (Anthropic, OpenRouter, this program)
    re.compile(r"(?<![\w-])sk-(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9_-]{20,}"),
    re.compile(r"(?<![\w-])(?:r|s)k_(?:live|test)_[A-Za-z0-9]{16,}"),
    re.compile(r"(?<![\w-])github_pat_[A-Za-z0-9_]{22,}"),
    re.compile(r"(?<![\w-])xapp-\d-[A-Za-z0-9-]{20,}"),
    re.compile(r"(?<![\w-])AIza[A-Za-z0-9_-]{35}(?![\w-])"),  # Google
    # npm: the token in a line of .npmrc, and the token alone
    re.compile(r"/:_authToken=[ \t]*+[\"']?(npm_[^\s\"']++|[A-Fa-f0-9-]{36})"),
    re.compile(r"(?<![\w-])npm_[A-Za-z0-9]{36}(?![\w-])"),
    # JSON Web Tokens: the package's pattern leaves the signature, too
    re.compile(r"(?<![\w-])eyJ[\w-]{10,}=*\.[\w-]{10,}=*(?:\.[\w-]*)*"),
    re.compile(r"(?<![\w-])hf_[A-Za-z]{34}(?!\w)"),  # Hugging Face
    re.compile(r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}"),  # AWS access key ids
    re.compile(r"(?i)\b(?:authorization\s*:\s*)?bearer\s+([A-Za-z0-9._~+/-]{20,}=*)"),
    re.compile(
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?:(?!-----BEGIN).)*?-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|(?:\s*[A-Za-z0-9+/=]{16,})+)",
        re.DOTALL,
    ),
)

# AWS secret access keys have no prefix: 40 characters behind their name. The characters are looked for first.
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![\w/+=])")
_AWS_NAME = re.compile(
    r"(?i)(?:aws.{0,20}?(?:key|pwd|pw|password|pass|token).{0,20}?[\"']"
    r"|(?:aws|secret)[\w ]{0,30}(?:key|token)\b[\"']?\s{0,8}(?:is|=|:)+\s{0,8}[\"']?)\Z"
)
_MAX_NAME_CHARS = 100

# Keys of OpenAI wherever they begin: a run that is read once, and what must stand in it.
_OPENAI_RUN = re.compile(r"sk-[A-Za-z0-9_-]++")
_OPENAI_MARK = re.compile(r"[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}")

# "my password is X", "password: X", "the passphrase for the wifi is X".
_NAMED = re.compile(
    r"""(?ix) \b
    (?: (?P<password> pass(?:word|phrase|code|wd) | pwd )
      | (?:api|secret|access|private)[ _-]?(?:key|token) | client[ _-]secret )
    s? [\"'`]? (?P<between> (?:\s+ (?:for|to|of|on|at) \s+ (?:[\w'.@-]+\s+){1,5}? )? )
    (?P<link> \s* (?: := | [:=] ) \s* | (?:(?<=\s)|\s+) (?:is|was|are) (?:\s+now|\s+still|\s+set\s+to)? (?:\s*:\s*|\s+)
      | \s+to\s+ )
    (?: (?P<quote>[\"'`“‘]) (?P<quoted>[^\"'`”’\n]{3,128}) [\"'`”’] | (?P<bare>[^\s\"'`“”]{3,128}) )
    """
)
_MIN_CHARS = 3
_ENDS = re.compile(r"\s*(?:[.,;!)]|\Z|\n)")
_ABOUT = re.compile(
    r"""(?ix) (?: \w*(?:ed|ing|able|ible|ent) | wrong | (?:in)?correct | (?:in)?valid | weak | strong | (?:in)?secure
    | safe | reset | here | there | different | same | new | old | long | short | easy | hard | lost | forgotten | fine
    | ok | okay | empty | blank | (?:un)?known | secret | private | hidden | optional | stolen | mine | yours | ours
    | this | that | it | him | her | them | me | you | us | one | too | again | now | yet | soon | case-sensitive | gone
    | bad | good | great | random | simple | complex | public | personal | important | nonsense | true | false | none
    | null | someone | everyone | anyone | nobody | himself | herself | myself | yourself | today | yesterday
    | tomorrow ) \Z"""
)
_TRAILING = ".,;:!?)]}>"
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*\Z")
_PLACEHOLDER = re.compile(
    r"(?i)\[?(?:redacted|forgotten|hidden|removed|x{3,}|\*{3,}|\.{3,}|<.*>|\{.*\}|\$\{?\w+\}?)\]?\Z"
)


class DetectSecrets:
    """SecretDetector on detect-secrets. Thread-safe: the plugins keep nothing between calls."""

    def __init__(self) -> None:
        self._plugins = [(plugin(), re.compile(hint, re.MULTILINE)) for plugin, hint in _PLUGINS]

    def find(self, text: str) -> list[str]:
        """Return the exact substrings that are secrets, longest first. Linear in the text's length."""
        found = {secret for secret in self._all(text) if secret and not _PLACEHOLDER.match(secret)}
        return sorted(found, key=lambda secret: (-len(secret), secret))

    def _all(self, text: str) -> Iterator[str]:
        for plugin, hint in self._plugins:
            if hint.search(text):
                for pattern in plugin.denylist:
                    yield from (_secret_part(plugin, match) for match in pattern.finditer(text))
        for pattern in _PATTERNS:
            for match in pattern.finditer(text):
                yield match.group(match.lastindex or 0)
        yield from _openai_keys(text)
        yield from _aws_secrets(text)
        yield from _named(text)


def _secret_part(plugin: Any, match: re.Match[str]) -> str:
    """Return the secret in a plugin's match: all of it, but for those whose patterns take in what stands around it."""
    text: str = match.group(match.lastindex or 0) if isinstance(plugin, _WITH_CONTEXT) else match.group()
    return text.strip(' \t\r\n:="')


def _openai_keys(text: str) -> Iterator[str]:
    if "T3BlbkFJ" in text:
        yield from (run[0] for run in _OPENAI_RUN.finditer(text) if _OPENAI_MARK.search(run[0]))


def _aws_secrets(text: str) -> Iterator[str]:
    for match in _AWS_SECRET.finditer(text):
        if _AWS_NAME.search(text[max(0, match.start() - _MAX_NAME_CHARS) : match.start()]):
            yield match[0]


def _named(text: str) -> Iterator[str]:
    """Yield what is told as a password or key in prose or settings.

    A plain word counts where it can hardly be something else: assigned without a space, or last in its sentence and
    none of the words that are said about passwords ("my password is wrong").
    """
    for match in _NAMED.finditer(text):
        if match["quoted"] is not None:
            yield match["quoted"]
            continue
        bare = match["bare"].rstrip(_TRAILING)
        if len(bare) >= _MIN_CHARS and (_WORD.match(bare) is None or _told_plainly(match, bare)):
            yield bare


def _told_plainly(match: re.Match[str], word: str) -> bool:
    """True when a plain word must be the password itself."""
    if match["link"] in (":", "=", ":="):
        return True
    last = _ENDS.match(match.string, match.start("bare") + len(word)) is not None
    return match["password"] is not None and last and _ABOUT.match(word) is None
