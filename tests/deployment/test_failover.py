"""A primary killed under load, with synchronous replication, as docs/recovery.md has it.

Nothing that was acknowledged is lost, nothing is accepted twice, and workers are back within five seconds of the
promotion without a restart. What waits for a time, an event, a timeout or a child goes on, once. `make failover` does
it six times, with longer outages.
"""

import os
import subprocess
import sys
import threading
import time
from collections import Counter

import psycopg
import pytest

from databases import server_home
from deployment.hosts import hosts
from deployment.test_recovery import OWN_SERVERS, block, run, session
from docs.documents import environment
from opsloop import connect, migrate
from opsloop.errors import OpsError
from support import wait_until

#: Seconds from the death of the primary to the promotion of the replica, one for each round.
OUTAGES = [float(text) for text in os.environ.get("OPSLOOP_FAILOVER_OUTAGES", "1").split()]
BACK_WITHIN = 5.0


class Producer(threading.Thread):
    """Proposes, emits and publishes, each under a key, until told to stop; notes what was acknowledged."""

    def __init__(self, dsn, name):
        super().__init__()
        self.dsn = dsn
        self.key = name
        self.stopping = threading.Event()
        self.proposals, self.events, self.messages = {}, {}, set()

    def run(self):
        n = 0
        while not self.stopping.is_set():
            try:
                with connect(self.dsn) as loop:
                    while not self.stopping.is_set():
                        self.bring(loop, f"{self.key}-{n}")
                        n += 1
            except (OpsError, psycopg.Error):
                time.sleep(0.05)  # the same key again: what was not acknowledged may be there all the same

    def bring(self, loop, key):
        steps = [{"key": "a", "kind": "noop"}, {"key": "b", "kind": "noop", "depends_on": ["a"]}]
        made = loop.create_proposal({"title": key, "steps": steps}, source="api", dedupe_key=key)
        self.proposals[key] = made.proposal_id
        self.events[key] = loop.emit_event("load", {"key": key}, dedupe_key=key)
        loop.publish_outbox("load", key, "load", {"key": key}, dedupe_key=key)
        self.messages.add(key)

    def end(self):
        self.stopping.set()
        self.join(60)
        assert not self.is_alive()


@pytest.fixture
def fleet(tmp_path):
    """Starts workers and relays; they must not end by themselves."""
    started = []

    def start(dsn, *command):
        log = tmp_path / f"{command[0]}-{len(started)}.log"
        with log.open("w") as out:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "opsloop", *command],
                    env={**os.environ, "DATABASE_URL": dsn},
                    stdout=out,
                    stderr=subprocess.STDOUT,
                )
            )

    start.processes = started
    yield start
    for process in started:
        process.kill()
        process.wait()
    for log in sorted(tmp_path.glob("*.log")):  # shown when the test fails
        print(log.name, *log.read_text().splitlines()[-20:], sep="\n")


#: Each waits when the primary dies, and goes on after the promotion: by time, by an event, by a timeout, for a child.
WAITING = {
    "time": [{"kind": "wait", "params": {"seconds": 8}}],
    "start": [{"kind": "noop", "run_after": 8}],
    "event": [{"kind": "wait", "params": {"event": "paid", "match": {"order": 7}}}],
    "timeout": [
        {"kind": "wait", "params": {"event": "never", "timeout_seconds": 6, "on_timeout": "continue"}},
    ],
    "child": [
        {
            "kind": "mission",
            "params": {
                "title": "the child",
                "steps": [{"kind": "wait", "params": {"event": "paid"}}, {"kind": "noop"}],
            },
        }
    ],
    "list": [{"kind": "wait", "for_each": [1, 2, 3], "params": {"seconds": 8}}],
}


def incarnations(conn):
    return {
        name
        for (name,) in conn.execute("select worker_id from ops_workers where stopped_at is null").fetchall()
    }


def first_completions(conn, since):
    """When each worker completed its first step after that moment."""
    return dict(
        conn.execute(
            "select worker_id, min(completed_at) from ops_action_runs where completed_at > %s and status = 'succeeded'"
            " group by 1",
            (since,),
        ).fetchall()
    )


@OWN_SERVERS
@pytest.mark.timeout(300)
@pytest.mark.parametrize("outage", OUTAGES)
def test_a_primary_killed_under_load_loses_nothing_and_workers_are_back(outage, programs, tmp_path, fleet):
    with server_home() as home, hosts(home, programs, 2) as (primary, standby):
        primary.begin()
        migrate.migrate(primary.dsn())
        migrate.seed(primary.dsn())
        with connect(primary.dsn()) as loop:
            loop.set_policy("proposal_caps", {**loop.get_policy("proposal_caps"), "daily_limit": 1_000_000})
            kinds = {"allowed_step_kinds": ["noop", "wait", "mission"]}
            loop.set_policy("auto_approve", {**loop.get_policy("auto_approve"), **kinds})
            loop.set_policy(
                "outbox",
                {
                    "lease_seconds": 5,
                    "routes": [{"name": "all", "event_type": "*", "sink": "notify", "channel": "c"}],
                },
            )
        primary.bash(block("postgres primary", "create role"))
        standby.bash(block("postgres standby"), PRIMARY=primary.dsn("", user="replica"))
        primary.bash(block("postgres primary", "synchronous"))
        both = (
            f"host={primary.env['PGHOST']},{standby.env['PGHOST']} port={primary.env['PGPORT']},{standby.env['PGPORT']}"
            " user=postgres dbname=ops"
        )
        with session(primary.dsn()) as conn:
            query = "select sync_state from pg_stat_replication"
            wait_until(lambda: conn.execute(query).fetchall() == [("sync",)], "the replica is synchronous")
            env = {**environment(primary.dsn(), programs, tmp_path), "HOME": str(tmp_path)}
            run(block("read"), env, READ_URL=standby.dsn())

            for _ in range(2):
                fleet(both, "worker")
            fleet(both, "relay")
            producers = [Producer(both, name) for name in "pq"]
            for producer in producers:
                producer.start()
            done = "select count(*) from ops_missions where status = 'succeeded'"
            wait_until(lambda: conn.execute(done).fetchone()[0] >= 40, "there is load", 60)
            claims = "select count(distinct worker_id) from ops_action_runs"
            wait_until(lambda: conn.execute(claims).fetchone() == (2,), "both workers share it", 60)
            relays = "select from outbox where processed_at is not null limit 1"
            wait_until(lambda: conn.execute(relays).fetchall(), "the relay delivers", 60)
            before = incarnations(conn)
            with connect(both) as loop:
                waiting = {
                    title: loop.create_proposal({"title": title, "steps": steps}).mission_id
                    for title, steps in WAITING.items()
                }
            parked = """select count(*) from ops_parked_steps p join ops_mission_steps s on s.id = p.step_id
                         where s.status = 'waiting'"""
            # The event is still to come: its step, that of the child, and the one that waits for the child; where the
            # machine is not too slow, also the six that wait for a time.
            wait_until(lambda: conn.execute(parked).fetchone()[0] >= 3, "they wait", 60)
            child = "select from ops_missions where parent_step_id is not null"
            wait_until(lambda: conn.execute(child).fetchall(), "the child is there", 60)

        primary.vanish()
        time.sleep(outage)  # as long as it takes somebody to decide
        standby.bash(block("postgres failover"))
        with session(standby.dsn()) as conn:
            (promoted,) = conn.execute("select clock_timestamp()").fetchone()
            wait_until(lambda: set(first_completions(conn, promoted)) >= before, "all workers are back", 30)
            back = max((at - promoted).total_seconds() for at in first_completions(conn, promoted).values())
            print(f"outage {outage} s: all workers back {back:.1f} s after the promotion")
            with connect(both) as loop:
                loop.emit_event("paid", {"order": 7})
            time.sleep(1)  # under load on the new primary
            for producer in producers:
                producer.end()
            # One that met a busy counter waits for a heartbeat.
            open_ones = """select (select count(*) from ops_missions where status in ('approved', 'running'))
                                + (select count(*) from ops_mission_proposals where status = 'pending')"""
            wait_until(lambda: conn.execute(open_ones).fetchone() == (0,), "all is done", 60)
            waits = "select count(*) from outbox where processed_at is null"
            wait_until(lambda: conn.execute(waits).fetchone() == (0,), "all is delivered", 60)

            # Nobody was started anew.
            assert incarnations(conn) == before
            assert [process.poll() for process in fleet.processes] == [None] * 3
            assert back <= BACK_WITHIN
            # What waited went on, once.
            ended = conn.execute(
                "select id, status from ops_missions where id = any (%s)", (list(waiting.values()),)
            )
            assert dict(ended.fetchall()) == dict.fromkeys(waiting.values(), "succeeded")
            children = "select count(*), min(status) from ops_missions where parent_step_id is not null"
            assert conn.execute(children).fetchone() == (1, "succeeded")
            # Nothing that was acknowledged is lost.
            proposals = {key: str(one) for producer in producers for key, one in producer.proposals.items()}
            found = dict(
                conn.execute(
                    "select p.dedupe_key, p.id::text from ops_mission_proposals p join ops_missions m"
                    " on m.proposal_id = p.id where m.status = 'succeeded'"
                ).fetchall()
            )
            assert proposals.items() <= found.items()
            events = {key: str(one) for producer in producers for key, one in producer.events.items()}
            there = dict(
                conn.execute(
                    "select data ->> 'key', id::text from ops_agent_events where type = 'load'"
                ).fetchall()
            )
            assert events.items() <= there.items()
            messages = Counter(
                key
                for (key,) in conn.execute("select payload ->> 'key' from outbox where event_type = 'load'")
            )
            assert {key for producer in producers for key in producer.messages} <= set(messages)
            # Nothing is there twice, and no step was accepted twice.
            assert max(messages.values()) == 1
            assert (
                len(there)
                == conn.execute("select count(*) from ops_agent_events where type = 'load'").fetchone()[0]
            )
            twice = "select step_id from ops_action_runs where status = 'succeeded' group by 1 having count(*) > 1"
            assert conn.execute(twice).fetchall() == []
            assert conn.execute("select * from fn_check_invariants()").fetchall() == []
            assert len(proposals) > 80
