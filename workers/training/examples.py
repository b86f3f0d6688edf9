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

    features [R · N, I] and targets [R · N, O] are replicate after replicate. labels [R, N] are
    those trained on; clean_labels [N] the true ones.
    """

    splits: tuple[Split, ...]
    features: Tensor
    targets: Tensor
    labels: npt.NDArray[np.int64]
    clean_labels: npt.NDArray[np.int64]
    task: Task
    inputs: int

    @property
    def count(self) -> int:
        """How many examples the data set has."""
        return len(self.clean_labels)

    def row_offset(self, replicate: int) -> int:
        """Row of a replicate's first example."""
        return replicate * self.count

    def truth(self, configuration: Configuration, replicate: int) -> GroundTruth:
        """What predictions of a replicate's networks are judged by."""
        split, labels = self.splits[replicate], self.labels[replicate]
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
    shuffle: int | None = None,
) -> Examples:
    """Split, preprocess and corrupt the data of all replicates, and put them on the device.

    refit and shuffle are those of a Segment.
    """
    splits = tuple(cached_split(dataset, seed, r, refit=refit) for r in range(replicates))
    count, task = dataset.examples, dataset.task
    inputs, outputs = splits[0].features.shape[1], pad(task.outputs)
    labels = np.stack(
        [noisy_labels(dataset, split.train, seed, r, label_noise) for r, split in enumerate(splits)]
    )
    if shuffle is not None:
        for r, split in enumerate(splits):
            labels[r] = shuffled_labels(labels[r], split.train, seed, r, shuffle)
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
    )
