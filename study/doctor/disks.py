"""Is there room for the database, for a cluster's files and for its objects?"""

from collections.abc import Sequence
from pathlib import Path

from study.doctor.check import Check, failed, ok, size, warning
from workers.pools.kinds import ClusterKind
from workers.pools.node_facts import Disk, NodeAnswer, NodeFacts, disk_of

GROUP = "disk"
ALMOST = 0.90
LEAST_BYTES = 1 << 30
# Below this objects are put on the disk, which is slow: containers have 64 MiB by default.
LEAST_SHARED_MEMORY = 512 << 20


def database_disk(file: Path | None) -> Disk | None:
    """The disk of SQLite's file; None for a server, whose disk cannot be seen from here."""
    return None if file is None else disk_of(file.resolve())


def judge_disks(
    kind: ClusterKind, database: Disk | None, driver: NodeFacts, nodes: Sequence[NodeAnswer]
) -> list[Check]:
    """One check for each disk."""
    checks = [] if database is None else [_judge(kind, "database", database)]
    answers = [(f" on {a.address}", a.facts) for a in nodes if a.facts is not None]
    for where, facts in answers or [("", driver)]:
        checks.append(_judge(kind, f"{kind.name}'s files{where}", facts.temporary))
        if facts.shared_memory is not None:
            checks.append(
                _judge_shared_memory(f"{kind.name}'s objects{where}", facts.shared_memory)
            )
    return checks


def _judge(kind: ClusterKind, name: str, disk: Disk) -> Check:
    used = 1 - disk.free / disk.total
    found = f"{size(disk.free)} free of {size(disk.total)} at {disk.path}"
    if used >= kind.fullest_disk:
        remedy = f"free some space: {kind.name} stops at {100 * kind.fullest_disk:.0f} % used"
        return failed(GROUP, name, found, remedy)
    if used >= ALMOST or disk.free < LEAST_BYTES:
        return warning(GROUP, name, found, "free some space before a long study")
    return ok(GROUP, name, found)


def _judge_shared_memory(name: str, disk: Disk) -> Check:
    found = f"{size(disk.free)} free of {size(disk.total)}"
    if disk.total < LEAST_SHARED_MEMORY:
        remedy = f"give the container more of {disk.path} (docker run --shm-size=2g)"
        return warning(GROUP, name, found, remedy)
    return ok(GROUP, name, found)
