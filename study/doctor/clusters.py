"""Does the cluster answer, on every node, with a token, and has it room for a task?"""

from study.doctor.check import Check, failed, ok, size, warning
from workers.pools.node_facts import ClusterFacts

GROUP = "Ray"
# What Ray's own memory monitor needs beside a worker with torch.
MEMORY_PER_CPU = 1 << 30


def judge_unreachable(reason: str) -> Check:
    """What it means that no cluster answered."""
    token = "Authentication" in reason or "token" in reason.lower()
    remedy = "start one by `ray start --head`, and check the address and the network between"
    if token:
        remedy = "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH) as the nodes"
    elif "Invalid address" in reason:
        remedy = "give the head's HOST:PORT, such as head:6379, or 'serial' to do without Ray"
    elif "ersion mismatch" in reason:
        remedy = "install the cluster's versions of Python and Ray here, or the other way round"
    return failed(GROUP, "reachable", reason, remedy)


def judge_cluster(facts: ClusterFacts, address: str | None) -> list[Check]:
    """The checks of a cluster that answered; address None: it was of our own."""
    silent = [f"{node.address}: {node.error}" for node in facts.nodes if node.facts is None]
    where = "a cluster of this machine starts" if address is None else f"{address} answers"
    nodes = f"{len(facts.nodes)} node" + ("s" if len(facts.nodes) != 1 else "")
    checks = [ok(GROUP, "reachable", f"{where}: {nodes}")]
    if silent:
        remedy = "see that node's Ray logs; the same package must be installed there"
        checks.append(failed(GROUP, "nodes", "; ".join(silent), remedy))
    checks += [_judge_token(facts, address), _judge_cpus(facts), _judge_memory(facts)]
    return checks


def _judge_token(facts: ClusterFacts, address: str | None) -> Check:
    open_nodes = [n.address for n in facts.nodes if n.facts is not None and not n.facts.token]
    if not open_nodes:
        return ok(GROUP, "token", "every node asks for the token")
    found = f"not asked for on {', '.join(open_nodes)}: whoever reaches its ports runs any code"
    remedy = "set RAY_AUTH_MODE=token on every node and for the driver, and keep the network closed"
    return warning(GROUP, "token", found if address else "off in a cluster of our own", remedy)


def _judge_cpus(facts: ClusterFacts) -> Check:
    if facts.cpus < 1:
        remedy = "start nodes with CPUs: a task takes one (`ray start --num-cpus N`)"
        return failed(GROUP, "CPUs", "none", remedy)
    return ok(GROUP, "CPUs", f"{facts.cpus:g}: so many cohorts are trained at once")


def _judge_memory(facts: ClusterFacts) -> Check:
    found = f"{size(facts.memory)} for workers, {size(facts.object_store)} for objects"
    if facts.cpus and facts.memory / facts.cpus < MEMORY_PER_CPU:
        remedy = "give nodes fewer CPUs (`ray start --num-cpus`) or more memory: 1 GiB for a CPU"
        return warning(GROUP, "memory", found, remedy)
    return ok(GROUP, "memory", found)
