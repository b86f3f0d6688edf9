"""A training whose state dies with the node that made it: python -m tests.chaos.lost_state."""

from ray.cluster_utils import Cluster

from tests.chaos.two_nodes import SMALL
from workers.configuration import Configuration, TrainingSettings
from workers.data import DataSource, load_dataset
from workers.pools.pool import Done, Failed, FailureKind
from workers.pools.ray_cluster import RayPool
from workers.segment import Segment, TrialWork
from workers.training.train import train_segment

# Its state is larger than what Ray keeps with the driver: 100 kB.
WORK = TrialWork(0, Configuration(depth=3, width=128))


def segment(first: int, last: int) -> Segment:
    return Segment((WORK,), TrainingSettings(epochs=4, replicates=1), 0, first, last)


def outcome(pool: RayPool) -> Done | Failed:
    for _ in range(300):
        for completion in pool.collect(0.2):
            return completion
    raise TimeoutError("no answer in a minute")


def main() -> None:
    """Lose a state, and train again without it."""
    dataset = load_dataset(DataSource("wine"))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **SMALL})
    try:
        first = cluster.add_node(num_cpus=1, **SMALL)
        pool = RayPool(dataset, address=cluster.address)
        pool.submit(segment(0, 2))
        half = outcome(pool)
        assert isinstance(half, Done)
        print("trained on the first node", flush=True)
        cluster.remove_node(first, allow_graceful=False)
        cluster.add_node(num_cpus=1, **SMALL)
        pool.submit(segment(2, 4), [half.state])
        lost = outcome(pool)
        assert isinstance(lost, Failed)
        assert lost.kind is FailureKind.STATE_LOST
        print(f"{lost.kind}: {lost.reason}", flush=True)
        pool.submit(segment(0, 4))
        done = outcome(pool)
        assert isinstance(done, Done)
        expected, _ = train_segment(segment(0, 4), dataset)
        assert done.report.trials[0].replicates == expected.trials[0].replicates
        print("the same numbers on the second", flush=True)
        pool.close()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
