"""What is known of Ray without Ray: how it is set up here, and what its errors ask for."""

import os
import sys
from pathlib import Path

from workers.pools.node_facts import NodeFacts, gather_node_facts, temporary_folder

GIVE_TOKEN = "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH) as the nodes"


def ray_node_facts() -> NodeFacts:
    """The facts of the machine and the process that call, be it a driver or a worker of Ray's."""
    return gather_node_facts(
        distribution="ray",
        temporary=_folder(),
        token=os.environ.get("RAY_AUTH_MODE", "").lower() == "token",
    )


def remedy_for(reason: str) -> str:
    """What whoever runs a cluster can do where Ray gives this reason for not joining it."""
    if "Authentication" in reason or "token" in reason.lower():
        return GIVE_TOKEN
    if "Invalid address" in reason:
        return "give the head's HOST:PORT, such as head:6379, or 'serial' to do without Ray"
    if "ersion mismatch" in reason:
        return "install the cluster's versions of Python and Ray here, or the other way round"
    return "start one by `ray start --head`, and check the address and the network between"


def _folder() -> Path:
    """Ray's workers find it among their arguments; elsewhere its default is taken."""
    given = (
        argument.partition("=")[2] for argument in sys.argv if argument.startswith("--temp-dir=")
    )
    default = os.environ.get("RAY_TMPDIR") or temporary_folder()
    return Path(next(given, None) or Path(default) / "ray").absolute()
