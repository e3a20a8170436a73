"""A loop with something on every page: what runs, waits, failed, is paused, scheduled, kept and planned."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from looping import Loop, step, template

NASTY = (
    "<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>\u202e'\"`{%7*7%}"
)


@dataclass(frozen=True)
class Scene:
    """The ids of what pages are opened of."""

    release: UUID
    charge: UUID
    train: UUID
    drop: UUID
    group: str
    letter: str

    def pages(self) -> dict[str, str]:
        """Every page, by name."""
        return {
            "loop": "/",
            "inbox": "/inbox",
            "entry": f"/inbox/{self.drop}",
            "missions": "/missions",
            "missions filtered": "/missions?status=failed&title=Tell*",
            "mission": f"/missions/{self.release}",
            "mission held": f"/missions/{self.charge}",
            "mission without worker": f"/missions/{self.train}",
            "proposals": "/proposals?status=pending",
            "proposal": f"/proposals/{self.drop}",
            "failures": "/failures",
            "failure": f"/failures/{self.group}",
            "policies": "/policy",
            "policy": "/policy/auto_approve",
            "policy diff": "/policy/auto_approve/diff?from=1&to=2",
            "schedules": "/schedules",
            "schedule": "/schedules/nightly-vacuum",
            "dead letters": "/dead-letters",
            "dead letter": f"/dead-letters/{self.letter}",
            "outbox": "/outbox",
            "locks": "/locks",
            "radar": "/radar",
            "workers": "/workers",
            "worker": "/record/worker/web-1:4711:ab12",
            "directives": "/directives",
            "directive": "/directives/SD-1",
        }


def play(loop: Loop) -> Scene:
    """Bring it about, by way of the routines."""
    offers = {name: {} for name in ("noop", "sql", "http", "command")}
    loop.allow("*")
    for worker in ("web-1:4711:ab12", "web-2:4712:cd34"):
        loop.register(worker, offers)
    release = _release(loop)
    for number in range(7):
        loop.mission(step("call"), title=f"Tell the warehouse about order {1000 + number}")
        error = f"http 503 from https://warehouse.example/orders/{1000 + number}: upstream is down"
        loop.fail(loop.claim(1)[0], error, retryable=False)
    for number in range(2):
        loop.mission(step("view"), title=f"Refresh view sales_{number}")
        loop.fail(loop.claim(1)[0], f'relation "sales_{number}" does not exist', retryable=False)
    for number in range(12):
        loop.mission(step("analyze"), title=f"Analyze table stock_{number}")
        loop.complete(loop.claim(1)[0], {"rows": number * 100})
    drop = _inbox(loop)
    charge = _held(loop)
    train = loop.mission(step("train", executor="gpu"), title="Train the ranking model")
    loop.value("select fn_pause('executor', 'http', 'ann', 'the warehouse is down until ten')")
    tell = step(
        "tell", executor="http", params={"url": "https://warehouse.example/orders/2000", "method": "POST"}
    )
    loop.mission(tell, title="Tell the warehouse about order 2000")
    _rest(loop)
    loop.turn()
    group = loop.rows("select group_key from fn_group_failures()")[0]["group_key"]
    letter = loop.rows("select dl_msg_id from fn_list_dead_letters()")[0]["dl_msg_id"]
    return Scene(release, charge, train, drop, group, letter)


def _release(loop: Loop) -> UUID:
    """A mission in the middle of its graph."""
    release = loop.mission(
        step("fetch"),
        step("check", after=["fetch"]),
        step("build", after=["fetch"]),
        step("lint", after=["fetch"]),
        step("pack", after=["check", "build", "lint"]),
        step("publish", after=["pack"], on_lease_lost="hold"),
        title="Release 2.4.1 of the shop",
    )
    (fetch,) = loop.claim(1)
    usage = {"tokens_in": 1200, "cost_usd": 0.004}
    loop.complete(fetch, {"commit": "8f3ac1", "files": 214}, usage=usage)
    claimed = {one["key"]: one for one in loop.claim(3, lease=3600)}
    loop.complete(claimed["check"], {"tests": 812, "failed": 0})
    loop.extend(claimed["build"], lease=3600, progress={"percent": 40, "at": "linking"})
    loop.fail(claimed["lint"], "exit status 1: 3 warnings in src/basket.py", after=3600)
    return release


def _inbox(loop: Loop) -> UUID:
    """Proposals that wait for a person, one of them like one that was approved before."""
    loop.allow("noop", max_risk_level="low")

    def refund(number: int, **more: Any) -> Any:
        mail = step("mail", params={"to": f"customer-{number}@example.com", "amount": 20 + number})
        return loop.propose(mail, risk_level="medium", source="agent:care", **more)

    before = refund(0, title="Refund a lost parcel")
    loop.approve(before["proposal_id"])
    loop.complete(loop.claim(1)[0])
    for number in range(1, 4):
        refund(number, title="Refund a lost parcel", rationale="The carrier has confirmed that it was lost.")
    drop = loop.propose(
        step("drop", params={"sql": "drop index concurrently stock_old_idx", "table": "stock"}),
        title="Drop index stock_old_idx: unused for 30 days",
        risk_level="high",
        rationale="No scan was counted since October; it is 812 MB, and slows each insert into stock.",
        refs=["https://wiki.example/indexes"],
        source="agent:dba",
    )["proposal_id"]
    loop.allow("*")
    assert isinstance(drop, UUID)
    return drop


def _held(loop: Loop) -> UUID:
    """A step whose worker vanished, and which must not run twice."""
    charge = loop.mission(step("charge", on_lease_lost="hold"), title="Charge invoice 4711")
    (work,) = loop.claim(1)
    loop.do(
        "update ops_mission_steps set lease_expires_at = now() - interval '1 hour' where id = %s",
        work["step_id"],
    )
    loop.do(
        "update ops_timers set due_at = now() - interval '1 hour' where %s = any (step_ids)", work["step_id"]
    )
    loop.turn()
    assert loop.step(charge, "charge")["status"] == "waiting"
    return charge


def _rest(loop: Loop) -> None:
    nightly = {"cron": "15 3 * * *", "timezone": "Europe/Berlin", "event_type": "db:nightly", "data": {}}
    loop.value("select fn_set_schedule('nightly-vacuum', %s)", nightly)
    hourly = {"every_seconds": 3600, "template": template(title="Hourly report")}
    loop.value("select fn_set_schedule('hourly-report', %s)", hourly)
    loop.value("select fn_publish_outbox('order', '1001', 'order.paid', %s)", {"order": 1001})
    loop.value("select fn_acquire_lock('backup', 'host-a:1', 600)")
    loop.value(
        """select fn_radar_upsert('[{"title": "Cache the product page", "score": 7.5, "status": "validating",
           "source": "agent:dba", "description": "62 of 100 reads are of 40 products"}]')"""
    )
    loop.do(
        """insert into strategic_directives (id, sd_key, title, sd_type, status, current_phase)
           values ('SD-1', 'SD-BASKET-1', 'Basket without sign-in', 'feature', 'active', 'EXEC_IMPLEMENTATION')"""
    )
    loop.do("insert into leo_sub_agents (code, name, priority) values ('VALIDATION', 'Checks the plan', 90)")
