"""What is sensitive is found by shape, checksum and context, and the policy decides; everyday numbers stay."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from adapters.detect_secrets import DetectSecrets
from adapters.phonenumbers import PhoneNumbers
from adapters.stdnum import StdNum
from config.layers import ConfigError
from config.settings import load
from memory.cube import MemCube, Origin, SemanticType, Source
from memory.errors import Refused
from memory.governance import Governance
from memory.injector import Injector, Seen
from memory.sensitivity import DEFAULT_RULES, EmailAddresses, Rule, Sensitivity
from memory.turn import Draft, Hit, Intent, MemoryCall, Plan, Recall, Scope
from proxy.screening import governance_of, is_local, withheld_tags

BO = Scope(user="bo")
NOW = datetime(2026, 5, 2, tzinfo=UTC)
DETECTORS = (StdNum(), PhoneNumbers(), EmailAddresses())
CARD = "4111 1111 1111 1111"


def _sensitivity(**rules):
    return Sensitivity(
        DetectSecrets(), DETECTORS, {**DEFAULT_RULES, **{tag: Rule(rule) for tag, rule in rules.items()}}
    )


def _governance(**rules):
    wanted = {**DEFAULT_RULES, **{tag: Rule(rule) for tag, rule in rules.items()}}
    return Governance(DetectSecrets(), personal=DETECTORS, rules=wanted, max_cube_chars=300)


def _draft(text, *, turn_id="t"):
    kind = SemanticType.TURN if turn_id else SemanticType.FACT
    return Draft(
        text=text, semantic_type=kind, origin=Origin.USER_INPUT, source=Source(turn_id=turn_id), valid_from=NOW
    )


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        (f"My card is {CARD}.", "card"),
        ("Charge my visa 4111111111111111, exp 12/27", "card"),
        ("amex: 3782 822463 10005", "card"),
        ("My IBAN is DE89 3704 0044 0532 0130 00 and that's it", "bank_account"),
        ("GB29NWBK60161331926819", "bank_account"),
        ("my ssn is 536-22-8726", "national_id"),
        ("PESEL: 44051401359", "national_id"),
        ("My national id is 44051401359", "national_id"),
        ("RSSMRA85T10A562S", "national_id"),
        ("BSN 111222333", "national_id"),
        ("my aadhaar number: 2341 2341 2346", "national_id"),
        ("Call me on +44 20 7946 0958.", "phone"),
        ("my mobile is (415) 555-2671", "phone"),
        ("Write to bo.o'hara@example.co.uk or bo@example.com", "email"),
    ],
)
def test_what_is_sensitive_is_tagged(text, tag):
    assert _sensitivity().screened(text).tags == (tag,)


@pytest.mark.parametrize(
    "text",
    [
        f"Order {CARD} has shipped.",
        "Order number 4111111111111111",
        "My tracking number is 4012888888881881.",
        "It is version 1.2.3.4 of build 20260502.1130",
        "uuid 4111-1111-1111-1111-1111 and id=4111111111111111",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "const ID = 536228726; timestamp 1700000000000",
        "On 2026-05-02 at 10:22:33 we were 12345678 people.",
        "My door code is 4821 and the ISBN is 978-3-16-148410-0.",
        "pi is 3.14159265358979323846",
        "The server is 192.168.100.200:8080.",
        "I owe him 4111 and 1111 and 1111.",
        "The part 536-22-8726 fits.",
        "the tag @bo and the decorator @property",
    ],
)
def test_everyday_numbers_stay(text):
    assert _sensitivity().screened(text) == _sensitivity().screened(text).__class__(text, (), 0, ())


@given(st.from_regex(r"\A[1-9]\d{15}\Z"))
def test_a_checksum_alone_makes_no_card(number):
    """One number in ten passes Luhn's: without its shape or a word beside it, it is a number."""
    assert _sensitivity().hidden(f"The value is {number}") == f"The value is {number}"
    assert luhn.is_valid(number) in (True, False)


def test_masks_name_their_kind_and_screening_again_changes_nothing():
    once = _sensitivity().screened(f"My card is {CARD} and my password is hunter2x.")
    assert once.text == "My card is [redacted card] and my password is [redacted]."
    assert (once.tags, once.hidden) == (("card", "secret"), 2)
    again = _sensitivity().screened(once.text)
    assert (again.text, again.tags, again.hidden) == (once.text, once.tags, 0)


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_is_hidden_is_never_left_anywhere_in_the_text(before, after):
    hidden = _sensitivity().hidden(f"{before}\nMy card is {CARD}\n{after}")
    assert CARD not in hidden


def test_each_rule_does_what_it_says():
    text = f"My card is {CARD}."
    (stored,) = _governance(card="store").admit(BO, [_draft(text)])
    assert (stored.draft.text, stored.sensitivity) == (text, ("card",))
    (masked,) = _governance(card="mask").admit(BO, [_draft(text)])
    assert (masked.draft.text, masked.sensitivity) == ("My card is [redacted card].", ("card",))
    (local,) = _governance(card="local_only").admit(BO, [_draft(text)])
    assert (local.draft.text, local.sensitivity) == (text, ("card",))
    assert _governance(card="refuse").admit(BO, [_draft(text)]) == []


def test_a_refused_memory_by_hand_is_a_clear_error():
    with pytest.raises(Refused, match="card") as refused:
        _governance(card="refuse").admit(BO, [_draft(f"My card is {CARD}.", turn_id=None)])
    assert (refused.value.code, refused.value.param) == ("sensitive_text", "text")


def test_of_a_long_turn_only_the_piece_that_is_refused_is_left_out():
    filler = " ".join(f"Sentence number {n} is harmless." for n in range(12))
    admitted = _governance(card="refuse").admit(BO, [_draft(f"{filler} My card is {CARD}. {filler}")])
    assert admitted
    assert not any("card" in each.draft.text for each in admitted)
    assert "Sentence number 11 is harmless." in admitted[-1].draft.text


def test_the_ledgers_mark_is_enough_to_refuse_the_turn_later():
    """Texts are screened before the ledger holds them, and what was to be refused is known by its mark."""
    governance = _governance(card="refuse")
    assert governance.admit(BO, [_draft(governance.redact(f"My card is {CARD}."))]) == []


class _Words:
    exact = True

    def count(self, texts):
        return [len(text.split()) for text in texts]


def test_what_is_for_local_models_is_brought_in_nowhere_else():
    cube = MemCube(
        id="m", version=1, owner="bo", text="Call +44 20 7946 0958.", sensitivity=("phone",), pinned=True,
        valid_from=NOW, recorded_at=NOW, updated_at=NOW,
    )  # fmt: skip
    call = MemoryCall(query="phone", intent=Intent.ASK, now=NOW)
    plan = Plan(policy="hybrid", top_k=5, budget_tokens=500, stable_budget_tokens=200)
    recall = Recall(hits=(Hit(cube=cube, score=1.0, relevance=1.0),), sufficiency=1.0)

    def chosen(withheld):
        injector = Injector(_Words(), withheld=withheld)
        return injector.choose(call, plan, profile=[cube], recall=recall, seen=Seen(conversation_id="c"))

    assert chosen(frozenset()).cube_ids == ("m",)
    barred = chosen(frozenset(("phone",)))
    assert barred.cube_ids == ()
    assert {line.reason for line in barred.candidates} == {"for local models only"}


def _settings(**flags):
    return load(flags={key.replace("__", "."): value for key, value in flags.items()}, environ={}).settings


def test_whose_model_is_local_is_said_by_the_configuration():
    loopback = {"backend__kind": "upstream", "backend__base_url": "http://127.0.0.1:11434/v1"}
    phone = {"governance__sensitivity__phone": "local_only"}
    assert is_local(_settings(backend__kind="echo"))
    assert is_local(_settings())
    assert withheld_tags(_settings(**loopback, **phone)) == {"phone"}
    assert withheld_tags(_settings(**loopback, **phone, governance__local_upstream=True)) == frozenset()
    elsewhere = {**loopback, "backend__base_url": "https://api.example/v1", "governance__local_upstream": True}
    assert withheld_tags(_settings(**elsewhere, **phone)) == {"phone"}


def test_what_is_for_local_models_goes_to_no_embedder_or_extractor_elsewhere():
    phone = {"governance__sensitivity__phone": "local_only"}
    llm = {"writer__llm__base_url": "https://api.example/v1", "writer__llm__model": "m"}
    with pytest.raises(ConfigError, match=r"writer\.llm\.base_url"):
        governance_of(_settings(**phone, **llm))
    governance_of(_settings(**llm))


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: type(detector).__name__)
@pytest.mark.parametrize(
    "part", ["1", "4111 ", "DE89 ", "ssn ", "ssn 536-22-8726 ", "+44 20 ", "phone 1 ", "a@", "x@a."]
)
def test_detectors_take_time_linear_in_the_text(detector, part):
    import time

    def cost(text):
        start = time.process_time()
        detector.find(text)
        return time.process_time() - start

    short, long = (part * 10_000)[:10_000], (part * 40_000)[:40_000]
    assert min(cost(long) for _ in range(3)) < 9 * max(min(cost(short) for _ in range(3)), 2e-3)
