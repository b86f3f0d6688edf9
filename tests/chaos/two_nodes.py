"""A head without CPUs and two nodes of one CPU on this machine: python -m tests.chaos.two_nodes.

It prints the cluster's address once it is up, kills a node and everything on it for every line
that it reads, printing "gone", and ends what is left at the end of its input.
"""

import sys

from ray.cluster_utils import Cluster

SMALL = {"object_store_memory": 100_000_000, "include_dashboard": False}


def main() -> None:
    """Run the cluster until the input ends."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **SMALL})
    try:
        nodes = [cluster.add_node(num_cpus=1, **SMALL) for _ in range(2)]
        cluster.wait_for_nodes()
        print(cluster.address, flush=True)
        for _ in sys.stdin:
            cluster.remove_node(nodes.pop(), allow_graceful=False)
            print("gone", flush=True)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
