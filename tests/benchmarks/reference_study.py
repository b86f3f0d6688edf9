"""The reference study that peers are compared on, and a well-written plain loop that trains it.

The loop keeps data as tensors, uses fused Adam, and measures what a user of the peer would: train,
validation and test accuracy of the ensemble after the last epoch.
"""

import torch
from torch import Tensor, nn

from workers.data import DataSource, load_dataset, split_dataset

EPOCHS = 10
BATCH = 64
SPEC = f"""\
name: reference
data: {{source: digits}}
search:
  depth: {{low: 1, high: 5}}
  width: 32
  activation: [relu, tanh, elu]
  initialization: xavier_normal
  dropout: {{low: 0.0, high: 0.5}}
  ensemble_size: {{low: 1, high: 4}}
  learning_rate: {{low: 1e-4, high: 1e-1, log: true}}
  weight_decay: {{low: 1e-6, high: 1e-2, log: true}}
training: {{optimizer: adam, batch_size: {BATCH}, epochs: {EPOCHS}, replicates: 1}}
sampler: tpe
"""
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "elu": nn.ELU}


def load() -> dict[str, tuple[Tensor, Tensor]]:
    """Features and labels by split name."""
    dataset = load_dataset(DataSource("digits"))
    split = split_dataset(dataset, seed=0, replicate=0)
    features = torch.tensor(split.features, dtype=torch.float32)
    labels = torch.tensor(dataset.target)
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    return {name: (features[index], labels[index]) for name, index in parts.items()}


def train_trial(parameters: dict, data: dict[str, tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Train a trial's ensemble, network after network, and measure it."""
    torch.set_num_threads(1)
    networks = [_train_network(parameters, data["train"], seed) for seed in
                range(parameters["ensemble_size"])]  # fmt: skip
    with torch.no_grad():
        accuracies = {}
        for name, (features, labels) in data.items():
            mean = torch.stack([network(features).softmax(1) for network in networks]).mean(0)
            accuracies[f"{name}_accuracy"] = float((mean.argmax(1) == labels).double().mean())
    return accuracies


def _train_network(parameters: dict, train: tuple[Tensor, Tensor], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    inputs = train[0].shape[1]
    for _ in range(parameters["depth"]):
        layers += [nn.Linear(inputs, 32), ACTIVATIONS[parameters["activation"]](),
                   nn.Dropout(parameters["dropout"])]  # fmt: skip
        inputs = 32
    network = nn.Sequential(*layers, nn.Linear(inputs, 10))
    optimizer = torch.optim.Adam(
        network.parameters(),
        lr=parameters["learning_rate"],
        weight_decay=parameters["weight_decay"],
        fused=True,
    )
    features, labels = train
    for _ in range(EPOCHS):
        order = torch.randperm(len(features))
        for start in range(0, len(features), BATCH):
            rows = order[start : start + BATCH]
            loss = nn.functional.cross_entropy(network(features[rows]), labels[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    return network.eval()
