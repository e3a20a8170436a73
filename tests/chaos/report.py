"""What the run prints, and docs/reliability.md."""

from collections import Counter
from pathlib import Path
from typing import Any

from chaos.kinds import KINDS
from chaos.verdict import RECOVERY, VERDICTS, Facts, Finding

PAGE = Path(__file__).resolve().parents[2] / "docs/reliability.md"

_PAGE = """# Reliability

`make chaos` wrote this page. It runs a fleet, does to it and to its database what happens in years of operation, and
then holds what the database says against what a **witness** outside of it has seen. What is promised stands in
[concepts.md](concepts.md#delivery) and [outbox.md](outbox.md#what-is-promised); here is what that was held against.

## Method

- *The fleet*: {fleet}, each a process of its own, over a TCP proxy of ours,
  to a PostgreSQL of its own with `synchronous_commit` on. {lease:g} seconds of lease, so that in one run many are lost.
- *The work*: single steps, chains, fans; steps that may run twice and steps that are held for a person when their
  worker vanished; steps in a thread, steps that fail at first, steps that write in a transaction under their lease;
  messages about aggregates that one producer has for itself and that all of them share. Most steps are short, some take
  seconds.
- *The witness*: files that only their writer writes, a line before anything else happens. Producers note what was
  acknowledged to them, executors when they begin and when they are done, the receiver of the webhooks what it accepted
  and in which order, the person what it decided. All by the monotonic clock, which no fault moves.
- *The person* decides over held steps: what the witness saw done has succeeded, anything else is to run again.
- *The faults* are drawn from a seed: when, which kind, which target, how long. Several are at work at a time. There
  are spells with none that could excuse a lost lease: locks, snapshots, DDL, sessions that end.
- *The verdict* is about truth, not about speed, but for the recovery: within the lease and {recovery:g} seconds
  after the last fault all steps that were leased must have ended, be leased anew or wait for a person. A server's clock
  that was set back does that time once more, and the measure begins when it has.

## Figures

{figures}

{verdicts}

{kinds}

## Again

`make chaos ARGS='{again}'` draws the same faults again,
`ARGS='--replay FILE'` those of the log of a run, whose path is printed: a line of JSON for each fault,
with what it has met, and for each finding. What the machine does in between is
not repeated, so a finding may need more than one try. `make chaos-quick`, two minutes, is part of `.ci/run`. It ends
with exit code 0 only when there is no finding. Setting clocks needs a C compiler, and the disk that is filled up is
a small one, which only root may mount; without them, those kinds are left out, and the run says so.
"""


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]], right: int = -1) -> str:
    line = ["---:" if n == right else "---" for n in range(len(head))]
    return "\n".join(f"| {' | '.join(str(cell) for cell in row)} |" for row in (head, tuple(line), *rows))


def figures(facts: Facts, seconds: float, exits: Counter[str]) -> list[tuple[str, str]]:
    """What happened, in numbers."""
    said = Counter(line["what"] for line in facts.producers)
    effects = Counter(line["what"] for line in facts.effects)
    persons = Counter(line["what"] for line in facts.persons)
    runs = Counter(row["status"] for row in facts.runs)
    faults = [one for one in facts.faults if one["outcome"] == "done"]
    delivered = sum(times for _, times in facts.hooks["accepted"])
    ended = Counter(step["status"] for step in facts.steps)
    drained = "never" if facts.drained is None else f"{facts.drained:.1f} s"
    return [
        ("minutes of faults", f"{seconds / 60:.0f}"),
        ("faults", f"{len(faults):,} of {len({one['kind'] for one in faults})} kinds"),
        ("proposals acknowledged", f"{said['proposed']:,}"),
        (
            "steps",
            f"{len(facts.steps):,}: " + ", ".join(f"{n:,} {status}" for status, n in sorted(ended.items())),
        ),
        ("attempts", ", ".join(f"{n:,} {status}" for status, n in sorted(runs.items()))),
        ("effects outside", f"{effects['begun']:,} begun, {effects['done']:,} done"),
        ("decisions of a person", f"{persons['resolve']:,} succeeded, {persons['retry']:,} to run again"),
        (
            "messages",
            f"{len(facts.outbox):,}, delivered {delivered:,} times, {said['published']:,} by producers",
        ),
        ("calls of producers that were refused or cut off", f"{said['refused']:,}"),
        ("processes ended", ", ".join(f"{name} × {n}" for name, n in sorted(exits.items())) or "none"),
        ("times that a worker, or the server, got no time", f"{len(facts.stalls):,}, {len(facts.slow):,}"),
        (
            "leases settled after the last fault",
            f"{facts.recovery:.1f} s, of {facts.lease + RECOVERY:g} allowed",
        ),
        ("nothing left after", drained),
    ]


def kinds(facts: Facts) -> list[tuple[str, str, int, str]]:
    """Each kind, how often it was at work, and what it is."""
    count = Counter(one["kind"] for one in facts.faults if one["outcome"] == "done")
    return [(kind.group, name, count[name], kind.sentence) for name, kind in KINDS.items()]


def _missed(facts: Facts, name: str) -> str:
    why = [one["met"]["why"] for one in facts.faults if one["kind"] == name and one["outcome"] == "missed"]
    return f"   {len(why)} missed: {why[0][:100]!r}" if why else ""


def text(facts: Facts, findings: list[Finding], seconds: float, exits: Counter[str]) -> str:
    """What is printed."""
    found = Counter(finding.verdict for finding in findings)
    wide = max(len(name) for name in KINDS)
    return "\n".join(
        [
            *(f"{name:<{wide}} {n:>5}{_missed(facts, name)}" for _, name, n, _ in kinds(facts)),
            "",
            *(f"{name:<48} {value}" for name, value in figures(facts, seconds, exits)),
            "",
            *(f"{found[name]:>5}  {name:<15} {what}" for name, what in VERDICTS.items()),
        ]
    )


def page(
    facts: Facts,
    findings: list[Finding],
    seconds: float,
    exits: Counter[str],
    *,
    again: str,
    fleet: str,
) -> str:
    """docs/reliability.md."""
    found = Counter(finding.verdict for finding in findings)
    return _PAGE.format(
        fleet=fleet,
        lease=facts.lease,
        recovery=RECOVERY,
        again=again,
        figures=_table(("", ""), list(figures(facts, seconds, exits))),
        verdicts=_table(
            ("found", "of", "which is"), [(found[name], name, what) for name, what in VERDICTS.items()], 0
        ),
        kinds=_table(("done to", "kind", "times", "what it is"), list(kinds(facts)), 2),
    )
