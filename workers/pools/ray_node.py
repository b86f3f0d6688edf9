"""What is known of Ray without Ray: how it is set up here, and what its errors ask for."""

import os
import sys
from pathlib import Path

from workers.pools.node_facts import NodeFacts, gather_node_facts, temporary_folder

GIVE_TOKEN = "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH) as the nodes"

_VARIABLES = {
    # Usage statistics leave the machine only where a user asks for it.
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # A task that fails does so twice, in its report and in its state. We hear of the report; of
    # the state, for which nobody asks, Ray would print a trace.
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
}


def unset_variables() -> dict[str, str]:
    """What Ray is to find in the environment, where a user has not said otherwise."""
    return {name: value for name, value in _VARIABLES.items() if name not in os.environ}


def ray_node_facts() -> NodeFacts:
    """The facts of the machine and the process that call, be it a driver or a worker of Ray's."""
    return gather_node_facts(
        distribution="ray",
        temporary=_folder(),
        token=os.environ.get("RAY_AUTH_MODE", "").lower() == "token",
    )


# What Ray's reason holds, and what helps then; the first that fits.
_REMEDIES = (
    (("Authentication", "token", "Token"), GIVE_TOKEN),
    (("AF_UNIX path",), "set RAY_TMPDIR to a folder with a short path, such as /tmp"),
    (
        ("Permission denied", "Read-only file system", "Operation not permitted"),
        "set RAY_TMPDIR to a folder that this user can write, with a short path",
    ),
    (
        ("No space left", "object store", "allocate memory"),
        "make room where RAY_TMPDIR is and in /dev/shm (docker run --shm-size=2g)",
    ),
    (("already in use",), "end what listens on that port, or give Ray another: ray start --port"),
    (
        ("Invalid address",),
        "give the head's HOST:PORT, such as head:6379, or 'serial' to do without Ray",
    ),
    (
        ("ersion mismatch",),
        "install the cluster's versions of Python and Ray here, or the other way round",
    ),
)


def remedy_for(reason: str, *, starting: bool = False) -> str:
    """What can be done where Ray gives this reason for not joining a cluster, or, starting, for not
    starting one here."""
    for words, remedy in _REMEDIES:
        if any(word in reason for word in words):
            return remedy
    if starting:
        return f"its logs are in {_folder()}; --cluster processes trains without it"
    return (
        "start one by `ray start --head`, check the address and the network between, or give "
        "--cluster ADDRESS of a running cluster"
    )


def _folder() -> Path:
    """Ray's workers find it among their arguments; elsewhere its default is taken."""
    given = (
        argument.partition("=")[2] for argument in sys.argv if argument.startswith("--temp-dir=")
    )
    default = os.environ.get("RAY_TMPDIR") or temporary_folder()
    return Path(next(given, None) or Path(default) / "ray").absolute()
