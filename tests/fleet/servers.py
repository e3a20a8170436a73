"""Three servers of Debian's PostgreSQL 15 with a fleet on them: a node each, the front beside the first node.

Logins have passwords, over TCP; the superuser of the tests comes by the socket.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from databases import server_home
from deployment.hosts import Host, hosts
from opsloop import fleet, migrate
from opsloop.fleet import Fleet

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
PRESENT = PROGRAMS.exists() and Path("/usr/share/postgresql/15/extension/plproxy.control").exists()
ROLES = ("reader", "producer", "worker", "operator", "admin")
_HBA = "local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


def password(login: str) -> str:
    """Of a login; with what a connection string must quote."""
    return f"it's \\ {login}"


class Node:
    """A node: its number, its server, and the connection string of the superuser."""

    def __init__(self, number: int, host: Host) -> None:
        self.number, self.host = number, host
        self.dsn = host.dsn()

    def session(self) -> psycopg.Connection[Any]:
        """As the superuser."""
        return psycopg.connect(self.dsn, autocommit=True, options="-c search_path=opsloop")

    def rows(self, statement: str, *args: object) -> list[tuple[Any, ...]]:
        """What a statement returns there."""
        with self.session() as conn:
            return conn.execute(statement, args).fetchall()

    def stop(self) -> None:
        """As if it were killed: nothing is written down, and nobody is told."""
        self.host.bash('pg_ctl --pgdata="$PGDATA" --mode=immediate --wait stop')

    def start(self) -> None:
        """Bring it back."""
        self.host.bash('pg_ctl --pgdata="$PGDATA" --wait --log="$PGDATA.log" start')


class Servers:
    """The fleet on them."""

    def __init__(self, made: list[Host]) -> None:
        self.hosts = made
        self.nodes = [Node(number, host) for number, host in enumerate(made, 1)]
        self.front_dsn = made[0].dsn("front")

    def node(self, number: int) -> Node:
        """The node of that number."""
        return self.nodes[number - 1]

    def of(self, one: object) -> Node:
        """The node that an id names."""
        return self.node(int(str(one)[-2:], 16))

    def front(self, login: str = "postgres") -> psycopg.Connection[Any]:
        """A session on the front, over its password but for the superuser."""
        return self.session("front", self.hosts[0], login)

    def session(self, database: str, host: Host, login: str) -> psycopg.Connection[Any]:
        """A session of a login."""
        options = {"autocommit": True, "options": "-c search_path=opsloop"}
        if login == "postgres":
            return psycopg.connect(host.dsn(database), **options)
        port = host.env["PGPORT"]
        return psycopg.connect(
            host="127.0.0.1", port=port, dbname=database, user=login, password=password(login), **options
        )

    def reached_by(self, node: Node) -> str:
        """How the front reaches a node."""
        return f"host=127.0.0.1 port={node.host.env['PGPORT']} dbname=ops"

    @contextmanager
    def unreachable(self, *numbers: int) -> Iterator[None]:
        """Nothing listens where the front looks for these nodes; the nodes themselves go on."""
        move = "update fleet_nodes set dsn = %s, version = version + 1 where node = %s"
        with self.front() as conn:
            for number in numbers:
                conn.execute(move, ("host=127.0.0.1 port=1 dbname=ops", number))
            try:
                yield
            finally:
                for number in numbers:
                    conn.execute(move, (self.reached_by(self.node(number)), number))

    def sync(self) -> None:
        """As cron does."""
        with Fleet.open(self.front_dsn) as front:
            faults = [one.fault for one in front.sync() if one.fault]
        assert faults == [], faults

    def add(self, number: int) -> None:
        """Make the loop on a server a node."""
        fleet.number(self.node(number).dsn, self.node(number).dsn, number)
        with Fleet.open(self.front_dsn) as front:
            front.add(number, self.reached_by(self.node(number)))

    def clean(self) -> None:
        """As it was at first: every node up and told, nothing paused."""
        for node in self.nodes:
            if "no server running" in node.host.bash('pg_ctl --pgdata="$PGDATA" status || true'):
                node.start()
        with self.front() as conn:
            conn.execute("select fn_resume('all')")
        self.sync()


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def servers(number: int = 3, members: int = 3) -> Iterator[Servers]:
    """So many servers with a loop each, of which so many are nodes of the fleet."""
    with server_home() as home, hosts(home, PROGRAMS, number) as made:
        for host, port in zip(made, _free_ports(number), strict=True):
            host.env["PGPORT"] = str(port)
            host.begin()
            host.bash(
                "printf \"listen_addresses = '127.0.0.1'\\nport = $PGPORT\\nmax_connections = 200\\n\" >> "
                f'"$PGDATA/postgresql.conf"; printf "{_HBA}" > "$PGDATA/pg_hba.conf"; '
                'pg_ctl --pgdata="$PGDATA" --wait --log="$PGDATA.log" restart; '
            )
            migrate.migrate(host.dsn())
            migrate.seed(host.dsn())
        made[0].bash("createdb front")
        all_ = Servers(made)
        fleet.install(all_.front_dsn)
        for host in made:
            with psycopg.connect(host.dsn(), autocommit=True) as conn:
                for role in ROLES:
                    # In a superuser's own words, as PostgreSQL takes no parameters here.
                    quoted = psycopg.sql.Literal(password(f"one_{role}")).as_string(conn)
                    conn.execute(f"create role one_{role} login password {quoted} in role opsloop_{role}")  # type: ignore[call-overload]
        with Fleet.open(all_.front_dsn) as front:
            for role in ROLES:
                front.login(f"one_{role}", password(f"one_{role}"))
        # The superuser comes to the nodes by his password, too.
        for host in made:
            with psycopg.connect(host.dsn(), autocommit=True) as conn:
                conn.execute("alter role postgres password 'super'")
        with Fleet.open(all_.front_dsn) as front:
            front.login("postgres", "super")
        for n in range(1, members + 1):
            all_.add(n)
        all_.sync()
        yield all_
