"""Area `keys`: keys of the HTTP control plane, and for whom a server's call speaks."""

from __future__ import annotations

from datetime import datetime

from opsloop.areas.call import Caller
from opsloop.results import ApiKey, Asked, NewKey, RotatedKey, SignIn


class Keys(Caller):
    """Keys are given by the sha256 of their secret, in hexadecimal digits; the secret itself never gets here."""

    def create_api_key(
        self,
        name: str,
        role: str,
        digest: str,
        login: str | None = None,
        expires_at: datetime | None = None,
        actor: str | None = None,
    ) -> NewKey:
        """Make a key for `opsloop serve`, whose calls act as `login` (default: this one) with the rights of `role`.

        Raises IllegalState (OPS_014) for a name in use, NotAllowed (OPS_015) for a login that is somebody else's or may
        less than `role`, InvalidArgument (OPS_018).
        """
        return self._row(
            NewKey,
            "fn_create_api_key",
            name=name,
            role=role,
            digest=digest,
            login=login,
            expires_at=expires_at,
            actor=actor,
        )

    def rotate_api_key(
        self,
        name: str,
        digest: str,
        overlap_minutes: int | None = None,
        expires_at: datetime | None = None,
        actor: str | None = None,
    ) -> RotatedKey:
        """Make a new key beside the valid one of that name, which expires after `overlap_minutes` (a day).

        Raises NotFound (OPS_012), NotAllowed (OPS_015), InvalidArgument (OPS_018).
        """
        return self._row(
            RotatedKey,
            "fn_rotate_api_key",
            name=name,
            digest=digest,
            overlap_minutes=overlap_minutes,
            expires_at=expires_at,
            actor=actor,
        )

    def revoke_api_key(self, name: str, actor: str | None = None, reason: str | None = None) -> int:
        """End all valid keys of a name, and every sign-in with one of them; returns how many keys.

        Raises NotFound (OPS_012) for a name that no key ever had.
        """
        return int(self._value("fn_revoke_api_key", name=name, actor=actor, reason=reason))

    def list_api_keys(self, limit: int | None = None, ended: bool | None = None) -> list[ApiKey]:
        """List the keys, newest first; with `ended` also those that expired or were revoked."""
        return self._rows(ApiKey, "fn_list_api_keys", limit=limit, ended=ended)

    def act_as(
        self,
        key: str | None = None,
        sign_in: str | None = None,
        login: str | None = None,
        role: str | None = None,
        proxy: str | None = None,
        read_only: bool | None = None,
    ) -> Asked:
        """Make the rest of the transaction a call of whoever is behind a key, a sign-in, or a login.

        `login` counts by the word of the proxy at the address `proxy`, or with `role` by the server's own. Outside of a
        transaction block it has no effect. Raises NotSignedIn (OPS_091), NotAllowed (OPS_015).
        """
        return self._row(
            Asked,
            "fn_act_as",
            key=key,
            sign_in=sign_in,
            login=login,
            role=role,
            proxy=proxy,
            read_only=read_only,
        )

    def find_caller(
        self,
        key: str | None = None,
        sign_in: str | None = None,
        login: str | None = None,
        role: str | None = None,
        proxy: str | None = None,
    ) -> Asked:
        """Return whose call it would be; raises as `act_as`."""
        return self._row(
            Asked, "fn_find_caller", key=key, sign_in=sign_in, login=login, role=role, proxy=proxy
        )

    def sign_in(self, key: str, sign_in: str, minutes: int | None = None) -> SignIn:
        """Sign a browser in with a key, both given by their digest. Raises NotSignedIn (OPS_091)."""
        return self._row(SignIn, "fn_sign_in", key=key, sign_in=sign_in, minutes=minutes)

    def sign_out(self, sign_in: str) -> bool:
        """End a sign-in; False when there is none."""
        return bool(self._value("fn_sign_out", sign_in=sign_in))
