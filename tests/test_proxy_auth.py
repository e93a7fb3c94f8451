"""The key decides whose memory it is, and no header or body changes that unless the key allows it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from config.settings import load
from memory.errors import Invalid, Refused
from memory.vault.connections import Connections
from memory.vault.keys import SqliteKeys
from proxy.auth import Authenticator
from proxy.errors import fault_body, fault_status
from proxy.identity import Unauthenticated

USER_HEADERS = load(environ={}).settings.identity.user_headers


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[SqliteKeys]:
    connections = Connections(tmp_path / "memory.sqlite3")
    yield SqliteKeys(connections, lambda: datetime.now(UTC), tmp_path / "pepper")
    connections.close()


@pytest.fixture
def auth(keys: SqliteKeys) -> Authenticator:
    return Authenticator(keys, user_headers=USER_HEADERS, pass_through=False)


@pytest.fixture
def passing(keys: SqliteKeys) -> Authenticator:
    return Authenticator(keys, user_headers=USER_HEADERS, pass_through=True)


def headers(authorization: str | None = None, **more: str) -> list[tuple[bytes, bytes]]:
    pairs = {"authorization": f"Bearer {authorization}"} if authorization else {}
    pairs |= {name.replace("_", "-"): value for name, value in more.items()}
    return [(name.encode(), value.encode()) for name, value in pairs.items()]


def test_a_key_in_authorization_is_its_user_and_is_not_forwarded(keys: SqliteKeys, auth: Authenticator) -> None:
    new = keys.create("ada")
    identity = auth.authenticate(headers(new.key))
    assert (identity.user, identity.key_id, identity.authorization) == (new.record.user, new.record.id, None)
    assert (identity.scope.user, identity.scope.key_id) == (new.record.user, new.record.id)
    assert identity.verified
    assert identity.may_chat
    assert identity.may_read
    assert identity.may_write


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_is_read_in_any_case(keys: SqliteKeys, auth: Authenticator, scheme: str) -> None:
    new = keys.create("ada")
    assert auth.authenticate([(b"Authorization", f"{scheme} {new.key}".encode())]).user == new.record.user


def test_a_key_beside_the_providers_key_forwards_that_unchanged(keys: SqliteKeys, auth: Authenticator) -> None:
    new = keys.create("ada")
    pairs = [(b"X-Memory-Key", new.key.encode()), (b"authorization", b"Basic c3Q6cGFydHk=")]
    identity = auth.authenticate(pairs)
    assert (identity.user, identity.authorization) == (new.record.user, b"Basic c3Q6cGFydHk=")


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [(b"authorization", b"Bearer ")],
        [(b"authorization", b"Basic abc")],
        [(b"authorization", b"Bearer sk-wrong")],
        [(b"x-memory-key", b"sk-wrong"), (b"authorization", b"Bearer sk-provider")],
        [(b"x-memory-key", b"\xff\xfe")],
    ],
)
def test_no_valid_key_is_401_that_says_what_to_do(auth: Authenticator, pairs: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Unauthenticated) as caught:
        auth.authenticate(pairs)
    assert fault_status(caught.value) == 401
    assert b"memos keys create" in fault_body(caught.value)


def test_a_revoked_key_stops_at_once(keys: SqliteKeys, auth: Authenticator) -> None:
    new = keys.create("ada")
    auth.authenticate(headers(new.key))
    keys.revoke(new.record.id)
    with pytest.raises(Unauthenticated):
        auth.authenticate(headers(new.key))


def test_the_providers_key_is_the_user_in_pass_through(passing: Authenticator) -> None:
    one, again, other = (passing.authenticate(headers(key)) for key in ("sk-one", "sk-one", "sk-other"))
    assert one.user == again.user != other.user
    assert "sk-one" not in one.user
    assert one.authorization == b"Bearer sk-one"
    assert not one.verified


def test_a_revoked_memos_key_is_never_passed_through_to_a_provider(keys: SqliteKeys, passing: Authenticator) -> None:
    new = keys.create("ada")
    assert passing.authenticate(headers(new.key)).authorization is None
    keys.revoke(new.record.id)
    with pytest.raises(Unauthenticated):
        passing.authenticate(headers(new.key))


@pytest.mark.parametrize("name", USER_HEADERS)
def test_a_plain_key_cannot_name_another_user_by_any_header(keys: SqliteKeys, auth: Authenticator, name: str) -> None:
    new = keys.create("ada")
    with pytest.raises(Refused) as caught:
        auth.authenticate([*headers(new.key), (name.encode(), b"bob")])
    assert fault_status(caught.value) == 403
    assert name in str(caught.value), "the client that sends it is not always the caller's own"
    assert auth.authenticate([*headers(new.key), (name.encode(), new.record.user.encode())]).user == new.record.user


def test_a_plain_keys_user_in_a_chat_body_means_nothing(keys: SqliteKeys, auth: Authenticator) -> None:
    new = keys.create("ada")
    assert auth.authenticate(headers(new.key), {"user": "bob", "safety_identifier": "eve"}).user == new.record.user


def test_a_plain_key_cannot_name_another_user_in_the_memory_api(keys: SqliteKeys, auth: Authenticator) -> None:
    new = keys.create("ada")
    with pytest.raises(Refused):
        auth.authenticate(headers(new.key), named=["bob"])


@pytest.mark.parametrize("name", USER_HEADERS)
def test_an_asserting_key_names_a_user_by_any_header(keys: SqliteKeys, auth: Authenticator, name: str) -> None:
    new = keys.create("app", assert_users=True)
    identity = auth.authenticate([*headers(new.key), (name.lower().encode(), b"bob")])
    assert identity.user == f"{new.record.user}/bob"
    assert identity.key_id == new.record.id


@pytest.mark.parametrize("field", ["user", "safety_identifier"])
def test_an_asserting_key_names_a_user_in_the_body(keys: SqliteKeys, auth: Authenticator, field: str) -> None:
    new = keys.create("app", assert_users=True)
    assert auth.authenticate(headers(new.key), {field: "bob"}).user == f"{new.record.user}/bob"
    assert auth.authenticate(headers(new.key), {field: ""}).user == new.record.user
    assert auth.authenticate(headers(new.key), {field: 7}).user == new.record.user


@pytest.mark.parametrize(
    ("pairs", "body", "named"),
    [
        ({"X_Memory_User_Id": "bob", "Helicone_User_Id": "eve"}, {}, ()),
        ({"X_Memory_User_Id": "bob"}, {"user": "eve"}, ()),
        ({}, {"user": "bob", "safety_identifier": "eve"}, ()),
        ({"X_Memory_User_Id": "bob"}, None, ("eve",)),
        ({}, None, ("bob", "eve")),
    ],
)
def test_two_different_users_in_one_request_are_400(
    keys: SqliteKeys,
    auth: Authenticator,
    pairs: dict[str, str],
    body: dict[str, str] | None,
    named: tuple[str, ...],
) -> None:
    new = keys.create("app", assert_users=True)
    with pytest.raises(Invalid):
        auth.authenticate(headers(new.key, **pairs), body, named=named)


def test_the_same_user_said_twice_is_one(keys: SqliteKeys, auth: Authenticator) -> None:
    new = keys.create("app", assert_users=True)
    pairs = headers(new.key, X_Memory_User_Id="bob", X_OpenWebUI_User_Id="bob")
    assert auth.authenticate(pairs, {"user": "bob"}).user == f"{new.record.user}/bob"


def test_a_header_sent_twice_with_two_keys_is_400(keys: SqliteKeys, auth: Authenticator) -> None:
    one, two = keys.create("one"), keys.create("two")
    with pytest.raises(Invalid):
        auth.authenticate([*headers(one.key), *headers(two.key)])


@pytest.mark.parametrize("name", USER_HEADERS)
def test_a_header_that_names_two_users_is_400(keys: SqliteKeys, auth: Authenticator, name: str) -> None:
    new = keys.create("app", assert_users=True)
    with pytest.raises(Invalid) as caught:
        auth.authenticate([*headers(new.key), (name.encode(), b"bob"), (name.encode(), b"eve")])
    assert name.lower() in str(caught.value)


def test_a_request_that_could_name_a_user_and_does_not_is_known(keys: SqliteKeys, auth: Authenticator) -> None:
    """All such requests share the key's own memory, which an application seldom wants."""
    app, plain = keys.create("app", assert_users=True), keys.create("ada")
    assert auth.authenticate(headers(app.key)).unnamed
    assert not auth.authenticate(headers(app.key), {"user": "bob"}).unnamed
    assert not auth.authenticate(headers(plain.key)).unnamed


def test_user_ids_that_no_store_could_keep_are_400(keys: SqliteKeys, auth: Authenticator) -> None:
    new = keys.create("app", assert_users=True)
    for user in ("x" * 513, "half \ud800"):
        with pytest.raises(Invalid):
            auth.authenticate(headers(new.key), {"user": user})


def test_scopes_of_a_key_are_what_it_may_do(keys: SqliteKeys, auth: Authenticator) -> None:
    new = keys.create("reader", scopes=["memory:read"])
    identity = auth.authenticate(headers(new.key))
    assert (identity.may_chat, identity.may_read, identity.may_write) == (False, True, False)


text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=st.tuples(text, text), two=st.tuples(text, text))
def test_users_of_different_keys_or_ids_never_meet(
    keys: SqliteKeys, auth: Authenticator, one: tuple[str, str], two: tuple[str, str]
) -> None:
    """Any two (owner, asserted id) pairs that differ are two users, whatever slashes and alphabets they hold."""

    def user_of(owner: str, asserted: str) -> str:
        new = keys.create("app", assert_users=True, user=owner)
        return auth.authenticate(headers(new.key), {"user": asserted}).user

    assert (user_of(*one) == user_of(*two)) == (one == two)


@given(st.text(st.characters(min_codepoint=33, exclude_categories=["Cs", "Zs", "Cc"]), min_size=1, max_size=40))
@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_header_and_body_name_the_same_user(keys: SqliteKeys, auth: Authenticator, user: str) -> None:
    new = keys.create("app", assert_users=True)
    by_header = auth.authenticate([*headers(new.key), (b"x-memory-user-id", user.encode())])
    assert by_header.user == auth.authenticate(headers(new.key), {"user": user}).user
