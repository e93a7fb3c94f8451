"""The JSON of spaces, members and shares, as models: only shapes and their bounds."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from memory import spaces
from memory.spaces import Rights, Role, SpaceKind
from proxy.memory_wire import Name, Request, Time

SpaceName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
Task = Annotated[str, Field(max_length=200)]
_SPACE_ID = "spc_01k2v9"
_MEMBER = "as your application names them; for a key that names no users, the whole user id"


class SpaceRequest(Request):
    """A new space."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Kitchen", "kind": "group"}})

    name: SpaceName
    kind: SpaceKind = Field(
        SpaceKind.GROUP,
        description="an organisation is made by a key that may assert users, once, and all its users belong to it",
    )
    invited: Name | None = Field(None, description=f"of a direct space, the other person: {_MEMBER}")


class SpaceChange(Request):
    """A new name for a space."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Kitchen and garden"}})

    name: SpaceName


class Space(BaseModel):
    """A space as the caller sees it."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": _SPACE_ID,
                "object": "memory.space",
                "kind": "group",
                "name": "Kitchen",
                "created_at": "2026-05-02T09:30:00Z",
                "role": "admin",
                "joined": True,
            }
        },
    )

    id: str
    object: Literal["memory.space"] = "memory.space"
    kind: SpaceKind
    name: str
    created_at: datetime
    role: Role = Field(description="the caller's")
    joined: bool = Field(description="false: invited; `POST .../join` says yes")


class SpaceList(BaseModel):
    """The spaces that the caller belongs or is invited to, the oldest first."""

    object: Literal["list"] = "list"
    data: list[Space]
    has_more: bool = False


class SpaceDeleted(BaseModel):
    """A space is gone, with all that was shared in it; the memories stay their owners'."""

    id: str
    object: Literal["memory.space.deleted"] = "memory.space.deleted"
    deleted: Literal[True] = True


class MemberRequest(Request):
    """Whom to invite, or who gets another role."""

    model_config = ConfigDict(json_schema_extra={"example": {"member": "ben", "role": "writer"}})

    member: Name = Field(description=_MEMBER)
    role: Role = Role.READER


class Member(BaseModel):
    """A member of a space."""

    member: str = Field(description=_MEMBER)
    object: Literal["memory.space.member"] = "memory.space.member"
    role: Role
    joined: bool

    @classmethod
    def of(cls, member: spaces.Member, viewer: str) -> Self:
        """Return the member as the viewer knows them."""
        return cls(member=spaces.shown_name(viewer, member.user), role=member.role, joined=member.joined)


class MemberList(BaseModel):
    """Who belongs to a space or is invited; those who belong to it without being asked are not listed."""

    object: Literal["list"] = "list"
    data: list[Member]
    has_more: bool = False


class Invited(BaseModel):
    """Done, whether there is such a user or not: that is nobody's business."""

    object: Literal["memory.space.invited"] = "memory.space.invited"
    member: str
    role: Role


class Removed(BaseModel):
    """The member is none any more, and what they shared there is shared no more."""

    object: Literal["memory.space.removed"] = "memory.space.removed"
    member: str
    removed: Literal[True] = True


class ShareRequest(Request):
    """Where to share a memory, and on what terms."""

    model_config = ConfigDict(json_schema_extra={"example": {"space": _SPACE_ID, "rights": "read"}})

    space: Name = Field(description="the space's id; `public` for everybody on this server")
    rights: Rights = Field(Rights.READ, description="`write`: writers and admins of the space may revise it")
    task: Task = Field("", description="only in requests with this `X-Memory-Task`")
    expires_at: Time | None = Field(None, description="it is shared until then")


class Share(BaseModel):
    """A memory is shared in a space."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "memory.share",
                "cube_id": "cube_01k2v9",
                "space": _SPACE_ID,
                "space_name": "Kitchen",
                "kind": "group",
                "rights": "read",
                "task": "",
                "expires_at": None,
                "granted_at": "2026-05-02T09:30:00Z",
            }
        }
    )

    object: Literal["memory.share"] = "memory.share"
    cube_id: str
    space: str
    space_name: str
    kind: SpaceKind
    rights: Rights
    task: str
    expires_at: datetime | None
    granted_at: datetime

    @classmethod
    def of(cls, share: spaces.Share) -> Self:
        """Return the wire form of a share."""
        return cls(
            cube_id=share.cube_id,
            space=share.space_id,
            space_name=share.space_name,
            kind=share.kind,
            rights=share.terms.rights,
            task=share.terms.task,
            expires_at=share.terms.expires_at,
            granted_at=share.granted_at,
        )


class ShareList(BaseModel):
    """Where a memory is shared, the oldest share first."""

    object: Literal["list"] = "list"
    data: list[Share]
    has_more: bool = False


class Revoked(BaseModel):
    """The memory is shared there no more, from the next recall on."""

    object: Literal["memory.share.revoked"] = "memory.share.revoked"
    cube_id: str
    space: str
    revoked: Literal[True] = True
