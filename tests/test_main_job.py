"""The main job, as a person meets it: the official client, a real server on a real port, the real embedded model."""

import asyncio
import json
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import openai
import pytest

from adapters.embedded import gguf_path

pytestmark = pytest.mark.engine
MEMOS = Path(sys.executable).parent / "memos"

FACTS = [  # what is said | the question, in a new conversation | the answer
    "My name is Ada.|What is my name?|Your name is Ada.",
    "I live in Lisbon.|Where do I live?|You live in Lisbon.",
    "My favourite colour is teal.|What is my favourite colour?|Your favourite colour is teal.",
    "I am allergic to walnuts.|What am I allergic to?|You are allergic to walnuts.",
    "I have a dog called Rex.|What is my dog called?|Your dog is called Rex.",
    "My sister is called Maria.|Who is my sister?|Your sister is called Maria.",
    "I work at Siemens.|Where do I work?|You work at Siemens.",
    "I work as a nurse.|What is my job?|You work as a nurse.",
    "My birthday is on 3 May.|When is my birthday?|Your birthday is on 3 May.",
    "I am 34 years old.|How old am I?|You are 34 years old.",
    "I was born in Madrid.|Where was I born?|You were born in Madrid.",
    "My hobby is chess.|What is my hobby?|Your hobby is chess.",
    "I like jazz.|What do I like?|You like jazz.",
    "I don't like broccoli.|What do I not like?|You do not like broccoli.",
    "I play the guitar.|Which instrument do I play?|You play the guitar.",
    "I am learning Spanish.|Which language am I learning?|You are learning Spanish.",
    "I study physics.|What do I study?|You study physics.",
    "I drive a red car.|What do I drive?|You drive a red car.",
    "I drink coffee every morning.|What do I drink in the morning?|You drink coffee in the morning.",
    "I am travelling to Tokyo.|Where am I travelling?|Your next trip is to Tokyo.",
    "I have two children.|How many children do I have?|You have two children.",
    "I am vegetarian.|What is my diet?|You are vegetarian.",
    "My cat is called Luna.|What is my cat's name?|Your cat is called Luna.",
    "My brother's name is Tom.|What is my brother's name?|Your brother is called Tom.",
    "My favourite food is pizza.|What's my favourite food?|Your favourite food is pizza.",
    "My favourite season is autumn.|What is my favourite season?|Your favourite season is autumn.",
    "My shoe size is 42.|What is my shoe size?|Your shoe size is 42.",
    "My door code is 4821.|What is my door code?|Your door code is 4821.",
    "My favorite sport is tennis.|What is my favorite sport?|Your favorite sport is tennis.",
    "Bob lives in Paris.|Where does Bob live?|I remember that Bob lives in Paris.",
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_open(port, limit_s=60):
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"nothing listens on port {port}")


def wait_for(happened, limit_s=60):
    end = time.monotonic() + limit_s
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@contextmanager
def scripted_llm(answer):
    """A chat server that always says the same; yields its base URL and the bodies that it got."""
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            message = {"role": "assistant", "content": answer}
            body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", bodies
    finally:
        server.shutdown()
        server.server_close()


def test_told_restarted_asked_streamed(product):
    key = product.start().key("ada")
    assert "Ada" in product.ask(key, "My name is Ada and I live in Lisbon.")
    product.stop()
    product.start()
    assert product.ask(key, "Where do I live?") == "You live in Lisbon."
    with product.client(key) as client:
        question = [{"role": "user", "content": "What is my name?"}]
        stream = client.chat.completions.create(model="memos-tiny", messages=question, stream=True, temperature=0)
        chunks = [chunk.choices[0] for chunk in stream if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in chunks) == "Your name is Ada."
    assert [choice.finish_reason for choice in chunks if choice.finish_reason] == ["stop"]
    assert len(chunks) > 3, "it is streamed, not sent at once"


async def test_the_asynchronous_client_is_answered_too(running):
    key = running.key("async")
    async with running.async_client(key) as client:
        for text, wanted in (("I live in Oslo.", "Oslo"), ("Where do I live?", "You live in Oslo.")):
            answer = await client.chat.completions.create(
                model="memos-tiny", messages=[{"role": "user", "content": text}], temperature=0
            )
            assert wanted in answer.choices[0].message.content


def test_thirty_facts_of_one_person_go_through_the_whole_product_right(running):
    key = running.key("thirty")
    rows = [fact.split("|") for fact in FACTS]
    for said, _, _ in rows:
        running.ask(key, said)
    answers = {question: running.ask(key, question) for _, question, _ in rows}
    wrong = {question: (answers[question], wanted) for _, question, wanted in rows if answers[question] != wanted}
    assert not wrong


def test_two_users_never_see_each_others_memory(running):
    ada, ben = running.key("ada"), running.key("ben")
    running.ask(ada, "My door code is 4821.")
    running.ask(ben, "My door code is 1379.")
    assert "4821" in running.ask(ada, "What is my door code?")
    assert "1379" in running.ask(ben, "What is my door code?")
    assert not any("4821" in text for text in running.texts(ben, "door code 4821"))
    for cube in running.cubes(ada):
        assert running.api(ben, "GET", f"/v1/memory/cubes/{cube['id']}")[0] == 404
        assert running.api(ben, "DELETE", f"/v1/memory/cubes/{cube['id']}")[0] == 404


def test_a_newer_value_supersedes_and_the_older_one_stays_in_history(running):
    key = running.key("mover")
    running.ask(key, "I live in Lisbon.")
    running.ask(key, "I moved to Porto.")
    assert running.ask(key, "Where do I live?") == "You live in Porto."
    current = [cube["text"] for cube in running.cubes(key) if cube["semantic_type"] == "fact"]
    assert current == ["The user lives in Porto."] or current == ["The user moved to Porto."]


def test_forgotten_is_forgotten_in_search_in_chat_and_in_the_vault(running):
    key = running.key("forgetter")
    running.ask(key, "My name is Zoe and I live in Valparaiso.")
    running.ask(key, "I moved to Antofagasta.")
    running.ask(key, "Forget where I live.")
    assert "Antofagasta" not in running.ask(key, "Where do I live?")
    for city in ("Valparaiso", "Antofagasta"):
        assert not any(city in text for text in running.texts(key, f"Where do I live? {city}"))
        assert not any(city in str(cube) for cube in running.cubes(key))
    assert running.ask(key, "What is my name?") == "Your name is Zoe.", "only what was named is forgotten"


def test_what_was_brought_in_is_never_learnt_again(running):
    key = running.key("echo")
    running.ask(key, "I am allergic to walnuts.")
    before = len(running.cubes(key))
    for _ in range(3):
        assert "walnuts" in running.ask(key, "What am I allergic to?")
    assert sum("walnuts" in cube["text"] for cube in running.cubes(key)) == before


def test_memory_can_be_switched_off_for_reading_and_for_writing(running):
    key = running.key("switch")
    running.ask(key, "I live in Vienna.", x_memory="read-only")
    assert running.cubes(key) == []
    running.ask(key, "I live in Vienna.", x_memory="write-only")
    assert "Vienna" not in running.ask(key, "Where do I live?", x_memory="off")
    assert "Vienna" not in running.ask(key, "Where do I live?", x_memory="write-only")
    answer = running.ask_raw(key, "Where do I live?")
    assert "Vienna" in answer.parse().choices[0].message.content
    assert answer.headers["x-memory-status"] == "on"
    assert int(answer.headers["x-memory-tokens-injected"]) > 0


def test_the_receipt_says_what_was_brought_in_and_why_and_is_nobody_elses(running):
    key, other = running.key("receipt"), running.key("other")
    running.ask(key, "I live in Prague.")
    running.ask(key, "My favourite tea is sencha.")
    headers = running.ask_raw(key, "Where do I live?").headers
    path = f"/v1/memory/requests/{headers['x-memory-request-id']}"
    deadline = time.monotonic() + 10
    while (found := running.api(key, "GET", path))[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    status, receipt = found
    assert status == 200
    ids = headers["x-memory-ids"].split(",")
    lines = {line["cube_id"]: line for line in receipt["candidates"]}
    assert all(lines[cube_id]["block"] in ("stable", "turn") for cube_id in ids)
    assert all(line["reason"] for line in receipt["candidates"])
    assert {"reader", "scheduler", "operator", "injector"} <= {station["name"] for station in receipt["stations"]}
    assert running.api(other, "GET", path)[0] == 404


def test_a_turn_survives_kill_9_right_after_its_last_byte(product):
    key = product.start().key("killed")
    for round_, city in enumerate(("Dublin", "Madrid", "Berlin")):
        with product.client(key) as client:
            stream = client.chat.completions.create(
                model="memos-tiny", messages=[{"role": "user", "content": f"I moved to {city}."}], stream=True
            )
            for _ in stream:
                pass
        product.kill()
        product.start()
        assert city in product.ask(key, "Where do I live?"), round_


def test_a_locked_vault_degrades_memory_but_never_the_chat_and_nothing_is_lost(product):
    key = product.start().key("locked")
    product.ask(key, "My name is Ada.")
    lock = sqlite3.connect(product.data / "memos.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        answer = product.ask_raw(key, "I live in Vienna.")
        assert "Vienna" in answer.parse().choices[0].message.content
        assert answer.headers["x-memory-status"] == "degraded"
    finally:
        lock.execute("ROLLBACK")
        lock.close()
    deadline = time.monotonic() + 30
    while "Vienna" not in (heard := product.ask(key, "Where do I live?")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert heard == "You live in Vienna."


def test_a_turn_that_is_sent_twice_is_one_memory(running):
    key = running.key("twice")
    for _ in range(2):
        running.ask(key, "My favourite fruit is mango.")
    assert Counter(cube["text"] for cube in running.cubes(key)).most_common(1)[0][1] == 1


@pytest.mark.long
def test_two_hundred_chats_of_twenty_users_lose_double_or_cross_nothing(running):
    users = {f"u{i}": running.key(f"u{i}") for i in range(20)}
    told = {user: [f"{user}x{n}" for n in range(10)] for user in users}

    async def chat(client, user, n):
        words = f"My {('blue', 'old')[n % 2]} box number {n} code is {told[user][n]}."
        answer = await client.chat.completions.create(
            model="memos-tiny", messages=[{"role": "user", "content": words}], max_tokens=8
        )
        assert answer.choices[0].finish_reason

    async def all_at_once():
        clients = {user: running.async_client(key).with_options(max_retries=4) for user, key in users.items()}
        await asyncio.gather(*(chat(clients[user], user, n) for n in range(10) for user in users))
        for client in clients.values():
            await client.close()

    asyncio.run(all_at_once())
    for user, key in users.items():
        running.texts(key, "box")  # waits until what was told is findable
        turns = [cube["text"] for cube in running.cubes(key) if cube["semantic_type"] == "turn"]
        heard = sorted(code for text in turns for code in [text.rstrip(".").split()[-1]])
        assert heard == sorted(told[user])


def test_the_same_with_a_model_file_of_ones_own(product, tmp_path):
    model = tmp_path / "my-model.gguf"
    model.write_bytes(gguf_path().read_bytes())
    key = product.start("--model", str(model)).key("ada")
    with product.client(key) as client:
        assert [one.id for one in client.models.list()] == ["my-model"]
    product.ask(key, "I live in Lisbon.")
    assert product.ask(key, "Where do I live?") == "You live in Lisbon."


def test_the_same_in_front_of_any_server(product):
    """The server in front of which it stands here is `memos engine`, which knows nothing of memory."""
    port = free_port()
    command = [
        str(MEMOS),
        "engine",
        "--model",
        str(gguf_path()),
        "--port",
        str(port),
        "--set",
        "backend.model_id=theirs",
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as engine:
        try:
            wait_until_open(port)
            key = product.start("--upstream", f"http://127.0.0.1:{port}/v1").key("ada")
            for text in ("My name is Ada and I live in Lisbon.", "I moved to Porto."):
                product.ask(key, text, model="theirs")
            product.stop()
            product.start()
            assert product.ask(key, "Where do I live?", model="theirs") == "You live in Porto."
            with pytest.raises(openai.NotFoundError):
                product.ask(key, "Hello", model="nobodys")
        finally:
            engine.kill()


def test_an_llm_that_is_configured_extracts_in_the_background(product):
    """What the rules cannot read becomes a fact; the chat does not wait for it."""
    fact = {"subject": "user", "attribute": "attr:launch", "value": "Tuesday", "semantic_type": "event"}
    facts = {"facts": [{**fact, "text": "The user's launch slipped to Tuesday.", "valid_from": None}]}
    with scripted_llm(json.dumps(facts)) as (url, requests):
        key = product.start("--set", f"writer.llm.base_url={url}", "--set", "writer.llm.model=scribe").key("ada")
        product.ask(key, "They slipped the launch of mine, it is on Tuesday after all.")
        wait_for(lambda: "The user's launch slipped to Tuesday." in product.texts(key, "When is the launch?"))
    assert requests[0]["model"] == "scribe"
    assert requests[0]["response_format"]["type"] == "json_schema"


def test_a_wrong_key_is_refused_in_openais_words(running):
    for key in ("sk-wrong", "sk-memos-00000000-" + "a" * 43):
        with pytest.raises(openai.AuthenticationError) as caught:
            running.ask(key, "Hello")
        assert caught.value.code == "invalid_api_key"
        assert "memos keys create" in caught.value.body["message"]


def test_a_revoked_key_is_refused_at_once(running):
    made = running.memos("keys", "create", "revoked", "--json")
    assert running.ask(made["key"], "Hello")
    running.memos("keys", "revoke", made["id"])
    with pytest.raises(openai.AuthenticationError):
        running.ask(made["key"], "Hello")


def test_a_second_server_on_the_same_data_is_refused(running):
    command = [str(MEMOS), "serve", "--port", str(free_port()), "--data", str(running.data)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert second.returncode == 1
    assert "Another server runs on" in second.stderr


def test_the_data_folder_can_be_read_while_chats_go_on(running):
    """`memos keys list` and friends work beside the server: no command needs the server to stop."""
    key = running.key("beside")
    stop = threading.Event()
    errors: list[Exception] = []

    def chat():
        while not stop.is_set():
            try:
                running.ask(key, "I like tea.")
            except openai.OpenAIError as error:
                errors.append(error)

    thread = threading.Thread(target=chat)
    thread.start()
    try:
        for i in range(3):
            running.key(f"more{i}")
    finally:
        stop.set()
        thread.join()
    assert not errors
