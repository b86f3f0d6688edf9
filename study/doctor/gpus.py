"""Can torch use the GPUs that are there?"""

from collections import Counter
from collections.abc import Sequence

from study.doctor.check import Check, ok, size, warning
from workers.pools.node_facts import NodeAnswer, NodeFacts

GROUP = "GPU"


def judge_gpus(driver: NodeFacts, nodes: Sequence[NodeAnswer]) -> list[Check]:
    """One check for each machine with a GPU; one in all where there is none."""
    answers = [(a.address, a.facts) for a in nodes if a.facts is not None] or [("here", driver)]
    with_gpus = [(where, facts) for where, facts in answers if facts.devices or facts.gpus]
    if not with_gpus:
        return [ok(GROUP, "devices", "none, CPU is used")]
    return [_judge(where, facts) for where, facts in with_gpus]


def _judge(where: str, facts: NodeFacts) -> Check:
    if facts.cuda is None:
        found = f"{facts.devices} devices, and torch {facts.versions['torch']} without CUDA"
        return warning(GROUP, where, found, "install a CUDA build of torch there to use them")
    if not facts.gpus:
        found = f"{facts.devices} devices, none of which torch (CUDA {facts.cuda}) can use"
        remedy = "check the driver by nvidia-smi, and CUDA_VISIBLE_DEVICES"
        return warning(GROUP, where, found, remedy)
    kinds = Counter((gpu.name, gpu.memory) for gpu in facts.gpus)
    shown = [f"{count} × {name}, {size(memory)}" for (name, memory), count in kinds.items()]
    return ok(GROUP, where, f"{'; '.join(shown)} (CUDA {facts.cuda}); set resources.gpus to use")
