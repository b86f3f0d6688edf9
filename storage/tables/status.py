"""The states of a study and the steps between them.

              a            b
    queued ────► running ────► finished          a  a coordinator begins
      │ ▲ ▲──h─────┘ │ └─c───► failed            b  the budget is used up
      │ │          │ └─d─► stopping              c  it cannot go on
      e f          g          │ g                d  someone asked it to stop
      ▼ │          ▼          ▼                  e  someone asked before it began
    stopped ◄─────────────────┘                  f  it is put in the queue again
                                                 g  the coordinator stopped
                                                 h  its service left, or its coordinator died

stopped, finished and failed can also be taken up again directly (a) or through the queue (f), with
a larger budget or after the reason of a failure is gone; stopping can, after its coordinator died
of it. What is only queued fails (c) where nobody can run it.
"""

from enum import StrEnum


class RunStatus(StrEnum):
    """What a study is doing."""

    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FINISHED = "finished"
    FAILED = "failed"


_AGAIN = frozenset({RunStatus.QUEUED, RunStatus.RUNNING})

TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: _AGAIN | {RunStatus.STOPPED, RunStatus.FAILED},
    RunStatus.RUNNING: frozenset(RunStatus),
    RunStatus.STOPPING: frozenset(RunStatus),
    RunStatus.STOPPED: _AGAIN | {RunStatus.STOPPED},
    RunStatus.FINISHED: _AGAIN | {RunStatus.FINISHED},
    RunStatus.FAILED: _AGAIN | {RunStatus.FAILED},
}
"""Where a study can go from each status; staying is a step only where it is listed."""

ENDED = frozenset({RunStatus.STOPPED, RunStatus.FINISHED, RunStatus.FAILED})
"""No coordinator is expected to work on the study."""
