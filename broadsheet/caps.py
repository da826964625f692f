"""Caps: the settings `[pacing.gmail]` and its like, by receiving-domain group."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class GroupCap(BaseModel):
    """The most that a receiving-domain group is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_minute: int | None = Field(default=None, ge=1, description="messages over one route, by all processes together")
    connections: int | None = Field(default=None, ge=1, description="of one process")


class Pacing(BaseModel):
    """Caps by receiving-domain group; none is needed, a group that pushes back is slowed by itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gmail: GroupCap = GroupCap()
    microsoft: GroupCap = GroupCap()
    yahoo: GroupCap = GroupCap()
    apple: GroupCap = GroupCap()
    other: GroupCap = GroupCap()
