"""Documents as files in forms, on a real port: what clients send is kept as its JSON would be, the rest is told why."""

import http.client
import importlib.util
import json

import httpx
import pytest

converted = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("pypdf", "markdownify"))), reason="the converter's packages are missing"
)
PATH = "/v1/memory/documents"
NOTE = "The guarantee of the pump ends after 27 months."
MIB = 1 << 20


@pytest.fixture(scope="module")
def served(running_with):
    limits = ("documents.max_mb=1", "server.max_body_mb=3", "embedder.kind=none")
    return running_with("--backend", "echo", *(flag for limit in limits for flag in ("--set", limit)))


@pytest.fixture(scope="module")
def refused(served):
    """The key of somebody of whom nothing is kept."""
    return served.key("refused")


def sent(product, key, files, fields=None, **headers):
    """Post a form as httpx makes it; return (status, JSON)."""
    headers = {"authorization": f"Bearer {key}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    reply = httpx.post(f"{product.url}{PATH}", files=files, data=fields or {}, headers=headers, timeout=60)
    return reply.status_code, reply.json()


def sent_raw(product, key, body, content_type):
    """Post bytes under a type; return (status, JSON)."""
    headers = {"authorization": f"Bearer {key}", "content-type": content_type}
    connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=60)
    connection.request("POST", PATH, body, headers)
    reply = connection.getresponse()
    answer = reply.status, json.loads(reply.read())
    connection.close()
    return answer


def part(disposition: str, content: str, *headers: str) -> str:
    lines = ["--cut", f"Content-Disposition: form-data; {disposition}", *headers, "", content]
    return "\r\n".join(lines) + "\r\n"


def test_a_file_is_kept_as_its_json_would_be(served):
    """The same text in either form is one document."""
    key = served.key("both")
    fields = {"title": "Pump", "tags": ["manuals", "pumps"], "source_url": "https://example.org", "wait": "true"}
    status, kept = sent(served, key, {"file": ("pump.md", NOTE.encode(), "text/markdown")}, fields)
    assert (status, kept["title"], kept["media_type"], kept["tags"]) == (201, "Pump", "text/markdown", fields["tags"])
    assert (kept["status"], kept["source_url"], kept["ttl_s"]) == ("stored", "https://example.org", None)
    assert [cube["text"] for cube in served.cubes(key)] == [f"Pump: {NOTE}"]
    status, again = served.api(key, "POST", PATH, {"text": NOTE})
    assert (status, again["id"], again["already_stored"]) == (200, kept["id"], True)
    status, again = sent(served, key, {"file": ("copy.txt", NOTE.encode())})
    assert (status, again["id"], again["already_stored"]) == (200, kept["id"], True)


def test_openais_client_uploads_a_file(served):
    """With the items of a list named as its forms name them."""
    key = served.key("openai")
    with served.client(key) as client:
        kept = client.post(
            "/memory/documents",
            cast_to=httpx.Response,
            body={"tags": ["manuals"], "wait": True},
            files={"file": ("pump.md", NOTE.encode())},
            options={"headers": {"Content-Type": "multipart/form-data"}},
        ).json()
    assert (kept["status"], kept["tags"], kept["title"]) == ("stored", ["manuals"], "pump.md")


def test_a_form_names_the_user_as_json_does(served):
    """Only with a key that may."""
    app = served.key("app", "--assert-users")
    assert sent(served, app, {"file": ("a.txt", b"Anns.")}, {"user": "ann"})[0] == 201
    kept = served.api(app, "GET", PATH, **{"X-Memory-User-Id": "ann"})[1]["data"]
    assert [each["title"] for each in kept] == ["a.txt"]
    assert sent(served, served.key("plain"), {"file": ("a.txt", b"Anns.")}, {"user": "ann"})[0] == 403
    assert sent(served, "sk-wrong", {"file": ("a.txt", b"A.")})[0] == 401


@pytest.mark.parametrize(
    ("file", "fields", "media_type"),
    [
        (("a.txt", b"# A", "text/plain; charset=utf-8"), {}, "text/plain"),
        (("a.bin", b"# A", "text/x-markdown"), {}, "text/markdown"),
        (("A.MD", b"# A", "application/octet-stream"), {}, "text/markdown"),
        (("C:\\notes\\a.markdown", b"# A", ""), {}, "text/markdown"),
        (("a.csv", b"# A", "text/csv"), {"media_type": "text/plain"}, "text/plain"),
    ],
)
def test_what_a_file_is_its_part_or_its_name_says(served, file, fields, media_type):
    """The field says it before either."""
    status, kept = sent(served, served.key("kinds"), {"file": file}, fields)
    assert (status, kept.get("media_type")) in ((201, media_type), (200, media_type)), kept


@converted
def test_html_is_converted_and_a_broken_pdf_refused(served):
    key = served.key("converter")
    page = b"<html><head><title>Ferry</title></head><body><p>The ferry leaves at nine.</p></body></html>"
    status, kept = sent(served, key, {"file": ("x.html", page)}, {"wait": "true"})
    assert (status, kept["title"], kept["media_type"]) == (201, "Ferry", "text/html")
    status, answer = sent(served, key, {"file": ("x.pdf", b"%PDF-1.4 and then nothing")})
    assert (status, answer["error"]["code"]) == (400, "document_not_converted")


def test_names_and_words_of_all_alphabets_arrive_whole(served):
    """Also under a charset that would make other words of them: a form is UTF-8."""
    key = served.key("alphabets")
    body = part('name="title"', "Лодка") + part('name="file"; filename="尺.txt"', "Zwölf Boxkämpfer.")
    typed = "multipart/form-data; charset=utf-16; boundary=cut"
    status, kept = sent_raw(served, key, f"{body}--cut--\r\n".encode(), typed)
    assert (status, kept["title"]) == (201, "Лодка")
    _, named = sent(served, key, {"file": ("尺.txt", b"One.")})
    assert named["title"] == "尺.txt"


def test_fields_that_a_page_left_empty_are_absent(served):
    key = served.key("page")
    empty = {"title": "", "media_type": "", "tags": "", "ttl_s": "", "space_id": ""}
    status, kept = sent(served, key, {"file": ("a.md", b"# Attic\n\nA barometer.")}, empty)
    assert (status, kept["title"], kept["tags"], kept["ttl_s"]) == (201, "Attic", [], None)


FILE = ("a.txt", b"A.")
WRONG = {
    "no file": ({"file": ("", b"")}, {}, None, "send text"),
    "a file under another name": ({"document": FILE}, {}, "document", '"file"'),
    "two files": ([("file", FILE), ("file", FILE)], {}, None, "Maximum number of files is 1"),
    "a file and text": ({"file": FILE}, {"text": "B"}, None, "send text"),
    "text under the file's name": ({"x": ("", b"")}, {"file": "A."}, "file", "multipart/form-data"),
    "a field twice": ({"file": FILE}, {"title": ["A", "B"]}, "title", "more than once"),
    "an unknown field": ({"file": FILE}, {"tag": "x"}, "tag", "tags"),
    "a wrong value": ({"file": FILE}, {"ttl_s": "soon"}, "ttl_s", "number"),
    "a wrong type": ({"file": FILE}, {"media_type": "video/mp4"}, "media_type", "text/markdown"),
    "an unknown kind of file": ({"file": ("a.docx", b"PK")}, {}, "file", "media_type"),
    "no UTF-8": ({"file": ("a.txt", b"\xff\xfe\x00x")}, {}, "file", "UTF-8"),
    "a field as long as a file": ({"file": FILE}, {"title": "x" * (MIB + 1)}, None, "1024KB"),
    "too many fields": ({"file": FILE}, {"tags": ["x"] * 201}, None, "200"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_a_form_is_told(served, refused, what):
    files, fields, param, told = WRONG[what]
    status, answer = sent(served, refused, files, fields)
    error = answer["error"]
    assert (status, error["type"], error["param"]) == (400, "invalid_request_error", param), error
    assert told in error["message"]
    assert "Value error" not in error["message"]
    assert served.api(refused, "GET", PATH)[1]["data"] == []


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (b"--cut\r\n", "multipart/form-data", "without a boundary"),
        (b"no form", "multipart/form-data; boundary=cut", "cannot be read"),
        (b"", "multipart/form-data; boundary=cut", "cut off"),
        (b"--cut--", "multipart/form-data; boundary=cut", "send text"),
        (b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nA.',
         "multipart/form-data; boundary=cut", "cut off"),
        (b'--cut\r\nContent-Disposition: form-data; name="text"\r\n\r\nA.\r\n'
         b'--cut\r\nContent-Disposition: form-data; name="ttl_s"\r\n\r\n3',
         "multipart/form-data; boundary=cut", "cut off"),
        (b"--cut\r\nContent-Disposition: form-data\r\n\r\nA.\r\n--cut--",
         "multipart/form-data; boundary=cut", "name"),
        (b"x", f"multipart/form-data; boundary={'y' * 999}", "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_form_is_refused(served, refused, body, content_type, told):
    status, answer = sent_raw(served, refused, body, content_type)
    assert status == 400
    assert told in answer["error"]["message"]


def test_a_file_beyond_the_limit_is_413_and_so_is_a_body(served):
    """Whether its length is declared or not."""
    key = served.key("large")
    status, answer = sent(served, key, {"file": ("a.txt", b"x" * (MIB + 1))})
    assert (status, answer["error"]["code"], answer["error"]["param"]) == (413, "document_too_large", "file")
    head, tail = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n', b"\r\n--cut--\r\n"
    for body in (head + b"x" * (4 * MIB) + tail, (piece for piece in (head, *[b"x" * MIB] * 4, tail))):
        try:
            status, answer = sent_raw(served, key, body, "multipart/form-data; boundary=cut")
        except ConnectionError:  # the server need not read what it has refused
            continue
        assert (status, answer["error"]["code"]) == (413, "request_too_large")
    assert sent(served, key, {"file": FILE})[0] == 201


def test_json_is_read_as_before_whatever_it_is_called(served):
    """Also where a file is meant: in JSON it comes in base64."""
    key = served.key("json")
    body = json.dumps({"text": "A note."}).encode()
    assert sent_raw(served, key, body, "application/x-www-form-urlencoded")[0] == 201
    status, answer = served.api(key, "POST", PATH, {"file": "A note."})
    assert (status, answer["error"]["param"]) == (400, "file")
    assert "base64" in answer["error"]["message"]


def test_the_openapi_page_shows_both_forms(served):
    document = served.api("", "GET", "/openapi.json")[1]
    shown = document["paths"][PATH]["post"]["requestBody"]["content"]
    json_fields = document["components"]["schemas"]["DocumentRequest"]["properties"]
    form = shown["multipart/form-data"]["schema"]
    assert shown["application/json"]["schema"]["$ref"].endswith("DocumentRequest")
    assert "file" not in json_fields
    assert form["properties"]["file"]["format"] == "binary"
    assert set(form["properties"]) - {"file"} == set(json_fields) - {"text", "content"}
