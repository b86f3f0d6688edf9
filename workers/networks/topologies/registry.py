"""Which class describes which topology."""

from collections.abc import Mapping

from workers.configuration import Configuration, Topology, TrainingSettings
from workers.networks.topologies.feedforward import Feedforward
from workers.networks.topologies.recurrent import Recurrent
from workers.networks.topologies.residual import Residual
from workers.networks.topologies.split_merge import SplitMerge
from workers.networks.topologies.topology import NetworkTopology
from workers.networks.wiring import NetworkSize, Parameter

TOPOLOGIES: Mapping[Topology, type[NetworkTopology]] = {
    Topology.FEEDFORWARD: Feedforward,
    Topology.RESIDUAL: Residual,
    Topology.SPLIT_MERGE: SplitMerge,
    Topology.RECURRENT: Recurrent,
}


def network_topology(topology: Topology, settings: TrainingSettings) -> NetworkTopology:
    """The topology with what a study's settings make of it."""
    return TOPOLOGIES[topology](settings)


def branch_widths(configuration: Configuration) -> tuple[int, ...]:
    """Units of each parallel branch of a hidden layer; most topologies have one branch."""
    return TOPOLOGIES[configuration.topology].branch_widths(configuration.width)


def network_parameters(
    configuration: Configuration, settings: TrainingSettings, inputs: int, outputs: int
) -> tuple[Parameter, ...]:
    """All matrices of a network with `inputs` features, in the order in which they are kept."""
    from workers.networks.activations import activation_function

    topology = network_topology(configuration.topology, settings)
    size = NetworkSize(
        width=configuration.width,
        inputs=topology.sequence_shape(inputs)[1],
        outputs=outputs,
        pieces=activation_function(configuration.activation, settings).pieces,
    )
    return tuple(topology.parameters(configuration.depth, size))


def count_parameters(
    configuration: Configuration, settings: TrainingSettings, inputs: int, outputs: int
) -> int:
    """Trainable numbers of one network with `inputs` features; padding is not counted."""
    parameters = network_parameters(configuration, settings, inputs, outputs)
    return sum(parameter.count for parameter in parameters)
