"""Activation memory through the product: the same answers, less computing, gone when memories go, to each their own."""

import json
import time
import urllib.request
from dataclasses import dataclass

import pytest

pytestmark = pytest.mark.engine

FACTS = ["The user lives in Lisbon.", "The user is allergic to walnuts.", "The user's favourite colour is teal."]
QUESTION, ANSWER = "Where do I live?", "You live in Lisbon."
SYSTEM = "You are the assistant of a small shop that sells bicycles. You answer in one short sentence, and are kind."
QUICK = ("--set", "scheduler.activation_stable_s=0.3", "--set", "scheduler.activation_hot_uses=2")
ASKED = ("--set", "scheduler.activation=on_request")


@dataclass
class Chat:
    text: str
    prompt_tokens: int
    cached_tokens: int
    kinds: str
    headers: dict
    receipt: dict


def chat(product, key, question=QUESTION, system=None, **headers):
    """One new conversation that leaves nothing behind."""
    messages = [{"role": "system", "content": system}] if system else []
    wishes = {"X-Memory": "read-only", **{name.replace("_", "-"): value for name, value in headers.items()}}
    with product.client(key) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="memos-tiny",
            messages=[*messages, {"role": "user", "content": question}],
            temperature=0,
            max_tokens=24,
            extra_headers=wishes,
        )
    answer = raw.parse()
    status, receipt = product.api(key, "GET", f"/v1/memory/requests/{raw.headers['x-memory-request-id']}")
    assert status == 200, receipt
    usage = answer.usage
    cached = (usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0) or 0
    kinds = raw.headers["x-memory-kinds"]
    text = answer.choices[0].message.content
    return Chat(text, usage.prompt_tokens, cached, kinds, dict(raw.headers), receipt["activation"])


def pin(product, key, *texts):
    ids = []
    for text in texts:
        status, cube = product.api(key, "POST", "/v1/memory/cubes", {"text": text, "pinned": True})
        assert status == 201, cube
        ids.append(cube["id"])
    return ids


def transform(product, key, to="activation", status=200, **more):
    got, made = product.api(key, "POST", "/v1/memory/transform", {"to": to, **more})
    assert got == status, made
    return made


def kept(product, **wanted):
    """What the command line lists."""
    out = product.memos("activation", "ls", "--json")
    return [row for row in json.loads(out) if all(row[name] == value for name, value in wanted.items())]


def user_of(product, name, *flags):
    """A new key and the user that it makes."""
    made = product.memos("keys", "create", name, "--json", *flags)
    return made["key"], made["user"]


def files(product):
    return sorted((product.data / "activations").glob("*/*.safetensors"))


def wait_for(happened, limit_s=60):
    end = time.monotonic() + limit_s
    while not (seen := happened()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)
    return seen


@pytest.fixture(scope="module")
def asked(running_with):
    """A server that makes activation memories on request only."""
    return running_with(*ASKED)


@pytest.fixture(scope="module")
def quick(running_with):
    """A server whose scheduler is soon sure."""
    return running_with(*QUICK)


def test_answers_are_those_of_the_text_and_the_block_is_not_computed_again(asked):
    key = asked.key("same")
    ids = pin(asked, key, *FACTS)
    plain = chat(asked, key, X_Memory_Policy="text")
    assert plain.text == ANSWER
    assert plain.receipt == {"tokens": 0, "tier": "text", "digest": "", "note": ""}
    made = transform(asked, key, wait=True)
    (one,) = made["made"]
    assert made["object"] == "memory.transform"
    assert (one["system"], one["budget_tokens"], sorted(one["ids"])) == ("none", None, sorted(ids))
    assert one["new"]
    assert one["durable"]
    assert one["tokens"] > 32
    assert one["size_bytes"] > 1000
    fast = chat(asked, key, X_Memory_Policy="kv")
    assert (fast.text, fast.prompt_tokens) == (plain.text, plain.prompt_tokens)
    assert fast.cached_tokens >= fast.receipt["tokens"] == one["tokens"]
    assert fast.receipt["digest"] == one["digest"]
    assert fast.receipt["tier"] != "text"
    assert fast.kinds == "plaintext,activation"
    assert not [name for name in fast.headers if name.startswith("x-activation")], "the engine's words stay inside"
    again = transform(asked, key, wait=True)["made"]
    assert [(each["digest"], each["new"]) for each in again] == [(one["digest"], False)]
    assert chat(asked, key).receipt["tokens"] == one["tokens"], "they are used unless a request says text"
    text = chat(asked, key, X_Memory_Policy="text")
    assert (text.receipt["tokens"], text.kinds) == (0, "plaintext")


def test_with_memory_off_nothing_is_restored_and_nothing_said(asked):
    key = asked.key("off")
    pin(asked, key, *FACTS)
    transform(asked, key, wait=True)
    raw = asked.ask_raw(key, QUESTION, x_memory="off")
    assert not [name for name in raw.headers if name.startswith("x-activation")]
    assert "x-memory-kinds" not in raw.headers


def test_it_outlives_a_restart_and_a_kill(product):
    key = product.start(*ASKED).key("ada")
    pin(product, key, *FACTS)
    (made,) = transform(product, key, wait=True)["made"]
    for end in (product.stop, product.kill):
        end()
        product.start(*ASKED)
        answer = chat(product, key)
        assert answer.text == ANSWER
        assert (answer.receipt["tokens"], answer.receipt["tier"]) == (made["tokens"], "disk")


def test_a_chat_that_grants_more_tokens_gets_its_own(asked):
    key = asked.key("large")
    pin(asked, key, *FACTS, "The user's notes: " + "the quick brown fox jumps over the lazy dog, " * 60)
    usual, whole = transform(asked, key, wait=True)["made"]
    assert usual["budget_tokens"] is None
    assert (len(usual["ids"]), len(whole["ids"])) == (3, 4)
    assert whole["tokens"] > 400
    assert chat(asked, key).receipt["tokens"] == usual["tokens"]
    assert chat(asked, key, X_Memory_Budget="1800").receipt["tokens"] == whole["tokens"]


def test_users_of_one_application_share_its_system_prompt_and_nothing_else(asked):
    key = asked.key("shop", "--assert-users")
    facts = {"alice": FACTS[0], "bob": "The user lives in Oslo.", "cara": "The user lives in Rome."}
    for name, fact in facts.items():
        status, _ = asked.api(
            key, "POST", "/v1/memory/cubes", {"text": fact, "pinned": True}, **{"X-Memory-User-Id": name}
        )
        assert status == 201

    def made_for(user):
        wish = {"to": "activation", "wait": True}
        return asked.api(key, "POST", "/v1/memory/transform", wish, **{"X-Memory-User-Id": user})[1]["made"]

    def ask(user):
        with asked.client(key) as client:
            raw = client.chat.completions.with_raw_response.create(
                model="memos-tiny",
                messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}],
                temperature=0,
                max_tokens=24,
                user=user,
                extra_headers={"X-Memory": "read-only"},
            )
        path = f"/v1/memory/requests/{raw.headers['x-memory-request-id']}"
        receipt = asked.api(key, "GET", path, None, **{"X-Memory-User-Id": user})[1]
        return raw.parse().choices[0].message.content, receipt["activation"]

    assert ask("alice")[1]["tokens"] == 0
    made = made_for("alice")
    assert len(made) == 2, "for no system prompt, and for the one that she was seen with"
    whole = next(each["tokens"] for each in made if each["system"] != "none")
    assert ask("alice")[1]["tokens"] == whole
    assert ask("bob")[1]["tokens"] == 0, "she alone sent it: nobody is to find out what it says"
    ask("cara")
    whole = next(each["tokens"] for each in made_for("bob") if each["system"] != "none")
    assert ask("bob")[1]["tokens"] == whole
    text, restored = ask("cara")
    assert 0 < restored["tokens"] < whole, "three users sent it: it is the application's"
    assert "Oslo" not in text


def test_a_change_is_seen_at_once(asked):
    key = asked.key("change")
    pin(asked, key, *FACTS)
    transform(asked, key, wait=True)
    assert chat(asked, key).text == ANSWER
    pin(asked, key, "The user moved to Porto.")
    assert chat(asked, key).text == "You live in Porto."


def test_hot_blocks_are_made_while_the_server_is_idle_and_made_anew_when_they_change(quick):
    key, user = user_of(quick, "hot")
    pin(quick, key, *FACTS)
    chat(quick, key)
    assert kept(quick, user=user) == []
    chat(quick, key)
    (first,) = wait_for(lambda: kept(quick, user=user))
    assert chat(quick, key).receipt["digest"] == first["digest"]
    pin(quick, key, "The user moved to Porto.")

    def replaced():
        rows = kept(quick, user=user)
        return rows if len(rows) == 1 and rows[0]["digest"] != first["digest"] else None

    (second,) = wait_for(replaced)
    answer = chat(quick, key)
    assert (answer.text, answer.receipt["digest"]) == ("You live in Porto.", second["digest"])
    metrics = urllib.request.urlopen(f"{quick.url}/metrics", timeout=10).read().decode()
    assert 'memos_activation_entries{tier="disk"}' in metrics
    assert "memos_activation_tokens_total" in metrics
    assert 'memos_activation_chats_total{tier="text"}' in metrics


def test_a_chat_that_asks_for_activation_memory_has_it_made(running_with):
    server = running_with("--set", "scheduler.activation_stable_s=0.3")
    key, user = user_of(server, "wish")
    pin(server, key, *FACTS)
    chat(server, key)
    time.sleep(2)
    assert kept(server, user=user) == [], "once is not hot"
    chat(server, key, X_Memory_Policy="kv")
    (made,) = wait_for(lambda: kept(server, user=user))
    assert chat(server, key).receipt["digest"] == made["digest"]


REMOVALS = {  # method, path, body; ID is the first memory's
    "delete": ("DELETE", "cubes/ID", None),
    "change": ("PATCH", "cubes/ID", {"text": "The user lives in Faro.", "version": 1}),
    "back to text": ("POST", "transform", {"to": "plaintext"}),
    "back to text, by id": ("POST", "transform", {"to": "plaintext", "ids": ["ID"]}),
}


@pytest.mark.parametrize("how", REMOVALS)
def test_what_was_computed_goes_with_the_memory_before_the_answer_comes(asked, how):
    key, user = user_of(asked, "gone")
    before = files(asked)
    ids = pin(asked, key, *FACTS)
    transform(asked, key, wait=True)
    assert len(files(asked)) == len(before) + 1
    method, path, body = json.loads(json.dumps(REMOVALS[how]).replace("ID", ids[0]))
    status, report = asked.api(key, method, f"/v1/memory/{path}", body)
    assert files(asked) == before, "its file is gone when the answer is here"
    assert status == 200, report
    if "text" in how:
        assert report["removed"]["prefixes"] == 1
        assert chat(asked, key).text == ANSWER
    assert kept(asked, user=user) == []
    assert chat(asked, key).receipt["tokens"] == 0


def test_an_erasure_covers_what_was_computed_and_reports_it(product):
    key = product.start(*ASKED).key("ada")
    for whole in (False, True):
        ids = pin(product, key, *FACTS)
        (made,) = transform(product, key, wait=True)["made"]
        assert chat(product, key).receipt["digest"] == made["digest"]
        (file,) = files(product)
        size_bytes = file.stat().st_size
        status, report = product.api(key, "POST", "/v1/memory/erase", {} if whole else {"ids": ids[:1]})
        assert files(product) == []
        assert status == 200, report
        assert report["activations"] == {"prefixes": 1, "files": 1, "bytes": size_bytes, "found": 0}
        assert report["verified"]
        assert chat(product, key).receipt["tokens"] == 0


def test_what_is_forgotten_in_a_chat_is_gone_too(asked):
    key, user = user_of(asked, "forget")
    asked.ask(key, "I live in Lisbon.")
    wait_for(lambda: asked.cubes(key))
    transform(asked, key, wait=True)
    assert len(kept(asked, user=user)) == 1
    asked.ask(key, "Forget where I live.")
    wait_for(lambda: not any("Lisbon" in cube["text"] for cube in asked.cubes(key)))
    wait_for(lambda: not kept(asked, user=user), 5)


def test_what_cannot_be_transformed_says_why(asked):
    key = asked.key("refused")
    error = transform(asked, key, status=400)["error"]
    assert (error["code"], "pin" in error["message"]) == ("nothing_to_transform", True)
    (pinned,) = pin(asked, key, FACTS[0])
    loose = asked.api(key, "POST", "/v1/memory/cubes", {"text": "The park was green."})[1]["id"]
    assert transform(asked, key, ids=["mem_nothing"], status=404)
    error = transform(asked, key, ids=[pinned, loose], status=400)["error"]
    assert (error["param"], error["code"]) == ("ids", "not_in_stable_block")
    assert transform(asked, key, ids=[pinned])["made"]
    error = transform(asked, key, to="parametric", status=501)["error"]
    assert "not available in this version" in error["message"]
    assert transform(asked, key, to="clay", status=400)


def test_it_is_answered_at_once_when_nobody_waits(asked):
    key, user = user_of(asked, "hasty")
    pin(asked, key, *FACTS)
    (made,) = transform(asked, key)["made"]
    assert made["tokens"] > 32
    wait_for(lambda: kept(asked, user=user))


def test_the_command_line_lists_and_drops_beside_the_server_and_without_it(product):
    key, user = user_of(product.start(*ASKED), "ada")
    pin(product, key, *FACTS)
    (made,) = transform(product, key, wait=True)["made"]
    (row,) = kept(product, user=user)
    assert (row["digest"], row["tokens"]) == (made["digest"], made["tokens"])
    assert made["digest"][:12] in product.memos("activation", "ls", "--user", user)
    product.memos("activation", "drop", made["digest"])
    assert (kept(product), files(product)) == ([], [])
    assert chat(product, key).receipt["tokens"] == 0
    transform(product, key, wait=True)
    product.stop()
    assert [row["user"] for row in kept(product)] == [user]
    product.memos("activation", "drop", "--user", user)
    assert (kept(product), files(product)) == ([], [])


def test_switched_off_there_is_none(product):
    key = product.start("--set", "scheduler.activation=off").key("ada")
    pin(product, key, *FACTS)
    assert transform(product, key, status=400)["error"]["code"] == "activation_off"
    for _ in range(2):  # the second one would find what the first one left
        answer = chat(product, key, X_Memory_Policy="kv")
        assert answer.text == ANSWER
        assert answer.kinds == "plaintext"
        assert answer.receipt is None or (answer.receipt["tokens"], answer.receipt["tier"]) == (0, "text")
    assert (kept(product), files(product)) == ([], [])
    assert not (product.data / "activations").exists(), "there is no store"
