"""The examples of a study as tensors: every replicate's features and training labels, stacked."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workers.configuration import Configuration
from workers.data import Dataset, Split
from workers.data.splitting import cached_split, noisy_labels, shuffled_labels
from workers.networks.network import used_examples
from workers.networks.shapes import pad
from workers.tasks.task import Task
from workers.training.metrics import GroundTruth


@dataclass(frozen=True, eq=False)
class Examples:
    """N examples of R replicates, which differ in splits, standardization and label noise.

    features [R · N, I] and targets [R · N, O] are replicate after replicate, from the one numbered
    first_replicate on. labels [R, N] are those trained on; clean_labels [N] the true ones.
    """

    splits: tuple[Split, ...]
    features: Tensor
    targets: Tensor
    labels: npt.NDArray[np.int64]
    clean_labels: npt.NDArray[np.int64]
    task: Task
    inputs: int
    first_replicate: int = 0

    @property
    def count(self) -> int:
        """How many examples the data set has."""
        return len(self.clean_labels)

    def row_offset(self, replicate: int) -> int:
        """Row of a replicate's first example."""
        return (replicate - self.first_replicate) * self.count

    def split(self, replicate: int) -> Split:
        """A replicate's split."""
        return self.splits[replicate - self.first_replicate]

    def truth(self, configuration: Configuration, replicate: int) -> GroundTruth:
        """What predictions of a replicate's networks are judged by."""
        split = self.split(replicate)
        labels = self.labels[replicate - self.first_replicate]
        train = split.train[: used_examples(configuration, len(split.train))]
        return GroundTruth(
            task=self.task,
            summary=self.task.summarize(labels[train]),
            labels=labels,
            clean_labels=self.clean_labels,
            train=train,
            validation=split.validation,
            test=split.test,
        )


def prepare_examples(
    dataset: Dataset,
    seed: int,
    replicates: int,
    label_noise: float,
    dtype: torch.dtype,
    device: torch.device,
    *,
    refit: bool = False,
    first_replicate: int = 0,
    shuffle: int | None = None,
) -> Examples:
    """Split, preprocess and corrupt the data of so many replicates, and put them on the device.

    refit, first_replicate and shuffle are those of a Segment.
    """
    numbers = range(first_replicate, first_replicate + replicates)
    splits = tuple(cached_split(dataset, seed, r, refit=refit) for r in numbers)
    count, task = dataset.examples, dataset.task
    inputs, outputs = splits[0].features.shape[1], pad(task.outputs)
    labels = np.stack(
        [
            noisy_labels(dataset, split.train, seed, r, label_noise)
            for r, split in zip(numbers, splits, strict=True)
        ]
    )
    if shuffle is not None:
        for place, (r, split) in enumerate(zip(numbers, splits, strict=True)):
            labels[place] = shuffled_labels(labels[place], split.train, seed, r, shuffle)
    features = np.zeros((replicates, count, pad(inputs)))
    features[:, :count, :inputs] = np.stack([split.features for split in splits])
    targets = task.code(labels, outputs)
    return Examples(
        splits=splits,
        features=torch.from_numpy(features.reshape(-1, pad(inputs))).to(device, dtype),
        targets=torch.from_numpy(targets.reshape(-1, outputs)).to(device, dtype),
        labels=labels,
        clean_labels=dataset.target,
        task=task,
        inputs=inputs,
        first_replicate=first_replicate,
    )
