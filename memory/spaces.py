"""Spaces that several users see, who belongs to them, and what is shared there: pure values, no storage.

Law: a shared memory stays its owner's. Members read the newest version of it, somebody else's word under the name of
the space: it never stands in a stable block but the owner's, and never takes the place of what a user said.

An organisation is all users that one key which may assert users names; they belong to it without being asked, as
readers. Everybody belongs to the public, as a reader. To all other spaces a user belongs who was invited and said yes:
whatever is shared there stands in the prompts of the members, so nobody is made one.
"""

import hashlib
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from memory.cube import MemCube, Source, Trust
from memory.rules.lines import first_person

PUBLIC = "public"  #: id of the one public space
PRIVATE = "private"  #: scope of a memory that is not shared
MAX_SPACES = 100  #: that one user may make
MAX_MEMBERS = 1000  #: of one space, invited ones too
_SHOWN_NAME_CHARS = 80


class SpaceKind(StrEnum):
    """Whom a space is for; the scope of a memory is the widest kind of the spaces it is shared in."""

    DIRECT = "direct"  # two people
    GROUP = "group"
    ORGANISATION = "organisation"
    PUBLIC = "public"


#: From the narrowest to the widest; a memory between two people has the scope of a group.
SCOPES = (PRIVATE, SpaceKind.GROUP.value, SpaceKind.ORGANISATION.value, SpaceKind.PUBLIC.value)


class Role(StrEnum):
    """What a member may do: a reader reads; a writer shares too; an admin decides about members, shares and name."""

    READER = "reader"
    WRITER = "writer"
    ADMIN = "admin"


class Rights(StrEnum):
    """What members may do with a shared memory; ``WRITE``: writers and admins of the space may revise it."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A space as one user sees it."""

    id: str
    kind: SpaceKind
    name: str
    created_at: datetime
    role: Role
    joined: bool  #: False: invited, and not yet answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of a space."""

    user: str
    role: Role
    joined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a memory is shared."""

    rights: Rights = Rights.READ
    task: str = ""  #: only in requests with this ``X-Memory-Task``; "": in all
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A memory is shared in a space."""

    cube_id: str
    space_id: str
    space_name: str
    kind: SpaceKind
    terms: Terms
    granted_at: datetime


@dataclass(frozen=True, slots=True)
class Partition:
    """What is searched beside a user's own memories: one space, or what is shared in it for one task."""

    name: str  #: key of its word index and of its vectors
    space_id: str
    task: str
    generation: int  #: grows whenever what is shared in the space changes


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedCube(MemCube):
    """Somebody else's memory, as a member of a space reads it.

    Where it came from (conversation, messages, what it rests on) stays the owner's. Its trust is that of a document
    at most: what others share is no word of the user.
    """

    space_id: str
    space_name: str
    sharer: str  #: the owner, as the reader knows them
    own_trust: Trust  #: what it is to its owner

    @classmethod
    def of(cls, cube: MemCube, *, space_id: str, space_name: str, reader: str) -> "SharedCube":
        """Return the cube as ``reader`` sees it in the space."""
        bare = replace(
            cube,
            source=Source(role=cube.source.role, name=cube.source.name),
            trust=min(cube.trust, Trust.DOCUMENT),
            supersedes=(),
            derived_from=(),
            access_count=0,
            useful_count=0,
            last_used_at=None,
        )
        values: dict[str, Any] = {each.name: getattr(bare, each.name) for each in fields(MemCube)}
        sharer = shown_name(reader, cube.owner)
        return cls(**values, space_id=space_id, space_name=space_name, sharer=sharer, own_trust=cube.trust)

    @property
    def speaker(self) -> str:
        """Who says it, for the line in a prompt."""
        return f"{self.sharer[:_SHOWN_NAME_CHARS]} (shared in {self.space_name[:_SHOWN_NAME_CHARS]})"

    @property
    def said(self) -> str:
        """What they say: facts about them in the first person, for "the user" would be another one there."""
        return first_person(self.text)


def partition_name(space_id: str, task: str) -> str:
    """Return the key under which what is shared on these terms is indexed."""
    return f"{space_id}/{task}" if task else space_id


def asserted_user(owner: str, name: str) -> str:
    """Return the user whom a key of ``owner`` names; slashes of the owner are escaped, so the first is the border."""
    return f"{_escaped(owner)}/{name}"


def shown_name(viewer: str, user: str) -> str:
    """Return how a viewer knows a user: inside one organisation by the id that the application gave."""
    mine, slash, _ = viewer.partition("/")
    owner, _, name = user.partition("/")
    return name if name and owner == (mine if slash else _escaped(viewer)) else user


def organisation_of(user: str) -> str:
    """Return the id that the space of this user's organisation has, whether there is one or not."""
    owner, slash, _ = user.partition("/")
    return organisation_id(owner if slash else _escaped(user))


def organisation_owned_by(user: str) -> str:
    """Return the id of the organisation of all users whom this user's keys assert."""
    return organisation_id(_escaped(user))


def organisation_id(owner: str) -> str:
    """Return the id of an organisation by its owner's escaped user id: the same owner has one."""
    return f"org_{hashlib.sha256(owner.encode()).hexdigest()[:24]}"


def _escaped(owner: str) -> str:
    return owner.replace("%", "%25").replace("/", "%2F")
