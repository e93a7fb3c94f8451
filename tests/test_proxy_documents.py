"""Documents over the API: what can be sent, what hostile files come to, and what is found of them, on either index."""

import base64
import importlib.util
import re
import time
import zlib

import pytest

HAS_CONVERTER = all(map(importlib.util.find_spec, ("pypdf", "markdownify")))
HAS_CHROMA = importlib.util.find_spec("chromadb") is not None
converted = pytest.mark.skipif(not HAS_CONVERTER, reason="the packages of the converter are not installed")

MANUAL = """# Pump X200

## Warranty

The guarantee of the pump ends after 27 months.

## Cleaning

Rinse the filter with warm water every two weeks.
"""


@pytest.fixture(scope="module", params=["flat", pytest.param("chroma", marks=pytest.mark.skipif("not HAS_CHROMA"))])
def served(request, running_with):
    """A server whose documents lie in either index."""
    return running_with("--backend", "echo", "--set", f"documents.index={request.param}")


@pytest.fixture(scope="module")
def small(running_with):
    """Narrow limits, and no embedder to wait for."""
    limits = ("documents.max_mb=1", "documents.max_pages=3", "documents.max_chars=200000")
    flags = [flag for limit in (*limits, "documents.convert_timeout_s=4") for flag in ("--set", limit)]
    return running_with("--backend", "echo", "--set", "embedder.kind=none", *flags)


def sent(product, key, **body):
    content = body.get("content")
    if isinstance(content, bytes):
        body["content"] = base64.b64encode(content).decode()
    return product.api(key, "POST", "/v1/memory/documents", {"wait": True, **body})


def pdf(*pages: str, packed: bytes | None = None) -> bytes:
    """A PDF with a line of text on each page; ``packed``: a compressed stream in the place of the first."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for text in pages:
        stream = b"BT /F1 12 Tf 72 720 Td (" + text.encode("latin-1") + b") Tj ET"
        if packed is not None and not kids:
            content = b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(packed), packed)
        else:
            content = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream)
        objects.append(content)
        page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R" % len(objects)
        objects.append(page + b" /Resources << /Font << /F1 3 0 R >> >> >>")
        kids.append(len(objects))
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(b"%d 0 R" % kid for kid in kids), len(kids))
    written, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(written))
    return written + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table) + end


def test_a_document_is_stored_once_found_listed_and_deleted(served):
    key = served.key("reader")
    status, kept = sent(served, key, text=MANUAL, media_type="text/markdown", source_url="https://example.org/x200")
    assert (status, kept["title"], kept["status"], kept["stored"]) == (201, "Pump X200", "stored", 2)
    status, again = sent(served, key, text=MANUAL)
    assert (status, again["id"], again["already_stored"]) == (200, kept["id"], True)
    assert served.api(key, "POST", "/v1/memory/cubes", {"text": "The user lives in Lisbon."})[0] == 201
    assert served.texts(key, "How long is the pump under warranty?")[0].startswith("Pump X200 > Warranty: The guar")
    assert served.texts(key, "Where do I live?")[0] == "The user lives in Lisbon."
    status, listed = served.api(key, "GET", "/v1/memory/documents")
    assert [each["id"] for each in listed["data"]] == [kept["id"]]
    _, read = served.api(key, "GET", f"/v1/memory/documents/{kept['id']}")
    _, cube = served.api(key, "GET", f"/v1/memory/cubes/{read['cube_ids'][1]}")
    assert (cube["semantic_type"], cube["origin"], cube["trust"]) == ("document", "external_retrieval", "document")
    assert (cube["source"]["document_id"], cube["source"]["position"]) == (kept["id"], 1)
    assert served.api(key, "DELETE", f"/v1/memory/documents/{kept['id']}")[0] == 200
    assert served.api(key, "GET", f"/v1/memory/documents/{kept['id']}")[0] == 404
    assert served.texts(key, "How long is the pump under warranty?") == ["The user lives in Lisbon."]


def test_pages_of_documents_go_from_the_newest_to_the_oldest(small):
    key = small.key("pages")
    kept = [sent(small, key, text=f"Note {n}", title=f"T{n}")[1]["id"] for n in range(3)]
    _, first = small.api(key, "GET", "/v1/memory/documents?limit=2")
    assert ([each["id"] for each in first["data"]], first["has_more"]) == ([kept[2], kept[1]], True)
    _, last = small.api(key, "GET", f"/v1/memory/documents?limit=2&after={kept[1]}")
    assert ([each["id"] for each in last["data"]], last["has_more"]) == ([kept[0]], False)
    assert small.api(key, "GET", "/v1/memory/documents?after=doc_nobodys")[0] == 400


def test_a_chat_gets_a_chunk_as_a_documents_word(served):
    """Quoted with its source in the fence, never in the profile."""
    key = served.key("chatter")
    sent(served, key, text=MANUAL, media_type="text/markdown")
    answer = served.ask(key, "How long is the guarantee of the pump X200?", model="echo")
    assert '"Pump X200 > Warranty: The guarantee of the pump ends after 27 months." (from a document)' in answer
    assert "Known about the user" not in answer


def test_an_erasure_proves_that_nothing_of_a_document_is_left(served):
    """Nor in the index of a space in which it was shared; what others have stays."""
    app = served.key("house", "--assert-users")

    def call(user, method, path, body=None):
        return served.api(app, method, f"/v1/memory/{path}", body, **{"X-Memory-User-Id": user})[1]

    def found(user, query):
        return [cube["text"] for cube in call(user, "POST", "search", {"query": query})["data"]]

    space = call("ann", "POST", "spaces", {"name": "attic", "kind": "direct", "invited": "ben"})["id"]
    assert call("ben", "POST", f"spaces/{space}/join", {})["joined"]
    attic = {"text": "# Attic\n\nThe barometer hangs in the attic.", "space_id": space, "wait": True}
    kept = call("ann", "POST", "documents", attic)
    stays = {"text": "# Cellar\n\nThe theodolite stands in the cellar.", "wait": True}
    assert call("ann", "POST", "documents", stays)["stored"] == 1
    assert ["barometer" in found(user, "Where does the barometer hang?")[0] for user in ("ann", "ben")] == [True, True]
    report = call("ann", "POST", "erase", {"ids": [kept["id"]]})
    assert report["verified"], report
    assert (report["cubes"], report["grants"]) == (1, 1)
    assert not any("barometer" in text for text in found("ben", "Where does the barometer hang?"))
    assert call("ann", "GET", f"documents/{kept['id']}")["error"]["code"] == "not_found"
    assert "theodolite" in found("ann", "Where does the theodolite stand?")[0]
    report = call("ann", "POST", "erase", {})
    assert (report["verified"], report["documents"]) == (True, 1), report
    left = [path for path in served.data.rglob("*") if path.is_file() and b"theodolite" in path.read_bytes()]
    assert left == []


def test_what_waits_when_the_server_is_killed_is_kept_after_the_next_start(served, product):
    product.start(*served.flags)
    key = product.key("patient")
    text = "\n\n".join(f"## Shelf {n}\n\n" + f"Box {n} holds the spanner of size {n}. " * 12 for n in range(40))
    status, kept = sent(product, key, text=text, title="Store", wait=False)
    assert (status, kept["status"]) == (201, "queued")
    end = time.monotonic() + 300
    while not state(product, key, kept)["stored"] and time.monotonic() < end:
        time.sleep(0.02)
    product.kill()
    product.start()
    while state(product, key, kept)["status"] == "queued" and time.monotonic() < end:
        time.sleep(0.2)
    done = state(product, key, kept)
    assert (done["status"], done["stored"]) == ("stored", done["chunks"])
    assert len(done["cube_ids"]) == len(set(done["cube_ids"])) == done["chunks"]
    assert any("size 39." in text for text in product.texts(key, "Which box holds the spanner of size 39?"))


def state(product, key, document):
    return product.api(key, "GET", f"/v1/memory/documents/{document['id']}")[1]


@converted
def test_html_becomes_its_words_without_what_runs(small):
    key = small.key("html")
    page = """<html><head><title>Ferry</title><style>p {}</style><script>steal()</script></head><body>
      <h1>Times</h1><p onclick="steal()">The <b>ferry</b> leaves at <a href="javascript:steal()">nine</a>.</p>
      <!-- hidden --><iframe src="http://127.0.0.1:1/x"></iframe><img src="http://127.0.0.1:1/y.png">
      <table><tr><th>Port</th><th>Pier</th></tr><tr><td>Bergen</td><td>7</td></tr></table></body></html>"""
    status, kept = sent(small, key, content=page.encode(), media_type="text/html")
    assert (status, kept["title"]) == (201, "Ferry")
    text = " ".join(cube["text"] for cube in small.cubes(key))
    assert "Ferry > Times:" in text
    assert "leaves at nine." in text
    assert "| Bergen | 7 |" in text
    assert not [word for word in ("steal", "hidden", "127.0.0.1", "<") if word in text]


@converted
def test_a_pdf_becomes_its_words(small):
    key = small.key("pdf")
    status, kept = sent(small, key, content=pdf("The lighthouse is", "white and red."), media_type="application/pdf",
                        title="Coast")  # fmt: skip
    assert status == 201, kept
    assert [cube["text"] for cube in small.cubes(key)] == ["Coast: The lighthouse is white and red."]


BOMB = zlib.compress(b"BT (x) Tj ET " * 20_000_000, 9)
LOOP = pdf("a").replace(b"/Kids [5 0 R]", b"/Kids [2 0 R]")  # the pages are their own first page
HOSTILE = {
    "no PDF": (b"%PDF-1.4 and then nothing", "application/pdf"),
    "pages in a loop": (LOOP, "application/pdf"),
    "a bomb": (pdf("x", packed=BOMB), "application/pdf"),
    "too many pages": (pdf("a", "b", "c", "d"), "application/pdf"),
    "pictures only": (pdf(""), "application/pdf"),
    "encrypted": (pdf("a").replace(b"/Root 1 0 R", b"/Root 1 0 R /Encrypt << /Filter /None >>"), "application/pdf"),
    "tags without end": (b"<div>" * 100_000 + b"x", "text/html"),
    "no words": (b"<script>x</script>", "text/html"),
    "no UTF-8": (b"\xff\xfe\x00x", "text/plain"),
}


@converted
@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_with_a_reason(small, what):
    """Within its limits of time and memory, and the server goes on."""
    content, media_type = HOSTILE[what]
    key = small.key(what.replace(" ", "-"))
    status, answer = sent(small, key, content=content, media_type=media_type)
    assert status == 400, answer
    assert answer["error"]["code"] in ("document_not_converted", "empty_document", "not_utf_8")
    assert small.api(key, "GET", "/v1/memory/documents")[1]["data"] == []
    assert sent(small, key, text="It goes on.")[0] == 201


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"text": "x " * 100_001}, 413, "document_too_large"),
        ({"content": b"x" * (1 << 20 | 1)}, 413, "document_too_large"),
        ({"content": "%%%"}, 400, None),
        ({"text": "a", "content": b"b"}, 400, None),
        ({}, 400, None),
        ({"text": "a", "media_type": "application/pdf"}, 400, None),
        ({"text": "a", "media_type": "video/mp4"}, 400, None),
        ({"text": "a", "ttl_s": -1}, 400, None),
        ({"text": "a", "space_id": "spc_nobodys"}, 404, "not_found"),
    ],
)
def test_what_cannot_be_kept_is_told(small, body, status, code):
    answered, answer = sent(small, small.key("wrong"), **body)
    assert answered == status, answer
    assert code in (None, answer["error"]["code"])


def test_without_its_package_the_converter_says_what_to_install():
    from adapters import documents
    from adapters.installing import install_command
    from memory.errors import EngineMissing

    converter = documents.DocumentConverter(max_pages=1, max_chars=9, timeout_s=1, needed=("no_such_package",))
    with pytest.raises(EngineMissing, match=re.escape(install_command("documents"))):
        converter.convert(b"<p>x</p>", "text/html")


@pytest.mark.skipif(HAS_CHROMA, reason="chromadb is installed")
def test_without_its_package_the_index_says_what_to_install(tmp_path):
    from adapters import registry
    from adapters.installing import install_command
    from memory.errors import EngineMissing

    with pytest.raises(EngineMissing, match=re.escape(install_command("chroma"))):
        registry.indexes().create("chroma", folder=tmp_path)


@pytest.mark.skipif(not HAS_CHROMA, reason="chromadb is not installed")
def test_files_of_an_index_that_is_not_used_any_more_are_removed(product):
    product.start("--backend", "echo", "--set", "documents.index=chroma")
    key = product.key("mover")
    sent(product, key, text=MANUAL)
    assert "27 months" in product.texts(key, "How long is the guarantee?")[0]
    assert list((product.data / "chroma").rglob("*.sqlite3"))
    product.stop()
    product.start("--backend", "echo")
    assert not list((product.data / "chroma").rglob("*.sqlite3"))
    assert "27 months" in product.texts(key, "How long is the guarantee?")[0]
