"""All checks, in an order in which they explain each other. Facts first, verdicts apart."""

from storage.errors import StorageError, UrlRefused
from storage.reading.inspection import DatabaseFacts, inspect_database
from study.doctor.check import Check, ok
from study.doctor.clocks import judge_database_clock, judge_node_clocks
from study.doctor.clusters import judge_cluster, judge_unreachable
from study.doctor.databases import judge_database, judge_unreadable
from study.doctor.disks import database_disk, judge_disks
from study.doctor.gpus import judge_gpus
from study.doctor.versions import judge_versions
from study.errors import InvalidInput
from workers.pools.kinds import DEFAULT_CLUSTER, shared_kind_at
from workers.pools.node_facts import NodeAnswer
from workers.pools.pool import ClusterUnreachable, PoolUnavailable


def examine(storage: str, address: str | None) -> list[Check]:
    """Look at the database, the cluster and this machine; nothing is written.

    address is as for a launch; None starts a cluster of this machine for the time of the look.

    Raises:
        InvalidInput: storage is no URL of a database, or nothing can run here.
    """
    kind, _ = shared_kind_at(address)
    software = kind.cluster or DEFAULT_CLUSTER
    try:
        driver = software.node_facts()
    except PoolUnavailable as error:
        raise InvalidInput(str(error)) from None
    facts, database = _database(storage)
    cluster, nodes = _cluster(address)
    return [
        *database,
        *cluster,
        *judge_versions(driver, nodes),
        *judge_disks(software, database_disk(facts.file) if facts else None, driver, nodes),
        *([judge_database_clock(facts)] if facts and facts.exists else []),
        *judge_node_clocks(nodes),
        *judge_gpus(driver, nodes),
    ]


def _database(storage: str) -> tuple[DatabaseFacts | None, list[Check]]:
    try:
        facts = inspect_database(storage)
    except UrlRefused as error:
        raise InvalidInput(f"--storage: {error}") from None
    except StorageError as error:
        return None, [judge_unreadable(error)]
    return facts, judge_database(facts)


def _cluster(address: str | None) -> tuple[list[Check], tuple[NodeAnswer, ...]]:
    kind, place = shared_kind_at(address)
    if kind.cluster is None:
        found = f"not used: studies train in {kind.place}"
        return [ok(DEFAULT_CLUSTER.name, "reachable", found)], ()
    try:
        facts = kind.cluster.inspect(place)
    except ClusterUnreachable as error:
        return [judge_unreachable(kind.cluster, error)], ()
    return judge_cluster(kind.cluster, facts, place), facts.nodes
