"""Does the cluster answer, on every node, with a token, and has it room for a task?"""

from study.doctor.check import Check, failed, ok, size, warning
from workers.pools.kinds import ClusterKind
from workers.pools.node_facts import ClusterFacts
from workers.pools.pool import ClusterUnreachable

# What a cluster's own memory monitor needs beside a worker with torch.
MEMORY_PER_CPU = 1 << 30


def judge_unreachable(kind: ClusterKind, error: ClusterUnreachable) -> Check:
    """What it means that no cluster answered."""
    remedy = error.remedy or "check the address and the network between"
    return failed(kind.name, "reachable", str(error), remedy)


def judge_cluster(kind: ClusterKind, facts: ClusterFacts, address: str | None) -> list[Check]:
    """The checks of a cluster that answered; address None: it was of our own."""
    silent = [f"{node.address}: {node.error}" for node in facts.nodes if node.facts is None]
    where = "a cluster of this machine starts" if address is None else f"{address} answers"
    nodes = f"{len(facts.nodes)} node" + ("s" if len(facts.nodes) != 1 else "")
    checks = [ok(kind.name, "reachable", f"{where}: {nodes}")]
    if silent:
        remedy = f"see that node's {kind.name} logs; the same package must be installed there"
        checks.append(failed(kind.name, "nodes", "; ".join(silent), remedy))
    checks += [
        _judge_token(kind, facts, address),
        _judge_cpus(kind, facts),
        _judge_memory(kind, facts),
    ]
    return checks


def _judge_token(kind: ClusterKind, facts: ClusterFacts, address: str | None) -> Check:
    open_nodes = [n.address for n in facts.nodes if n.facts is not None and not n.facts.token]
    if not open_nodes:
        return ok(kind.name, "token", "every node asks for the token")
    found = f"not asked for on {', '.join(open_nodes)}: whoever reaches its ports runs any code"
    remedy = f"{kind.ask_for_token}, and keep the network closed"
    return warning(kind.name, "token", found if address else "off in a cluster of our own", remedy)


def _judge_cpus(kind: ClusterKind, facts: ClusterFacts) -> Check:
    if facts.cpus < 1:
        remedy = f"start nodes with CPUs: a task takes one (`{kind.set_cpus} N`)"
        return failed(kind.name, "CPUs", "none", remedy)
    return ok(kind.name, "CPUs", f"{facts.cpus:g}: so many cohorts are trained at once")


def _judge_memory(kind: ClusterKind, facts: ClusterFacts) -> Check:
    found = f"{size(facts.memory)} for workers, {size(facts.object_store)} for objects"
    if facts.cpus and facts.memory / facts.cpus < MEMORY_PER_CPU:
        remedy = f"give nodes fewer CPUs (`{kind.set_cpus}`) or more memory: 1 GiB for a CPU"
        return warning(kind.name, "memory", found, remedy)
    return ok(kind.name, "memory", found)
