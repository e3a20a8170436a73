"""Area `policy`: get, set, history, diff, rollback, dry run, tests, shadows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from opsloop import jsonio
from opsloop.areas.call import Caller, DocumentLike
from opsloop.results import DryRun, PolicyChange, PolicyDocument, PolicyShadow, PolicyTest, PolicyVersion


class Policy(Caller):
    """The versioned documents that decide what may run."""

    def get_policy(self, key: str) -> dict[str, Any]:
        """Return the policy document in force. Raises PolicyNotFound (OPS_002)."""
        value: dict[str, Any] = self._value("fn_get_policy", key=key)
        return value

    def list_policies(self) -> list[PolicyDocument]:
        """List the policy documents in force."""
        return self._rows(PolicyDocument, "fn_list_policies")

    def set_policy(
        self,
        key: str,
        value: DocumentLike,
        actor: str | None = None,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> int:
        """Put a new version in force and return its number; a document that is in force already makes none.

        `actor` is a claim (default: the login). With `expected_version`, only if that is the version in
        force. Raises PolicyVersionConflict (OPS_011), NotAllowed (OPS_015), and InvalidPolicy (OPS_017)
        with every fault in `detail`.
        """
        return int(
            self._value(
                "fn_set_policy",
                key=key,
                value=jsonio.document(value),
                actor=actor,
                expected_version=expected_version,
                reason=reason,
            )
        )

    def policy_history(self, key: str, limit: int | None = None) -> list[PolicyVersion]:
        """List up to `limit` versions (default 20) of a policy document, newest first.

        Raises PolicyNotFound (OPS_002).
        """
        return self._rows(PolicyVersion, "fn_policy_history", key=key, limit=limit)

    def rollback_policy(
        self, key: str, version: int | None = None, actor: str | None = None, reason: str | None = None
    ) -> int:
        """Put what an earlier version says (default: the one before) in force as a new one; return its number.

        Raises PolicyNotFound (OPS_002), NotAllowed (OPS_015), InvalidPolicy (OPS_017) with every fault where that
        is no longer valid, and NoSuchPolicyVersion (OPS_080).
        """
        return int(self._value("fn_rollback_policy", key=key, version=version, actor=actor, reason=reason))

    def agree_policy(
        self, key: str, value: DocumentLike, actor: str | None = None, reason: str | None = None
    ) -> str | None:
        """Agree to a document that lets more run, as `approval_rules.policy` asks; nothing in force changes.

        Returns which seats are open, None where nobody has to agree. Raises NotAllowed (OPS_015), InvalidPolicy
        (OPS_017) with every fault, NoSeat (OPS_085), and UnknownPerson (OPS_088).
        """
        seats: str | None = self._value(
            "fn_agree_policy", key=key, value=jsonio.document(value), actor=actor, reason=reason
        )
        return seats

    def diff_policy(
        self,
        key: str,
        from_: int | None = None,
        to: int | None = None,
        document: DocumentLike | None = None,
    ) -> list[PolicyChange]:
        """List what differs between two versions (default: the last two), or between one and `document`.

        Raises PolicyNotFound (OPS_002) and NoSuchPolicyVersion (OPS_080).
        """
        return self._rows(
            PolicyChange,
            "fn_diff_policy",
            key=key,
            to=to,
            document=jsonio.document(document),
            **{"from": from_},
        )

    def policy_schema(self, key: str | None = None) -> dict[str, Any]:
        """Return the JSON Schema of a policy document, or that of a policy file.

        Raises PolicyNotFound (OPS_002) for a document that opsloop does not know.
        """
        value: dict[str, Any] = self._value("fn_policy_schema", key=key)
        return value

    def dry_run_policy(
        self,
        key: str | None = None,
        value: DocumentLike | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> list[DryRun]:
        """List what a document would have decided since then (default: seven days ago); nothing changes.

        Without `key`, `value` has several documents by key. Counts by outcome come first, then up to `limit`
        (default 1000) decisions that would differ. Raises InvalidPolicy (OPS_017) with every fault.
        """
        return self._rows(
            DryRun, "fn_dry_run_policy", key=key, value=jsonio.document(value), since=since, limit=limit
        )

    def test_policy(
        self, tests: Sequence[Mapping[str, Any]], documents: DocumentLike | None = None
    ) -> list[PolicyTest]:
        """Say of each test, `{"name", "given", "expect"}`, whether policy decides so; nothing changes.

        `documents` are drafts by key, in the place of those in force. Raises InvalidPolicy (OPS_017) with every
        fault of a draft, and InvalidArgument (OPS_018) with every fault of the tests.
        """
        return self._rows(
            PolicyTest,
            "fn_test_policy",
            tests=jsonio.document(list(tests)),
            documents=jsonio.document(documents),
        )

    def shadow_policy(
        self,
        key: str,
        value: DocumentLike | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> bool:
        """Set a document beside the one in force, to judge by it what comes from now on; None ends it.

        It decides nothing. Returns whether that changed anything. Raises NotAllowed (OPS_015), InvalidPolicy (OPS_017)
        with every fault, and InvalidArgument (OPS_018) for a document that has no shadow.
        """
        return bool(
            self._value("fn_shadow_policy", key=key, value=jsonio.document(value), actor=actor, reason=reason)
        )

    def list_shadows(self) -> list[PolicyShadow]:
        """List the documents that are judged beside those in force."""
        return self._rows(PolicyShadow, "fn_list_shadows")

    def shadow_decisions(self, key: str, limit: int | None = None) -> list[DryRun]:
        """List what the shadow of a document has found, as `dry_run_policy` does; differences are the newest `limit`.

        Raises NotFound (OPS_012) when it has none.
        """
        return self._rows(DryRun, "fn_shadow_decisions", key=key, limit=limit)

    def assert_agent(self, role: str) -> None:
        """Raise unless this login may be handed to an agent of that role; changes nothing.

        Raises NotAllowed (OPS_015) when it may approve, decide, set policy, lease, or write a table, and
        InvalidArgument (OPS_018) when the policy document agent_roles does not name the role.
        """
        self._value("fn_assert_agent", role=role)
