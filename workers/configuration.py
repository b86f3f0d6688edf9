"""What a network can be: the levels of every hyperparameter, and one trial's choice of them."""

from dataclasses import dataclass, fields
from enum import StrEnum


class Topology(StrEnum):
    """How the hidden layers are wired."""

    FEEDFORWARD = "feedforward"
    RESIDUAL = "residual"
    SPLIT_MERGE = "split_merge"
    RECURRENT = "recurrent"


class RecurrentCell(StrEnum):
    """What a unit of a recurrent network does at each step."""

    SIMPLE = "simple"
    GATED = "gated"


class Activation(StrEnum):
    """The function of every hidden unit; the output is always a sigmoid or a softmax."""

    SIGMOID = "sigmoid"
    TANH = "tanh"
    RELU = "relu"
    LEAKY_RELU = "leaky_relu"
    ELU = "elu"
    MAXOUT = "maxout"
    GELU = "gelu"
    SILU = "silu"
    SELU = "selu"


class Initialization(StrEnum):
    """The distribution of the initial weights; biases always start at zero."""

    UNIFORM = "uniform"
    NORMAL = "normal"
    ZEROS = "zeros"
    LECUN_NORMAL = "lecun_normal"
    XAVIER_NORMAL = "xavier_normal"
    XAVIER_UNIFORM = "xavier_uniform"
    HE_NORMAL = "he_normal"
    HE_UNIFORM = "he_uniform"
    ORTHOGONAL = "orthogonal"


class Optimizer(StrEnum):
    """The rule that turns gradients into steps."""

    SGD = "sgd"
    MOMENTUM = "momentum"
    RMSPROP = "rmsprop"
    ADAM = "adam"
    ADAMW = "adamw"


@dataclass(frozen=True, slots=True)
class Configuration:
    """The hyperparameters of one trial: with the data and the study's seed, all its numbers follow.

    depth counts hidden layers, width the units of each; dropout is the probability that a hidden
    unit is switched off in a training step; train_fraction is the share of the training split that
    is used; early_stopping_patience is the number of epochs without a better validation loss after
    which a network stops and returns to its best epoch's weights (None: never).
    """

    topology: Topology = Topology.FEEDFORWARD
    depth: int = 2
    width: int = 32
    activation: Activation = Activation.RELU
    initialization: Initialization = Initialization.HE_NORMAL
    dropout: float = 0.0
    ensemble_size: int = 1
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    batch_size: int = 64
    optimizer: Optimizer = Optimizer.ADAM
    train_fraction: float = 1.0
    early_stopping_patience: int | None = None


HYPERPARAMETERS = tuple(hyperparameter.name for hyperparameter in fields(Configuration))


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What all trials of a study share in training.

    evaluations is the largest number of epochs at which learning curves are measured; they are
    spaced logarithmically and the last epoch is always one of them. gradient_clip bounds the
    Euclidean norm of each network's own gradient (None: unbounded).
    """

    epochs: int = 30
    replicates: int = 5
    evaluations: int = 20
    leaky_relu_slope: float = 0.1
    elu_alpha: float = 1.0
    maxout_pieces: int = 2
    recurrent_cell: RecurrentCell = RecurrentCell.SIMPLE
    momentum: float = 0.9
    gradient_clip: float | None = None
