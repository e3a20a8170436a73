"""The workloads, in the order in which they are run."""

from harness.workload import Workload
from workloads.backlog import Backlog
from workloads.beside import Beside
from workloads.bytes import Bytes
from workloads.commands import Commands
from workloads.cost import Cost
from workloads.drain import Drain
from workloads.dryrun import DryRun
from workloads.enqueue import Enqueue
from workloads.fanout import Fanout
from workloads.fleet import Fleet
from workloads.holds import Holds
from workloads.http_steps import HttpSteps
from workloads.idle import Idle
from workloads.latency import Latency
from workloads.loop import Loop
from workloads.relay import Relay
from workloads.retention import Retention
from workloads.sequential import Sequential
from workloads.transitions import Transitions
from workloads.waits import Waits
from workloads.workers import Workers

ALL: tuple[Workload, ...] = (
    Drain(),
    Sequential(),
    Fanout(),
    Enqueue(),
    Latency(),
    Loop(),
    Beside(),
    Backlog(),
    Holds(),
    Workers(),
    Relay(),
    HttpSteps(),
    Transitions(),
    DryRun(),
    Retention(),
    Waits(),
    Commands(),
    Cost(),
    Bytes(),
    Idle(),
    Fleet(),
)
