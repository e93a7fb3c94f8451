"""Secrets are found wherever people put them, and everyday values stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.detect_secrets import DetectSecrets

_DETECTOR = DetectSecrets()
_LONG = "a1B2c3D4e5F6g7H8i9J0"
_JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
_PRIVATE = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nq83vEjRWeJA=\n-----END RSA PRIVATE KEY-----"

SECRETS = [
    ("My key is {}, keep it.", f"sk-{_LONG}"),
    ("{}", f"sk-proj-{_LONG}-{_LONG}"),
    ("use {} for Claude", f"sk-ant-api03-{_LONG}-{_LONG}"),
    ("sign in with {} please", f"sk-memos-0a1b2c3d-{_LONG}{_LONG}abc"),
    ("id {} here", "AKIAIOSFODNN7EXAMPLE"),
    ("my aws secret access key is {}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("aws_secret_access_key = '{}'", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("token {}", "ghp_" + "a1" * 18),
    ("token {}.", "github_pat_" + "a1" * 20),
    ("{} is mine", f"sk-{_LONG}T3BlbkFJ{_LONG}"),
    ("x{}", f"sk-{_LONG}T3BlbkFJ{_LONG}"),
    ("//registry.npmjs.org/:_authToken={}", "npm_" + "a1" * 18),
    ("//npm.example.com/:_authToken={} # old", "123e4567-e89b-12d3-a456-426614174000"),
    ("publish with {}", "npm_" + "a1" * 18),
    ("AWS_KEY: '{}'", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("{}", "ASIAIOSFODNN7EXAMPLE"),
    ("key {}", "AKC" + "a1" * 12),
    ("{};", "AccountKey=" + "a1B2" * 22),
    ("discord {}", "M" + "a1" * 12 + "." + "a1b2c3" + "." + "a1" * 13 + "b"),
    ("{}", "glpat-" + "a1" * 10),
    ("{}", "a1" * 16 + "-us12"),
    ("{}", "pypi-AgEIcHlwaS5vcmc" + "a1" * 40),
    ("{}", "SG." + "a1" * 11 + "." + "a1" * 21 + "b"),
    ("{}", "https://hooks.slack.com/services/T0A/B0A/a1b2c3"),
    ("{}", "sq0csp-" + "a1" * 21 + "b"),
    ("{}", "123456789:" + "a1" * 17 + "b"),
    ("{}", "AC" + "a1" * 16),
    ("bot {}", "xoxb-" + "123456789012-1234567890123-abcDEF123456"),
    ("pay with {}", "sk_live_" + "a1B2" * 6),
    ("{} is the token", _JWT),
    ("here:\n{}\nthanks", _PRIVATE),
    ("postgres://bo:{}@db.example.com/app", "hunter2"),
    ("My password is {}.", "hunter2"),
    ("my password is {}", "swordfish"),
    ("The password for my wifi is {}!", "Blue-Horse-42"),
    ("My passphrase is “{}”", "correct horse battery staple"),
    ("password: {}", "swordfish"),
    ("PASSWORD={} docker compose up", "swordfish"),
    ("user bo, pwd: {}", "Tr0ub4dor&3"),
    ("api_key = {}", "abcd1234efgh"),
    ("Authorization: Bearer {}", "abcdefghij0123456789xyz"),
    ("I changed the password to {}", "S3cret!x"),
]

EVERYDAY = [
    "My door code is 4821.",
    "My favourite colour is teal.",
    "Write to bo@example.com or call +44 20 7946 0958.",
    "The meeting is on 2026-03-14T10:00:00Z: bring cake.",
    "The ticket is 123e4567-e89b-12d3-a456-426614174000.",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "My IBAN is DE89370400440532013000.",
    "My passport number is X1234567 and my order AC1234567890.",
    "I use sk-learn and scikit-learn.",
    "The key is under the mat.",
    "My secret is that I love jazz.",
    "The secret to happiness is cheese.",
    "My password is too long.",
    "My password is wrong.",
    "The password is not working!",
    "The password was changed yesterday.",
    "I forgot my password: can you help?",
    "What is a password?",
    "The password is required.",
    "The access token is stale.",
    "The API key is missing, I think.",
    "See https://example.com:8080/a?b=c and http://example.org/@bo.",
    "MAC 00:1B:44:11:3A:B7 at 192.168.0.1",
    "I pass the code review to Ann; Bo is on call.",
    "My licence plate is B-MW 1234 and my locker combination 12-34-56.",
    "I was born on 12.03.1984 and I am 1.82 m tall.",
    "Our flight is LH1234 on Friday at 07:35.",
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_a_secret_is_found_exactly(text, secret):
    found = _DETECTOR.find(text.format(secret))
    assert secret in found
    assert not any(each.startswith((" ", ":")) for each in found)


@pytest.mark.parametrize("text", EVERYDAY)
def test_everyday_values_stay(text):
    assert _DETECTOR.find(text) == []


def test_the_longest_comes_first():
    found = _DETECTOR.find(f"password: hunter2 and my key is sk-{_LONG}")
    assert found == sorted(found, key=len, reverse=True)
    assert len(found) == 2


def test_what_was_redacted_or_forgotten_is_not_a_secret_again():
    assert _DETECTOR.find("My password is [redacted]. My api key: [forgotten]") == []


@given(st.text(max_size=200))
def test_what_is_found_is_in_the_text(text):
    assert all(secret and secret in text for secret in _DETECTOR.find(text))


@pytest.mark.parametrize(
    "part",
    [
        "word ",
        "a",
        "password ",
        "password is ",
        "sk-",
        "https://",
        "eyJ",
        "aws key ",
        "A3T",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_long_messages_are_read_to_their_end(part):
    """A pattern with quadratic time would keep this test busy for minutes."""
    text = part * (100_000 // len(part)) + f"\nmy key is sk-{_LONG}\n"
    assert f"sk-{_LONG}" in _DETECTOR.find(text)
