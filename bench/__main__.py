"""Measures opsloop beside bare SQL and beside other systems, on one server in one session. See METHODOLOGY.md.

    python bench                                      everything: about an hour
    python bench --quick                              the same in small: under five minutes
    python bench --only drain --systems opsloop       parts of it
    python bench --against HEAD~3 --systems opsloop   this tree and another commit of it, turn by turn

Progress goes to stderr; the tables are printed at the end, and stand with the lines of all rounds and the plots in
bench/results/<time>/. Exit codes: 0; 1 when a target is missed or opsloop failed; 2 when the command line, the server
or the commit of --against cannot be used.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from harness import against, engine, judge, machine, plots, revision, rounds, table
from harness.figures import OWN_SYSTEM, Record, Results
from harness.host import HostFailed, hosts
from harness.progress import say
from harness.revision import Revision
from harness.stage import open_stage
from harness.targets import TARGETS
from harness.workload import Bench, Workload
from opsloop.errors import OpsError
from peers import NAMES, PeerFailed, Peers
from peers.installing import NotInstalled
from workloads import ALL

_HERE = Path(__file__).parent
_WORKLOADS = {workload.name: workload for workload in ALL}


def main(arguments: list[str] | None = None, peers: Peers | None = None) -> int:
    """Measure, write, print, judge."""
    given = _parse(arguments)
    chosen = [workload for workload in ALL if given.only is None or workload.name in given.only]
    if given.list:
        for workload in chosen:
            print(f"{workload.name:12} {workload.measures}")
        return 0
    out: Path = given.out or _HERE / "results" / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    out.mkdir(parents=True, exist_ok=True)
    peers = peers or Peers()
    try:
        other = revision.installed(_HERE.parent, given.against, peers.cache) if given.against else None
        with (
            open_stage(given.dsn) as stage,
            engine.installed(stage),
            hosts(stage, other, given.quick) as both,
        ):
            bench = Bench(stage, peers, given.quick, both)
            circumstances = _circumstances(given, chosen, bench, other)
            (out / "machine.json").write_text(json.dumps(circumstances, indent=2) + "\n")
            results = _measure(given, chosen, bench, out)
    except (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege, OpsError) as error:
        print(f"the server cannot be used: {error}", file=sys.stderr)
        return 2
    except (NotInstalled, HostFailed) as error:
        print(f"{'--against ' + given.against if given.against else OWN_SYSTEM}: {error}", file=sys.stderr)
        return 2
    return _report(given, results, out, circumstances, other)


def _circumstances(
    given: argparse.Namespace, chosen: Sequence[Workload], bench: Bench, other: Revision | None
) -> dict[str, Any]:
    """What is written beside the results."""
    found = {
        **machine.describe(bench.stage),
        "quick": given.quick,
        "peers": _peers(bench, chosen, given.systems),
    }
    if other and bench.hosts:
        theirs = {"commit": other.commit, "subject": other.subject, "packages": bench.hosts[1].packages}
        found["against"] = {"rev": given.against, **theirs}
    return found


def _measure(given: argparse.Namespace, chosen: Sequence[Workload], bench: Bench, out: Path) -> Results:
    """Run what was chosen; every line is in the file as soon as it is known."""
    results = Results()
    with (out / "results.jsonl").open("w") as lines:

        def keep(record: Record) -> None:
            results.records.append(record)
            print(record.line(), file=lines, flush=True)

        for workload in chosen:
            number = workload.rounds[given.quick]
            if bench.hosts:
                number += number % 2  # each commit goes first as often as the other
            rounds.run(bench, workload, given.rounds or number, given.systems, keep)
    return results


def _peers(bench: Bench, chosen: Sequence[Workload], systems: Sequence[str] | None) -> dict[str, Any]:
    """Install the peers that take part, before anything is measured; gives their versions, or why there are none."""
    taking_part = {entrant.system for workload in chosen for entrant in workload.entrants()}
    versions: dict[str, Any] = {}
    for name in NAMES:
        if name in taking_part and (systems is None or name in systems):
            try:
                versions[name] = bench.peers.versions(name)
            except (NotInstalled, PeerFailed) as error:
                say(f"{name}: {error}")
                versions[name] = {"error": str(error)}
    return versions


def _report(
    given: argparse.Namespace,
    results: Results,
    out: Path,
    circumstances: dict[str, Any],
    other: Revision | None,
) -> int:
    """Tables, plots and the exit code. The other commit has a table of its own, and is not judged."""
    alone = results.without(other.system) if other else results
    verdicts = judge.judge(alone, TARGETS)
    compared = against.compare(results, other.system, _WORKLOADS) if other else []
    text = table.render(alone) + ("\n" + judge.render(verdicts, given.quick) if verdicts else "")
    if other:
        text += "\n" + against.render(results, compared, other.system, _both(circumstances, other))
    (out / "table.md").write_text(text)
    if not plots.draw(alone, _WORKLOADS, out):
        say("no plots: pip install 'opsloop[bench]'")
    if given.json:
        lines = [record.line() for record in results.records] + [verdict.line() for verdict in verdicts]
        print("\n".join([*lines, *(each.line() for each in compared)]))
    else:
        print(text)
    say(f"written to {out}")
    return 1 if judge.missed(alone, verdicts) and not given.no_fail else 0


def _both(circumstances: dict[str, Any], other: Revision) -> str:
    """Which commits are compared."""
    tree = f"commit {circumstances['commit'][:12]}" if circumstances["commit"] else "no commit"
    dirty = " with uncommitted changes" if circumstances["uncommitted_changes"] else ""
    return f"{OWN_SYSTEM} is {tree}{dirty}; {other.system} is {other.commit[:12]}, “{other.subject}”."


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds")
    parser.add_argument(
        "--only", type=_names, metavar="WORKLOADS", help="run these workloads, separated by commas"
    )
    parser.add_argument("--systems", type=_names, metavar="NAMES", help="let only these systems take part")
    parser.add_argument(
        "--against", metavar="REV", help="another commit of ours that takes each of opsloop's turns, too"
    )
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="rounds of each workload (default: its own number)"
    )
    parser.add_argument(
        "--dsn", help="a server to use, as a role that may create databases (default: an embedded one)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where results go (default: bench/results/<time>)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON lines: all rounds, and the verdicts")
    parser.add_argument("--no-fail", action="store_true", help="exit code 0 also when a target is missed")
    parser.add_argument("--list", action="store_true", help="print the workloads and end")
    given = parser.parse_args(arguments)
    _check(parser, "--only", given.only, {workload.name for workload in ALL})
    _check(parser, "--systems", given.systems, {e.system for workload in ALL for e in workload.entrants()})
    if given.against is not None and given.systems is not None and OWN_SYSTEM not in given.systems:
        parser.error(f"--against needs {OWN_SYSTEM} among the --systems")
    if given.rounds is not None and given.rounds < 1:
        parser.error("--rounds needs a number of at least 1")
    return given


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _check(parser: argparse.ArgumentParser, option: str, names: list[str] | None, known: set[str]) -> None:
    if unknown := set(names or ()) - known:
        parser.error(f"{option} knows {', '.join(sorted(known))}; not {', '.join(sorted(unknown))}")


if __name__ == "__main__":
    # Told to end, it ends what it has started, too: workers would look for their database for ever.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
