"""Do the clocks agree? Leases go by the database's, times in tables and logs by their hosts'."""

from collections.abc import Sequence

from storage.reading.inspection import DatabaseFacts
from study.doctor.check import Check, ok, warning
from workers.pools.node_facts import NodeAnswer

GROUP = "clock"
TOLERATED_SECONDS = 2.0


def judge_database_clock(facts: DatabaseFacts) -> Check:
    """The database's clock against this host's."""
    return _judge("database", facts.clock_ahead_seconds, facts.clock_error_seconds)


def judge_node_clocks(nodes: Sequence[NodeAnswer]) -> list[Check]:
    """The nodes' clocks against this host's: the one that is furthest away."""
    answered = [node for node in nodes if node.facts is not None]
    if not answered:
        return []
    worst = max(answered, key=lambda n: abs(n.clock_ahead_seconds) - n.clock_error_seconds)
    name = f"nodes, {worst.address} worst" if len(answered) > 1 else f"node {worst.address}"
    return [_judge(name, worst.clock_ahead_seconds, worst.clock_error_seconds)]


def _judge(name: str, ahead: float, error: float) -> Check:
    found = f"{abs(ahead):.3f} s {'ahead' if ahead > 0 else 'behind'}, ±{error:.3f} s"
    if abs(ahead) - error > TOLERATED_SECONDS:
        return warning(GROUP, name, found, "run NTP (chrony) on both: times in tables mislead")
    return ok(GROUP, name, found)
