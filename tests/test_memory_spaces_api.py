"""Sharing over HTTP: what a member's model gets to read, and what the operator of the server sees."""

import json

import pytest


@pytest.fixture(scope="module")
def product(running_with):
    return running_with("--backend", "echo", "--set", "embedder.kind=none")


@pytest.fixture
def app(product, request):
    """An application of its own for each test, whose users are named in the header."""
    key = product.key(request.node.name, "--assert-users")

    def call(user, method, path, body=None, **headers):
        named = {"X-Memory-User-Id": user} if user else {}
        return product.api(key, method, f"/v1/memory{path}", body, **named, **headers)

    def chat(user, messages, conversation, **headers):
        named = {"X-Memory-User-Id": user, "X-Memory-Conversation-Id": conversation, **headers}
        status, answer = product.api(key, "POST", "/v1/chat/completions", {"messages": messages}, **named)
        assert status == 200, answer
        return answer["choices"][0]["message"]["content"]

    def prompt(user, text, conversation="", **headers):
        """What the model is sent in a new conversation, as the echo backend shows it."""
        return chat(user, [{"role": "user", "content": f"/messages {text}"}], conversation or text, **headers)

    call.chat, call.prompt = chat, prompt
    return call


def shared(app, text="The wine cellar code is 4711.", **terms):
    """A memory of Ann's, shared with Ben; return its id and the space's."""
    _, cube = app("ann", "POST", "/cubes", {"text": text})
    status, space = app("ann", "POST", "/spaces", {"name": "Our house"})
    assert (status, space["role"]) == (201, "admin")
    status, invited = app("ann", "PUT", f"/spaces/{space['id']}/members", {"member": "ben", "role": "writer"})
    assert (status, invited["member"]) == (200, "ben")
    assert app("ben", "POST", f"/spaces/{space['id']}/join")[0] == 200
    status, share = app("ann", "POST", f"/cubes/{cube['id']}/share", {"space": space["id"], **terms})
    assert (status, share["space_name"]) == (200, "Our house")
    return cube["id"], space["id"]


def test_a_members_model_reads_it_under_the_name_of_the_space(app):
    """And a stranger's of the same application does not; nor does the member's once it is revoked."""
    cube, space = shared(app)
    asked = "What is the wine cellar code?"
    assert 'ann (shared in Our house) said: \\"The wine cellar code is 4711.\\"' in app.prompt("ben", asked)
    assert "4711" in app.prompt("ann", asked)
    assert "4711" not in app.prompt("cat", asked)
    assert app("ann", "DELETE", f"/cubes/{cube}/share/{space}")[0] == 200
    assert "4711" not in app.prompt("ben", asked, conversation="another")
    assert "4711" not in json.dumps(app("ben", "POST", "/search", {"query": asked}))


def test_a_conversation_goes_on_without_what_was_revoked(app):
    """Earlier messages of a conversation keep the blocks that were brought in, but for what is no longer shared."""
    cube, space = shared(app)
    said = [{"role": "user", "content": "What is the wine cellar code?"}]
    said.append({"role": "assistant", "content": app.chat("ben", said, "talk")})
    said.append({"role": "user", "content": "/messages Thank you."})
    assert "4711" in json.loads(app.chat("ben", said, "talk"))[0]["content"]
    app("ann", "DELETE", f"/cubes/{cube}/share/{space}")
    assert json.loads(app.chat("ben", said, "talk"))[0]["content"] == said[0]["content"]


def test_what_is_shared_for_a_task_is_read_in_that_task(app):
    """A request that is for a task reads only when it says so, and is never kept."""
    shared(app, task="inventory")
    asked = "What is the wine cellar code?"
    assert "4711" not in app.prompt("ben", asked)
    assert "4711" not in app.prompt("ben", asked, **{"X-Memory-Task": "inventory"})
    reading = {"X-Memory-Task": "inventory", "X-Memory": "read-only"}
    assert "4711" in app.prompt("ben", asked, **reading)
    assert "4711" not in app.prompt("ben", asked, **{**reading, "X-Memory-Task": "other"})
    found = app("ben", "POST", "/search", {"query": asked}, **{"X-Memory-Task": "inventory"})[1]["data"]
    assert [(cube["sharer"], cube["space_name"]) for cube in found if cube["space_id"]] == [("ann", "Our house")]


def test_a_member_reads_and_revises_as_far_as_it_is_granted(app):
    """GET shows the newest version alone; PATCH takes the right to write; DELETE is never granted."""
    cube, space = shared(app)
    status, seen = app("ben", "GET", f"/cubes/{cube}")
    assert (status, seen["sharer"], seen["scope"], len(seen["history"])) == (200, "ann", "group", 1)
    change = {"text": "The wine cellar code is 1174.", "version": 1}
    assert app("ben", "PATCH", f"/cubes/{cube}", change)[0] == 403
    app("ann", "POST", f"/cubes/{cube}/share", {"space": space, "rights": "write"})
    assert app("ben", "PATCH", f"/cubes/{cube}", {"pinned": True, "version": 1})[0] == 403
    status, revised = app("ben", "PATCH", f"/cubes/{cube}", change)
    assert (status, revised["text"], revised["version"]) == (200, change["text"], 2)
    assert app("ben", "PATCH", f"/cubes/{cube}", change)[0] == 409
    status, own = app("ann", "GET", f"/cubes/{cube}")
    assert [version["text"] for version in own["history"]] == ["The wine cellar code is 4711.", change["text"]]
    assert own["trust"] == "assistant", "a member's word is not the owner's"
    assert app("ben", "DELETE", f"/cubes/{cube}")[0] == 403
    assert app("ann", "GET", f"/cubes/{cube}/shares")[1]["data"][0]["rights"] == "write"
    assert [each["id"] for each in app("ben", "GET", f"/spaces/{space}/cubes")[1]["data"]] == [cube]
    assert {each["member"] for each in app("ben", "GET", f"/spaces/{space}/members")[1]["data"]} == {"ann", "ben"}


def test_a_member_updates_what_is_shared_to_be_written_as_by_patch(app):
    """Append, merge and overwrite go into the owner's history, on the newest version only."""
    cube, space = shared(app, rights="write")

    def update(mode, text, version, user="ben"):
        return app(user, "POST", f"/cubes/{cube}/update", {"mode": mode, "text": text, "version": version})

    status, longer = update("append", "It was changed in May.", 1)
    assert (status, longer["version"]) == (200, 2)
    assert longer["text"] == "The wine cellar code is 4711. It was changed in May."
    assert update("append", "Again.", 1)[0] == 409
    assert update("merge", "It was changed in May.", 2)[1]["version"] == 2, "a merge with nothing to add"
    assert update("overwrite", "The wine cellar is empty.", 2)[1]["sharer"] == "ann"
    own = app("ann", "GET", f"/cubes/{cube}")[1]
    assert (len(own["history"]), own["text"], own["trust"]) == (3, "The wine cellar is empty.", "assistant")
    app("ann", "POST", f"/cubes/{cube}/share", {"space": space, "rights": "read"})
    assert update("merge", "The wine cellar is empty.", 3)[0] == 403


def test_what_one_may_read_but_not_write_says_so(app):
    """Whoever can read it knows that it is there: 403 and why; to a stranger it does not exist."""
    cube, _ = shared(app)
    update = {"mode": "append", "text": "More.", "version": 1}
    calls = [
        ("POST", f"/cubes/{cube}/update", update, "read_only_share", "shared for reading only"),
        ("PATCH", f"/cubes/{cube}", {"text": "Other.", "version": 1}, "read_only_share", "shared for reading only"),
        ("DELETE", f"/cubes/{cube}", None, "not_the_owner", "only its owner can delete it"),
        ("GET", f"/cubes/{cube}/provenance", None, "not_the_owner", "only its owner can see where it comes from"),
    ]
    for method, path, body, code, words in calls:
        status, answer = app("ben", method, path, body)
        assert (status, answer["error"]["code"]) == (403, code), path
        assert words in answer["error"]["message"]
        status, theirs = app("cat", method, path, body)
        status_of_none, none = app("cat", method, path.replace(cube, "mem_none"), body)
        assert (status, status_of_none) == (404, 404)
        assert theirs["error"]["message"].replace(cube, "mem_none") == none["error"]["message"]
    assert app("ann", "GET", f"/cubes/{cube}")[1]["version"] == 1


def test_erasing_the_owner_ends_what_was_shared(app, product):
    """In the other's recall, and in every byte of the data folder: what was read there was only read."""
    shared(app, text="The observatory dome opens westwards.")
    reading = {"X-Memory": "read-only"}  # the echo backend's answers would be kept as Ben's own conversation
    assert "westwards" in app.prompt("ben", "Where does the observatory dome open?", **reading)
    status, report = app("ann", "POST", "/erase", {})
    assert (status, report["cubes"], report["grants"]) == (200, 1, 1)
    assert "westwards" not in app.prompt("ben", "Where does the observatory dome open?", conversation="later")
    held = [path for path in product.data.rglob("*") if path.is_file() and b"westwards" in path.read_bytes()]
    assert held == []


def test_an_organisation_is_made_by_its_key_and_read_by_its_users(app, product):
    """Publishing in it takes a role; the public takes a key with the scope admin."""
    assert app("ann", "POST", "/spaces", {"name": "Acme", "kind": "organisation"})[0] == 403
    status, space = app(None, "POST", "/spaces", {"name": "Acme", "kind": "organisation"})
    assert status == 201
    _, cube = app("ann", "POST", "/cubes", {"text": "The canteen opens at noon."})
    assert app("ann", "POST", f"/cubes/{cube['id']}/share", {"space": space["id"]})[0] == 403
    assert app(None, "PUT", f"/spaces/{space['id']}/members", {"member": "ann", "role": "writer"})[0] == 200
    assert app("ann", "POST", f"/cubes/{cube['id']}/share", {"space": space["id"]})[1]["kind"] == "organisation"
    assert "noon" in app.prompt("zoe", "When does the canteen open?")
    stranger = product.key("stranger")
    assert product.api(stranger, "GET", f"/v1/memory/cubes/{cube['id']}")[0] == 404
    assert app("ann", "POST", f"/cubes/{cube['id']}/share", {"space": "public"})[0] == 403
    editor = product.key("editor", "--admin")
    _, notice = product.api(editor, "POST", "/v1/memory/cubes", {"text": "The ferry is cancelled on Friday."})
    assert product.api(editor, "POST", f"/v1/memory/cubes/{notice['id']}/share", {"space": "public"})[0] == 200
    assert "cancelled" in app.prompt("zoe", "Is the ferry cancelled?")
    assert product.api(stranger, "GET", f"/v1/memory/cubes/{notice['id']}")[1]["scope"] == "public"


def test_the_operator_sees_and_ends_spaces(app, product):
    """Beside the running server, which stops sharing at once."""
    cube, space = shared(app)
    listed = json.loads(product.memos("spaces", "list", "--json"))
    assert next((each["members"], each["shared"]) for each in listed if each["id"] == space) == (2, 1)
    assert "invited" not in product.memos("spaces", "members", space)
    product.memos("spaces", "delete", space)
    assert app("ben", "GET", f"/cubes/{cube}")[0] == 404
    assert app("ann", "GET", f"/cubes/{cube}")[1]["scope"] == "private"


def test_undo_passes_over_sharing(app):
    """Who may read a memory is no part of what it says: taking back the last thing said leaves it shared."""
    cube, space = shared(app)
    shares = app("ann", "GET", "/changes?operation=share")[1]["data"]
    assert [each["cubes"][0]["id"] for each in shares] == [cube]
    assert app("ann", "POST", "/undo", {"change": shares[0]["id"]})[1]["error"]["code"] == "sharing"
    _, cube_now = app("ann", "PATCH", f"/cubes/{cube}", {"text": "The wine cellar code is 1.", "version": 1})
    assert cube_now["scope"] == "group"
    assert app("ann", "POST", "/undo", {})[0] == 200
    assert "4711" in app.prompt("ben", "What is the wine cellar code?")
    assert [each["space"] for each in app("ann", "GET", f"/cubes/{cube}/shares")[1]["data"]] == [space]
