"""Sharing: who belongs to a space, what its members read, and that all of it ends when it ends."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from adapters.flat import Flat
from memory.cube import FactKey, Origin, SemanticType, Source, Trust
from memory.embeddings import Embeddings
from memory.errors import Invalid, NotFound, Refused
from memory.finding import Finder
from memory.governance import Governance
from memory.injector import line_of
from memory.spaces import PUBLIC, Rights, Role, SharedCube, SpaceKind, Terms, asserted_user, shown_name
from memory.turn import Draft, Intent, MemoryCall, Message, Scope, TurnRecord
from memory.vault import open_vault

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANN, BEN, CAT = (Scope(user=user) for user in ("ann", "ben", "cat"))
WORDS = ("soup", "garden", "invoice", "violin", "lisbon")


class ByWords:
    """An embedder of five words."""

    model_id = "by-words"
    dimension = len(WORDS)

    def embed(self, texts):
        counts = np.array([[word in text.lower() for word in WORDS] for text in texts], np.float32) + 1e-3
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


@dataclass
class World:
    """A vault with a clock that the test sets."""

    files: object
    embeddings: Embeddings
    now: list

    @property
    def vault(self):
        return self.files.vault

    @property
    def spaces(self):
        return self.files.spaces

    def remember(self, scope, text, **more):
        draft = Draft(
            text=text,
            semantic_type=SemanticType.FACT,
            origin=Origin.USER_INPUT,
            source=Source(conversation_id="secret-talk", message_ids=("m1",)),
            valid_from=self.now[0],
            **more,
        )
        admitted = Governance(None).admit(scope, [draft])
        with self.embeddings.writing(scope):
            vectors = self.embeddings.embed([text])
            written = self.vault.put(admitted, vectors, self.embeddings.model_id)
            self.embeddings.follow(scope, written, {cube.id: vectors[0] for cube in written.created})
        return written.created[0]

    def group(self, *members, role=Role.READER, name="Kitchen"):
        """A group of Ann's that the others have joined."""
        space = self.spaces.create(ANN, kind=SpaceKind.GROUP, name=name)
        for member in members:
            self.spaces.invite(ANN, space.id, member.user, role)
            self.spaces.join(member, space.id)
        return space.id

    def found(self, scope, word):
        """What a user finds by words and by vectors, as far as it may be read."""
        by_words = [cube_id for cube_id, _ in self.vault.lexical(scope, word)[0]]
        ids, similarities = self.embeddings.search(scope, word, self.vault.partitions(scope))
        near = [cube_id for cube_id, near in zip(ids, similarities, strict=True) if near > 0.5]
        read = {cube.text for cube in self.vault.readable(scope, [*by_words, *near])}
        assert {cube.text for cube in self.vault.readable(scope, by_words)} == read, "words and vectors disagree"
        return read


@pytest.fixture
def world(tmp_path):
    now = [START]
    files = open_vault(tmp_path, clock=lambda: now[0])
    yield World(files, Embeddings(ByWords(), Flat(), files.vault), now)
    files.close()


def test_what_is_shared_is_found_by_members_and_by_nobody_else(world):
    """The point of a space; and isolation where there is none."""
    cube = world.remember(ANN, "The soup is on Monday.")
    space = world.group(BEN)
    assert world.found(BEN, "soup") == set()
    world.vault.share(ANN, cube.id, space, Terms())
    assert world.found(BEN, "soup") == world.found(ANN, "soup") == {"The soup is on Monday."}
    assert world.found(CAT, "soup") == set()
    assert world.vault.get(ANN, cube.id).scope == "group"
    assert [page.id for page in world.vault.shared_page(BEN, space, limit=9).cubes] == [cube.id]
    assert world.vault.shared_page(CAT, space, limit=9).cubes == []


def test_what_is_shared_and_answers_is_not_outweighed_by_ones_own_that_does_not(world):
    """More signals are added up of one's own memories: what is shared must stand on the same scale."""
    cube = world.remember(ANN, "The violin is in the garden.")
    world.vault.share(ANN, cube.id, world.group(BEN), Terms())
    for number in range(45):
        world.remember(BEN, f"My invoice number {number} was paid.")
    call = MemoryCall(query="Where is the violin?", intent=Intent.ASK, now=START)
    found = Finder(world.vault, world.embeddings).find(BEN, call, world.vault.partitions(BEN))
    assert max(found.scores, key=found.scores.__getitem__) == cube.id


def test_a_shared_memory_stays_its_owners(world):
    """Nothing that changes, exports or puts into a stable block sees somebody else's memory."""
    cube = world.remember(
        ANN, "The user lives in Lisbon.", pinned=True, fact=FactKey(subject="user", attribute="lives", value="Lisbon")
    )
    space = world.group(BEN, role=Role.ADMIN)
    world.vault.share(ANN, cube.id, space, Terms(rights=Rights.WRITE))
    with pytest.raises(NotFound):
        world.vault.get(BEN, cube.id)
    assert world.vault.get_many(BEN, [cube.id]) == world.vault.profile(BEN) == []
    assert world.vault.page(BEN).cubes == world.vault.known_at(BEN, START) == world.vault.recent(BEN, limit=9) == []
    assert world.vault.delete(BEN, [cube.id]).removed == ()
    assert [row["object"] for row in world.vault.export(BEN)] == ["memos.export"]
    assert world.vault.erase(BEN, None)["cubes"] == 0
    assert world.found(ANN, "lisbon") == {"The user lives in Lisbon."}


def test_a_member_reads_it_as_anothers_word(world):
    """No conversation of the owner's leaks, "the user" is not the reader, and it is trusted less than the own word."""
    cube = world.remember(ANN, "The user lives in Lisbon.")
    world.vault.share(ANN, cube.id, world.group(BEN, name="Our flat"), Terms())
    (seen,) = world.vault.readable(BEN, [cube.id])
    assert isinstance(seen, SharedCube)
    assert (seen.sharer, seen.space_name, seen.trust) == ("ann", "Our flat", Trust.DOCUMENT)
    assert seen.source == Source()
    assert line_of(seen) == '- 2026-03-01: ann (shared in Our flat) said: "I live in Lisbon."'
    (own,) = world.vault.readable(ANN, [cube.id])
    assert own == world.vault.get(ANN, cube.id)


ENDS = {
    "revoked": lambda vault, spaces, cube, space: vault.revoke(ANN, cube, space),  # noqa: ARG005
    "by an admin": lambda vault, spaces, cube, space: vault.revoke(CAT, cube, space),  # noqa: ARG005
    "removed": lambda vault, spaces, cube, space: spaces.remove(ANN, space, "ben"),  # noqa: ARG005
    "left": lambda vault, spaces, cube, space: spaces.remove(BEN, space, "ben"),  # noqa: ARG005
    "space deleted": lambda vault, spaces, cube, space: spaces.delete(ANN, space),  # noqa: ARG005
    "cube deleted": lambda vault, spaces, cube, space: vault.delete(ANN, [cube]),  # noqa: ARG005
    "owner erased": lambda vault, spaces, cube, space: vault.erase(ANN, None),  # noqa: ARG005
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_every_end_of_a_share_ends_it_at_once(world, end):
    """In recall, in what was brought into a conversation before, and in every byte of the other's ledger."""
    cube = world.remember(ANN, "The violin is in the cupboard.")
    space = world.group(BEN, CAT, role=Role.ADMIN)
    world.vault.share(ANN, cube.id, space, Terms())
    assert world.found(BEN, "violin")
    turn = shown_to(world, BEN, cube.id)
    end(world.vault, world.spaces, cube.id, space)
    assert world.found(BEN, "violin") == set()
    assert world.vault.readable(BEN, [cube.id]) == []
    assert world.vault.partitions(BEN) == []
    assert world.files.ledger.find(BEN, [turn])[0].injected["turn"] == ""


def shown_to(world, scope, cube_id, turn_hash="h1"):
    """Write a turn down into whose prompt a shared memory was brought; return its hash."""
    ids = [cube_id]
    injected = {"turn": "- The violin is in the cupboard.", "ids": ids, "turn_ids": ids, "shared": ids}
    message = Message(role="user", text="Where is it?")
    world.files.ledger.open(
        TurnRecord(scope=scope, turn_hash=turn_hash, conversation_id="c", messages=(message,), injected=injected),
        dedupe_window_s=0,
    )
    assert "violin" in world.files.ledger.find(scope, [turn_hash])[0].injected["turn"]
    return turn_hash


def test_what_was_revoked_while_the_model_was_asked_is_not_written_down(world):
    """The row of the turn is opened after the recall; a revocation may have come between."""
    cube = world.remember(ANN, "The violin is in the cupboard.")
    space = world.group(BEN)
    world.vault.share(ANN, cube.id, space, Terms())
    world.vault.revoke(ANN, cube.id, space)
    with pytest.raises(KeyError):
        shown_to(world, BEN, cube.id)


def test_what_is_shared_for_a_task_or_a_time_is_shared_no_further(world):
    """Contexts are part of the permission, asked in the query."""
    cube = world.remember(ANN, "The invoice is due.")
    space = world.group(BEN)
    world.vault.share(ANN, cube.id, space, Terms(task="tax", expires_at=START + timedelta(hours=1)))
    taxing = Scope(user="ben", task="tax")
    assert world.found(taxing, "invoice") == {"The invoice is due."}
    assert world.found(BEN, "invoice") == world.found(Scope(user="ben", task="other"), "invoice") == set()
    world.vault.share(ANN, cube.id, space, Terms(expires_at=START + timedelta(hours=1)))
    assert world.found(BEN, "invoice") == {"The invoice is due."}, "new terms take the place of the old"
    world.now[0] = START + timedelta(hours=1)
    assert world.found(BEN, "invoice") == world.found(taxing, "invoice") == set()
    with pytest.raises(Invalid):
        world.vault.share(ANN, cube.id, space, Terms(expires_at=world.now[0]))


def test_a_shared_memory_is_found_as_it_is_now(world):
    """The indexes of a space follow every change of what is shared there, in words and in vectors."""
    cube = world.remember(ANN, "The soup is on Monday.")
    space = world.group(BEN)
    world.vault.share(ANN, cube.id, space, Terms())
    assert world.found(BEN, "soup")
    told = replace(world.vault.get(ANN, cube.id), text="The garden party is on Monday.")
    vector = world.embeddings.embed([told.text])[0]
    world.vault.update(ANN, told, expected_version=None, vector=vector, model_id="by-words")
    assert world.found(BEN, "soup") == set()
    assert world.found(BEN, "garden") == {"The garden party is on Monday."}


def test_superseded_memories_are_shared_no_more(world):
    """A member is told what holds, not what held."""
    key = FactKey(subject="user", attribute="lives", value="Lisbon")
    old = world.remember(ANN, "The user lives in Lisbon.", fact=key)
    space = world.group(BEN)
    world.vault.share(ANN, old.id, space, Terms())
    world.now[0] += timedelta(days=1)
    new = FactKey(subject="user", attribute="lives", value="Porto")
    world.remember(ANN, "The user lives in Porto.", fact=new)
    assert world.found(BEN, "lisbon") == set()
    assert world.vault.readable(BEN, [old.id]) == []


def test_nobody_is_made_a_member(world):
    """Whatever is shared in a space stands in its members' prompts: planting needs their yes."""
    cube = world.remember(ANN, "The soup is on Monday.")
    space = world.group()
    world.vault.share(ANN, cube.id, space, Terms())
    world.spaces.invite(ANN, space, "ben", Role.ADMIN)
    assert world.found(BEN, "soup") == set()
    (invited,) = world.spaces.of_user(BEN)
    assert not invited.joined
    for forbidden in (
        lambda: world.spaces.members(BEN, space),
        lambda: world.spaces.rename(BEN, space, "Mine"),
        lambda: world.spaces.invite(BEN, space, "cat", Role.READER),
    ):
        with pytest.raises(Refused):
            forbidden()
    assert world.spaces.join(BEN, space).joined
    assert world.found(BEN, "soup")


def test_naming_a_user_tells_nothing_about_them(world):
    """Inviting somebody who is there and somebody who is not look the same; so does taking either out."""
    space = world.group()
    for user in ("ben", "nobody"):
        assert world.spaces.invite(ANN, space, user, Role.READER) is None
    assert {member.user for member in world.spaces.members(ANN, space)} == {"ann", "ben", "nobody"}
    for user in ("ben", "nobody", "never named"):
        assert world.spaces.remove(ANN, space, user) is None


def test_roles(world):
    """A reader reads, a writer shares, an admin rules; a stranger sees no space at all."""
    space = world.group(BEN)
    of_ben = world.remember(BEN, "The garden gate is open.")
    with pytest.raises(Refused):
        world.vault.share(BEN, of_ben.id, space, Terms())
    for call in (world.spaces.get, world.spaces.members, world.spaces.delete, world.spaces.join):
        with pytest.raises(NotFound):
            call(CAT, space)
    with pytest.raises(NotFound):
        world.vault.share(CAT, world.remember(CAT, "A soup.").id, space, Terms())
    world.spaces.invite(ANN, space, "ben", Role.WRITER)
    world.vault.share(BEN, of_ben.id, space, Terms())
    assert world.found(ANN, "garden") == {"The garden gate is open."}
    with pytest.raises(Refused):
        world.spaces.remove(BEN, space, "ann")
    with pytest.raises(Refused, match="last admin"):
        world.spaces.remove(ANN, space, "ann")
    with pytest.raises(Refused, match="last admin"):
        world.spaces.invite(ANN, space, "ann", Role.READER)
    world.spaces.remove(ANN, space, "ben")
    assert world.found(ANN, "garden") == set(), "what a member shared goes with the member"


def test_a_member_may_revise_what_is_shared_to_be_revised(world):
    """A new version in the owner's history, by the member's key, asked where it is written; never by a reader."""
    cube = world.remember(ANN, "The soup is on Monday.")
    space = world.group(BEN, role=Role.WRITER)
    world.spaces.invite(ANN, space, "cat", Role.READER)
    world.spaces.join(CAT, space)
    world.vault.share(ANN, cube.id, space, Terms())
    with pytest.raises(Refused, match="for reading only"):
        world.vault.writable_owner(BEN, cube.id)
    world.vault.share(ANN, cube.id, space, Terms(rights=Rights.WRITE))
    assert world.vault.writable_owner(BEN, cube.id) == "ann"
    told = replace(world.vault.get(ANN, cube.id), text="The soup is on Tuesday.")
    for_member = {"expected_version": 1, "vector": None, "model_id": ""}
    with pytest.raises(Refused, match="for reading only"):
        world.vault.update_shared(CAT, ANN, told, **for_member)
    by_ben = Scope(user="ben", key_id="bens-key")
    assert world.vault.update_shared(by_ben, ANN, told, **for_member).version == 2
    assert [version.text for version in world.vault.history(ANN, cube.id)] == [cube.text, told.text]
    with world.files.connections.read() as connection:
        last = connection.execute("SELECT user, key_id, operation FROM changes ORDER BY seq DESC").fetchone()
    assert tuple(last) == ("ann", "bens-key", "revise")
    world.vault.revoke(ANN, cube.id, space)
    with pytest.raises(NotFound):
        world.vault.update_shared(by_ben, ANN, replace(told, text="No."), **(for_member | {"expected_version": 2}))


def test_an_organisation_is_all_users_of_one_key(world):
    """They read without being asked; who publishes is for the organisation to say; others see nothing of it."""
    key = world.files.keys.create("app", assert_users=True, user="acme").record
    acme = Scope(user="acme", key_id=key.id)
    zoe, yan = (Scope(user=asserted_user("acme", name)) for name in ("zoe", "yan"))
    with pytest.raises(Refused):
        world.spaces.create(ANN, kind=SpaceKind.ORGANISATION, name="Ours")
    with pytest.raises(Refused):
        world.spaces.create(zoe, kind=SpaceKind.ORGANISATION, name="Ours")
    space = world.spaces.create(acme, kind=SpaceKind.ORGANISATION, name="Acme")
    with pytest.raises(Refused):
        world.spaces.create(acme, kind=SpaceKind.ORGANISATION, name="Acme again")
    assert [each.id for each in world.spaces.of_user(zoe)] == [space.id]
    assert world.spaces.of_user(ANN) == []
    cube = world.remember(zoe, "The invoice goes to Yan.")
    with pytest.raises(Refused):
        world.vault.share(zoe, cube.id, space.id, Terms())
    world.spaces.invite(acme, space.id, zoe.user, Role.WRITER)
    assert world.vault.share(zoe, cube.id, space.id, Terms()).kind is SpaceKind.ORGANISATION
    assert world.found(yan, "invoice") == {"The invoice goes to Yan."}
    assert world.found(ANN, "invoice") == set()
    assert world.vault.get(zoe, cube.id).scope == "organisation"
    with pytest.raises(Invalid):
        world.spaces.invite(acme, space.id, "ann", Role.READER)


def test_only_an_admin_key_publishes(world):
    """Everybody reads what is public, so the server's operator says who writes it."""
    cube = world.remember(ANN, "The garden opens at nine.")
    with pytest.raises(Refused):
        world.vault.share(ANN, cube.id, PUBLIC, Terms())
    key = world.files.keys.create("editor", scopes=("memory:write", "admin"), user="ann").record
    world.vault.share(Scope(user="ann", key_id=key.id), cube.id, PUBLIC, Terms())
    assert world.found(CAT, "garden") == {"The garden opens at nine."}
    assert world.vault.get(ANN, cube.id).scope == "public"
    with pytest.raises(Invalid):
        world.spaces.remove(BEN, PUBLIC, "ben")
    world.files.keys.revoke(key.id)
    with pytest.raises(Refused):
        world.vault.share(Scope(user="ann", key_id=key.id), cube.id, PUBLIC, Terms(task="x"))
    world.vault.revoke(ANN, cube.id, PUBLIC)
    assert world.found(CAT, "garden") == set()


def test_a_direct_space_is_between_two(world):
    """Both may share and both may end it for themselves; nobody comes in besides."""
    space = world.spaces.create(ANN, kind=SpaceKind.DIRECT, name="Ann and Ben", invited="ben")
    with pytest.raises(Invalid):
        world.spaces.invite(ANN, space.id, "cat", Role.READER)
    world.spaces.join(BEN, space.id)
    cube = world.remember(BEN, "The soup is on Monday.")
    world.vault.share(BEN, cube.id, space.id, Terms())
    assert world.found(ANN, "soup")
    world.spaces.remove(BEN, space.id, "ben")
    assert world.found(ANN, "soup") == set()
    with pytest.raises(Invalid):
        world.spaces.create(ANN, kind=SpaceKind.DIRECT, name="Me", invited="ann")
    with pytest.raises(Invalid):
        world.spaces.create(ANN, kind=SpaceKind.DIRECT, name="Nobody")


def test_a_memory_in_two_spaces_has_the_wider_scope_and_one_place(world):
    """The scope is a mirror of the shares, whatever order they come and go in; no version is made by them."""
    cube = world.remember(ANN, "The soup is on Monday.")
    first, second = world.group(BEN), world.group(BEN, name="Second")
    for space in (first, second):
        world.now[0] += timedelta(seconds=1)
        world.vault.share(ANN, cube.id, space, Terms())
    assert [found for found, _ in world.vault.lexical(BEN, "soup")[0]] == [cube.id]
    (seen,) = world.vault.readable(BEN, [cube.id])
    assert seen.space_name == "Kitchen", "it is told under the space in which it was shared first"
    world.vault.revoke(ANN, cube.id, first)
    assert world.found(BEN, "soup")
    assert world.vault.get(ANN, cube.id).scope == "group"
    world.vault.revoke(ANN, cube.id, second)
    assert world.vault.get(ANN, cube.id).scope == "private"
    assert world.vault.get(ANN, cube.id).version == 1
    with pytest.raises(NotFound):
        world.vault.revoke(ANN, cube.id, second)


def test_shares_stand_in_journal_and_audit_log(world):
    """Who gave what to whom is part of the history."""
    cube = world.remember(ANN, "The soup is on Monday.")
    space = world.group(BEN)
    world.vault.share(ANN, cube.id, space, Terms())
    world.vault.revoke(ANN, cube.id, space)
    with world.files.connections.read() as connection:
        changes = [row[0] for row in connection.execute("SELECT operation FROM changes ORDER BY seq")]
        audited = [row[0] for row in connection.execute("SELECT operation FROM audit ORDER BY seq")]
    assert changes == ["remember", "share", "revoke"]
    assert audited == ["remember", "share", "share", "share", "share", "revoke"]  # made, invited, joined, shared


def test_names_are_those_of_the_own_application():
    """Inside an organisation people have the names that their application gave them; ids of others stay whole."""
    acme_zoe = asserted_user("ac/me", "zoe/x")
    assert acme_zoe == "ac%2Fme/zoe/x"
    assert shown_name(asserted_user("ac/me", "yan"), acme_zoe) == "zoe/x"
    assert shown_name("u_1", acme_zoe) == acme_zoe
    assert shown_name(acme_zoe, "u_1") == "u_1"


def test_the_vectors_of_a_space_follow_another_process(world, tmp_path):
    """Each process has its own index of a space; the space's generation tells it that another one changed it."""
    cube = world.remember(ANN, "The soup is on Monday.")
    space = world.group(BEN)
    world.vault.share(ANN, cube.id, space, Terms())
    assert world.found(BEN, "soup")
    other = open_vault(tmp_path, clock=lambda: START)
    other_world = World(other, Embeddings(ByWords(), Flat(), other.vault), [START])
    more = other_world.remember(ANN, "The soup is hot.")
    other.vault.share(ANN, more.id, space, Terms())
    other.close()
    assert world.found(BEN, "soup") == {"The soup is on Monday.", "The soup is hot."}
