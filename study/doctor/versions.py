"""Does every node run what the driver runs? A trial's numbers depend on it."""

from collections.abc import Sequence

from study.doctor.check import Check, failed, ok, warning
from workers.pools.node_facts import NodeAnswer, NodeFacts

GROUP = "versions"


def judge_versions(driver: NodeFacts, nodes: Sequence[NodeAnswer]) -> list[Check]:
    """One check for each version, over the nodes that answered; and one for the CPUs."""
    answers = [(answer.address, answer.facts) for answer in nodes if answer.facts is not None]
    pythons = [(address, facts.python) for address, facts in answers]
    checks = [_same("python", driver.python, pythons, "use one image for all nodes")]
    for name, ours in driver.versions.items():
        theirs = [(address, facts.versions.get(name)) for address, facts in answers]
        checks.append(_same(name, ours, theirs, f"pip install {name}=={ours} on every node"))
    capabilities = [(address, facts.capability) for address, facts in answers]
    return [*checks, _judge_capabilities(driver.capability, capabilities)]


def _same(
    name: str, ours: str | None, theirs: Sequence[tuple[str, str | None]], remedy: str
) -> Check:
    others = [(address, version) for address, version in theirs if version != ours]
    if not others:
        return ok(GROUP, name, f"{ours}, everywhere" if theirs else f"{ours}")
    found = ", ".join(f"{version or 'none'} on {address}" for address, version in others)
    found = f"{ours} here, but {found}"
    if {_release(version) for _, version in others} == {_release(ours)}:
        # As torch for CPUs here, and for CUDA where the GPUs are.
        remedy = "nothing, unless replays are to be exact on both"
        return warning(GROUP, name, f"{found}: builds of one release", remedy)
    return failed(GROUP, name, found, remedy)


def _release(version: str | None) -> str | None:
    return version and version.partition("+")[0]


def _judge_capabilities(ours: str, theirs: Sequence[tuple[str, str]]) -> Check:
    kinds = sorted({kind for _, kind in theirs} or {ours})
    if len(kinds) == 1:
        return ok(GROUP, "arithmetic", f"{kinds[0]} on every node that trains")
    remedy = "set ATEN_CPU_CAPABILITY to the least of them on all nodes for equal bits"
    found = f"{', '.join(kinds)}: a trial's last bits depend on its node"
    return warning(GROUP, "arithmetic", found, remedy)
