"""Keys of the HTTP control plane."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was made."""

    key_id: UUID
    name: str
    role: str
    """The group whose rights it has."""
    login: str
    """The login that its calls count as."""
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class RotatedKey(NewKey):
    """A key that was made beside another one."""

    old_expires_at: datetime
    """Until when the one before is valid, too."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as lists show it."""

    key_id: UUID
    name: str
    role: str
    login: str
    status: str
    """valid, expired or revoked."""
    created_at: datetime
    created_login: str
    last_used_at: datetime | None
    """Exact to a minute."""
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    signed_in: int
    """Browsers that are signed in with it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose call it is."""

    key_id: UUID | None
    name: str
    """The key's name, or the login that the server vouches for."""
    role: str
    login: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """A browser that is signed in."""

    key_id: UUID
    name: str
    role: str
    login: str
    expires_at: datetime
