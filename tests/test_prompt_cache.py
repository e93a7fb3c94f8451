"""Prompt caches that are not ours: what stands in front of the last user message is the same from turn to turn, so a
server's own cache is the activation memory, and it keeps users apart where it can be told to.

The server is played here, by the protocol of each: which part of a prompt it has computed before, and how it says so.
"""

import json
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.prompt_cache import PromptCache
from config.layers import ConfigError
from config.settings import load
from memory.prompts import FENCE_OPEN, STABLE_HEADER
from tests.proxy_rig import DONE, Proxy, Upstream, delta, stream, whole

MARK = {"type": "ephemeral"}
SYSTEM = " ".join(f"Rule {n}: answer briefly and name no sources." for n in range(30))
FACTS = {
    "My favourite tea is sencha.": "What is my favourite tea?",
    "My shoe size is 42.": "What is my shoe size?",
    "My favourite colour is teal.": "What is my favourite colour?",
    "My favourite cake is carrot cake.": "What is my favourite cake?",
    "My favourite film is Alien.": "What is my favourite film?",
    "My locker number is 117.": "What is my locker number?",
}


def words(message) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def common(text: str, other: str) -> int:
    """How many letters two texts begin with alike."""
    return next(
        (n for n, (one, two) in enumerate(zip(text, other, strict=False)) if one != two), min(len(text), len(other))
    )


def rendered(messages) -> str:
    """A chat template's text; here a letter is a token."""
    return "".join(f"<|{message['role']}|>{words(message)}<|end|>" for message in messages) + "<|assistant|>"


def parts(content) -> list[dict]:
    return content if isinstance(content, list) else [{"text": content}]


def blocks(messages) -> list[tuple[int, str, str, bool]]:
    """Anthropic's view: (message, role, text, is it marked); a content string is one block."""
    return [
        (n, message["role"], part["text"], "cache_control" in part)
        for n, message in enumerate(messages)
        for part in parts(message["content"])
    ]


def read_at_marks(messages, known) -> int:
    """Whole blocks only, looked for at each mark and up to 20 blocks in front of it."""
    asked = blocks(messages)
    kept = [[one[:3] for one in some] for some in known]
    ends = {n for mark, one in enumerate(asked) if one[3] for n in range(max(0, mark - 20), mark + 1)}
    found = [asked[: end + 1] for end in ends if [one[:3] for one in asked[: end + 1]] in kept]
    return max((sum(len(text) for _, _, text, _ in some) for some in found), default=0)


@dataclass
class Served:
    """What the server was asked, and how much of it it had to compute."""

    body: dict
    prompt: str
    cached: int

    @property
    def front(self) -> str:
        """All in front of the last user message."""
        return self.prompt[: self.prompt.rindex("<|user|>")]

    @property
    def kept(self) -> int:
        """How many letters are words in front of it."""
        return sum(len(words(message)) for message in self.body["messages"][:-1])


@dataclass
class Server:
    """Plays a model server with a prompt cache; set as the script of an ``Upstream``."""

    protocol: str
    known: dict[str, list] = field(default_factory=dict)  #: what was computed, by what keeps it apart
    served: list[Served] = field(default_factory=list)

    async def __call__(self, request, writer):
        body, answer = request.json, f"Answer {len(self.served)}."
        prompt = rendered(body["messages"])
        apart = {"vllm": "cache_salt", "openai": "prompt_cache_key"}.get(self.protocol, "")
        known = self.known.setdefault(str(body.get(apart)), [])
        cached = self.cached(prompt, known, body["messages"])
        known += self.kept(prompt + answer + "<|end|>", body["messages"])
        self.served.append(Served(body, prompt, cached))
        message = {"role": "assistant", "content": answer}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        told = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        await whole(json.dumps(told | self.figures(len(prompt), cached)).encode())(request, writer)

    def cached(self, prompt, known, messages) -> int:
        if self.protocol == "anthropic":
            return read_at_marks(messages, known)
        shared = max((common(prompt, text) for text in known), default=0)
        if self.protocol == "openai":  # from 1024 tokens on, in steps of 128
            return shared // 128 * 128 if shared >= 1024 else 0
        return shared // 16 * 16 if self.protocol == "vllm" else min(shared, len(prompt) - 1)

    def kept(self, text, messages) -> list:
        if self.protocol != "anthropic":
            return [text]
        return [blocks(messages)[: n + 1] for n, (*_, marked) in enumerate(blocks(messages)) if marked]

    def figures(self, prompt_tokens: int, cached: int) -> dict:
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": 3, "total_tokens": prompt_tokens + 3}
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
        if self.protocol == "openai":
            usage["prompt_tokens_details"]["audio_tokens"] = 0
        if self.protocol == "llama-server":
            timings = {"cache_n": cached, "prompt_n": prompt_tokens - cached, "prompt_ms": 1.5, "predicted_n": 3}
            return {"usage": usage, "timings": timings}
        return {"usage": usage}


def marks(messages) -> list[tuple[int, int]]:
    """Where a list of messages is marked: (message, part)."""
    return [
        (n, m)
        for n, message in enumerate(messages)
        for m, part in enumerate(message["content"] if isinstance(message["content"], list) else ())
        if "cache_control" in part
    ]


def unmarked(messages) -> list[dict]:
    return [{**message, "content": words(message)} for message in messages]


class Talk:
    """One conversation of a client that sends it whole each time, as clients do."""

    def __init__(self, proxy, server, key=None, system=SYSTEM, **headers) -> None:
        self.proxy, self.server = proxy, server
        self.headers = {"authorization": f"Bearer {key or proxy.key}", **headers}
        self.messages = [{"role": "system", "content": system}]

    def say(self, text: str, **more) -> Served:
        self.messages.append({"role": "user", "content": text})
        body = json.dumps({"model": "m", "messages": self.messages, **more}).encode()
        self.reply = self.proxy.raw(body, **self.headers)
        self.answer = self.reply.json()
        assert self.reply.status == 200, self.answer
        self.messages.append(self.answer["choices"][0]["message"])
        return self.server.served[-1]


@pytest.fixture
def upstream():
    made = Upstream()
    yield made
    made.close()


@pytest.fixture
def started(tmp_path, upstream):
    """Start a server of a protocol, and a proxy in front of it whose user told the facts in earlier conversations."""
    proxies = []

    def start(protocol, prompt_cache="auto"):
        server = upstream.script = Server(protocol)
        flags = {"backend.prompt_cache": prompt_cache, "scheduler.top_k": 1}  # each question brings one memory in
        proxy = Proxy(tmp_path / str(len(proxies)), upstream.url, **flags)
        proxies.append(proxy)
        said = [{"role": "user", "content": fact} for fact in ("I live in Lisbon.", *FACTS)]
        earlier = {"conversation_id": "earlier", "messages": said, "wait": True}
        assert proxy.raw(json.dumps(earlier).encode(), "/v1/memory/turns").read()
        return proxy, server

    yield start
    for proxy in proxies:
        proxy.close()


PROTOCOLS = {"llama-server": "auto", "vllm": "vllm", "openai": "openai"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_all_in_front_of_the_last_user_message_is_cached_in_every_turn(started, protocol):
    """With memory exactly as without: nothing that was computed is computed again, up to the server's own steps."""
    proxy, server = started(protocol, PROTOCOLS[protocol])
    step = {"llama-server": 1, "vllm": 16, "openai": 128}[protocol]
    shares = {}
    for memory in ("on", "off"):
        server.known.clear()
        talk = Talk(proxy, server, X_Memory=memory)
        served = [talk.say(question) for question in FACTS.values()]
        for before, now in pairwise(served):
            assert now.front.startswith(before.prompt), "the turn before is repeated byte for byte"
            assert now.cached > len(now.front) - step
        shares[memory] = [one.cached for one in served]
        assert shares[memory] == sorted(shares[memory]), "it grows"
        blocks = [message for message in served[-1].body["messages"] if FENCE_OPEN in words(message)]
        assert len(blocks) == (6 if memory == "on" else 0), "each question brought something in, and it stays"
        assert served[-1].prompt.count(STABLE_HEADER) == (memory == "on")
    assert all(on >= off for on, off in zip(shares["on"], shares["off"], strict=True))


def test_the_last_thing_said_is_sent_as_json_of_the_same_bytes(started):
    """Not only the text: also the JSON in front of the newest message, for caches in front of a model server."""
    proxy, server = started("llama-server")
    talk = Talk(proxy, server)
    served = [json.dumps(talk.say(question).body["messages"][:-1])[:-1] for question in FACTS.values()]
    assert all(now.startswith(before) for before, now in pairwise(served))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_changed_profile_costs_the_cache_once(started, protocol):
    proxy, server = started(protocol, PROTOCOLS[protocol])
    talk, questions = Talk(proxy, server), list(FACTS.values())
    served = [talk.say(question) for question in questions[:3]]
    pinned = json.dumps({"text": "The user wants short answers.", "pinned": True}).encode()
    assert proxy.raw(pinned, "/v1/memory/cubes").read()
    served += [talk.say(question) for question in questions[3:]]
    kept = [now.front.startswith(before.prompt) for before, now in pairwise(served)]
    assert kept == [True, True, False, True, True]
    assert served[3].prompt.startswith(f"<|system|>{SYSTEM}"), "the caller's own words stay in front"
    assert served[3].cached >= len(SYSTEM) // 128 * 128


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_the_server_says_of_its_cache_reaches_the_caller_and_the_receipt(started, protocol):
    proxy, server = started(protocol, PROTOCOLS[protocol])
    talk = Talk(proxy, server)
    for question in list(FACTS.values())[:2]:
        served = talk.say(question)
    figures = server.figures(len(served.prompt), served.cached)
    assert {name: talk.answer[name] for name in figures} == figures
    assert figures["usage"]["prompt_tokens_details"]["cached_tokens"] > 1024
    assert proxy.receipt(talk.reply)["answer"]["usage"] == figures["usage"]


def test_the_figures_of_a_stream_reach_the_receipt_too(started, upstream):
    proxy, _ = started("vllm", "vllm")
    usage = {"prompt_tokens": 40, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 32}}
    last = b"data: " + json.dumps({"id": "x", "choices": [], "usage": usage}).encode() + b"\n\n"
    pieces = (delta("Hi"), delta(finish="stop"), last, DONE)
    upstream.script = stream(*pieces)
    reply = proxy.chat("Hello", stream=True, stream_options={"include_usage": True})
    assert reply.read() == b"".join(pieces)
    assert proxy.receipt(reply)["answer"]["usage"] == usage


def probe(proxy, server, key, **more) -> Served:
    """The same words from whomever: what is cached of them was said by somebody before."""
    return Talk(proxy, server, key, **more).say("Where did I hide the key?")


@pytest.mark.parametrize("dialect", ["vllm", "sglang"])
@pytest.mark.parametrize("memory", ["on", "off"])
def test_no_timing_tells_one_user_about_another(started, dialect, memory):
    proxy, server = started("vllm", dialect)
    nora, tim = (proxy.parts.store.keys.create(name) for name in ("nora", "tim"))  # no name that could stand in a hash
    assert probe(proxy, server, nora.key, X_Memory=memory).cached == 0
    assert probe(proxy, server, nora.key, X_Memory=memory).cached > len(SYSTEM) - 16, "her own cache serves her"
    assert probe(proxy, server, tim.key, X_Memory=memory).cached == 0
    salts = [served.body["cache_salt"] for served in server.served]
    assert salts[0] == salts[1] != salts[2]
    assert all(len(salt) == 64 for salt in salts)
    for served in server.served:
        said = json.dumps(served.body)
        assert not any(who in said for who in (nora.record.user, tim.record.user, "nora", "tim", nora.key, tim.key))


def test_without_a_salt_a_shared_cache_does_tell(started):
    """What the test above looks for can be seen: the played server does share."""
    proxy, server = started("vllm", "none")
    ada, ben = (proxy.parts.store.keys.create(name).key for name in ("ada", "ben"))
    probe(proxy, server, ada)
    assert probe(proxy, server, ben).cached > len(SYSTEM)


def test_a_callers_own_salt_parts_its_chats_and_never_joins_another_users(started):
    proxy, server = started("vllm", "vllm")
    ada, ben = (proxy.parts.store.keys.create(name).key for name in ("ada", "ben"))
    said = {}
    for key in (ada, ben):
        for own in ("mine", "other", None):
            Talk(proxy, server, key).say("Hi there.", cache_salt=own)
            said[key, own] = server.served[-1].body["cache_salt"]
    assert len(set(said.values())) == 6
    assert not {"mine", "other"} & set(said.values())


def test_openai_gets_a_key_for_each_user_with_memory_on(started):
    proxy, server = started("openai", "openai")
    ada, ben = (proxy.parts.store.keys.create(name) for name in ("ada", "ben"))
    keys = [probe(proxy, server, one.key).body["prompt_cache_key"] for one in (ada, ada, ben)]
    assert keys[0] == keys[1] != keys[2]
    assert all(len(key) <= 64 for key in keys), "OpenAI refuses a longer one"
    assert not {ada.record.user, ben.record.user} & set(keys)
    assert not set(keys) & {proxy.parts.store.keys.cache_salt(one.record.user) for one in (ada, ben)}
    assert Talk(proxy, server).say("Hi there.", prompt_cache_key="mine").body["prompt_cache_key"] == "mine"
    assert "prompt_cache_key" not in probe(proxy, server, ada.key, X_Memory="off").body


@pytest.mark.parametrize("choice", ["auto", "none", "openai", "anthropic"])
def test_with_memory_off_the_callers_bytes_are_sent(started, upstream, choice):
    proxy, _ = started("llama-server", choice)
    body = b'{ "messages": [{"role":"system","content":"Be brief."}, {"role":"user","content":"Hi"}],  "odd": 1.50 }'
    proxy.raw(body, X_Memory="off").read()
    assert upstream.requests[-1].body == body


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_an_unknown_server_gets_no_field_that_it_might_refuse(started, upstream, choice):
    proxy, server = started("llama-server", choice)
    assert set(Talk(proxy, server).say("What is my shoe size?").body) == {"model", "messages"}
    body = b'{ "messages": [{"role":"user","content":"Is it raining?"}],   "odd": 1.50 }'
    key = proxy.parts.store.keys.create("who knows nothing yet").key
    proxy.raw(body, authorization=f"Bearer {key}").read()
    assert upstream.requests[-1].body == body


CLAUDE = {"model": "anthropic/claude-sonnet-4.5", "messages": [{"role": "system", "content": "S"}]}


@pytest.mark.parametrize(
    ("base_url", "told"),
    [
        ("https://api.openai.com/v1", {"prompt_cache_key"}),
        ("https://eu.api.openai.com/v1", {"prompt_cache_key"}),
        ("https://openrouter.ai/api/v1", {"messages"}),
        ("https://api.openai.com.example.org/v1", set()),
        ("https://notapi.openai.com/v1", set()),
        ("https://notopenrouter.ai/v1", set()),
        ("https://gateway.example.org/api.openai.com/v1", set()),
        ("https://api.groq.com/openai/v1", set()),
        ("https://api.anthropic.com/v1", set()),
        ("http://localhost:8000/v1", set()),
        (None, set()),
    ],
)
def test_auto_speaks_only_to_servers_that_it_knows_by_their_host(base_url, told):
    sent = PromptCache.of("auto", base_url).told(CLAUDE, "salt", memory=True)
    assert {name for name in sent if sent[name] is not CLAUDE.get(name)} == told
    if not told:
        assert sent is CLAUDE


def test_where_one_server_has_many_makers_models_only_claude_is_marked():
    body = {**CLAUDE, "model": "google/gemini-3-pro"}
    assert PromptCache.of("auto", "https://openrouter.ai/api/v1").told(body, "salt", memory=True) is body
    assert PromptCache.of("anthropic", "http://gateway/v1").told(body, "salt", memory=True) is not body


def test_an_unknown_dialect_is_an_error_of_the_configuration():
    assert load(flags={}, environ={}).settings.backend.prompt_cache == "auto"
    with pytest.raises(ConfigError, match="prompt_cache"):
        load(flags={"backend.prompt_cache": "guess"}, environ={})


# Anthropic: what is kept is what was marked.


def test_what_was_marked_in_one_turn_is_read_in_the_next(started):
    proxy, server = started("anthropic", "anthropic")
    talk = Talk(proxy, server)
    served = [talk.say(question) for question in FACTS.values()]
    assert served[0].cached == 0
    for before, now in pairwise(served):
        assert now.cached == before.kept, "all that stood in front of the question before"
        assert now.front.startswith(before.prompt)
    for one in served:
        messages = one.body["messages"]
        own, stable = messages[0]["content"]
        assert own == {"type": "text", "text": SYSTEM, "cache_control": MARK}
        assert stable["text"].startswith(f"\n\n{STABLE_HEADER}")
        last = len(messages) - 2
        assert marks(messages) == [(0, 0), (0, 1)] + ([(last, 0)] if last else [])


def test_unmarked_the_played_anthropic_keeps_nothing(started):
    proxy, server = started("anthropic", "none")
    talk = Talk(proxy, server)
    assert [talk.say(question).cached for question in list(FACTS.values())[:3]] == [0, 0, 0]


def test_when_the_profile_changes_the_callers_system_text_is_still_read(started):
    proxy, server = started("anthropic", "anthropic")
    talk, questions = Talk(proxy, server), list(FACTS.values())
    for question in questions[:2]:
        talk.say(question)
    assert proxy.raw(b'{"text": "The user wants short answers.", "pinned": true}', "/v1/memory/cubes").read()
    assert talk.say(questions[2]).cached == len(SYSTEM)
    before = server.served[-1]
    assert talk.say(questions[3]).cached == before.kept


def test_a_caller_that_marks_its_newest_messages_reads_what_it_marked(started):
    """Such a client sends a message as a marked part at first, and as plain text in later turns."""
    proxy, server = started("anthropic", "anthropic")
    talk = Talk(proxy, server)
    for n, question in enumerate(FACTS.values()):
        talk.messages.append(message("user", question))
        newest = [m for m in talk.messages if m["role"] == "user"][-2:]
        sent = [
            {**m, "content": [{"type": "text", "text": m["content"], "cache_control": MARK}]} if m in newest else m
            for m in talk.messages
        ]
        proxy.raw(json.dumps({"model": "m", "messages": sent}).encode()).read()
        talk.messages.append(message("assistant", f"Answer {n}."))
    for before, now in pairwise(server.served):
        assert now.cached == sum(len(words(m)) for m in before.body["messages"])


CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def told(*messages, **more):
    return PromptCache("anthropic").told({"messages": list(messages), **more}, "salt", memory=True)


def message(role, content, **more) -> dict:
    return {"role": role, "content": content, **more}


def test_while_an_agent_works_what_it_did_so_far_is_marked_but_never_a_tools_result():
    """A mark inside a tool result is refused by Anthropic where a gateway hands it on as it came."""
    loop = [
        message("system", "Be brief."),
        message("user", "Hello"),
        message("assistant", "Hello."),
        message("user", "Look it up."),
        message("assistant", "I look.", tool_calls=[CALL]),
        message("tool", "Nothing.", tool_call_id="c"),
        message("assistant", None, tool_calls=[CALL]),
        message("tool", "Something.", tool_call_id="c"),
    ]
    sent = told(*loop)["messages"]
    assert marks(sent) == [(0, 0), (2, 0), (4, 0)]
    assert sent[4]["tool_calls"] == [CALL]
    assert marks(told(*loop[:4], *loop[6:])["messages"]) == [(0, 0), (2, 0), (3, 0)]


@pytest.mark.parametrize(
    "own",
    [
        {"cache_control": MARK},
        {"tools": [{"type": "function", "function": {"name": "f"}, "cache_control": MARK}]},
        {"tools": [{"type": "function", "function": {"name": "f", "cache_control": MARK}}]},
        {"messages": [message("user", [{"type": "text", "text": "Hi", "cache_control": MARK}]), message("user", "Hi")]},
        {"messages": [message("system", "Be brief.", cache_control=MARK), message("user", "Hi")]},
    ],
)
def test_where_the_caller_marked_anything_nothing_is_added(own):
    body = {"messages": [message("system", "Be brief."), message("user", "Hi")], **own}
    assert PromptCache("anthropic").told(body, "salt", memory=True) is body


def test_nothing_that_is_blank_or_no_text_is_marked():
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    assert marks(
        told(message("user", [image, {"type": "text", "text": "Look"}, image]), message("user", "Hi"))["messages"]
    ) == [(0, 1)]
    for first in (message("user", [image]), message("user", " \n"), message("assistant", None), message("user", 5)):
        body = {"messages": [first, message("user", "Hi")]}
        assert PromptCache("anthropic").told(body, "salt", memory=True) is body


TEXTS = st.one_of(st.text(max_size=5), st.just(f"Be brief.\n\n{STABLE_HEADER}\n- x"), st.just(f"\n\n{STABLE_HEADER}"))
PARTS = st.one_of(st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}), st.just({"type": "image_url"}))
MESSAGES = st.builds(
    message,
    st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"]),
    st.one_of(TEXTS, st.none(), st.lists(PARTS, max_size=3)),
)


@given(st.lists(MESSAGES, max_size=8))
def test_marks_are_four_at_most_and_change_no_word(messages):
    """And the caller's own messages are never changed in place."""
    was = json.dumps(messages)
    sent = told(*messages)["messages"]
    found = marks(sent)
    assert len(found) <= 4
    assert unmarked(sent) == unmarked(messages)
    assert json.dumps(messages) == was
    for n, m in found:
        assert sent[n]["role"] not in ("tool", "function")
        assert sent[n]["content"][m]["text"].strip()
    assert told(*sent)["messages"] == sent, "what is marked is not marked again"
